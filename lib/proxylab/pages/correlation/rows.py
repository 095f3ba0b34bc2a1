"""Correlations of the world's scorers, pooled over seeds from the redraws that each run kept."""

from functools import cache

import numpy as np
import pandas as pd

from proxylab.evaluate.correlation import over_seeds
from proxylab.pages.pooling import SEED
from proxylab.results import gather
from proxylab.stats import Interval
from proxylab.studies.correlation.world import CHOSEN, GOLD, PEOPLE, PERSON, RULERS, START

NOTEBOOK = "measure_correlation"
WORLD = {"data": "world"}
KEYS = ["policy", "target", "scorer", "over", "method"]


@cache
def kept_draws(profile: str) -> dict[tuple[str, ...], dict[int, np.ndarray]]:
    """By policy, target, scorer, over and method: each seed's draws, the estimate first."""
    table = gather(NOTEBOOK, "draws", profile=profile, where=WORLD)
    ceiling = gather(NOTEBOOK, "ceiling", profile=profile, where=WORLD)
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
    table = gather(NOTEBOOK, "counts", profile=profile, where=WORLD)
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
    """Mean over seeds of one correlation, seeds and their prompts redrawn."""
    draws = kept_draws(profile)[policy, target, scorer, over, method].values()
    return over_seeds(list(draws), rng=np.random.default_rng(SEED), n=n_prompts(profile))


def difference(profile: str, first: tuple[str, ...], second: tuple[str, ...]) -> Interval:
    """One correlation less another on the same redraws; each is named by its KEYS."""
    a, b = kept_draws(profile)[first], kept_draws(profile)[second]
    draws = [a[seed] - b[seed] for seed in a if seed in b]
    return over_seeds(draws, rng=np.random.default_rng(SEED), n=n_prompts(profile))


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

    drawn_low and drawn_high are the lowest and the highest seed.
    """
    table = gather(NOTEBOOK, "sharding", profile=profile, where=WORLD)
    table = table[table["method"] == method]
    by_scorer = table.groupby("scorer", sort=False)
    means = by_scorer.mean(numeric_only=True)
    limits = by_scorer["drawn"].agg(drawn_low="min", drawn_high="max")
    n_seeds = by_scorer["seed"].nunique().rename("n_seeds")
    return means.drop(columns="seed").join(limits).join(n_seeds)


def seeds_of(profile: str) -> pd.DataFrame:
    """The `seed` column of the runs that are read."""
    return gather(NOTEBOOK, "counts", profile=profile, where=WORLD)[["seed"]]


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
    "WORLD",
    "difference",
    "kept_draws",
    "n_prompts",
    "pooled",
    "reward_models",
    "row",
    "scorers",
    "seeds_of",
    "sharding",
]
