"""Rules by conflict: Targeting Misalignment's own, and variants of what is ranked and bought.

SHF-CAS (arXiv 2512.09212) sends high-conflict completions to people. Its released code labels all
completions of a prompt whose mean |PACS| exceeds 1.0; here the same rule spends a budget. Ranking
by Kendall-Tau distance, pair by pair, and by positive PACS are ours, to see what matters.
"""

import numpy as np

from proxylab.conflict import RELEASED_THRESHOLDS
from proxylab.selection.budget import (
    ROUNDING,
    descending_rank,
    extreme_rank,
    ranked,
    spend,
)
from proxylab.selection.pool import Pool
from proxylab.selection.selector import Selector, by_prompt

UNRELATED_TAU_DISTANCE = 0.5  # median if unrelated: reversing one ranking turns d into 1 - d


def conflict_score(pool: Pool) -> np.ndarray:
    """Mean |PACS| `(n_prompts,)`."""
    return pool.conflict


def inverse_conflict_score(pool: Pool) -> np.ndarray:
    """Minus mean |PACS| `(n_prompts,)`."""
    return -pool.conflict


def correlation_score(pool: Pool) -> np.ndarray:
    """1 less the within-prompt Pearson correlation of proxy and policy `(n_prompts,)`, in [0, 2].

    It is half the mean of PACS squared. Where reward and log-probability are jointly Gaussian,
    mean |PACS| is the square root of twice this times a ratio that is independent of it (Geary's),
    so that ranking by mean |PACS| is ranking by this and noise.
    """
    squares = np.square(pool.pacs)
    count = (~np.isnan(squares)).sum(axis=1)
    blank = np.full(len(count), np.nan)
    return np.divide(np.nansum(squares, axis=1), 2 * count, out=blank, where=count > 0)


def tau_score(pool: Pool) -> np.ndarray:
    """Kendall-Tau distance `(n_prompts,)`, NaN where conflict is undefined.

    A prompt whose rewards are all equal has distance 0 but no ranking to be far from.
    """
    return np.where(np.isnan(pool.conflict), np.nan, pool.tau_distance)


def tau_gate(pool: Pool) -> np.ndarray:
    """1 where the Kendall-Tau distance exceeds that of unrelated rankings, else 0."""
    return (tau_score(pool) > UNRELATED_TAU_DISTANCE).astype(float)


def threshold_selector(
    threshold: float = RELEASED_THRESHOLDS["released-1.0"], *, name: str = "threshold"
) -> Selector:
    """The paper's rule under a budget: prompts with mean |PACS| > `threshold` in random order.

    When they do not use the budget up, the rest follow by falling conflict. Arguments:
    `threshold` a mean |PACS|, such as an `independence_threshold`; `name` tells variants apart.
    """

    def above(pool: Pool) -> np.ndarray:
        return (pool.conflict > threshold).astype(float)

    def below(pool: Pool) -> np.ndarray:
        return np.where(pool.conflict > threshold, 0.0, pool.conflict)

    why = f"the paper's rule: random among prompts with mean |PACS| > {threshold:g}"
    return Selector(name, why, by_prompt(above, below))


def per_pair(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
    """Two completions a prompt: the largest PACS and the smallest, prompts by that gap.

    When every prompt has its pair, the next extreme pairs follow, again by gap. An odd budget's
    last completion goes to the prompt with the largest gap (`spend`).
    """
    rank = extreme_rank(pool, rng)
    gap = _gaps(np.where(pool.available, pool.pacs, np.nan), rank)
    prompt, pair = np.indices(gap.shape).reshape(2, -1)
    size = np.clip(pool.available.sum(axis=1)[prompt] - 2 * pair, 0, 2)
    order = ranked(-pair, gap.ravel(), rng=rng)
    return spend(prompt[order], size[order], pool, budget, rank)


def positive_pacs(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
    """The completions of largest positive PACS: what the proxy over-values, wherever it is.

    PACS sums to 0 over a prompt, so ranking prompts by its positive part is ranking by conflict:
    this rule ranks completions. A prompt's first comes with its second largest, so that a pair
    exists, unless the prompt has a label already. Past zero it goes on by falling PACS.
    """
    rank = descending_rank(pool.pacs, pool.available, rng)
    prompt, sample = np.nonzero(pool.available)
    place = rank[prompt, sample]
    fresh = ~pool.labelled.any(axis=1)[prompt]
    size = np.where(fresh & (place == 0), 2, np.where(fresh & (place == 1), 0, 1))
    size = np.minimum(size, pool.available.sum(axis=1)[prompt])
    value = -np.round(pool.pacs[prompt, sample], ROUNDING)
    order = np.lexsort((rng.random(len(prompt)), place, value))
    return spend(prompt[order], size[order], pool, budget, rank)


def _gaps(values: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Difference within each successive pair of extremes: (n_prompts, n_pairs), NaN if no pair."""
    in_order = np.take_along_axis(values, np.argsort(rank, axis=1), axis=1)
    even = np.pad(in_order, ((0, 0), (0, values.shape[1] % 2)), constant_values=np.nan)
    return even[:, 0::2] - even[:, 1::2]


CONFLICT_RULES = (
    Selector("conflict", "prompts by falling mean |PACS|", by_prompt(conflict_score)),
    threshold_selector(),
    Selector(
        "low_conflict",
        "prompts by rising mean |PACS|: a control",
        by_prompt(inverse_conflict_score),
    ),
    Selector(
        "correlation", "prompts by falling 1 - Pearson correlation", by_prompt(correlation_score)
    ),
    Selector("per_pair", "two completions a prompt, those furthest apart in PACS", per_pair),
    Selector("kendall_tau", "prompts by falling Kendall-Tau distance", by_prompt(tau_score)),
    Selector(
        "gate_then_rank",
        "Kendall-Tau distance above that of unrelated rankings first, then by mean |PACS|",
        by_prompt(tau_gate, conflict_score),
    ),
    Selector("positive_pacs", "completions that the proxy over-values most", positive_pacs),
)
