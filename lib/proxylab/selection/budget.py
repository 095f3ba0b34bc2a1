"""From a ranking of prompts to exactly the budgeted number of completions.

A budget counts labelled completions, for that is what an annotator is paid for; pairs are made
within a prompt, so a rule buys prompts whole, in its order. The prompt at which the budget runs
out is bought in part. The released code of Targeting Misalignment has no budget: it labels all
that exceeds its threshold. Left out: completions that cost more than others.
"""

from numbers import Integral

import numpy as np

from proxylab.selection.pool import Pool

ROUNDING = 9  # decimals; scores that differ by less differ by rounding alone, and tie


def check_budget(pool: Pool, budget: int):
    """Raise ValueError unless `budget` is a whole number from 0 to the available completions."""
    if not isinstance(budget, Integral) or budget < 0:
        raise ValueError(f"budget must be a whole number of completions from 0, got {budget!r}")
    if budget > pool.n_available:
        n = pool.n_available
        raise ValueError(f"budget {budget} exceeds the {n} completions that can still be labelled")


def ranked(*scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Prompts (or other units) by falling score: indices `(n_units,)`.

    Arguments: `scores` `(n_units,)` each, the most important first; ties of all are broken by
    `rng`. What lacks a score (NaN) comes last, by the scores that it has. Differences below 1e-9
    of a score's largest size count as ties, so that rounding does not decide.
    """
    undefined = np.isnan(scores).any(axis=0)
    keys = [-np.nan_to_num(_rounded(score)) for score in scores]
    tie = rng.random(len(undefined))
    return np.lexsort((tie, *reversed(keys), undefined))


def descending_rank(
    values: np.ndarray, available: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Each available completion's place in its prompt, 0 for the largest value.

    Arguments: `values` and the mask `available`, `(n_prompts, n_samples)`; ties, and undefined
    values among themselves, are broken by `rng`. What is not available is ranked after the rest.
    """
    key = np.where(np.isnan(values), 0.0, -np.round(values, ROUNDING))
    order = np.lexsort((rng.random(values.shape), key, ~available), axis=-1)
    return np.argsort(order, axis=-1)


def extreme_rank(pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """Each available completion's place when extremes of PACS come first.

    The order is largest, smallest, second largest, second smallest, ...: any first few span as
    much PACS as so many can. Shape `(n_prompts, n_samples)`.
    """
    from_top = descending_rank(pool.pacs, pool.available, rng)
    from_bottom = pool.available.sum(axis=1, keepdims=True) - 1 - from_top
    rank = np.where(from_top <= from_bottom, 2 * from_top, 2 * from_bottom + 1)
    return np.where(pool.available, rank, pool.shape[1])


def random_rank(pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """Each available completion's place in a random order within its prompt."""
    return descending_rank(np.zeros(pool.shape), pool.available, rng)


def in_rounds(
    order: np.ndarray, n_available: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Units that go through the prompts in `order`, `step` completions each, until none is left.

    Arguments: `order` prompt indices; `n_available` `(n_prompts,)`. Returns the prompt and the
    size of each unit, `(n_units,)` both.
    """
    n_rounds = -(-int(n_available.max(initial=0)) // step)
    sizes = [np.clip(n_available[order] - start * step, 0, step) for start in range(n_rounds)]
    return np.tile(order, n_rounds), np.array(sizes, int).ravel()


def spend(
    prompts: np.ndarray, sizes: np.ndarray, pool: Pool, budget: int, rank: np.ndarray
) -> np.ndarray:
    """Mask `(n_prompts, n_samples)` of exactly `budget` completions, unit by unit.

    Arguments: a unit is `sizes[u]` more completions of `prompts[u]`, and together the units hold
    every available completion; `rank` `(n_prompts, n_samples)` says which of a prompt come first.
    The unit at which the budget runs out is bought in part. If that were one completion of a
    prompt without another label, which makes no pair, it goes to the first chosen prompt that has
    one left; if none has, the last prompt with three or more gives one up and the next gets two;
    only if neither can be is a lone completion bought.
    """
    n_whole = np.searchsorted(np.cumsum(sizes), budget, side="right")
    taken = np.zeros(pool.shape[0], int)
    np.add.at(taken, prompts[:n_whole], sizes[:n_whole])
    left = budget - int(taken.sum())
    if left:
        _spend_rest(taken, left, prompts[:n_whole], prompts[n_whole], pool)
    return pool.available & (rank < taken[:, None])


def whole_prompts(order: np.ndarray, pool: Pool, budget: int, rank: np.ndarray) -> np.ndarray:
    """Mask of `budget` completions: whole prompts in `order`, the last one in part (`spend`)."""
    prompts, sizes = in_rounds(order, pool.available.sum(axis=1), max(pool.shape[1], 1))
    return spend(prompts, sizes, pool, budget, rank)


def _spend_rest(
    taken: np.ndarray, left: int, chosen: np.ndarray, following: int, pool: Pool
) -> None:
    """Add the `left` completions that fill no unit to `taken`, avoiding a lone one."""
    alone = not taken[following] and not pool.labelled[following].any()
    if left == 1 and alone:
        has_more = (taken[chosen] > 0) & (taken[chosen] < pool.available.sum(axis=1)[chosen])
        gives_up = taken[chosen] >= 3
        if has_more.any():
            following = chosen[has_more][0]
        elif gives_up.any():
            taken[chosen[gives_up][-1]] -= 1
            left = 2
    taken[following] += left


def _rounded(score: np.ndarray) -> np.ndarray:
    """The score in units of its largest size, rounded."""
    size = np.nanmax(np.abs(score), initial=0.0)
    return np.round(np.asarray(score, float) / (size or 1.0), ROUNDING)
