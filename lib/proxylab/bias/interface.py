"""What every proxy bias is: a frozen dataclass with a name, and a dose in a stated unit.

Targeting Misalignment studies proxies that are biased on purpose; its own bias is a gap in topic
coverage. Here a bias acts on the data that a proxy is trained on (`DataBias`) or on the scores that
it gives (`ScoreBias`). Dose 0 changes nothing, bit for bit. Left out: biases of the policy.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from proxylab.names import missing_name

REPLIES = ("chosen", "rejected")


class Bias(ABC):
    """One bias: `name` in the registry, `unit` of the dose, `bounds` that the dose must lie in.

    Subclasses are frozen dataclasses with a field `dose`. Raises ValueError for a dose that is not
    finite or out of bounds.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    dose: float

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not (math.isfinite(self.dose) and low <= self.dose <= high):
            right = f"finite and lie in [{low:g}, {high:g}]"
            raise ValueError(f"{self.name}: dose ({self.unit}) must be {right}, got {self.dose}")

    def describe(self) -> dict[str, Any]:
        """Name, dose and options, for the record of a run; JSON can hold it."""
        return {"name": self.name, "dose": self.dose, **asdict(self)}


class DataBias(Bias):
    """A bias of preference data: `bias(pairs, rng) -> pairs`, columns and order of rows kept.

    `pairs` has at least the columns prompt, chosen and rejected, and rows 0..n-1. Every data bias
    draws one uniform number a pair whatever its dose: from equal generators a larger dose hits
    what a smaller one hits, and more; and what comes after it in a composition draws the same.
    """

    def __call__(self, pairs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The biased pairs, a new frame.

        Raises ValueError for a missing column or rows that are not numbered 0..n-1.
        """
        for column in ("prompt", *REPLIES, *self.columns()):
            if column not in pairs.columns:
                raise ValueError(f"{self.name}: {missing_name('column', column, pairs.columns)}")
        if not pairs.index.equals(pd.RangeIndex(len(pairs))):
            raise ValueError(f"{self.name}: rows must be numbered 0..n-1; reset_index(drop=True)")
        draws = rng.random(len(pairs))  # also at dose 0: what follows must not depend on the dose
        return pairs.copy() if self.dose == 0 else self.biased(pairs, draws)

    def columns(self) -> tuple[str, ...]:
        """Columns that are needed beyond prompt, chosen and rejected."""
        return ()

    @abstractmethod
    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        """The biased pairs at a dose other than 0; `draws` `(n_pairs,)` are uniform in [0, 1)."""


class ScoreBias(Bias):
    """A bias of a proxy's scores: a function of reward, prompt and response.

    `needs_prompts` says whether `apply` must be given the prompts.
    """

    needs_prompts: ClassVar[bool] = False

    def apply(
        self, rewards: np.ndarray, responses: np.ndarray, *, prompts: Sequence[str] | None = None
    ) -> np.ndarray:
        """The biased rewards, float64 of the same shape; NaN (padding) stays NaN, unread.

        Arguments: `rewards` and `responses` of one shape, as (n_prompts, n_samples); `prompts` of
        that shape, or `(n_prompts,)` along the first axis.
        Raises ValueError when shapes differ or prompts are needed and not given.
        """
        rewards = np.array(rewards, dtype=np.float64)
        responses = np.asarray(responses, dtype=object)
        if rewards.shape != responses.shape:
            shapes = f"rewards {rewards.shape}, responses {responses.shape}"
            raise ValueError(f"{self.name}: one response a reward is needed, got {shapes}")
        prompts = self._prompts_like(rewards, prompts)
        defined = ~np.isnan(rewards)
        if self.dose != 0:
            rewards[defined] = self.biased(rewards[defined], prompts[defined], responses[defined])
        return rewards

    @abstractmethod
    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        """The biased rewards `(n,)` at a dose other than 0; prompts are None if none were given."""

    def _prompts_like(self, rewards: np.ndarray, prompts: Sequence[str] | None) -> np.ndarray:
        if prompts is None:
            if self.needs_prompts:
                raise ValueError(f"{self.name} depends on the prompt: pass prompts=")
            return np.full(rewards.shape, None, dtype=object)
        prompts = np.asarray(prompts, dtype=object)
        if prompts.shape == rewards.shape:
            return prompts
        if prompts.shape == rewards.shape[:1]:
            return np.broadcast_to(prompts.reshape(-1, *[1] * (rewards.ndim - 1)), rewards.shape)
        shapes = f"prompts {prompts.shape}, rewards {rewards.shape}"
        raise ValueError(f"{self.name}: one prompt a reward or a row of rewards, got {shapes}")


def check_texts(name: str, texts: tuple[str, ...]) -> None:
    """Raise ValueError unless `texts` is a tuple of one or more texts, none of them empty."""
    fits = isinstance(texts, tuple) and texts and all(isinstance(t, str) and t for t in texts)
    if not fits:
        raise ValueError(f"{name} must be a tuple of texts, such as ('a', 'b'), got {texts!r}")
