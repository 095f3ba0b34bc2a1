"""A committee of reward models as annotators, labelled as such wherever it is used.

Where no person relabels (HH-RLHF as published), models vote: each prefers the response that it
scores higher. A committee trained on the very pairs it judges would confirm them, so
`cross_fit_votes` lets each member vote only on pairs it was not trained on. A committee's verdict
is not a person's: Elephant's own tables show how far reward models stray. Left out: weighting
members by quality.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from proxylab.annotators.votes import votes_frame
from proxylab.preferences.facts import first_questions
from proxylab.preferences.schema import PreferenceError


class Scorer(Protocol):
    """What a member needs: a score for each prompt and response, higher is better."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray: ...


def committee_votes(
    pairs: pd.DataFrame, members: Mapping[str, Scorer], *, tie_margin: float = 0.0
) -> pd.DataFrame:
    """One vote of each member on each pair.

    Arguments: `members` maps a name to a reward model; a score gap of at most `tie_margin`
    (reward units of that member) is a tie. A score that is not a number gives a missing vote.
    Returns a votes frame without toxic flags.
    """
    return _stack(
        pairs, {name: score_gap(pairs, member) for name, member in members.items()}, tie_margin
    )


def cross_fit_votes(
    pairs: pd.DataFrame,
    fit: Mapping[str, Callable[[pd.DataFrame], Scorer]],
    *,
    n_folds: int = 5,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    tie_margin: float = 0.0,
) -> pd.DataFrame:
    """Votes of members trained on the other folds, so that no member has seen what it judges.

    Arguments: `fit` maps a name to a function that trains a reward model on a pair frame;
    `groups` `(n_pairs,)` keeps equal values in one fold (default: the first human turn);
    `tie_margin` as in `committee_votes`.
    Raises PreferenceError when there are fewer groups than folds.
    """
    labels = first_questions(pairs) if groups is None else pd.Series(groups)
    if labels.nunique() < n_folds:
        raise PreferenceError(f"{n_folds} folds need as many groups; there are {labels.nunique()}")
    gaps = {name: np.full(len(pairs), np.nan) for name in fit}
    folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
    for seen, unseen in folds.split(pairs, groups=labels.to_numpy(object)):
        train, held_out = (pairs.iloc[rows].reset_index(drop=True) for rows in (seen, unseen))
        for name, train_member in fit.items():
            gaps[name][unseen] = score_gap(held_out, train_member(train))
    return _stack(pairs, gaps, tie_margin)


def score_gap(pairs: pd.DataFrame, member: Scorer) -> np.ndarray:
    """Score of the chosen minus score of the rejected response, `(n_pairs,)`, reward units."""
    prompts = pairs["prompt"].tolist()
    chosen = member.score(prompts, pairs["chosen"].tolist())
    rejected = member.score(prompts, pairs["rejected"].tolist())
    return np.asarray(chosen, float) - np.asarray(rejected, float)


def _stack(pairs: pd.DataFrame, gaps: Mapping[str, np.ndarray], margin: float) -> pd.DataFrame:
    gap = np.column_stack(list(gaps.values()))  # (n_pairs, n_members)
    decided = np.where(gap > 0, "chosen", "rejected")
    choice = np.where(np.abs(gap) <= margin, "tie", decided).astype(object)
    choice[np.isnan(gap)] = None
    return votes_frame(
        np.repeat(pairs["pair_id"].to_numpy(object), len(gaps)),
        np.tile(list(gaps), len(pairs)),
        choice.ravel(),
    )
