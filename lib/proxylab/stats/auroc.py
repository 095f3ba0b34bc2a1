"""The area under the ROC curve: how well a score finds the units that are positive.

It is the chance that a positive unit scores above a negative one, a tie counting half (Hanley and
McNeil 1982). 0.5 is a score that says nothing. Intervals redraw seeds, then units within a seed;
the areas of the seeds are averaged, never pooled, because a score's scale may differ between seeds.
"""

import math
from collections.abc import Sequence

import numpy as np

from proxylab.stats.intervals import Interval, check_level, percentile_interval, undefined_interval


def auroc(score: np.ndarray, positive: np.ndarray, *, weights: np.ndarray | None = None):
    """Area under the ROC curve, a float; with `weights` `(n_draws, n)` one area a row.

    Arguments: `score` `(n,)`; `positive` `(n,)` 1 or 0. A unit with NaN in either is left out.
    `weights` counts how often each unit is taken, as in a bootstrap. NaN without both classes.
    Raises ValueError when the shapes differ.
    """
    score, positive = np.asarray(score, float), np.asarray(positive, float)
    if score.shape != positive.shape or score.ndim != 1:
        raise ValueError(
            f"score and positive must have one shape (n,), got {score.shape} and {positive.shape}"
        )
    defined = ~(np.isnan(score) | np.isnan(positive))
    taken = np.ones((1, len(score))) if weights is None else np.asarray(weights, float)
    areas = _areas(score[defined], positive[defined].astype(bool), taken[:, defined])
    return areas if weights is not None else float(areas[0])


def _areas(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if not len(score):
        return np.full(len(weights), math.nan)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])  # first unit of each tie
    ups = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    downs = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    below = downs.cumsum(axis=1) - downs
    won = (ups * (below + 0.5 * downs)).sum(axis=1)
    compared = ups.sum(axis=1) * downs.sum(axis=1)
    return np.divide(won, compared, out=np.full(len(weights), math.nan), where=compared > 0)


def auroc_over_seeds(
    scores: Sequence[np.ndarray],
    positives: Sequence[np.ndarray],
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """The mean over seeds of each seed's area, with a bootstrap over seeds and their units.

    Arguments: one `score` and one `positive` array `(n_units,)` a seed. A seed without both
    classes takes no part; `n` of the result counts the defined units of the others. All NaN when
    no seed has both.
    """
    check_level(level)
    estimates = np.array([auroc(*pair) for pair in zip(scores, positives, strict=True)])
    usable = np.flatnonzero(~np.isnan(estimates))
    if not len(usable):
        return undefined_interval(level)
    redrawn = np.array(
        [_redrawn(scores[seed], positives[seed], rng, n_resamples) for seed in usable]
    )
    seeds = rng.integers(0, len(usable), (n_resamples, len(usable)))
    # A seed that is drawn twice brings other redraws of its units each time.
    redraws = np.stack([rng.permutation(n_resamples) for _ in usable], axis=1)
    taken = redrawn[seeds, redraws]
    with np.errstate(invalid="ignore"):
        counts = (~np.isnan(taken)).sum(axis=1)
        draws = np.where(counts > 0, np.nansum(taken, axis=1) / np.maximum(counts, 1), math.nan)
    n = sum(int((~np.isnan(scores[s]) & ~np.isnan(positives[s])).sum()) for s in usable)
    return percentile_interval(float(estimates[usable].mean()), draws, n, level)


def _redrawn(score, positive, rng: np.random.Generator, n_resamples: int) -> np.ndarray:
    n = len(score)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return auroc(score, positive, weights=weights)
