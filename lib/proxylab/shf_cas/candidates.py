"""Candidates: prompts with K completions of the base policy each, and what is known of them.

Targeting Misalignment (arXiv 2512.09212) samples them once, before any label is bought. Left out:
how a reward model comes about, which changes from round to round.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.ranked import score_groups

GRIDS = ("responses", "policy_logprob", "n_tokens", "gold_reward")
BY_PROMPT = ("region", "quadrant")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Prompts and their sampled completions; arrays `(n_prompts, n_samples)` unless said otherwise.

    Arguments: `prompts` `(n_prompts,)` texts; `responses` texts, None where there is none;
    `policy_logprob` of the base policy, nats, summed over response tokens, NaN where there is no
    response; `n_tokens` response tokens; `region` `(n_prompts,)`, known before any label, such as
    a topic; `quadrant` `(n_prompts,)`, who was taught about it, for tables alone; `gold_reward`,
    if there is one, for evaluation and the oracle.
    Raises ValueError for a shape that does not fit, or a log-probability without a response.
    """

    prompts: list[str]
    responses: np.ndarray
    policy_logprob: np.ndarray
    n_tokens: np.ndarray
    region: np.ndarray
    quadrant: np.ndarray
    gold_reward: np.ndarray | None = None

    def __post_init__(self):
        if self.responses.ndim != 2 or len(self.responses) != len(self.prompts):
            raise ValueError(
                f"responses must be ({len(self.prompts)}, n_samples), one row a prompt, "
                f"got shape {self.responses.shape}"
            )
        for name in (*GRIDS, *BY_PROMPT):
            values, expected = getattr(self, name), self.shape if name in GRIDS else self.shape[:1]
            if values is not None and values.shape != expected:
                raise ValueError(f"{name} must have shape {expected}, got {values.shape}")
        without = self.defined & (self.responses == None)  # noqa: E711 (elementwise)
        if without.any():
            prompt, sample = np.argwhere(without)[0]
            raise ValueError(
                f"prompt {prompt}, sample {sample} has a log-probability but no response"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """`(n_prompts, n_samples)`."""
        return self.responses.shape

    @property
    def defined(self) -> np.ndarray:
        """Bool `(n_prompts, n_samples)`: a completion, not padding."""
        return ~np.isnan(self.policy_logprob)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of prompts, completions, their log-probabilities and gold rewards."""
        texts = json.dumps([list(self.prompts), self.responses.tolist()])
        digest = hashlib.sha256(texts.encode())
        for numbers in (self.policy_logprob, self.n_tokens, self.gold_reward):
            digest.update(b"" if numbers is None else np.asarray(numbers, float).tobytes())
        return digest.hexdigest()

    def scored_by(self, model: SequenceClassifierReward) -> np.ndarray:
        """Rewards `(n_prompts, n_samples)` of a model whose weights stay as they are; read-only.

        What a model has scored once is kept for as long as the model is: every loop of a study
        starts from the same proxy.
        """
        if model not in self._rewards:
            rewards = score_groups(model, self.prompts, self.responses)
            rewards.flags.writeable = False
            self._rewards[model] = rewards
        return self._rewards[model]

    @cached_property
    def _rewards(self) -> WeakKeyDictionary:
        return WeakKeyDictionary()

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> "Candidates":
        """The prompts of these rows: indices, a bool mask `(n_prompts,)` or a slice."""
        kept = np.arange(self.shape[0])[rows]
        prompts = [self.prompts[i] for i in kept]
        return replace(self, prompts=prompts, **self._cut((*GRIDS, *BY_PROMPT), kept))

    def take_samples(self, columns: Sequence[int] | np.ndarray | slice) -> "Candidates":
        """All prompts with these of their completions: indices, a mask `(n_samples,)`, a slice."""
        return replace(self, **self._cut(GRIDS, (slice(None), columns)))

    def _cut(self, names: tuple[str, ...], which) -> dict[str, np.ndarray | None]:
        arrays = {name: getattr(self, name) for name in names}
        return {name: None if a is None else a[which] for name, a in arrays.items()}
