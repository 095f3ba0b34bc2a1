"""Recorded rows pooled over seeds, with intervals that know both seeds and prompts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.stats import Interval, seed_prompt_bootstrap

N_RESAMPLES = 500
SEED = 0  # of the bootstrap: a page rendered twice shows the same digits


def seed_matrix(frame: pd.DataFrame, value: str) -> np.ndarray:
    """Values as `(n_seeds, n_units)`, one row a seed in order, padded with NaN."""
    rows = [part[value].to_numpy(float) for _, part in frame.groupby("seed", sort=True)]
    matrix = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


def pooled_mean(frame: pd.DataFrame, value: str, *, shared: bool = False) -> Interval:
    """Mean over seeds and units; `shared` if the units are the same in every seed."""
    matrix = seed_matrix(frame, value)
    rng = np.random.default_rng(SEED)
    return seed_prompt_bootstrap(matrix, rng=rng, n_resamples=N_RESAMPLES, shared_prompts=shared)


def pooled_by(
    frame: pd.DataFrame, keys: Sequence[str], value: str, *, shared: bool = False
) -> pd.DataFrame:
    """`pooled_mean` of each group: the keys, value, low, high, n, in order of appearance."""
    rows = []
    for names, part in frame.groupby(list(keys), sort=False, dropna=False):
        found = pooled_mean(part, value, shared=shared)
        rows.append(
            {
                **dict(zip(keys, names, strict=True)),
                "value": found.estimate,
                "low": found.low,
                "high": found.high,
                "n": found.n,
            }
        )
    return pd.DataFrame(rows, columns=[*keys, "value", "low", "high", "n"])


def seeds_in_words(frame: pd.DataFrame) -> str:
    """'3 seeds (0, 1, 2)' of the runs in a frame."""
    seeds = sorted(set(frame["seed"]))
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{len(seeds)} {word} ({', '.join(map(str, seeds))})"
