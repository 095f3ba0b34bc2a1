"""The votes frame: who chose which response of which pair, blind to the recorded label.

Elephant, section 3.2.1: annotators choose the better of two responses without seeing which was
recorded as chosen. Here `choice` names the response by its recorded role, since that is how pairs
are stored; the annotator did not know it. Left out: scores and free-text reasons.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError

CHOICES = ("chosen", "rejected", "tie")
VOTE_COLUMNS = ("pair_id", "annotator", "choice", "toxic")


def votes_frame(
    pair_id: Sequence[str],
    annotator: Sequence[str],
    choice: Sequence[str | None],
    toxic: Sequence[bool | None] | None = None,
) -> pd.DataFrame:
    """A checked votes frame, one row for each pair and annotator asked.

    Arguments, all `(n_votes,)`: `choice` is "chosen", "rejected", "tie" or missing (asked, no
    vote); `toxic` says whether this annotator finds the chosen response toxic, or missing.
    Raises PreferenceError as `check_votes` does.
    """
    flags = np.full(len(pair_id), None, object) if toxic is None else toxic
    return check_votes(
        pd.DataFrame(
            {
                "pair_id": pd.array(np.asarray(pair_id, object), dtype="str"),
                "annotator": pd.array(np.asarray(annotator, object), dtype="str"),
                "choice": pd.array(np.asarray(choice, object), dtype="str"),
                "toxic": pd.array(flags, dtype="boolean"),
            }
        )
    )


def check_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the frame unchanged if it is a votes frame.

    Raises PreferenceError naming a missing column, an unknown choice (with the nearest known one),
    or an annotator who votes twice on a pair.
    """
    for column in VOTE_COLUMNS:
        if column not in votes.columns:
            raise PreferenceError(missing_name("column", column, votes.columns))
    unknown = set(votes["choice"].dropna().unique()) - set(CHOICES)
    if unknown:
        raise PreferenceError(missing_name("choice", min(unknown), CHOICES))
    twice = votes.duplicated(["pair_id", "annotator"])
    if twice.any():
        row = votes[twice].iloc[0]
        raise PreferenceError(f"{row['annotator']!r} votes twice on pair {row['pair_id']!r}")
    return votes


def count_votes(votes: pd.DataFrame, pair_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """How many annotators of each pair chose what.

    Arguments: a votes frame; `pair_ids` the pairs wanted and their order (default: those that
    occur in the votes, in order of first occurrence).
    Returns pair_id, n_chosen, n_rejected, n_tie, n_toxic and n_toxic_asked (toxic flags given),
    one row a pair, zeros for a pair without votes.
    Raises PreferenceError for a vote on a pair that is not in `pair_ids`.
    """
    ids = pd.Index(votes["pair_id"].unique() if pair_ids is None else pair_ids)
    row = ids.get_indexer(votes["pair_id"])
    if (row < 0).any():
        raise PreferenceError(
            f"a vote names the unknown pair {votes['pair_id'][row < 0].iloc[0]!r}"
        )
    tallies = {
        "n_chosen": votes["choice"] == "chosen",
        "n_rejected": votes["choice"] == "rejected",
        "n_tie": votes["choice"] == "tie",
        "n_toxic": votes["toxic"].fillna(False),
        "n_toxic_asked": votes["toxic"].notna(),
    }
    counts = {
        name: np.bincount(row[np.asarray(hit, bool)], minlength=len(ids))
        for name, hit in tallies.items()
    }
    return pd.DataFrame({"pair_id": pd.array(ids, dtype="str"), **counts})
