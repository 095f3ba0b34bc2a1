"""Who agrees with whom: each annotator against the others, and annotators two by two.

Elephant names its four annotators' agreement nowhere. `agreement` says how far all agree; here is
how that spreads over pairs, annotators and couples of annotators. Left out: an annotator's quality
by topic, and any verdict on a person.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from proxylab.annotators.votes import CHOICES, count_votes
from proxylab.cleaning.aggregation import PROBABILITIES
from proxylab.stats import wilson

MIN_OVERLAP = 20  # votes in common below which a kappa says next to nothing


def vote_patterns(votes: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """How the votes on a pair split, largest part first, as shares of pairs with Wilson intervals.

    Returns pattern ("5", "4-1", "2-2-1", ...), n_votes, n, share, low, high; the most votes and
    the most unanimous first. Pairs without a vote are left out.
    """
    tallies = count_votes(votes)[["n_chosen", "n_rejected", "n_tie"]].to_numpy()
    parts = -np.sort(-tallies[tallies.sum(axis=1) > 0], axis=1)
    patterns, counts = np.unique(parts, axis=0, return_counts=True)
    order = np.lexsort((-patterns[:, 1], -patterns[:, 0], -patterns.sum(axis=1)))
    rows = []
    for pattern, n in zip(patterns[order], counts[order], strict=True):
        found = wilson(int(n), len(parts), level=level)
        name = "-".join(str(part) for part in pattern if part)
        limits = {"share": found.estimate, "low": found.low, "high": found.high}
        rows.append({"pattern": name, "n_votes": int(pattern.sum()), "n": int(n), **limits})
    return pd.DataFrame(rows, columns=["pattern", "n_votes", "n", "share", "low", "high"])


def annotator_agreement(votes: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """How often each annotator's vote is the most frequent one of the others on its pair.

    Credit as in `leave_one_out_agreement`: 1/m where the others have m most frequent values.
    Returns annotator, n (votes on pairs that others voted on too), agreement, low, high, in order
    of the annotators' names. The limits are Wilson's with the credits as counts, which is a little
    wide where credits are parts.
    """
    credit = _credits(votes)
    sums = credit.groupby("annotator")["credit"].agg(["size", "sum"])
    low, high = _wilson_limits(sums["sum"].to_numpy(), sums["size"].to_numpy(), level)
    agreement = sums["sum"].to_numpy() / sums["size"].to_numpy()
    columns = {"n": sums["size"].to_numpy(), "agreement": agreement, "low": low, "high": high}
    return pd.DataFrame({"annotator": pd.array(sums.index, dtype="str"), **columns})


def pairwise_agreement(
    votes: pd.DataFrame, *, min_overlap: int = MIN_OVERLAP, level: float = 0.95
) -> pd.DataFrame:
    """Share of equal votes and Cohen's kappa of every two annotators with enough pairs in common.

    Arguments: `min_overlap` pairs that both voted on.
    Returns annotator_a, annotator_b, n, agreement, low, high (Wilson), kappa, kappa_low,
    kappa_high (normal limits), in order of the names; kappa is NaN where each of the two gave one
    and the same vote throughout. Source: Cohen (1960); the variance is that of Fleiss, Cohen and
    Everitt (1969), through statsmodels.
    """
    tables = _joint_tables(votes, min_overlap)
    rows = [_couple(a, b, table, level) for (a, b), table in tables]
    columns = ["annotator_a", "annotator_b", "n", "agreement", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "kappa", "kappa_low", "kappa_high"])


def expected_accuracy(votes: pd.DataFrame, aggregated: pd.DataFrame) -> pd.DataFrame:
    """How often each annotator is right if the posteriors of `aggregate` are.

    Returns annotator, n, expected_accuracy: the mean posterior of the outcomes voted for. The
    annotator's own votes have shaped the posterior, so few votes flatter.
    """
    valid = votes.dropna(subset="choice")
    place = pd.Index(aggregated["pair_id"]).get_indexer(valid["pair_id"])
    column = valid["choice"].map({name: i for i, name in enumerate(CHOICES)}).to_numpy(int)
    posterior = aggregated[list(PROBABILITIES)].to_numpy()[place, column]
    grouped = pd.Series(posterior).groupby(valid["annotator"].to_numpy(object))
    found = grouped.agg(["size", "mean"])
    columns = {"n": found["size"].to_numpy(), "expected_accuracy": found["mean"].to_numpy()}
    return pd.DataFrame({"annotator": pd.array(found.index, dtype="str"), **columns})


def _credits(votes: pd.DataFrame) -> pd.DataFrame:
    """A row a vote that has company: annotator and credit, 0 to 1."""
    valid = votes.dropna(subset="choice")
    counts = count_votes(valid).set_index("pair_id")[["n_chosen", "n_rejected", "n_tie"]]
    others = counts.loc[valid["pair_id"]].to_numpy(copy=True)
    column = valid["choice"].map({name: i for i, name in enumerate(CHOICES)}).to_numpy(int)
    rows = np.arange(len(valid))
    others[rows, column] -= 1
    top = others.max(axis=1)
    credit = (others[rows, column] == top) / (others == top[:, None]).sum(axis=1)
    return pd.DataFrame({"annotator": valid["annotator"].to_numpy(object), "credit": credit})[
        others.sum(axis=1) > 0
    ]


def _joint_tables(votes: pd.DataFrame, min_overlap: int) -> list[tuple]:
    """((a, b), 3 x 3 counts of a's vote by b's) of every two annotators with enough in common."""
    valid = votes.dropna(subset="choice")
    workers, names = pd.factorize(valid["annotator"].to_numpy(object), sort=True)
    pairs, _ = pd.factorize(valid["pair_id"].to_numpy(object))
    label = valid["choice"].map({name: i for i, name in enumerate(CHOICES)}).to_numpy(int)
    flat = pd.DataFrame({"pair": pairs, "worker": workers, "label": label})
    both = flat.merge(flat, on="pair", suffixes=("_a", "_b"))
    both = both[both["worker_a"] < both["worker_b"]]
    couple = both["worker_a"].to_numpy() * len(names) + both["worker_b"].to_numpy()
    found, row, overlap = np.unique(couple, return_inverse=True, return_counts=True)
    tables = np.zeros((len(found), len(CHOICES), len(CHOICES)))
    np.add.at(tables, (row, both["label_a"].to_numpy(), both["label_b"].to_numpy()), 1)
    enough = np.flatnonzero(overlap >= min_overlap)
    return [((*names[list(divmod(int(found[i]), len(names)))],), tables[i]) for i in enough]


def _couple(a: str, b: str, table: np.ndarray, level: float) -> tuple:
    n = int(table.sum())
    share = wilson(int(np.trace(table)), n, level=level)
    kappa = _kappa(table, level)
    return (a, b, n, share.estimate, share.low, share.high, *kappa)


def _kappa(table: np.ndarray, level: float) -> tuple[float, float, float]:
    from statsmodels.stats.inter_rater import cohens_kappa  # half a second in every run

    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / table.sum() ** 2
    if by_chance == 1:
        return np.nan, np.nan, np.nan
    found = cohens_kappa(table)
    half_width = norm.ppf((1 + level) / 2) * found.std_kappa
    return found.kappa, found.kappa - half_width, min(found.kappa + half_width, 1.0)


def _wilson_limits(counts: np.ndarray, n: np.ndarray, level: float) -> tuple:
    from statsmodels.stats.proportion import proportion_confint  # half a second in every run

    return proportion_confint(counts, n, alpha=1 - level, method="wilson")
