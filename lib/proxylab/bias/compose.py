"""Several biases as one, and a reward model with biases.

Biases act in the order written: `compose(a, b)` is b of a. Order matters where one acts on what
another leaves: a prefix put on before flips is carried to rejected replies by the swaps, put on
after them it stands on what is then called chosen; noise before saturation is squashed, after it
is not. A coverage gap changes how many pairs there are and so what later biases draw: put it last
to vary its dose and leave theirs alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from proxylab.artifacts import code_fingerprint
from proxylab.bias.interface import DataBias, ScoreBias
from proxylab.rewards.interface import RewardModel, check_aligned, checked_scores


@dataclass(frozen=True)
class ComposedDataBias:
    """Biases of data, one after the other from one generator; without any, nothing happens."""

    biases: tuple[DataBias, ...]

    def __call__(self, pairs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The pairs as the last bias leaves them."""
        for bias in self.biases:
            pairs = bias(pairs, rng)
        return pairs

    def describe(self) -> list[dict[str, Any]]:
        """What each bias is, in the order in which they act."""
        return [bias.describe() for bias in self.biases]


@dataclass(frozen=True)
class ComposedScoreBias:
    """Biases of scores, one after the other; without any, nothing happens."""

    biases: tuple[ScoreBias, ...]

    def apply(
        self, rewards: np.ndarray, responses: np.ndarray, *, prompts: Sequence[str] | None = None
    ) -> np.ndarray:
        """The rewards as the last bias leaves them; arguments as in `ScoreBias.apply`."""
        rewards = np.array(rewards, dtype=np.float64)
        for bias in self.biases:
            rewards = bias.apply(rewards, responses, prompts=prompts)
        return rewards

    def describe(self) -> list[dict[str, Any]]:
        """What each bias is, in the order in which they act."""
        return [bias.describe() for bias in self.biases]


def compose(*biases: DataBias | ComposedDataBias) -> ComposedDataBias:
    """The biases of data as one that applies them from left to right.

    Raises ValueError for anything else, naming it.
    """
    return ComposedDataBias(_flat(biases, DataBias, ComposedDataBias))


def compose_scores(*biases: ScoreBias | ComposedScoreBias) -> ComposedScoreBias:
    """The biases of scores as one that applies them from left to right.

    Raises ValueError for anything else, naming it.
    """
    return ComposedScoreBias(_flat(biases, ScoreBias, ComposedScoreBias))


class BiasedReward:
    """A reward model whose scores pass through biases; itself a reward model.

    Arguments: `model` any reward model; `biases` from left to right. It has a fingerprint, so that
    its scores can be stored, if the model has one: made of the model's, the biases and their code.
    """

    def __init__(self, model: RewardModel, biases: Sequence[ScoreBias]):
        self.model, self.bias = model, compose_scores(*biases)
        self.name = "+".join([model.name, *(f"{b.name}={b.dose:g}" for b in self.bias.biases)])
        if hasattr(model, "fingerprint"):
            made_of = [model.fingerprint, self.bias.describe(), code_fingerprint("bias")]
            self.fingerprint = f"biased-{json.dumps(made_of)}"

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Biased scores `(n,)`, reward units, higher is better."""
        check_aligned(prompts, responses)
        rewards = checked_scores(
            self.model.name, self.model.score(prompts, responses), len(prompts)
        )
        return self.bias.apply(rewards, np.asarray(responses, dtype=object), prompts=prompts)


def _flat(biases: Sequence, kind: type, composed: type) -> tuple:
    flat = []
    for bias in biases:
        if not isinstance(bias, kind | composed):
            raise ValueError(f"{bias!r} is no {kind.__name__}: biases of data and of scores apart")
        flat += bias.biases if isinstance(bias, composed) else [bias]
    return tuple(flat)
