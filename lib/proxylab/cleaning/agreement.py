"""How far annotators agree: Krippendorff's alpha, Gwet's AC1 and leave-one-out agreement.

Elephant reports no agreement between its four annotators; without one, "Opposite" cannot be told
from noise. All three take any number of votes a pair and missing votes; a tie is a third nominal
value. The unit of resampling is the pair, or whatever pairs have in common (`units`): pairs made
from a few questions are not independent of each other. `relabel_one_out` plays the paper's
relabelling on votes that have no recorded label. Left out: the annotator as a second unit of
resampling, so the intervals speak of other pairs, not of other people.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from proxylab.annotators.votes import count_votes
from proxylab.cleaning.categories import MIN_VOTES, category_by_votes
from proxylab.preferences.schema import PreferenceError
from proxylab.stats import Interval, bootstrap

TALLIES = ("n_chosen", "n_rejected", "n_tie")


def krippendorff_alpha(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    units: pd.Series | None = None,
) -> Interval:
    """Krippendorff's alpha for nominal votes, with a bootstrap interval over pairs or units.

    Arguments: `units`, by pair_id, is what pairs have in common (a prompt, a debate): all pairs of
    a unit are redrawn together; None: every pair is a unit. Raises PreferenceError where a pair
    has no unit.
    Pairs with fewer than two votes cannot agree or disagree and are left out; `n` counts the
    rest. NaN where all votes are the same, for then no disagreement was to be expected.
    Source: Krippendorff (2011), "Computing Krippendorff's alpha-reliability", nominal metric.
    Written out here because sums over pairs resample ten times faster than the package
    krippendorff, which the tests compare it with.
    """
    pair_ids, counts = _paired_counts(votes)
    terms = np.column_stack([counts, _disagreement(counts)])
    options = {"rng": rng, "n_resamples": n_resamples, "level": level}
    return bootstrap_of_sums(_alpha, terms, pair_ids, units, **options)


def gwet_ac1(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    units: pd.Series | None = None,
) -> Interval:
    """Gwet's AC1 for nominal votes, with a bootstrap interval over pairs or units.

    Arguments and errors as for `krippendorff_alpha`.
    Like alpha an agreement beyond chance, but chance is what annotators agree on by guessing on
    hard pairs, so it does not collapse where nearly all votes are the same. Chance is over the
    values that occur in the votes; NaN where only one does. Agreement is over the pairs with at
    least two votes, which `n` counts. Source: Gwet (2008), British Journal of Mathematical and
    Statistical Psychology 61, equations for several raters with missing votes.
    """
    pair_ids, counts = _paired_counts(votes)
    total = counts.sum(axis=1)
    agree = 1 - _disagreement(counts) / total if len(counts) else np.zeros(0)
    terms = np.column_stack([counts / total[:, None], agree, np.ones(len(counts))])
    n_values = int((counts.sum(axis=0) > 0).sum())

    def ac1(sums: np.ndarray) -> float:
        *shares, agreement = sums[:-1] / sums[-1]
        chance = sum(share * (1 - share) for share in shares) / max(n_values - 1, 1)
        return (agreement - chance) / (1 - chance) if n_values > 1 else np.nan

    options = {"rng": rng, "n_resamples": n_resamples, "level": level}
    return bootstrap_of_sums(ac1, terms, pair_ids, units, **options)


def leave_one_out_agreement(
    votes: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
    units: pd.Series | None = None,
) -> Interval:
    """How often one vote equals the most frequent of the other votes on its pair, as a fraction.

    Where m values are equally frequent among the others, a vote for one of them counts 1/m, what
    a random choice among them would give. Every vote counts once; over the pairs with at least two
    votes, which `n` counts. Arguments and errors as for `krippendorff_alpha`.
    """
    pair_ids, counts = _paired_counts(votes)
    terms = np.column_stack([_matches(counts), counts.sum(axis=1)])
    options = {"rng": rng, "n_resamples": n_resamples, "level": level}
    return bootstrap_of_sums(lambda sums: sums[0] / sums[1], terms, pair_ids, units, **options)


def bootstrap_of_sums(
    statistic: Callable[[np.ndarray], float],
    terms: np.ndarray,
    pair_ids: pd.Series,
    units: pd.Series | None,
    *,
    rng: np.random.Generator,
    n_resamples: int,
    level: float,
) -> Interval:
    """Bootstrap of a statistic of sums over pairs, redrawing units; `n` counts the pairs.

    Arguments: `statistic` takes the sums `(n_terms,)` of `terms` `(n_pairs, n_terms)`; the rest as
    for `sums_by_unit` and `stats.bootstrap`. A unit with more pairs weighs more, as its pairs do.
    """
    sums = sums_by_unit(terms, pair_ids, units)
    found = bootstrap(
        lambda index: statistic(sums[index].sum(axis=0)),
        len(sums),
        rng=rng,
        n_resamples=n_resamples,
        level=level,
    )
    return replace(found, n=len(terms))


def sums_by_unit(terms: np.ndarray, pair_ids: pd.Series, units: pd.Series | None) -> np.ndarray:
    """Sums of the pairs' terms by unit, `(n_units, n_terms)`; the terms themselves for None.

    Arguments: `terms` `(n_pairs, n_terms)` of the pairs `pair_ids`; `units` by pair_id.
    Raises PreferenceError where a pair has no unit.
    """
    if units is None:
        return terms
    own = units.reindex(pair_ids)
    if own.isna().any():
        unknown = own.index[own.isna()][0]
        raise PreferenceError(
            f"`units` names no unit for pair {unknown!r}: it needs one for every pair with two "
            "votes, by pair_id"
        )
    codes, names = pd.factorize(own)
    return np.column_stack([np.bincount(codes, column, len(names)) for column in terms.T])


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


def _paired_counts(votes: pd.DataFrame) -> tuple[pd.Series, np.ndarray]:
    """The pairs that have at least two votes, and theirs for each choice, (n_pairs, 3)."""
    tallies = count_votes(votes)
    counts = tallies[list(TALLIES)].to_numpy(float)
    enough = counts.sum(axis=1) >= 2
    return tallies["pair_id"][enough], counts[enough]


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
