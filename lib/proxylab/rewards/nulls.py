"""Null rulers: what a table of reward models must beat before a number means anything."""

import hashlib
from collections.abc import Sequence

import numpy as np

from proxylab.rewards.interface import check_aligned


class RandomReward:
    """Uniform scores in [0, 1) drawn from the content: the same text, the same score.

    Arguments: `seed` tells several of them apart.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed
        self.name = "random" if seed == 0 else f"random-{seed}"
        self.fingerprint = f"random/{seed}"

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores `(n,)` that no property of the text explains."""
        check_aligned(prompts, responses)
        return np.array([self._draw(*pair) for pair in zip(prompts, responses, strict=True)])

    def _draw(self, prompt: str, response: str) -> float:
        text = f"{self.seed}\0{len(prompt)}\0{prompt}{response}".encode("utf-8", "surrogatepass")
        bits = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 11
        return bits / 2**53  # 53 bits fill a double's fraction, so 1.0 is never reached


class LongestReward:
    """The longer response in characters wins; equal lengths tie."""

    name = fingerprint = "longest"

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Number of characters of each response `(n,)`."""
        check_aligned(prompts, responses)
        return np.array([len(response) for response in responses], dtype=np.float64)


class ShortestReward:
    """The shorter response in characters wins; equal lengths tie."""

    name = fingerprint = "shortest"

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Minus the number of characters of each response `(n,)`."""
        return -LongestReward().score(prompts, responses)
