"""Confidence intervals: Wilson for proportions, percentile bootstraps for everything else.

Neither paper gives intervals; these are ours. The unit that is resampled is named by the
caller (a pair or a prompt for accuracy, seed and prompt for alignment). Undefined values (NaN)
are left out and show in `Interval.n`, never averaged in as 0. Left out: bias-corrected and
studentised bootstraps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CHUNK = 4_000_000  # resampled values held at once, about 32 MB
ENOUGH_SEEDS = 10  # below these a bootstrap over seeds covers less than it says


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; `n` counts the units that had a defined value."""

    estimate: float
    low: float
    high: float
    n: int
    level: float = 0.95

    def contains(self, value: float) -> bool:
        """Whether `value` lies within the limits, both ends included."""
        return self.low <= value <= self.high


def wilson(n_success: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion; all NaN when n is 0.

    Arguments: `n_success` of `n` units succeeded; `level` the coverage, a fraction.
    Raises ValueError unless 0 <= n_success <= n and 0 < level < 1.
    Source: Wilson (1927), through statsmodels.
    """
    from statsmodels.stats.proportion import proportion_confint  # half a second in every run

    check_level(level)
    if not 0 <= n_success <= n:
        raise ValueError(f"n_success must lie in 0..n, got {n_success} of {n}")
    if n == 0:
        return undefined_interval(level)
    low, high = proportion_confint(int(n_success), int(n), alpha=1 - level, method="wilson")
    return Interval(n_success / n, float(low), float(high), int(n), level)


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    n_units: int,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of any statistic of the units' indices.

    Arguments: `statistic` takes an int array `(n_units,)` of unit indices, with repeats, and
    returns a number (NaN where it is undefined: such resamples are left out); `n_units` how
    many units there are; `n_resamples` how often they are redrawn. All NaN without units.
    Source: Efron (1979), percentile interval.
    """
    check_level(level)
    if n_units == 0:
        return undefined_interval(level)
    draws = [statistic(rng.integers(0, n_units, n_units)) for _ in range(n_resamples)]
    return percentile_interval(
        statistic(np.arange(n_units)), np.asarray(draws, float), n_units, level
    )


def bootstrap_mean(
    values: np.ndarray,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of a mean, NaN left out; all NaN when no value is defined.

    Arguments: `values` `(n_units,)`, one number a unit. `n` of the result counts the defined
    ones. Source: Efron (1979), percentile interval, vectorised over the resamples.
    """
    check_level(level)
    values = np.asarray(values, float)
    if values.ndim != 1:
        raise ValueError(f"values must have one axis (n_units,), got shape {values.shape}")
    defined = values[~np.isnan(values)]
    if not len(defined):
        return undefined_interval(level)
    draws = _resampled_means(defined, rng, n_resamples)
    return percentile_interval(defined.mean(), draws, len(defined), level)


def seed_prompt_bootstrap(
    values: np.ndarray,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    shared_prompts: bool = True,
) -> Interval:
    """Bootstrap of the mean over seeds and prompts: seeds are redrawn, then prompts.

    Arguments: `values` `(n_seeds, n_prompts)`, NaN where undefined (left out); with
    `shared_prompts` column j is the same prompt in every seed and columns are redrawn together,
    otherwise each drawn seed redraws its own. `n` counts the defined cells.
    With three seeds that differ far more than their prompts do, the limits are the lowest and
    the highest seed and cover the truth three times in four, not 95 in 100; ten seeds suffice
    (simulated in the tests). Show the seeds beside the interval.
    """
    check_level(level)
    values = np.asarray(values, float)
    if values.ndim != 2:
        raise ValueError(f"values must be (n_seeds, n_prompts), got shape {values.shape}")
    n_defined = int(np.sum(~np.isnan(values)))
    if n_defined == 0:
        return undefined_interval(level)
    draw = _shared_draw if shared_prompts else _nested_draw
    draws = np.array([draw(values, rng) for _ in range(n_resamples)])
    return percentile_interval(np.nanmean(values), draws, n_defined, level)


def _shared_draw(values: np.ndarray, rng: np.random.Generator) -> float:
    n_seeds, n_prompts = values.shape
    seeds = rng.integers(0, n_seeds, n_seeds)
    prompts = rng.integers(0, n_prompts, n_prompts)
    return _mean_of_defined(values[np.ix_(seeds, prompts)])


def _nested_draw(values: np.ndarray, rng: np.random.Generator) -> float:
    n_seeds, n_prompts = values.shape
    seeds = rng.integers(0, n_seeds, n_seeds)
    prompts = rng.integers(0, n_prompts, (n_seeds, n_prompts))
    return _mean_of_defined(values[seeds[:, None], prompts])


def _mean_of_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _resampled_means(values: np.ndarray, rng: np.random.Generator, n_resamples: int) -> np.ndarray:
    n = len(values)
    rows = max(1, CHUNK // n)
    means = [
        values[rng.integers(0, n, (min(rows, n_resamples - start), n))].mean(axis=1)
        for start in range(0, n_resamples, rows)
    ]
    return np.concatenate(means)


def percentile_interval(estimate: float, draws: np.ndarray, n: int, level: float) -> Interval:
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Interval(float(estimate), math.nan, math.nan, n, level)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high), n, level)


def undefined_interval(level: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 0, level)


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1 (say 0.95), got {level}")
