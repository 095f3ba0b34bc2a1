"""Reward-model accuracy: equation 2 of "The Elephant in the Room", with what a table of it needs.

Accuracy is the share of pairs whose chosen response scores strictly higher. The paper gives bare
shares on four test sets and their union; here each comes with n, ties, undefined scores and a
Wilson interval, models are compared on the same pairs (paired bootstrap, exact McNemar, Holm over
the family), and a table can be checked against arithmetic: the union's accuracy is a weighted mean
of its parts'. The unit is the pair. Left out: pairs that share a prompt are taken as independent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from proxylab.rewards.interface import RewardModel, checked_scores
from proxylab.stats import Interval, holm, mcnemar_exact, paired_difference, wilson

MIXED = "mixed"  # the union of the subsets, the paper's Test_mixed
COMPARED = ("model_a", "model_b", "difference", "low", "high", "n", "only_a", "only_b", "p")


@dataclass(frozen=True)
class Accuracy:
    """Equation 2 on a set of scored pairs; `interval.n` counts the pairs with two scores."""

    interval: Interval
    n_asked: int
    n_tied: int

    @property
    def n_undefined(self) -> int:
        """Pairs left out because a score is missing."""
        return self.n_asked - self.interval.n


def score_pairs(model: RewardModel, pairs: pd.DataFrame) -> pd.DataFrame:
    """Both scores of each pair: `pair_id, score_chosen, score_rejected`, in the pairs' order.

    Arguments: `model` a reward model, or a score file, which has `score_pairs` of its own. Both
    responses go to the model in one call, so that it can batch all of them by length.
    """
    if hasattr(model, "score_pairs"):
        return model.score_pairs(pairs)
    prompts = pairs["prompt"].tolist()
    responses = [*pairs["chosen"], *pairs["rejected"]]
    scores = model.score([*prompts, *prompts], responses)
    chosen, rejected = np.split(checked_scores(model.name, scores, len(responses)), 2)
    return pd.DataFrame(
        {"pair_id": pairs["pair_id"].array, "score_chosen": chosen, "score_rejected": rejected}
    )


def outcomes(scores: pd.DataFrame) -> np.ndarray:
    """Per pair `(n,)`: 1 chosen scores strictly higher, 0 not (a tie too), NaN a score missing."""
    chosen = scores["score_chosen"].to_numpy(np.float64)
    rejected = scores["score_rejected"].to_numpy(np.float64)
    return np.where(np.isnan(chosen) | np.isnan(rejected), np.nan, chosen > rejected)


def accuracy(scores: pd.DataFrame, *, level: float = 0.95) -> Accuracy:
    """Equation 2 with its Wilson interval; a tie counts as wrong and is reported.

    Arguments: `scores` as `score_pairs` returns them; `level` the coverage, a fraction.
    """
    right = outcomes(scores)
    defined = right[~np.isnan(right)]
    n_tied = int((scores["score_chosen"] == scores["score_rejected"]).sum())
    return Accuracy(wilson(int(defined.sum()), len(defined), level=level), len(right), n_tied)


def accuracy_table(
    scores: Mapping[str, pd.DataFrame], pairs: pd.DataFrame, *, level: float = 0.95
) -> pd.DataFrame:
    """One row a model and subset, then the union as subset "mixed".

    Arguments: `scores` by model name, each in the order of the pair frame `pairs`.
    Columns: model, subset, accuracy, low, high, n_asked, n, n_tied, n_undefined.
    Raises ValueError when a model's scores are not of these pairs.
    """
    rows = []
    for model, frame in scores.items():
        _check_same_pairs(model, frame, pairs)
        for subset in [*pairs["subset"].unique(), MIXED]:
            part = frame if subset == MIXED else frame[(pairs["subset"] == subset).to_numpy()]
            rows.append({"model": model, "subset": subset, **_row(accuracy(part, level=level))})
    return pd.DataFrame(rows)


def compare(
    scores: Mapping[str, pd.DataFrame],
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Every two models on the pairs that both scored; Holm over all comparisons of the call.

    Arguments: `scores` by model name, all in the order of the same pairs.
    Columns: model_a, model_b, difference (accuracy of a less that of b), low, high (paired
    bootstrap over pairs), n, only_a, only_b, p (exact McNemar), p_holm, distinguishable (p_holm
    below 1 - level).
    Raises ValueError when the models' scores are of different pairs.
    """
    right = {model: outcomes(frame) for model, frame in scores.items()}
    rows = []
    for a, b in combinations(scores, 2):
        _check_same_pairs(b, scores[b], scores[a])
        difference = paired_difference(
            right[a], right[b], rng=rng, n_resamples=n_resamples, level=level
        )
        rows.append({"model_a": a, "model_b": b, **_comparison(difference, right[a], right[b])})
    table = pd.DataFrame(rows, columns=list(COMPARED))
    adjusted = holm(table["p"].to_numpy(np.float64))
    return table.assign(p_holm=adjusted, distinguishable=adjusted < 1 - level)


def within_parts(table: pd.DataFrame, *, rounding: float = 0.0) -> pd.DataFrame:
    """Whether each model's mixed accuracy lies within the range of its parts', as it must.

    Arguments: `table` with columns model, subset (one of them "mixed"), accuracy; `rounding` the
    largest error of a printed value, in the units of `accuracy`.
    Columns: model, mixed, lowest_part, highest_part, possible.
    Raises ValueError when a model has no "mixed" row or no parts.
    """
    rows = [_range(model, part, rounding) for model, part in table.groupby("model", sort=False)]
    return pd.DataFrame(rows)


def _range(model: str, table: pd.DataFrame, rounding: float) -> dict[str, object]:
    is_mixed = table["subset"] == MIXED
    if is_mixed.sum() != 1 or is_mixed.all():
        raise ValueError(f"{model}: need one {MIXED!r} row and at least one part")
    mixed, parts = table.loc[is_mixed, "accuracy"].iloc[0], table.loc[~is_mixed, "accuracy"]
    low, high = parts.min(), parts.max()
    slack = 2 * rounding + 1e-12  # both sides of the comparison are rounded
    return {
        "model": model,
        "mixed": mixed,
        "lowest_part": low,
        "highest_part": high,
        "possible": bool(low - slack <= mixed <= high + slack),
    }


def _row(found: Accuracy) -> dict[str, float | int]:
    return {
        "accuracy": found.interval.estimate,
        "low": found.interval.low,
        "high": found.interval.high,
        "n_asked": found.n_asked,
        "n": found.interval.n,
        "n_tied": found.n_tied,
        "n_undefined": found.n_undefined,
    }


def _comparison(difference: Interval, a: np.ndarray, b: np.ndarray) -> dict[str, float | int]:
    both = ~np.isnan(a) & ~np.isnan(b)
    test = mcnemar_exact(a[both] == 1, b[both] == 1)
    return {
        "difference": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "n": difference.n,
        "only_a": test.only_a,
        "only_b": test.only_b,
        "p": test.p_value if both.any() else np.nan,
    }


def _check_same_pairs(model: str, scores: pd.DataFrame, pairs: pd.DataFrame) -> None:
    if len(scores) != len(pairs):
        raise ValueError(f"{model}: {len(scores)} scored pairs, expected {len(pairs)}")
    differ = np.flatnonzero(scores["pair_id"].to_numpy() != pairs["pair_id"].to_numpy())
    if len(differ):
        i = differ[0]
        found, wanted = scores["pair_id"].iloc[i], pairs["pair_id"].iloc[i]
        raise ValueError(f"{model}: row {i} is pair {found!r}, expected {wanted!r}")
