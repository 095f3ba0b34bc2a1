"""The human ceiling: how well could a perfect proxy do against votes that are noisy themselves?

Neither paper asks. Let p be the share of all possible annotators who prefer one response of a pair.
A proxy that always names the response that most prefer is right about a single vote with
probability E[max(p, 1 - p)]; nothing can do better. p is not observed, but it is bracketed by what
is: the majority of the other annotators is such a proxy at best, so leave-one-out agreement is a
floor; and two votes agree with probability a = E[p^2 + (1 - p)^2], which allows at most
(1 + sqrt(2a - 1)) / 2, the value where all pairs are equally hard (Jensen's inequality). In
between, p is taken to follow a symmetric beta distribution. Assumed: annotators of a pair are drawn
alike. Ties are left out: they are no preference to be right about.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import betainc

from proxylab.annotators.votes import count_votes
from proxylab.cleaning.agreement import bootstrap_of_sums, sums_by_unit
from proxylab.preferences.schema import PreferenceError
from proxylab.stats import Interval
from proxylab.stats.intervals import percentile_interval, undefined_interval

FLOOR, BETA, LIMIT = "leave-one-out", "beta-binomial", "equal difficulty"
AGREEMENT, SPLIT_HALF = "two votes agree", "split-half"


def proxy_ceiling(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    units: pd.Series | None = None,
) -> pd.DataFrame:
    """The best accuracy any proxy can have against single votes: floor, estimate, limit.

    Arguments: `units`, by pair_id, is what pairs have in common and is redrawn as a whole; None:
    every pair is a unit. Raises PreferenceError where a pair has no unit.
    Returns statistic, value, low, high, n; `statistic` is AGREEMENT (a itself), FLOOR, BETA or
    LIMIT. Intervals by bootstrap over the units of the pairs with at least two decided votes; `n`
    counts the pairs.
    """
    tallies = count_votes(votes)
    counts = tallies[["n_chosen", "n_rejected"]].to_numpy(float)
    enough = counts.sum(axis=1) >= 2
    terms = _terms(counts[enough])
    if not len(terms):
        return pd.DataFrame([_row(name, undefined_interval(level)) for name in _STATISTICS])
    sums = sums_by_unit(terms, tallies["pair_id"][enough], units)
    redrawn = [sums[rng.integers(0, len(sums), len(sums))].sum(axis=0) for _ in range(n_resamples)]
    rows = []
    for name, of in _STATISTICS.items():
        estimate, *draws = (of(*total[:-1] / total[-1]) for total in [sums.sum(axis=0), *redrawn])
        rows.append(_row(name, percentile_interval(estimate, np.array(draws), len(terms), level)))
    return pd.DataFrame(rows)


def split_half_reliability(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    units: pd.Series | None = None,
) -> Interval:
    """Reliability of the mean vote: the correlation of two random halves, stepped up to all.

    Each pair's decided votes are split at random into halves of one size (an odd one is left out).
    The correlation is about zero, so that which response is named first does not matter. A proxy
    cannot correlate with the mean vote beyond the square root of this. Source: Spearman (1910),
    Brown (1910); the bound is Spearman's (1904) correction for attenuation.
    Arguments and errors as for `proxy_ceiling`; `n` counts the pairs with two decided votes.
    """
    pair_ids, first, second = _halves(votes, rng)
    terms = np.column_stack([first * second, first**2, second**2])

    def stepped_up(sums: np.ndarray) -> float:
        product, left, right = sums  # their number cancels out
        r = product / np.sqrt(left * right) if left * right > 0 else np.nan
        return 2 * r / (1 + r) if r > -1 else np.nan

    options = {"rng": rng, "n_resamples": n_resamples, "level": level}
    return bootstrap_of_sums(stepped_up, terms, pair_ids, units, **options)


def equal_difficulty_ceiling(agreement: float) -> float:
    """The ceiling if all pairs are equally hard: q with q^2 + (1 - q)^2 = agreement.

    It is also the accuracy of a vote under that assumption. 1/2 where votes agree no more often
    than coins.
    """
    return float((1 + np.sqrt(max(2 * agreement - 1, 0.0))) / 2)


def beta_ceiling(agreement: float) -> float:
    """The ceiling if p follows a symmetric beta distribution with this agreement of two votes.

    For Beta(s, s) two votes agree with probability (s + 1) / (2 s + 1), and E[max(p, 1 - p)] is
    the chance that Beta(s + 1, s) exceeds 1/2.
    """
    if agreement <= 0.5:
        return 0.5
    if agreement >= 1:
        return 1.0
    shape = (1 - agreement) / (2 * agreement - 1)
    return float(1 - betainc(shape + 1, shape, 0.5))


def disattenuated(observed: float, vote_accuracy: float) -> float:
    """Accuracy against the truth of a proxy whose accuracy against votes is `observed`.

    Holds if votes err with one probability everywhere, whatever the proxy says: observed = t q +
    (1 - t)(1 - q). Where the hard pairs are hard for both, it corrects too far; not clipped, so
    that a value above 1 shows it. Raises PreferenceError unless 1/2 < vote_accuracy <= 1.
    """
    if not 0.5 < vote_accuracy <= 1:
        raise PreferenceError(
            f"vote_accuracy must lie above 0.5 and at most at 1, is {vote_accuracy}: votes that "
            "are coin flips say nothing about a proxy"
        )
    return (observed - (1 - vote_accuracy)) / (2 * vote_accuracy - 1)


# Of the mean share of agreeing couples and the mean leave-one-out credit.
_STATISTICS: dict[str, Callable[[float, float], float]] = {
    AGREEMENT: lambda agreement, _: agreement,
    FLOOR: lambda _, credit: credit,
    BETA: lambda agreement, _: beta_ceiling(agreement),
    LIMIT: lambda agreement, _: equal_difficulty_ceiling(agreement),
}


def _terms(counts: np.ndarray) -> np.ndarray:
    """Of each pair: share of agreeing couples, leave-one-out credit, and 1, to count the pairs.

    Arguments: `counts` `(n_pairs, 2)` of decided votes, at least two a pair.
    """
    total = counts.sum(axis=1)
    agree = (counts * (counts - 1)).sum(axis=1) / (total * (total - 1))
    lead = counts - counts[:, ::-1]  # of each side over the other, the vote itself included
    credit = np.select([lead > 1, lead == 1], [1.0, 0.5], 0.0)  # without itself: ahead, level
    return np.column_stack([agree, (counts * credit).sum(axis=1) / total, np.ones(len(counts))])


def _halves(
    votes: pd.DataFrame, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs, and the mean vote (+1 chosen, -1 rejected) of two random halves of each's."""
    decided = votes[votes["choice"].isin(["chosen", "rejected"])]
    shuffled = decided.iloc[rng.permutation(len(decided))]
    pair, names = pd.factorize(shuffled["pair_id"].to_numpy(object))
    place = pd.Series(pair).groupby(pair).cumcount().to_numpy()
    half = np.bincount(pair, minlength=len(names)) // 2
    sign = np.where(shuffled["choice"].to_numpy(object) == "chosen", 1.0, -1.0)
    in_first, in_second = place < half[pair], (place >= half[pair]) & (place < 2 * half[pair])
    sums = [np.bincount(pair[at], sign[at], len(names)) for at in (in_first, in_second)]
    kept = half > 0
    return names[kept], sums[0][kept] / half[kept], sums[1][kept] / half[kept]


def _row(name: str, found: Interval) -> dict:
    limits = {"value": found.estimate, "low": found.low, "high": found.high}
    return {"statistic": name, **limits, "n": found.n}
