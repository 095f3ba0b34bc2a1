"""What averaging over shards does to a correlation: the design of the paper's figure 4.

"The Elephant in the Room" cuts each of four test subsets into 5 shards and plots the mean human
score of a shard against the mean reward: 20 points. The means of m items vary m times less within a
subset and not at all less between subsets, so the points show mostly how the subsets differ. Here
is that said exactly (the law of total covariance), and by drawing the shards again. Left out:
shards of very different sizes; the formulas take those of a subset to be equal.
"""

import math

import numpy as np
from scipy.stats import t as student_t

from proxylab.stats.intervals import check_level


def shards_in_order(subsets: np.ndarray, *, n_shards: int = 5) -> np.ndarray:
    """The shard of each item `(n_items,)` int: every subset cut into runs of its items in order.

    Arguments: `subsets` `(n_items,)` labels. Shards are numbered from 0, those of one subset
    together, subsets in order of appearance; sizes differ by one at most.
    Raises ValueError when a subset has fewer items than shards.
    """
    shards = np.empty(len(subsets), int)
    for number, places in enumerate(_places(subsets, n_shards)):
        runs = np.array_split(np.arange(len(places)), n_shards)
        of_item = np.repeat(np.arange(n_shards), [len(run) for run in runs])
        shards[places] = number * n_shards + of_item
    return shards


def shard_means(values: np.ndarray, shards: np.ndarray) -> np.ndarray:
    """The mean of each shard's values `(n_shards_in_all,)`."""
    return np.bincount(shards, np.asarray(values, float)) / np.bincount(shards)


def redrawn_shard_means(
    x: np.ndarray,
    y: np.ndarray,
    subsets: np.ndarray,
    *,
    n_shards: int = 5,
    n_assignments: int = 1000,
    related: bool = True,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Shard means of x and of y, the items put into their subset's shards at random, many times.

    Both are `(n_assignments, n_subsets, n_shards)`. With `related=False` x and y are shuffled apart
    within a subset: a proxy with this one's subset means that knows nothing else, the null.
    Raises ValueError when a subset has fewer items than shards.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    means = ([], [])
    for places in _places(subsets, n_shards):
        orders = np.tile(np.arange(len(places)), (n_assignments, 1))
        first = rng.permuted(orders, axis=1)
        second = first if related else rng.permuted(orders, axis=1)
        starts = [run[0] for run in np.array_split(np.arange(len(places)), n_shards)]
        sizes = np.diff([*starts, len(places)])
        for side, values, order in ((0, x, first), (1, y, second)):
            means[side].append(np.add.reduceat(values[places][order], starts, axis=1) / sizes)
    return np.stack(means[0], axis=1), np.stack(means[1], axis=1)


def expected_shard_correlation(
    x: np.ndarray, y: np.ndarray, subsets: np.ndarray, *, n_shards: int = 5
) -> float:
    """Pearson's correlation of shard means: expected covariance over expected variances.

    Over random assignments, a subset's k shard means have covariance S/m (S that of its items, m
    items a shard), so their sum of products is (k - 1) S/m; the subsets' means add k times their
    own sum of products. NaN where either side is constant.
    Source: analysis of variance of a random partition; simulated in the tests.
    """
    x, y, k = np.asarray(x, float), np.asarray(y, float), n_shards
    within, centres = np.zeros((2, 2)), []
    for places in _places(subsets, k):
        both = np.stack([x[places], y[places]])
        within += (k - 1) * np.cov(both) * k / len(places)
        centres.append(both.mean(axis=1))
    above = np.array(centres) - np.mean(centres, axis=0)
    total = within + k * above.T @ above
    scale = math.sqrt(total[0, 0] * total[1, 1])
    return float(total[0, 1] / scale) if scale > 0 else math.nan


def variance_between(values: np.ndarray, subsets: np.ndarray) -> float:
    """The share of the variance of items that lies between subsets (eta squared), in [0, 1]."""
    values = np.asarray(values, float)
    _, codes = np.unique(subsets, return_inverse=True)
    means = np.bincount(codes, values) / np.bincount(codes)
    total = values.var()
    return float(means[codes].var() / total) if total > 0 else math.nan


def shard_correlation(
    item_correlation: np.ndarray,
    *,
    shard_size: np.ndarray,
    between_x: float,
    between_y: float,
    between_correlation: float,
) -> np.ndarray:
    """The shard correlation of a proxy whose correlation with people within a subset is given.

    Arguments: `item_correlation` within a subset; `shard_size` items a shard, 1 for items
    themselves; `between_x`, `between_y` shares of the two variances that lie between subsets;
    `between_correlation` of the subsets' means. Without differences between subsets it is the
    item correlation for every size: averaging alone makes no proxy look better.
    Source: law of total covariance, many shards a subset.
    """
    within = math.sqrt((1 - between_x) * (1 - between_y)) * np.asarray(item_correlation)
    between = math.sqrt(between_x * between_y) * between_correlation
    size = np.asarray(shard_size, float)
    variances = [share + (1 - share) / size for share in (between_x, between_y)]
    return (between + within / size) / np.sqrt(variances[0] * variances[1])


def null_limit(n_points: int, *, level: float = 0.95) -> float:
    """The |r| that so many unrelated normal points stay below with probability `level`.

    NaN for fewer than three points. Source: Student (1908), t = r sqrt((n - 2) / (1 - r^2)).
    """
    check_level(level)
    if n_points < 3:
        return math.nan
    t = student_t.ppf((1 + level) / 2, n_points - 2)
    return float(t / math.sqrt(n_points - 2 + t**2))


def _places(subsets: np.ndarray, n_shards: int) -> list[np.ndarray]:
    """The items of each subset, in order of the subsets' appearance."""
    subsets = np.asarray(subsets)
    found = [np.flatnonzero(subsets == name) for name in dict.fromkeys(subsets.tolist())]
    for places in found:
        if len(places) < n_shards:
            raise ValueError(
                f"subset {str(subsets[places[0]])!r} has {len(places)} items: need {n_shards} or "
                "more, one for each shard"
            )
    return found
