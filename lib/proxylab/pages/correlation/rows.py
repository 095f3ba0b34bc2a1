"""Correlations of the world's scorers, pooled over seeds from the redraws that each run kept.

With fewer than ten seeds every interval is the wider of the redraws' and of Student's t over
seeds, as for differences of policies (`verdicts.judged`). The null of the shards is that of the
mean over seeds, computed here from the recorded points: the mean of limits is too wide a null.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from proxylab.evaluate.correlation import over_seeds, row_correlations
from proxylab.evaluate.correlation_shards import redrawn_shard_means
from proxylab.pages.pooling import SEED
from proxylab.pages.usual import usual
from proxylab.pages.verdicts import UPPER, judged
from proxylab.results import gather
from proxylab.stats import Interval
from proxylab.stats.intervals import ENOUGH_SEEDS
from proxylab.studies.correlation.world import CHOSEN, GOLD, PEOPLE, PERSON, RULERS, START
from proxylab.studies.data import WORLD

NOTEBOOK = "measure_correlation"
KEYS = ["policy", "target", "scorer", "over", "method"]
N_ASSIGNMENTS = 1000  # of items to shards, a seed


def in_world(profile: str) -> dict[str, Any]:
    """Conditions on the runs that are read."""
    return usual(NOTEBOOK, profile, data=WORLD)


@cache
def kept_draws(profile: str) -> dict[tuple[str, ...], dict[int, np.ndarray]]:
    """By policy, target, scorer, over and method: each seed's draws, the estimate first."""
    table = gather(NOTEBOOK, "draws", profile=profile, where=in_world(profile))
    ceiling = gather(NOTEBOOK, "ceiling", profile=profile, where=in_world(profile))
    table = pd.concat([table, ceiling.assign(policy=START, target=PEOPLE)], ignore_index=True)
    # A run keeps the draws of one correlation together and in order: blocks, each from its draw 0.
    starts = np.flatnonzero(table["draw"] == 0)
    blocks = np.split(table["value"].to_numpy(), starts[1:])
    found: dict[tuple[str, ...], dict[int, np.ndarray]] = {}
    heads = table.iloc[starts][[*KEYS, "seed"]].itertuples(index=False)
    for (*key, seed), block in zip(heads, blocks, strict=True):
        found.setdefault(tuple(key), {})[seed] = block
    return found


@cache
def n_prompts(profile: str) -> int:
    """Prompts of all seeds together."""
    table = gather(NOTEBOOK, "counts", profile=profile, where=in_world(profile))
    return int(table.groupby("seed")["n_prompts"].max().sum())


@cache
def pooled(
    profile: str,
    scorer: str,
    over: str,
    *,
    method: str = "pearson",
    target: str = PEOPLE,
    policy: str = START,
) -> Interval:
    """Mean over seeds of one correlation, seeds and their prompts redrawn, within -1..1."""
    draws = kept_draws(profile)[policy, target, scorer, over, method]
    found = _over_seeds(draws)
    n_seeds, value, half = found["n_seeds"], found["value"], 0.0
    if 1 < n_seeds < ENOUGH_SEEDS:
        half = t.ppf(UPPER, n_seeds - 1) * found["seed_se"]
    low, high = min(found["low"], value - half), max(found["high"], value + half)
    return Interval(value, *np.clip([low, high], -1, 1).tolist(), n_prompts(profile))


def differences(
    profile: str, pairs: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> pd.DataFrame:
    """Correlations less others on the same redraws, judged as one family.

    Arguments: `pairs` names (one, less the other), each by its KEYS. Columns: comparison, value,
    low, high, n_seeds, p (after Holm's correction), verdict.
    """
    kept, rows = kept_draws(profile), []
    for name, (first, second) in pairs.items():
        a, b = kept[first], kept[second]
        less = {seed: a[seed] - b[seed] for seed in a if seed in b}
        rows.append({"comparison": name, **_over_seeds(less)})
    return judged(pd.DataFrame(rows))


def _over_seeds(draws: Mapping[int, np.ndarray]) -> dict[str, float]:
    """Draws by seed as a row for `judged`: value, low, high, n_seeds, seed_se."""
    found = over_seeds(list(draws.values()), rng=np.random.default_rng(SEED))
    means = np.array([own[0] for own in draws.values() if not np.isnan(own[0])])
    error = np.std(means, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return {**row(found), "n_seeds": len(means), "seed_se": error}


def interval_in_words(profile: str) -> str:
    """What the intervals of this page are over, for captions."""
    n_seeds = seeds_of(profile)["seed"].nunique()
    if n_seeds == 1:
        return "95 % interval over prompts"
    careful = ", no narrower than Student's t over seeds makes it" if n_seeds < ENOUGH_SEEDS else ""
    return f"95 % interval over seeds and prompts{careful}"


@cache
def scorers(profile: str) -> tuple[str, ...]:
    """Rulers first, then the reward models in the order of the run, then gold."""
    names = list(dict.fromkeys(key[2] for key in kept_draws(profile)))
    known = {*RULERS, GOLD, PERSON}
    return (*RULERS, *(name for name in names if name not in known), GOLD)


def reward_models(profile: str) -> tuple[str, ...]:
    """The scorers that are trained reward models."""
    return tuple(key for key in scorers(profile) if key not in (*RULERS, GOLD))


@cache
def sharding(profile: str, method: str = "pearson") -> pd.DataFrame:
    """Mean over seeds of what sharding does to each scorer, by scorer, with n_seeds.

    drawn_low and drawn_high are the lowest and the highest seed. redrawn and blind (median, _low,
    _high) are of the mean over seeds, as drawn is: items put into shards anew in every seed.
    """
    table = gather(NOTEBOOK, "sharding", profile=profile, where=in_world(profile))
    table = table[table["method"] == method]
    by_scorer = table.groupby("scorer", sort=False)
    means = by_scorer.mean(numeric_only=True)
    limits = by_scorer["drawn"].agg(drawn_low="min", drawn_high="max")
    n_seeds = by_scorer["seed"].nunique().rename("n_seeds")
    points = gather(NOTEBOOK, "points", profile=profile, where=in_world(profile))
    for name, related in (("redrawn", True), ("blind", False)):
        spread = {
            scorer: _mean_over_seeds(own, method, related=related)
            for scorer, own in points.groupby("scorer", sort=False)
        }
        columns = [name, f"{name}_low", f"{name}_high"]
        means[columns] = pd.DataFrame.from_dict(spread, orient="index", columns=columns)
    return means.drop(columns="seed").join(limits).join(n_seeds)


def _mean_over_seeds(points: pd.DataFrame, method: str, *, related: bool) -> list[float]:
    """Median and 95 % limits of the mean over seeds of one scorer's redrawn shard correlation."""
    draws = []
    for seed, own in points.groupby("seed"):
        again = redrawn_shard_means(
            own["score"],
            own["human"],
            own["subset"].to_numpy(object),
            n_shards=int(own["n_shards"].iloc[0]),
            n_assignments=N_ASSIGNMENTS,
            related=related,
            rng=np.random.default_rng([SEED, seed]),
        )
        flat = [side.reshape(N_ASSIGNMENTS, -1) for side in again]
        draws.append(row_correlations(*flat, method=method))
    means = np.mean(draws, axis=0)
    defined = means[~np.isnan(means)]
    return np.quantile(defined, [0.5, 0.025, 0.975]).tolist() if len(defined) else [np.nan] * 3


def against_blind(table: pd.DataFrame) -> pd.Series:
    """By scorer, where its shard correlation lies among its shuffled copies'.

    1 above their 95 % limits, -1 below, 0 between, NaN where there is no such correlation.
    Arguments: `table` as `sharding` gives it.
    """
    above, below = table["drawn"] > table["blind_high"], table["drawn"] < table["blind_low"]
    defined = table[["drawn", "blind"]].notna().all(axis=1)
    return (above.astype(float) - below.astype(float)).where(defined)


def seeds_of(profile: str) -> pd.DataFrame:
    """The `seed` column of the runs that are read."""
    return gather(NOTEBOOK, "counts", profile=profile, where=in_world(profile))[["seed"]]


def row(found: Interval) -> dict[str, float]:
    """An interval as columns value, low, high."""
    return {"value": found.estimate, "low": found.low, "high": found.high}


__all__ = [
    "CHOSEN",
    "GOLD",
    "KEYS",
    "NOTEBOOK",
    "PEOPLE",
    "PERSON",
    "START",
    "against_blind",
    "differences",
    "in_world",
    "interval_in_words",
    "kept_draws",
    "n_prompts",
    "pooled",
    "reward_models",
    "row",
    "scorers",
    "seeds_of",
    "sharding",
]
