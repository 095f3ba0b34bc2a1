"""How far annotators agree: Krippendorff's alpha, Gwet's AC1 and leave-one-out agreement.

Elephant reports no agreement between its four annotators; without one, "Opposite" cannot be told
from noise. All three take any number of votes a pair and missing votes; a tie is a third nominal
value. The unit of resampling is the pair. `relabel_one_out` plays the paper's relabelling
on votes that have no recorded label. Left out: the annotator as a second unit of resampling, so
the intervals speak of other pairs, not of other people.
"""

import numpy as np
import pandas as pd

from proxylab.annotators.votes import count_votes
from proxylab.cleaning.categories import MIN_VOTES, category_by_votes
from proxylab.stats import Interval, bootstrap

TALLIES = ("n_chosen", "n_rejected", "n_tie")


def krippendorff_alpha(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Krippendorff's alpha for nominal votes, with a bootstrap interval over pairs.

    Pairs with fewer than two votes cannot agree or disagree and are left out; `n` counts the
    rest. NaN where all votes are the same, for then no disagreement was to be expected.
    Source: Krippendorff (2011), "Computing Krippendorff's alpha-reliability", nominal metric.
    Written out here because sums over pairs resample ten times faster than the package
    krippendorff, which the tests compare it with.
    """
    counts = _paired_counts(votes)
    terms = np.column_stack([counts, _disagreement(counts)])
    return bootstrap(
        lambda index: _alpha(terms[index].sum(axis=0)),
        len(terms),
        rng=rng,
        n_resamples=n_resamples,
        level=level,
    )


def gwet_ac1(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Gwet's AC1 for nominal votes, with a bootstrap interval over pairs.

    Like alpha an agreement beyond chance, but chance is what annotators agree on by guessing on
    hard pairs, so it does not collapse where nearly all votes are the same. Chance is over the
    values that occur in the votes; NaN where only one does. Agreement is over the pairs with at
    least two votes, which `n` counts. Source: Gwet (2008), British Journal of Mathematical and
    Statistical Psychology 61, equations for several raters with missing votes.
    """
    counts = _paired_counts(votes)
    total = counts.sum(axis=1)
    agree = 1 - _disagreement(counts) / total if len(counts) else np.zeros(0)
    terms = np.column_stack([counts / total[:, None], agree])
    n_values = int((counts.sum(axis=0) > 0).sum())

    def ac1(index: np.ndarray) -> float:
        *shares, agreement = terms[index].mean(axis=0)
        chance = sum(share * (1 - share) for share in shares) / max(n_values - 1, 1)
        return (agreement - chance) / (1 - chance) if n_values > 1 else np.nan

    return bootstrap(ac1, len(terms), rng=rng, n_resamples=n_resamples, level=level)


def leave_one_out_agreement(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """How often one vote equals the most frequent of the other votes on its pair, as a fraction.

    Where m values are equally frequent among the others, a vote for one of them counts 1/m, what
    a random choice among them would give. Every vote counts once; the bootstrap is over pairs
    with at least two votes, which `n` counts.
    """
    counts = _paired_counts(votes)
    terms = np.column_stack([_matches(counts), counts.sum(axis=1)])

    def share(index: np.ndarray) -> float:
        matches, asked = terms[index].sum(axis=0)
        return matches / asked

    return bootstrap(share, len(terms), rng=rng, n_resamples=n_resamples, level=level)


def relabel_one_out(
    votes: pd.DataFrame,
    rng: np.random.Generator,
    *,
    rule: str = "majority",
    min_votes: int = MIN_VOTES,
) -> pd.DataFrame:
    """Categories when one random annotator of each pair is the record and the others relabel.

    With five votes this is the paper's set-up: one recorded label, four relabellers. A recorded
    label names a better response, so it is drawn among the votes that do; a pair of ties alone
    has none and is left out. Texts play no part: Same, Opposite, Vague and Undecided only.
    Returns pair_id, category, original ("chosen" or "rejected"), n_chosen, n_rejected, n_tie of
    the others, where n_chosen counts the votes that agree with the record.
    """
    record, rest = draw_records(votes, rng)
    counts = count_votes(rest, record["pair_id"])
    flipped = record["choice"].to_numpy(object) == "rejected"
    agree = np.where(flipped, counts["n_rejected"], counts["n_chosen"])
    differ = np.where(flipped, counts["n_chosen"], counts["n_rejected"])
    counts = counts.assign(n_chosen=agree, n_rejected=differ)
    return pd.DataFrame(
        {
            "pair_id": counts["pair_id"],
            "category": category_by_votes(counts, rule=rule, min_votes=min_votes).astype(object),
            "original": record["choice"].to_numpy(object),
            **{name: counts[name] for name in TALLIES},
        }
    ).astype({"category": "str", "original": "str"})


def draw_records(
    votes: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One random vote a pair that names a better response, and all other votes on those pairs.

    Both are rows of `votes`, in its order; a pair of ties alone is in neither.
    """
    decided = votes[votes["choice"].isin(["chosen", "rejected"])]
    order = rng.permutation(len(decided))
    record = decided.iloc[order].drop_duplicates("pair_id").sort_index()
    rest = votes[votes["pair_id"].isin(record["pair_id"])].drop(index=record.index)
    return record, rest


def _paired_counts(votes: pd.DataFrame) -> np.ndarray:
    """Votes for each choice, (n_pairs, 3), of the pairs that have at least two."""
    counts = count_votes(votes)[list(TALLIES)].to_numpy(float)
    return counts[counts.sum(axis=1) >= 2]


def _disagreement(counts: np.ndarray) -> np.ndarray:
    """Ordered couples of unequal votes within each pair, over its votes less one: (n_pairs,)."""
    total = counts.sum(axis=1)
    return (total**2 - (counts**2).sum(axis=1)) / (total - 1)


def _alpha(sums: np.ndarray) -> float:
    values, observed = sums[:-1], sums[-1]
    n = values.sum()
    expected = n**2 - (values**2).sum()
    return 1 - (n - 1) * observed / expected if expected else np.nan


def _matches(counts: np.ndarray) -> np.ndarray:
    """Expected number of votes of each pair that equal the mode of the others: (n_pairs,)."""
    matches = np.zeros(len(counts))
    for value in range(counts.shape[1]):
        others = counts.copy()
        others[:, value] -= 1
        top = others.max(axis=1)
        is_mode = others[:, value] == top
        n_modes = (others == top[:, None]).sum(axis=1)
        matches += counts[:, value] * is_mode / n_modes
    return matches
