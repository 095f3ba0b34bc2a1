"""Rollouts as tensors: what policy, value function and reference said of each response token.

Tensors are `(N, T)`, one row a rollout and one column a token to predict, 0 outside the responses;
a minibatch is some of their rows, flattened to its response tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from proxylab.alignment.ppo.value import Outputs, response_tokens, taken
from proxylab.policies.sequences import TokenBatch

PER_TOKEN = 5  # tensors of `Experience` that `token_facts` gives


@dataclass(frozen=True)
class Experience:
    """The rollouts of a step under the policy that made them.

    score: `(N,)`, as it enters the reward. The rest `(N, T)`: logprob and reference_logprob of the
    tokens taken, values before them, KL from the reference and entropy of the next token's
    distribution, in nats but for the values.
    """

    batch: TokenBatch
    score: torch.Tensor
    logprob: torch.Tensor
    reference_logprob: torch.Tensor
    values: torch.Tensor
    divergence: torch.Tensor
    entropy: torch.Tensor

    @property
    def log_ratio(self) -> torch.Tensor:
        """log pi - log pi_ref of the tokens taken, nats `(N, T)`."""
        return self.logprob - self.reference_logprob


def token_facts(
    outputs: Outputs, reference_logits: torch.Tensor, batch: TokenBatch
) -> torch.Tensor:
    """The `(PER_TOKEN, n)` rows of `Experience` from `logprob` on, for n response tokens."""
    tokens = response_tokens(batch)
    logprob, reference = outputs.logits.log_softmax(-1), reference_logits.log_softmax(-1)
    probability = logprob.exp()
    return torch.stack(
        [
            # Not read off `logprob`: the update computes it so, and the bits must be the same.
            taken(outputs.logits, tokens),
            taken(reference_logits, tokens),
            outputs.values,
            (probability * (logprob - reference)).sum(-1),
            -(probability * logprob).sum(-1),
        ]
    )


def rows_of(batch: TokenBatch, rows: Sequence[int]) -> TokenBatch:
    """Some dialogues of a batch, without columns that none of them fills."""
    attention = batch.attention[rows]
    longest = int(attention.sum(1).max())
    return TokenBatch(
        batch.ids[rows, :longest], attention[:, :longest], batch.is_response[rows, : longest - 1]
    )


def of_tokens(x: torch.Tensor, rows: Sequence[int], batch: TokenBatch) -> torch.Tensor:
    """`x` `(N, T)` at the response tokens of `batch`, which is `rows_of` the same rows: `(n,)`."""
    return x[rows, : batch.is_response.shape[1]][batch.is_response]


def into_rows(x: torch.Tensor, flat: torch.Tensor, rows: Sequence[int], batch: TokenBatch) -> None:
    """Write `flat` `(k, n)` to where `of_tokens` would read it in each of `x` `(k, N, T)`."""
    padded = torch.zeros(len(flat), *batch.is_response.shape, device=x.device)
    padded[:, batch.is_response] = flat
    x[:, rows, : padded.shape[2]] = padded
