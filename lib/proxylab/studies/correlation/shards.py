"""The points of figure 4, and how much of what they show is made by averaging.

One response a prompt, as in the paper: every scorer against the people's mean mark, per item and
per shard, the shards drawn again, and the same for a proxy that knows the subset and nothing else.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from proxylab.evaluate.correlation import METHODS, row_correlations
from proxylab.evaluate.correlation_shards import (
    expected_shard_correlation,
    redrawn_shard_means,
    shard_means,
    shards_in_order,
    variance_between,
)

STREAM = 65


def sharding_tables(
    scores: Mapping[str, np.ndarray],
    human: np.ndarray,
    subset: np.ndarray,
    *,
    n_shards: int,
    n_assignments: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Tables "points" (an item a row), "shards" (a shard a row) and "sharding" (a scorer a row).

    Arguments: `scores` by scorer and `human`, all `(n_items,)`; `subset` `(n_items,)` labels.
    """
    shards = shards_in_order(subset, n_shards=n_shards)
    rows = []
    for name, own in scores.items():
        rng = np.random.default_rng([seed, STREAM])  # the same assignments for every scorer
        found = sharding_rows(own, human, subset, shards, n_assignments=n_assignments, rng=rng)
        rows += [{"scorer": name, **row} for row in found]
    points = [
        pd.DataFrame({"scorer": name, "subset": subset, "score": own, "human": human})
        for name, own in scores.items()
    ]
    averaged = [shard_points(name, own, human, subset, shards) for name, own in scores.items()]
    return {
        "points": pd.concat(points, ignore_index=True),
        "shards": pd.concat(averaged, ignore_index=True),
        "sharding": pd.DataFrame(rows),
    }


def shard_points(name: str, scores, human, subset, shards) -> pd.DataFrame:
    """One row a shard: scorer, subset, shard, score and human (means), n (items)."""
    columns = {"score": shard_means(scores, shards), "human": shard_means(human, shards)}
    first = [subset[np.argmax(shards == number)] for number in range(shards.max() + 1)]
    numbers = {"shard": np.arange(len(first)), "n": np.bincount(shards)}
    return pd.DataFrame({"scorer": name, "subset": first, **numbers, **columns})


def sharding_rows(
    scores: np.ndarray,
    human: np.ndarray,
    subset: np.ndarray,
    shards: np.ndarray,
    *,
    n_assignments: int,
    rng: np.random.Generator,
) -> list[dict[str, float | str]]:
    """What one scorer's correlation is, by method, per item, per shard and over redrawn shards.

    items: per item; inside: per item after each subset's mean is taken away; drawn: of the shard
    means, items in their order; redrawn (median, _low, _high): over assignments of items to shards;
    blind: the same for scores shuffled within their subset; five (median, _low, _high): of one
    subset's shards alone, over assignments and subsets; expected, between_x, between_y,
    between_correlation: Pearson's expectation and the numbers behind it, the same for all methods.
    """
    n_shards = (shards.max() + 1) // len(set(subset.tolist()))
    options = {"n_shards": n_shards, "n_assignments": n_assignments, "rng": rng}
    again = redrawn_shard_means(scores, human, subset, **options)
    blind = redrawn_shard_means(scores, human, subset, related=False, **options)
    centres = [_subset_means(side, subset) for side in (scores, human)]
    inside = [scores - centres[0], human - centres[1]]
    theory = {
        "expected": expected_shard_correlation(scores, human, subset, n_shards=n_shards),
        "between_x": variance_between(scores, subset),
        "between_y": variance_between(human, subset),
        "between_correlation": _correlation(*centres),
        "n_items": len(scores),
        "n_points": int(shards.max() + 1),
    }
    rows = []
    for method in METHODS:
        parts = {
            "items": _correlation(scores, human, method),
            "inside": _correlation(*inside, method),
            "drawn": _correlation(shard_means(scores, shards), shard_means(human, shards), method),
            **_spread("redrawn", again, method, len(blind[0])),
            **_spread("blind", blind, method, len(blind[0])),
            **_spread("five", again, method, -1),
        }
        rows.append({"method": method, **parts, **theory})
    return rows


def _spread(name: str, means, method: str, n_rows: int) -> dict[str, float]:
    """Median and 95 % limits; all shards of an assignment in a row, or those of one subset."""
    width = means[0].shape[2] if n_rows < 0 else -1
    rows = [side.reshape(-1, width) if n_rows < 0 else side.reshape(n_rows, -1) for side in means]
    found = row_correlations(*rows, method=method)
    found = found[~np.isnan(found)]
    limits = np.quantile(found, [0.5, 0.025, 0.975]) if len(found) else [np.nan] * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, limits), strict=True))


def _correlation(x: np.ndarray, y: np.ndarray, method: str = "pearson") -> float:
    return float(row_correlations(x[None], y[None], method=method)[0])


def _subset_means(values: np.ndarray, subset: np.ndarray) -> np.ndarray:
    """The mean of each item's subset `(n_items,)`."""
    return pd.Series(values).groupby(subset, sort=False).transform("mean").to_numpy()
