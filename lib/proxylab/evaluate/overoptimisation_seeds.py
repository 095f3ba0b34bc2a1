"""How sure the parameters and the peak of over-optimisation are: a bootstrap over seeds.

Gao et al. (2023, arXiv 2210.10760) fit one curve. The points of one seed are of one run, or of one
set of samples, and are not independent; seeds are, and are what is redrawn. Left out: uncertainty
of the form itself (a good fit of one form is no evidence against the other).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.evaluate.overoptimisation import (
    Fit,
    checked_points,
    columns,
    fit_overoptimisation,
    peak_distance,
)
from proxylab.names import missing_name
from proxylab.stats import Interval
from proxylab.stats.intervals import ENOUGH_SEEDS, check_level, percentile_interval

KEYS = ["seed", "draw"]
SINGULAR = 1e-12  # a determinant this small against its terms is rounding


@dataclass(frozen=True)
class SeedsFit:
    """One fit to all seeds' points, and intervals over seeds, `n` in them being the seeds.

    The peak's limits count a redrawn fit that only rises as a peak at infinity and a best-of-n fit
    that only falls as one at 0, so that an upper limit of infinity says that no peak was shown;
    `share_without_peak` is the share of redrawn fits without one, and the peak's estimate is NaN
    where `fit` has none. `by_seed`: each seed's own alpha, beta and peak_distance (which may be
    infinite in the same way). `caution` says what the intervals can mean with so few seeds, "" with
    ten or more.
    """

    fit: Fit
    alpha: Interval
    beta: Interval
    peak_distance: Interval
    share_without_peak: float
    by_seed: pd.DataFrame
    n_seeds: int
    caution: str


def fit_over_seeds(
    curves: pd.DataFrame,
    form: str = "best_of_n",
    *,
    rng: np.random.Generator,
    resampled: pd.DataFrame | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> SeedsFit:
    """Fit a form to all seeds' points together, with percentile intervals from redrawn seeds.

    Arguments: `curves` with columns seed, distance, gain (see `fit_overoptimisation`), optionally
    weight, one row a point; `resampled`, the same columns and draw: further versions of each
    seed's curve, from redrawn prompts, say. Each time that a seed is drawn, one of its versions
    then stands for it, so that the intervals know prompts as well as seeds.
    With three seeds the limits are close to the lowest and the highest seed's parameters and cover
    about three times in four. Show `by_seed` beside them; Student's t over its alphas or betas
    covers as it says, where seeds are normal, but a peak is a ratio and has no such interval.
    Raises ValueError for missing columns, a seed without `resampled` curves, and as the fit does.
    """
    check_level(level)
    points = _points(curves, "curves")
    distance, gain, weight = (points[name] for name in ("distance", "gain", "weight"))
    fit = fit_overoptimisation(distance, gain, form, weight=weight)
    versions = points.assign(draw=0) if resampled is None else _points(resampled, "resampled")
    _check_same_seeds(points, versions)
    alpha, beta = _redrawn(versions, form, rng, n_resamples)
    peaks, by_seed = peak_distance(form, alpha, beta), _fit_by_seed(points, form)
    count = len(by_seed)
    return SeedsFit(
        fit=fit,
        alpha=percentile_interval(fit.alpha, alpha, count, level),
        beta=percentile_interval(fit.beta, beta, count, level),
        peak_distance=_peak_interval(fit.peak_distance, peaks, count, level),
        share_without_peak=float(np.mean(~(np.isfinite(peaks) & (peaks > 0)))),
        by_seed=by_seed,
        n_seeds=count,
        caution=_caution(count),
    )


def _fit_by_seed(points: pd.DataFrame, form: str) -> pd.DataFrame:
    sums = _normal_sums(points.assign(draw=0), form)
    alpha, beta = _solved(sums.to_numpy())
    own = {"alpha": alpha, "beta": beta, "peak_distance": peak_distance(form, alpha, beta)}
    return pd.DataFrame({"seed": sums.index.get_level_values("seed"), **own})


def _redrawn(
    versions: pd.DataFrame, form: str, rng: np.random.Generator, n_resamples: int
) -> np.ndarray:
    """Alpha and beta `(2, n_resamples)` of fits to redrawn seeds, a random version of each."""
    sums = _normal_sums(versions, form)
    counts = sums.groupby("seed").size().to_numpy()  # rows are in order of seed, then of draw
    drawn = rng.integers(0, len(counts), (n_resamples, len(counts)))
    first = np.cumsum(counts) - counts
    version = first[drawn] + rng.integers(0, counts[drawn])
    return _solved(sums.to_numpy()[version].sum(axis=1))


def _normal_sums(versions: pd.DataFrame, form: str) -> pd.DataFrame:
    """What least squares needs of each version of a seed's curve, one row a version: they add."""
    kept = versions.dropna(subset=["distance", "gain", "weight"])
    distance, gain, weight = checked_points(kept["distance"], kept["gain"], form, kept["weight"])
    a, b = columns(distance, form).T
    products = {"aa": a * a, "ab": a * b, "bb": b * b, "ag": a * gain, "bg": b * gain}
    sums = {name: weight * column for name, column in products.items()}
    return kept[KEYS].reset_index(drop=True).assign(**sums).groupby(KEYS).sum()


def _solved(sums: np.ndarray) -> np.ndarray:
    """Alpha and beta from summed products `(n, 5)`; NaN where they do not tell the two apart."""
    aa, ab, bb, ag, bg = sums.T
    determinant = aa * bb - ab**2
    told_apart = determinant > SINGULAR * aa * bb
    nothing = np.full((2, len(sums)), np.nan)
    return np.divide([bb * ag - ab * bg, aa * bg - ab * ag], determinant, nothing, where=told_apart)


def _peak_interval(estimate: float, peaks: np.ndarray, n: int, level: float) -> Interval:
    peaks = peaks[~np.isnan(peaks)]
    if not len(peaks):
        return Interval(estimate, np.nan, np.nan, n, level)
    # A draw as it is and no mean of two: between a finite peak and infinity there is none.
    low, high = np.quantile(peaks, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(estimate, float(low), float(high), n, level)


def _caution(n_seeds: int) -> str:
    if n_seeds >= ENOUGH_SEEDS:
        return ""
    if n_seeds == 1:
        return "one seed: the limits say nothing about other seeds"
    return (
        f"{n_seeds} seeds: the limits lie close to the lowest and highest seed and cover less "
        "often than they say (about three times in four with three seeds)"
    )


def _points(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    needed = ["seed", "distance", "gain", *(["draw"] if name == "resampled" else [])]
    for column in needed:
        if column not in frame:
            raise ValueError(f"{name}: {missing_name('column', column, frame.columns)}")
    return frame if "weight" in frame else frame.assign(weight=1.0)


def _check_same_seeds(points: pd.DataFrame, versions: pd.DataFrame) -> None:
    wanted, found = set(points["seed"]), set(versions["seed"])
    if wanted != found:
        raise ValueError(
            f"resampled must have curves of the seeds {sorted(wanted)}, it has {sorted(found)}"
        )
