"""A problem so small that the optimum of alignment is known exactly, to check optimisers against.

One or two prompts, and completions of at most two tokens: every completion that a tiny language
model can write is enumerated, so that its distribution, the exact KL-regularised optimum
pi_ref(y|x) exp(r(x, y) / beta) / Z(x) (DPO, arXiv 2305.18290, equation 4) and the KL between them
are sums, not estimates. Some completions are named candidates with a reward each; whatever else a
model writes has one reward of its own, and the mass that it puts there is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from scipy.special import log_softmax, xlogy

from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.policies.generation import Samples
from proxylab.policies.language_model import (
    LanguageModelSettings,
    TrainingSettings,
    new_language_model,
    train_language_model,
)
from proxylab.policies.tokenizers import encode_dialogues, word_tokenizer
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.interface import CallableReward

MAX_NEW_TOKENS = 2  # of a completion, its end token included
PROMPTS = ("\n\nHuman: which colour\n\nAssistant:", "\n\nHuman: which way\n\nAssistant:")
CANDIDATES = ("red", "blue", "green", "north", "south")


@dataclass(frozen=True, eq=False)
class FiniteProblem:
    """P prompts, K candidate completions of each, their rewards, and the reference policy.

    candidates: words of the tokenizer, a token and an end token each. reward: `(P, K)`.
    outside_reward: of every text that is no candidate. All N completions of at most two tokens
    are columns of what the methods return; the first K are the candidates.
    Raises ValueError when a candidate is not one token.
    """

    prompts: tuple[str, ...]
    candidates: tuple[str, ...]
    reward: np.ndarray
    reference: LanguageModelPolicy
    outside_reward: float = 0.0
    max_new_tokens: int = field(default=MAX_NEW_TOKENS, init=False)

    def __post_init__(self):
        for text, tokens in zip(self.candidates, self._candidate_tokens, strict=True):
            if len(tokens) != MAX_NEW_TOKENS:
                raise ValueError(
                    f"candidate {text!r} is {len(tokens)} tokens with its end token; "
                    f"it must be {MAX_NEW_TOKENS}"
                )

    @property
    def n_candidates(self) -> int:
        """K."""
        return len(self.candidates)

    @cached_property
    def reward_model(self) -> CallableReward:
        """The rewards as a function of prompt and text, `outside_reward` for any other text."""
        table = {
            (prompt, text): value
            for prompt, row in zip(self.prompts, self.reward, strict=True)
            for text, value in zip(self.candidates, row, strict=True)
        }

        def look_up(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
            pairs = zip(prompts, responses, strict=True)
            return np.array([table.get(pair, self.outside_reward) for pair in pairs])

        return CallableReward("finite", look_up)

    @cached_property
    def completions(self) -> list[tuple[int, ...]]:
        """Token ids of all N completions, the K candidates first."""
        end, n = self._tokenizer.eos_token_id, len(self._tokenizer)
        every = [(end,), *((a, b) for a in range(n) if a != end for b in range(n))]
        named = set(self._candidate_tokens)
        return [*self._candidate_tokens, *(tokens for tokens in every if tokens not in named)]

    @cached_property
    def rewards(self) -> np.ndarray:
        """Reward of every completion `(P, N)`, by the text that it decodes to."""
        decoded = self._tokenizer.batch_decode(self.completions, skip_special_tokens=True)
        texts = [text.strip() for text in decoded]
        rows = [self.reward_model.score([prompt] * len(texts), texts) for prompt in self.prompts]
        return np.array(rows)

    def logprobs(self, policy: LanguageModelPolicy) -> np.ndarray:
        """Log-probability of every completion under a language model, nats `(P, N)`."""
        return np.array([self._logprobs(policy, prompt) for prompt in self.prompts])

    def probabilities(self, policy: LanguageModelPolicy) -> np.ndarray:
        """Probability of every completion under a language model `(P, N)`; rows sum to 1."""
        return np.exp(self.logprobs(policy))

    def frequencies(self, samples: Samples) -> np.ndarray:
        """Share of every completion among the samples of each prompt `(P, N)`.

        For policies that can be sampled only. The samples must be of these prompts, in order, and
        of at most two new tokens.
        """
        column = {tokens: index for index, tokens in enumerate(self.completions)}
        found = np.zeros((len(self.prompts), len(column)))
        for row, replies in zip(found, samples.response_ids, strict=True):
            for reply in replies:
                row[column[tuple(reply)]] += 1 / len(replies)
        return found

    def optimum(self, beta: float) -> np.ndarray:
        """The exact optimum at `beta` (reward units a nat) over all completions `(P, N)`."""
        return np.exp(self._log_optimum(beta))

    def kl_to_optimum(
        self, probabilities: np.ndarray, beta: float, *, among_candidates: bool = False
    ) -> np.ndarray:
        """KL(policy || optimum at `beta`) of each prompt, nats `(P,)`.

        Arguments: `probabilities` `(P, N)` of a policy, enumerated or sampled frequencies;
        `among_candidates`: of both, given that the completion is a candidate. An optimiser that
        learns from pairs of candidates is told nothing about the others.
        """
        optimum = self._log_optimum(beta)
        if among_candidates:
            probabilities = probabilities[:, : self.n_candidates]
            probabilities = probabilities / probabilities.sum(1, keepdims=True)
            optimum = log_softmax(optimum[:, : self.n_candidates], axis=1)
        return (xlogy(probabilities, probabilities) - probabilities * optimum).sum(1)

    def outside(self, probabilities: np.ndarray) -> np.ndarray:
        """Mass on completions that are no candidate, of each prompt `(P,)`."""
        return 1 - probabilities[:, : self.n_candidates].sum(1)

    def preference_pairs(self, n: int, rng: np.random.Generator) -> pd.DataFrame:
        """`n` pairs of different candidates of a random prompt, labelled by Bradley and Terry.

        Columns prompt, chosen, rejected. The first wins with probability sigmoid(r_first -
        r_second); every pair of candidates is as likely as every other.
        """
        prompt = rng.integers(len(self.prompts), size=n)
        first = rng.integers(self.n_candidates, size=n)
        second = (first + rng.integers(1, self.n_candidates, size=n)) % self.n_candidates
        gap = self.reward[prompt, first] - self.reward[prompt, second]
        wins = rng.random(n) < 1 / (1 + np.exp(-gap))
        texts, prompts = np.array(self.candidates, object), np.array(self.prompts, object)
        return pd.DataFrame(
            {
                "prompt": prompts[prompt],
                "chosen": texts[np.where(wins, first, second)],
                "rejected": texts[np.where(wins, second, first)],
            }
        )

    def groups(self) -> list[RankedGroup]:
        """All candidates of each prompt as one group, labelled with their rewards."""
        return [
            RankedGroup(prompt, self.candidates, tuple(map(float, row)))
            for prompt, row in zip(self.prompts, self.reward, strict=True)
        ]

    @property
    def _tokenizer(self):
        return self.reference.tokenizer

    @cached_property
    def _candidate_tokens(self) -> list[tuple[int, ...]]:
        none = [""] * len(self.candidates)
        encoded = encode_dialogues(
            self._tokenizer, none, self.candidates, max_length=self.reference.max_length
        )
        return [tuple(response) for _, response in encoded]

    @cached_property
    def _reference_logprobs(self) -> np.ndarray:
        return self.logprobs(self.reference)

    def _log_optimum(self, beta: float) -> np.ndarray:
        return log_softmax(self._reference_logprobs + self.rewards / beta, axis=1)

    @torch.inference_mode()
    def _logprobs(self, policy: LanguageModelPolicy, prompt: str) -> np.ndarray:
        ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        n, end = len(self._tokenizer), self._tokenizer.eos_token_id
        contexts = torch.tensor([[*ids, token] for token in range(n)], device=policy.model.device)
        logits = policy.model(input_ids=contexts).logits[:, -2:].double()
        logprob = logits.log_softmax(-1).cpu().numpy()
        # The first token is predicted from the prompt alone, the same in every row.
        first, second = logprob[0, 0], logprob[:, 1]
        return np.array(
            [first[t[0]] + (0.0 if t[0] == end else second[t]) for t in self.completions]
        )


def finite_problem(*, seed: int = 0, n_prompts: int = 2, spread: float = 1.0) -> FiniteProblem:
    """A problem made from `seed`: two prompts, five candidates, a reference fine-tuned on them.

    Arguments: `spread` the standard deviation of the rewards, drawn from a normal distribution;
    other texts have the lowest of them. The reference is trained on draws from a distribution of
    its own over the candidates, so that it puts little mass elsewhere. Takes about a second.
    """
    rng = np.random.default_rng(seed)
    prompts, shape = PROMPTS[:n_prompts], (n_prompts, len(CANDIDATES))
    reward = spread * rng.standard_normal(shape)
    preferred = rng.dirichlet(np.full(shape[1], 4.0), size=n_prompts)
    return FiniteProblem(
        prompts, CANDIDATES, reward, _reference(prompts, preferred, seed), float(reward.min())
    )


def _reference(
    prompts: Sequence[str], preferred: np.ndarray, seed: int, copies: int = 512
) -> LanguageModelPolicy:
    """A small model whose answers to each prompt follow `preferred` `(P, K)`."""
    tokenizer = word_tokenizer(("which", "colour", "way", *CANDIDATES), max_length=8)
    size = LanguageModelSettings(hidden_size=16, n_layers=2, n_heads=2, max_length=8)
    model = new_language_model(tokenizer, size, seed=seed)
    counts = np.round(preferred * copies).astype(int)
    dialogues = [
        (prompt, text)
        for prompt, row in zip(prompts, counts, strict=True)
        for text, count in zip(CANDIDATES, row, strict=True)
        for _ in range(count)
    ]
    asked, answered = map(list, zip(*dialogues, strict=True))
    training = TrainingSettings(epochs=16, batch_size=128, learning_rate=1e-2)
    train_language_model(
        model, tokenizer, asked, answered, training, max_length=size.max_length, seed=seed
    )
    return LanguageModelPolicy(model.eval(), tokenizer, "reference")
