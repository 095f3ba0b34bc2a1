"""Kendall-Tau distance of proxy reward and policy log-probability, prompt by prompt.

"Targeting Misalignment" (arXiv 2512.09212) names the metric; its definition there is not known.
The released code reports scipy's tau-b correlation and counts an undefined one as 0. Here: the
standard distance, with ties and undefined prompts counted and tau-b beside it. Left out:
p-values.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.conflict.arrays import paired_samples

CHUNK = 1 << 17  # completions compared at once: the working set stays within a few MB


@dataclass(frozen=True)
class CorpusKendall:
    """Means over the prompts where they are defined, and how many are not.

    `share_tied` is the share of all pairs of completions that tie in reward or log-probability;
    NaN where there is nothing to average over.
    """

    mean_distance: float
    mean_tau_b: float
    n_prompts: int
    n_undefined: int
    n_tau_b_undefined: int
    share_tied: float


def kendall_tau_distance(proxy_reward, policy_logprob) -> np.ndarray:
    """Share of a prompt's pairs of completions that the two order differently `(n_prompts,)`.

    Discordant pairs / (N (N - 1) / 2), in 0 to 1: 0 one order, 1 the reverse, (1 - tau) / 2
    without ties. A tie in either is not discordant, so a constant reward is at distance 0 from
    everything: see the ties in `kendall_table`. NaN where N, the completions defined in both, is
    below 2.

    Arguments: `proxy_reward` and `policy_logprob` `(n_prompts, n_samples)`, numpy or torch, NaN
    where there is no completion.
    Raises ValueError for shapes that differ or are not two-dimensional, and for an infinity.
    Source: Kendall (1938); the choice of distance is ours.
    """
    counts = _count_pairs(*paired_samples(proxy_reward, policy_logprob))
    return _distance(counts)


def kendall_table(proxy_reward, policy_logprob) -> pd.DataFrame:
    """Every count behind the distance, one row a prompt (index: its number).

    Columns: n_pairs (concordant + discordant + tied), concordant, discordant, tied (in either),
    tied_reward, tied_logprob (a pair tied in both is in both), distance, tau_b (NaN where either
    is constant or there are fewer than 2 completions).
    Arguments and errors: as for `kendall_tau_distance`. Source of tau-b: Kendall (1945).
    """
    counts = _count_pairs(*paired_samples(proxy_reward, policy_logprob))
    table = pd.DataFrame(counts).assign(distance=_distance(counts), tau_b=_tau_b(counts))
    table.insert(3, "tied", table["n_pairs"] - table["concordant"] - table["discordant"])
    return table


def corpus_kendall(proxy_reward, policy_logprob) -> CorpusKendall:
    """Mean distance and mean tau-b over prompts; undefined prompts are counted, not averaged in.

    Arguments and errors: as for `kendall_tau_distance`.
    """
    table = kendall_table(proxy_reward, policy_logprob)
    n_pairs = int(table["n_pairs"].sum())
    return CorpusKendall(
        mean_distance=float(table["distance"].mean()),
        mean_tau_b=float(table["tau_b"].mean()),
        n_prompts=len(table),
        n_undefined=int(table["distance"].isna().sum()),
        n_tau_b_undefined=int(table["tau_b"].isna().sum()),
        share_tied=float(table["tied"].sum() / n_pairs) if n_pairs else np.nan,
    )


def share_ordered_rightly(table: pd.DataFrame) -> np.ndarray:
    """Share of the comparisons that a judge orders as the truth does `(n_prompts,)`.

    A tie of the judge is wrong; completions of equal truth are no comparison. NaN without any.
    Arguments: `table` as `kendall_table(judge, truth)` gives it.
    """
    return _ratio(
        table["concordant"].to_numpy(), (table["n_pairs"] - table["tied_logprob"]).to_numpy()
    )


def no_better_than_chance(table: pd.DataFrame) -> np.ndarray:
    """1 where a judge orders a prompt no better than chance (tau-b at most 0), 0 where better.

    `(n_prompts,)`, NaN where tau-b is undefined.
    Arguments: `table` as `kendall_table(judge, truth)` gives it.
    """
    tau = table["tau_b"].to_numpy()
    return np.where(np.isnan(tau), np.nan, tau <= 0)


def _count_pairs(reward: np.ndarray, logprob: np.ndarray) -> dict[str, np.ndarray]:
    """Counts of pairs by kind, each `(n_prompts,)` of int."""
    n_defined = np.sum(~np.isnan(reward), axis=1)
    counts = np.zeros((4, len(reward)), dtype=np.int64)
    for rows in _chunks(*reward.shape):
        # Samples first: comparisons then run along contiguous prompts, not along 8 samples.
        counts[:, rows] = _compare(reward[rows].T.copy(), logprob[rows].T.copy())
    names = ("concordant", "discordant", "tied_reward", "tied_logprob")
    n_pairs = n_defined * (n_defined - 1) // 2
    return {"n_pairs": n_pairs, **dict(zip(names, counts, strict=True))}


def _chunks(n_prompts: int, n_samples: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, n_samples))
    return (slice(start, start + step) for start in range(0, n_prompts, step))


def _compare(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Concordant, discordant and tied pairs `(4, n_prompts)` of arrays `(n_samples, n_prompts)`."""
    counts = np.zeros((4, reward.shape[1]), dtype=np.int64)
    for gap in range(1, len(reward)):  # NaN compares as false: padding is in no pair
        r, r_before = reward[gap:], reward[:-gap]
        p, p_before = logprob[gap:], logprob[:-gap]
        r_up, r_down = r > r_before, r < r_before
        p_up, p_down = p > p_before, p < p_before
        counts[0] += np.count_nonzero((r_up & p_up) | (r_down & p_down), axis=0)
        counts[1] += np.count_nonzero((r_up & p_down) | (r_down & p_up), axis=0)
        counts[2] += np.count_nonzero(r == r_before, axis=0)
        counts[3] += np.count_nonzero(p == p_before, axis=0)
    return counts


def _distance(counts: dict[str, np.ndarray]) -> np.ndarray:
    return _ratio(counts["discordant"], counts["n_pairs"])


def _tau_b(counts: dict[str, np.ndarray]) -> np.ndarray:
    untied_reward = counts["n_pairs"] - counts["tied_reward"]
    untied_logprob = counts["n_pairs"] - counts["tied_logprob"]
    # One root of the product: of a square it is exact, so that a perfect order gives exactly 1.
    whole = np.sqrt(untied_reward * untied_logprob)
    return _ratio(counts["concordant"] - counts["discordant"], whole)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
