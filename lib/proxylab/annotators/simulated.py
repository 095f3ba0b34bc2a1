"""Simulated annotators: Bradley-Terry noise around a known reward, with individual bias.

For the controlled world, where the gold reward is known, so that the relabelling of Elephant,
section 3.2.1, can be scored against the truth. Annotator a sees utility u = gold + sum_k w_ak
f_k(text) and prefers the chosen response with probability sigmoid((u_c - u_r) / temperature)
(Bradley and Terry 1952); with a tie width w, a latent difference within +-w is called a tie (Rao
and Kupper 1967). Left out: learning, fatigue and drift.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from proxylab.annotators.votes import votes_frame
from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError

AGREEABLE = ("yes", "sure", "of course", "certainly", "absolutely", "great", "you are right")
HEDGES = ("maybe", "perhaps", "might", "could", "possibly", "not sure", "i think")


def _length(text: str) -> float:
    return float(np.log1p(len(text.split())))


def _agreeableness(text: str) -> float:
    return float(text.strip().lower().startswith(AGREEABLE))


def _hedging(text: str) -> float:
    return float(any(hedge in text.lower() for hedge in HEDGES))


# Unit of a weight: gold reward per unit of feature (log words; 1 if the reply opens agreeably;
# 1 if it hedges).
FEATURES: Mapping[str, Callable[[str], float]] = {
    "length": _length,
    "agreeableness": _agreeableness,
    "hedging": _hedging,
}


@dataclass(frozen=True)
class SimulatedAnnotator:
    """One annotator: noise, taste, and how often a vote is missing or toxicity is misjudged.

    `temperature` is in units of gold reward (0: never errs); `bias` maps a name of FEATURES to
    its weight; the three rates are fractions.
    """

    name: str
    temperature: float
    bias: Mapping[str, float] = field(default_factory=dict)
    missing_rate: float = 0.0
    toxic_miss_rate: float = 0.0
    toxic_false_alarm_rate: float = 0.0

    def __post_init__(self) -> None:
        """Raises PreferenceError for a negative temperature, a rate outside 0..1, or a feature
        that does not exist."""
        if not self.temperature >= 0:
            raise PreferenceError(f"temperature must not be negative, is {self.temperature}")
        for rate in ("missing_rate", "toxic_miss_rate", "toxic_false_alarm_rate"):
            if not 0 <= getattr(self, rate) <= 1:
                raise PreferenceError(f"{rate} must lie in 0..1, is {getattr(self, rate)}")
        for name in self.bias:
            if name not in FEATURES:
                raise PreferenceError(missing_name("feature", name, FEATURES))


def make_annotators(
    n: int,
    *,
    temperature: float,
    bias_sd: float = 0.0,
    missing_rate: float = 0.0,
    toxic_miss_rate: float = 0.0,
    toxic_false_alarm_rate: float = 0.0,
    rng: np.random.Generator,
) -> list[SimulatedAnnotator]:
    """`n` annotators who share noise and rates and differ in taste.

    Arguments: `bias_sd` is the standard deviation, over annotators, of each feature's weight
    (mean 0); the others are as in SimulatedAnnotator.
    """
    weights = bias_sd * rng.standard_normal((n, len(FEATURES)))
    return [
        SimulatedAnnotator(
            name=f"annotator-{i + 1}",
            temperature=temperature,
            bias=dict(zip(FEATURES, map(float, row), strict=True)),
            missing_rate=missing_rate,
            toxic_miss_rate=toxic_miss_rate,
            toxic_false_alarm_rate=toxic_false_alarm_rate,
        )
        for i, row in enumerate(weights)
    ]


def simulate_votes(
    pairs: pd.DataFrame,
    *,
    gold_chosen: np.ndarray,
    gold_rejected: np.ndarray,
    toxic_chosen: np.ndarray,
    annotators: Sequence[SimulatedAnnotator],
    tie_width: float = 0.0,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Every annotator's vote on every pair, pair by pair.

    Arguments, `(n_pairs,)`: the gold reward of the two responses; whether the chosen response is
    toxic. `tie_width` is in units of gold reward; 0 means nobody calls a tie. The random draws do
    not depend on tastes, so changing one annotator's bias leaves the others' votes as they are.
    Returns a votes frame; a missing vote has no toxic flag either.
    """
    shape = (len(pairs), len(annotators))
    noise, missing, alarm = rng.logistic(size=shape), rng.random(shape), rng.random(shape)
    gap = np.asarray(gold_chosen, float) - np.asarray(gold_rejected, float)
    gap = gap[:, None] + _taste_gap(pairs, annotators)
    choice = _choices(gap, noise, _row(annotators, "temperature"), tie_width).astype(object)
    absent = missing < _row(annotators, "missing_rate")
    flags = _flags(np.asarray(toxic_chosen, bool), alarm, annotators).astype(object)
    choice[absent] = None
    flags[absent] = None
    return votes_frame(
        np.repeat(pairs["pair_id"].to_numpy(object), len(annotators)),
        np.tile([annotator.name for annotator in annotators], len(pairs)),
        choice.ravel(),
        flags.ravel(),
    )


def _taste_gap(pairs: pd.DataFrame, annotators: Sequence[SimulatedAnnotator]) -> np.ndarray:
    """How much more each annotator's taste favours the chosen reply: (n_pairs, n_annotators)."""
    gap = np.zeros((len(pairs), len(annotators)))
    for name, feature in FEATURES.items():
        weights = np.array([annotator.bias.get(name, 0.0) for annotator in annotators])
        if weights.any():
            chosen = np.array([feature(text) for text in pairs["chosen"]])
            rejected = np.array([feature(text) for text in pairs["rejected"]])
            gap += np.outer(chosen - rejected, weights)
    return gap


def _choices(
    gap: np.ndarray, noise: np.ndarray, temperature: np.ndarray, tie_width: float
) -> np.ndarray:
    latent = gap + temperature * noise
    # At temperature 0 an exact draw is a fair coin, the limit of the sigmoid; the noise is one.
    latent = np.where((latent == 0) & (tie_width == 0), noise, latent)
    decided = np.where(latent > 0, "chosen", "rejected")
    return np.where(np.abs(latent) <= tie_width, "tie", decided)


def _flags(
    toxic: np.ndarray, alarm: np.ndarray, annotators: Sequence[SimulatedAnnotator]
) -> np.ndarray:
    seen = alarm >= _row(annotators, "toxic_miss_rate")
    imagined = alarm < _row(annotators, "toxic_false_alarm_rate")
    return np.where(toxic[:, None], seen, imagined)


def _row(annotators: Sequence[SimulatedAnnotator], name: str) -> np.ndarray:
    return np.array([getattr(annotator, name) for annotator in annotators])
