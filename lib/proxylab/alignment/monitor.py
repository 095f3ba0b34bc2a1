"""Watching a policy while it is trained: reward, gold reward, KL, entropy, length.

The same prompts and the same number of fresh samples at every checkpoint, drawn from the policy
itself (temperature 1), so that checkpoints of all optimisers are measured alike. Nothing of it
reaches the training.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from proxylab.alignment.interface import LanguageModelPolicy, Policy
from proxylab.policies.batching import length_sorted_batches
from proxylab.policies.generation import Samples
from proxylab.policies.sequences import (
    Dialogue,
    TokenBatch,
    logits_a_token,
    next_token_logits,
    token_divergences,
    token_entropies,
)
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked import score_groups

BATCH = 256  # completions a forward pass


@dataclass(frozen=True)
class Monitor:
    """Prompts and judges by which a policy is measured at `n_checkpoints`, evenly spaced.

    prompts: held out from training. proxy, gold: reward models, None where there is none.
    n_samples: completions a prompt. Each checkpoint draws with the same `seed`.
    """

    prompts: Sequence[str]
    proxy: RewardModel | None = None
    gold: RewardModel | None = None
    n_samples: int = 4
    max_new_tokens: int = 28
    n_checkpoints: int = 6
    seed: int = 0

    def is_due(self, step: int, n_steps: int) -> bool:
        """Whether to measure after this step, counted from 1; the last one always is."""
        done, before = (self.n_checkpoints * s // n_steps for s in (step, step - 1))
        return done > before

    def measure(
        self,
        policy: Policy,
        reference: LanguageModelPolicy,
        step: int,
        *,
        arithmetic: Callable[[], AbstractContextManager] = nullcontext,
    ) -> pd.DataFrame:
        """One row a monitoring prompt, each value a mean over its samples.

        Arguments: `arithmetic` makes the context in which both policies are read. Judges are not:
        a reward is the same number whatever precision a policy is trained in.
        Columns: step, prompt (its index), reward (of the proxy), gold, kl (nats a response, of
        the policy from the reference; NaN for a policy that is no language model), entropy (nats
        a token), n_tokens, share_finished (end token reached in time).
        """
        with arithmetic():
            samples = policy.sample(
                self.prompts,
                n_samples=self.n_samples,
                max_new_tokens=self.max_new_tokens,
                seed=self.seed,
            )
            divergence, entropy = np.full((2, *samples.n_tokens.shape), np.nan)
            if isinstance(policy, LanguageModelPolicy):
                divergence, entropy = divergence_and_entropy(policy.model, reference.model, samples)
        return pd.DataFrame(
            {
                "step": step,
                "prompt": np.arange(len(self.prompts)),
                "reward": self._mean_score(self.proxy, samples),
                "gold": self._mean_score(self.gold, samples),
                "kl": divergence.mean(1),
                "entropy": entropy.sum(1) / samples.n_tokens.sum(1),
                "n_tokens": samples.n_tokens.mean(1),
                "share_finished": samples.finished.mean(1),
            }
        )

    def _mean_score(self, judge: RewardModel | None, samples: Samples) -> np.ndarray:
        if judge is None:
            return np.full(len(self.prompts), np.nan)
        return score_groups(judge, samples.prompts, samples.responses).mean(1)


def divergence_and_entropy(
    model: PreTrainedModel, reference: PreTrainedModel, samples: Samples
) -> tuple[np.ndarray, np.ndarray]:
    """Summed KL from the reference and summed entropy of each completion, nats.

    Both `(n_prompts, n_samples)`. Where the samples were drawn from `model`, their mean is an
    unbiased estimate of the KL between the policies, and of the policy's entropy.
    """
    dialogues = samples.dialogues
    out = np.zeros((2, len(dialogues)))
    lengths = [len(prompt) + len(response) for prompt, response in dialogues]
    size = 2 * logits_a_token(model)  # of both models
    for rows in length_sorted_batches(lengths, BATCH, token_size=size):
        out[:, rows] = _divergence_and_entropy(model, reference, [dialogues[i] for i in rows])
    return tuple(out.reshape(2, *samples.n_tokens.shape))


@torch.inference_mode()
def _divergence_and_entropy(
    model: PreTrainedModel, reference: PreTrainedModel, dialogues: list[Dialogue]
) -> np.ndarray:
    # Masked positions are left out below, so that any padding token will do.
    batch = TokenBatch.of(dialogues, 0, model.device)
    logits, reference_logits = next_token_logits(model, batch), next_token_logits(reference, batch)
    divergence = token_divergences(logits, reference_logits, batch).sum(1)
    entropy = token_entropies(logits, batch).sum(1)
    return torch.stack([divergence, entropy]).double().cpu().numpy()
