"""The one interface every proxy is scored through, and its simplest implementation.

"Reward model" in both papers is level 2 of the proxies: a function of prompt and response.
Higher is better, always; what ranks the other way round is negated once, in its adapter.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

FORM = "a proxy takes two lists, prompts and responses, and returns one number a response"


@runtime_checkable
class RewardModel(Protocol):
    """Anything with a name that scores responses to prompts."""

    name: str

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Score `responses[i]` to `prompts[i]`: float64 `(n,)`, reward units, higher is better."""


@runtime_checkable
class Fingerprinted(Protocol):
    """A reward model whose scores may be stored: equal fingerprints mean equal scores."""

    name: str
    fingerprint: str

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """As `RewardModel.score`."""


class CallableReward:
    """A reward model from a function `fn(prompts, responses) -> (n,)` of the user's own.

    Arguments: `name` as shown in tables; `fingerprint`, if given, lets its scores be stored and
    must change whenever the function does.
    Scoring raises ValueError when the function does not return one number a response.
    """

    def __init__(
        self,
        name: str,
        fn: Callable[[Sequence[str], Sequence[str]], np.ndarray],
        *,
        fingerprint: str | None = None,
    ):
        self.name = name
        self._fn = fn
        if fingerprint is not None:
            self.fingerprint = fingerprint

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores of the wrapped function, checked: float64 `(n,)`."""
        check_aligned(prompts, responses)
        _check_takes_two(self.name, self._fn)
        return checked_scores(self.name, self._fn(prompts, responses), len(prompts))


def _check_takes_two(name: str, fn: Callable) -> None:
    """Raise TypeError that says what a proxy's function is, unless it takes two arguments."""
    try:
        inspect.signature(fn).bind([], [])
    except TypeError as error:
        raise TypeError(f"{name}: {FORM}; this one does not: {error}") from error
    except ValueError:  # something built in, whose arguments Python cannot tell
        return


def check_aligned(prompts: Sequence[str], responses: Sequence[str]) -> None:
    """Raise ValueError unless there is one response a prompt."""
    if len(prompts) != len(responses):
        raise ValueError(f"{len(prompts)} prompts but {len(responses)} responses: need one each")


def checked_scores(name: str, scores: np.ndarray, n: int) -> np.ndarray:
    """`scores` as float64 `(n,)`; ValueError naming the model when the shape is another."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (n,):
        raise ValueError(f"{name} returned scores of shape {scores.shape}; expected ({n},): {FORM}")
    return scores
