"""How far a proxy's scores go with people's or with gold: Pearson, Spearman, Kendall's tau-b.

"The Elephant in the Room" (figure 4) draws such a correlation and gives no number. Here each has a
bootstrap interval over the unit that is independent: the item, or the prompt where several
responses answer one, whose responses are then redrawn together. A redraw is a row of counts, so
that all redraws are computed at once and two proxies can be compared on the same ones. What
responses to one prompt share is told apart from what they do not: `row_correlations`. Left out:
partial correlations, and p-values.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from proxylab.names import missing_name
from proxylab.stats import Interval
from proxylab.stats.intervals import check_level, percentile_interval, undefined_interval

METHODS = ("pearson", "spearman", "kendall")
CELLS = 4_000_000  # numbers held at once, about 32 MB
CONSTANT = 1e-12  # a variance below this share of the largest is rounding


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval, whose `n` counts units; items and lost redraws beside it.

    n_undefined: redraws in which one of the two was constant; they are left out of the interval.
    """

    interval: Interval
    n_items: int
    n_undefined: int


def correlation(
    x: np.ndarray,
    y: np.ndarray,
    *,
    method: str = "pearson",
    units: np.ndarray | None = None,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Correlation:
    """Correlation of `x` and `y` with a percentile bootstrap over units.

    Arguments: `x`, `y` `(n_items,)`, an item with a NaN in either is left out; `units` `(n_items,)`
    labels of what is redrawn together (a prompt, a topic), by default each item alone.
    Raises ValueError for shapes that differ and an unknown method.
    """
    check_level(level)
    x, y, codes = _defined(x, y, units)
    n_units = int(codes.max(initial=-1)) + 1
    if not n_units:
        return Correlation(undefined_interval(level), 0, 0)
    counts = redraw_counts(n_units, n_resamples, rng)
    draws = correlation_draws(x, y, counts, method=method, units=codes)
    found = percentile_interval(draws[0], draws[1:], n_units, level)
    return Correlation(found, len(x), int(np.isnan(draws[1:]).sum()))


def redraw_counts(n_units: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit is taken in each redraw `(1 + n_resamples, n_units)`; row 0 is all 1."""
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_resamples)
    return np.vstack([np.ones(n_units), drawn])


def correlation_draws(
    x: np.ndarray,
    y: np.ndarray,
    counts: np.ndarray,
    *,
    method: str = "pearson",
    units: np.ndarray | None = None,
) -> np.ndarray:
    """The correlation in each row of `counts`: `(n_draws,)`, NaN where one side is constant.

    Arguments: `x`, `y` `(n_items,)` without NaN; `counts` `(n_draws, n_units)` as `redraw_counts`
    gives them; `units` `(n_items,)` int, the column of `counts` of each item, by default its place.
    A unit taken twice is two ties with itself, as in any bootstrap of ranks.
    Raises ValueError for shapes that do not fit and an unknown method.
    """
    x, y, counts = (np.asarray(part, float) for part in (x, y, counts))
    units = np.arange(len(x)) if units is None else np.asarray(units)
    if not x.shape == y.shape == units.shape == (len(x),) or counts.ndim != 2:
        raise ValueError(
            "x, y and units must have one shape (n_items,) and counts two axes, got "
            f"{x.shape}, {y.shape}, {units.shape} and {counts.shape}"
        )
    if len(units) and not 0 <= units.min() <= units.max() < counts.shape[1]:
        raise ValueError(f"counts has {counts.shape[1]} units, units names {units.max()}")
    return _draws_of(method)(x, y, counts, units)


def row_correlations(x: np.ndarray, y: np.ndarray, *, method: str = "pearson") -> np.ndarray:
    """The correlation within each row: `(n_rows,)`, NaN where a row is constant in `x` or `y`.

    Arguments: `x`, `y` `(n_rows, n_samples)`, a row the responses to one prompt, say.
    Raises ValueError for shapes that differ and an unknown method.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"x and y must be (n_rows, n_samples), got {x.shape} and {y.shape}")
    _draws_of(method)
    if method == "kendall":
        return _row_kendall(x, y)
    if method == "spearman":
        x, y = rankdata(x, axis=1), rankdata(y, axis=1)
    flat = (np.ptp(x, axis=1) == 0) | (np.ptp(y, axis=1) == 0)
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    root = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    found = np.divide((x * y).sum(1), root, out=np.full(len(x), np.nan), where=~flat & (root > 0))
    return np.clip(found, -1, 1)


def mean_draws(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The mean of the defined `values` `(n_units,)` in each row of `counts`: `(n_draws,)`."""
    values, counts = np.asarray(values, float), np.asarray(counts, float)
    defined = ~np.isnan(values)
    taken = counts[:, defined]
    total, nothing = taken.sum(axis=1), np.full(len(counts), np.nan)
    return np.divide(taken @ values[defined], total, out=nothing, where=total > 0)


def over_seeds(
    draws: Sequence[np.ndarray], *, rng: np.random.Generator, n: int = 0, level: float = 0.95
) -> Interval:
    """Mean over seeds of a quantity, redrawing seeds and then the units within each drawn seed.

    Arguments: `draws` one array `(1 + n_resamples,)` a seed, the estimate first, then its redraws;
    a seed whose estimate is NaN takes no part; `n` is what the interval is to count (units).
    Few seeds make it too narrow: see `stats.seed_prompt_bootstrap`.
    """
    check_level(level)
    usable = [np.asarray(own, float) for own in draws if not np.isnan(own[0])]
    if not usable:
        return undefined_interval(level)
    redrawn = np.array([own[1:] for own in usable])
    n_seeds, n_resamples = redrawn.shape
    seeds = rng.integers(0, n_seeds, (n_seeds, n_resamples))
    # The same seed drawn twice brings different redraws of its units.
    places = np.array([rng.permutation(n_resamples) for _ in range(n_seeds)])
    means = _mean_of_defined(redrawn[seeds, places])
    estimate = float(np.mean([own[0] for own in usable]))
    return percentile_interval(estimate, means, n or n_seeds, level)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    n = (~np.isnan(values)).sum(axis=0)
    return np.divide(np.nansum(values, axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)


def _defined(x, y, units) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    labels = np.arange(len(x)) if units is None else np.asarray(units)
    if x.shape != y.shape or x.ndim != 1 or labels.shape != x.shape:
        raise ValueError(
            f"x, y and units must have one shape (n_items,), got {x.shape}, {y.shape} and "
            f"{labels.shape}"
        )
    kept = ~(np.isnan(x) | np.isnan(y))
    _, codes = np.unique(labels[kept], return_inverse=True)
    return x[kept], y[kept], codes


def _draws_of(method: str) -> Callable[..., np.ndarray]:
    if method not in METHODS:
        raise ValueError(missing_name("method", method, METHODS))
    return {"pearson": _pearson, "spearman": _spearman, "kendall": _kendall}[method]


def _pearson(x, y, counts, units) -> np.ndarray:
    x, y = x - x.mean(), y - y.mean()  # of all items: the moments then lose no digits
    moments = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    of_units = np.stack([np.bincount(units, m, minlength=counts.shape[1]) for m in moments])
    n, sx, sy, sxx, syy, sxy = of_units @ counts.T
    with np.errstate(invalid="ignore", divide="ignore"):
        xx, yy, xy = sxx / n - (sx / n) ** 2, syy / n - (sy / n) ** 2, sxy / n - sx * sy / n**2
    return _ratio(xy, xx, yy, ((x**2).max(initial=0), (y**2).max(initial=0)))


def _ratio(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray, scale: tuple) -> np.ndarray:
    varied = (xx > CONSTANT * scale[0]) & (yy > CONSTANT * scale[1])
    root = np.sqrt(np.where(varied, xx * yy, 1.0))
    return np.clip(np.where(varied, xy / root, np.nan), -1, 1)


def _chunks(n_rows: int, width: int) -> Iterator[slice]:
    step = max(1, CELLS // max(width, 1))
    return (slice(start, start + step) for start in range(0, n_rows, step))


def _spearman(x, y, counts, units) -> np.ndarray:
    """Pearson of mid-ranks, which change from redraw to redraw."""
    parts = []
    for rows in _chunks(len(counts), len(x)):
        taken = counts[rows][:, units]
        n = taken.sum(axis=1)
        a, b = (_centred_ranks(side, taken) for side in (x, y))
        moments = [(taken * p * q).sum(axis=1) for p, q in ((a, b), (a, a), (b, b))]
        parts.append(_ratio(*moments, (n.max(initial=1) ** 3,) * 2))
    return np.concatenate(parts)


def _centred_ranks(values: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Each item's mid-rank less the mean rank, an item counting as often as it is taken."""
    _, group = np.unique(values, return_inverse=True)
    sizes = _group_sizes(group, taken)
    below = sizes.cumsum(axis=1) - sizes
    middle = below + (sizes + 1) / 2 - (taken.sum(axis=1, keepdims=True) + 1) / 2
    return middle[:, group]


def _group_sizes(group: np.ndarray, taken: np.ndarray) -> np.ndarray:
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0])
    return np.add.reduceat(taken[:, order], starts, axis=1)


def _kendall(x, y, counts, units) -> np.ndarray:
    """Tau-b: concordant less discordant couples of items, over the couples not tied."""
    concordance = _concordance(x, y, units, counts.shape[1])
    surplus = ((counts @ concordance) * counts).sum(axis=1) / 2
    untied = [_untied_couples(side, counts, units) for side in (x, y)]
    root = np.sqrt(untied[0] * untied[1])
    return np.divide(surplus, root, out=np.full(len(counts), np.nan), where=root > 0)


def _concordance(x, y, units, n_units: int) -> np.ndarray:
    """Sum of sign(x_i - x_j) sign(y_i - y_j) over the items of two units `(n_units, n_units)`."""
    order = np.argsort(units, kind="stable")
    x, y, units = x[order], y[order], units[order]
    starts = np.flatnonzero(np.r_[True, np.diff(units) > 0])
    summed = np.zeros((n_units, n_units))
    for rows in _chunks(len(x), len(x)):
        signs = _signs(x[rows], x) * _signs(y[rows], y)
        by_unit = np.add.reduceat(signs, starts, axis=1, dtype=np.int32)
        np.add.at(summed, (units[rows][:, None], units[starts]), by_unit)
    return summed


def _signs(some: np.ndarray, all_items: np.ndarray) -> np.ndarray:
    """sign(some_i - all_j) as int8, by comparing: a difference could be rounded to 0."""
    above = (some[:, None] > all_items).view(np.int8)
    return above - (some[:, None] < all_items).view(np.int8)


def _untied_couples(values: np.ndarray, counts: np.ndarray, units: np.ndarray) -> np.ndarray:
    parts = []
    _, group = np.unique(values, return_inverse=True)
    for rows in _chunks(len(counts), len(values)):
        sizes = _group_sizes(group, counts[rows][:, units])
        n = sizes.sum(axis=1)
        parts.append((n * (n - 1) - (sizes * (sizes - 1)).sum(axis=1)) / 2)
    return np.concatenate(parts)


def _row_kendall(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    signs = [np.sign(side[:, :, None] - side[:, None, :]) for side in (x, y)]
    surplus = (signs[0] * signs[1]).sum(axis=(1, 2))
    root = np.sqrt(np.abs(signs[0]).sum(axis=(1, 2)) * np.abs(signs[1]).sum(axis=(1, 2)))
    return np.divide(surplus, root, out=np.full(len(x), np.nan), where=root > 0)
