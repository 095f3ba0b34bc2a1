"""Votes into the six categories of Elephant, section 3.1.

Empty: one response is empty. Repetitive: the two are identical. Toxic: the response recorded as
chosen is toxic. Same, Opposite, Vague: by the votes. The paper's four annotators call a pair
Opposite at three of four votes and Vague at two against two. With another number of annotators,
missing votes or ties, two rules generalise this, and agree with it at four votes without ties:

- "majority": more than half of the valid votes (of 5: 3; of 3: 2; of 2: 2);
- "three_quarters": at least three quarters of them (of 5: 4; of 3: 3; of 2: 2).

A tie is a valid vote for neither response. Where several categories apply the order of
PRECEDENCE decides; the paper does not say which should. Left out: why annotators disagree.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.annotators.votes import count_votes
from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError
from proxylab.stats import wilson

CATEGORIES = ("Same", "Opposite", "Toxic", "Vague", "Repetitive", "Empty")
UNDECIDED = "Undecided"  # too few valid votes: counted, but in no category and no cleaned set
LABELS = (*CATEGORIES, UNDECIDED)
PRECEDENCE = ("Empty", "Repetitive", "Toxic")  # before what the votes say
RULES = ("majority", "three_quarters")
MIN_VOTES = 2


def categorise(
    pairs: pd.DataFrame,
    votes: pd.DataFrame,
    *,
    rule: str = "majority",
    min_votes: int = MIN_VOTES,
    toxic: Sequence[bool] | None = None,
) -> pd.DataFrame:
    """The category of each pair, in the order of the pairs.

    Arguments: `rule` is one of RULES; with fewer than `min_votes` valid votes a pair that is not
    Empty, Repetitive or Toxic is Undecided; `toxic` `(n_pairs,)` says whether the chosen response
    is toxic, in place of the annotators' flags (more than half of them, of at least `min_votes`).
    Returns pair_id, category, n_votes, n_chosen, n_rejected, n_tie.
    Raises PreferenceError for an unknown rule, a vote on an unknown pair, or flags of another
    length than the pairs.
    """
    counts = count_votes(votes, pairs["pair_id"])
    flags = toxic_by_votes(counts, min_votes=min_votes) if toxic is None else _flags(toxic, pairs)
    holds = {
        "Empty": (pairs["chosen"].str.strip() == "") | (pairs["rejected"].str.strip() == ""),
        "Repetitive": pairs["chosen"] == pairs["rejected"],
        "Toxic": flags,
    }
    voted = category_by_votes(counts, rule=rule, min_votes=min_votes)
    category = np.select([np.asarray(holds[name]) for name in PRECEDENCE], PRECEDENCE, voted)
    return _result(counts, category)


def category_by_votes(
    counts: pd.DataFrame, *, rule: str = "majority", min_votes: int = MIN_VOTES
) -> np.ndarray:
    """Same, Opposite, Vague or Undecided for each row of a table of vote counts.

    Arguments: `counts` as `count_votes` gives it. Raises PreferenceError for an unknown rule or a
    `min_votes` below 1.
    """
    if rule not in RULES:
        raise PreferenceError(missing_name("rule", rule, RULES))
    if min_votes < 1:
        raise PreferenceError(f"min_votes must be at least 1, is {min_votes}")
    chosen, rejected = (counts[name].to_numpy() for name in ("n_chosen", "n_rejected"))
    valid = chosen + rejected + counts["n_tie"].to_numpy()
    conditions = [valid < min_votes, _carries(chosen, valid, rule), _carries(rejected, valid, rule)]
    return np.select(conditions, [UNDECIDED, "Same", "Opposite"], "Vague")


def toxic_by_votes(counts: pd.DataFrame, *, min_votes: int = MIN_VOTES) -> np.ndarray:
    """Whether more than half of the annotators asked, at least `min_votes`, call chosen toxic."""
    asked = counts["n_toxic_asked"].to_numpy()
    return (2 * counts["n_toxic"].to_numpy() > asked) & (asked >= min_votes)


def category_counts(
    categories: pd.DataFrame, *, by: Sequence[str] | None = None, level: float = 0.95
) -> pd.DataFrame:
    """How many pairs fall in each category, as shares with Wilson intervals.

    Arguments: a frame from `categorise`; `by` `(n_pairs,)` labels each row with its group, for
    example its subset (default: one group, "all").
    Returns group, category, n, total, share, low, high: a row for each of LABELS in each group.
    Shares are of all pairs of the group, the undecided among them.
    """
    groups = pd.Series("all" if by is None else np.asarray(by), index=categories.index)
    table = pd.crosstab(groups, categories["category"]).reindex(columns=list(LABELS), fill_value=0)
    table = table.loc[groups.unique()]
    rows = [
        _share(group, label, int(table.loc[group, label]), int(table.loc[group].sum()), level)
        for group in table.index
        for label in LABELS
    ]
    return pd.DataFrame(rows)


def _carries(votes_for: np.ndarray, valid: np.ndarray, rule: str) -> np.ndarray:
    return 2 * votes_for > valid if rule == "majority" else 4 * votes_for >= 3 * valid


def _flags(toxic: Sequence[bool], pairs: pd.DataFrame) -> np.ndarray:
    flags = np.asarray(toxic, bool)
    if flags.shape != (len(pairs),):
        raise PreferenceError(f"toxic must have one flag a pair, {len(pairs)}, has {flags.shape}")
    return flags


def _result(counts: pd.DataFrame, category: np.ndarray) -> pd.DataFrame:
    tallies = ["n_chosen", "n_rejected", "n_tie"]
    return pd.DataFrame(
        {
            "pair_id": counts["pair_id"],
            "category": pd.array(category.astype(object), dtype="str"),
            "n_votes": counts[tallies].sum(axis=1),
            **{name: counts[name] for name in tallies},
        }
    )


def _share(group: str, label: str, n: int, total: int, level: float) -> dict:
    interval = wilson(n, total, level=level)
    return {
        "group": group,
        "category": label,
        "n": n,
        "total": total,
        "share": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }
