"""People's votes on pairs of completions, read from a file, as the annotator of the loop.

A row says which of two completions of one prompt is better. So a study can be labelled by people,
or by any program, away from the loop. Left out: how the questions are put to them, and votes on
recorded preference pairs (`annotators.votes_file`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from proxylab.names import missing_name
from proxylab.preferences.lines import read_votes_rows, text_field
from proxylab.preferences.schema import ReadReport
from proxylab.shf_cas.annotators import checked_choice, win_shares

TEXTS = ("prompt", "first", "second")
COLUMNS = (*TEXTS, "choice", "annotator")
REQUIRED = COLUMNS[:-1]
SHARE_OF_FIRST = {"first": 1.0, "tie": 0.5, "second": 0.0}

Vote = tuple[str, str, str, str, str | None]


class VotesAnnotator:
    """Labels with the share of comparisons won among the votes that were cast.

    A completion's label is the mean, over the other chosen completions that it was compared with,
    of the share of votes that it got against each. Only texts that match to the letter are found.
    Arguments: `votes` with columns prompt, first, second, choice ("first", "second" or "tie");
    `report` on the file they came from.
    Raises ValueError for a missing column or an unknown choice, naming the nearest.
    """

    name = "votes"

    def __init__(self, votes: pd.DataFrame, *, report: ReadReport | None = None):
        for column in REQUIRED:
            if column not in votes.columns:
                raise ValueError(missing_name("column", column, votes.columns))
        for choice in votes["choice"].unique():
            if choice not in SHARE_OF_FIRST:
                raise ValueError(missing_name("choice", str(choice), SHARE_OF_FIRST))
        self.votes, self.report = votes, report
        self.n_unknown = 0  # votes on texts that the last call of `label` did not know
        self._won = _shares_by_pair(votes)
        self._used: set[tuple[str, str, str]] = set()

    @classmethod
    def read(cls, path: str | Path) -> "VotesAnnotator":
        """Votes from a file (`read_completion_votes`), whose report is kept."""
        votes, report = read_completion_votes(path)
        return cls(votes, report=report)

    @property
    def n_asked(self) -> int:
        """Different pairs of chosen completions that had votes, so far."""
        return len(self._used)

    def label(
        self, prompts: Sequence[str], responses: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """Shares won by the chosen completions, 0 to 1; NaN elsewhere and without a vote.

        Afterwards `n_unknown` says how many votes name a prompt or completion that is not here.
        """
        chosen = checked_choice(prompts, responses, chosen)
        labels = np.full(chosen.shape, np.nan)
        for i, prompt in enumerate(prompts):
            texts = responses[i, chosen[i]].tolist()
            won = self._won.get(prompt, {})
            self._used |= {(prompt, *pair) for pair in won if set(pair) <= set(texts)}
            if texts:
                labels[i, chosen[i]] = win_shares(texts, won)
        self.n_unknown = self._count_unknown(prompts, responses)
        return labels

    def _count_unknown(self, prompts: Sequence[str], responses: np.ndarray) -> int:
        known: dict[str, set[str]] = {}
        for prompt, texts in zip(prompts, responses, strict=True):
            known.setdefault(prompt, set()).update(texts)
        rows = self.votes[list(TEXTS)].itertuples(index=False)
        return sum(
            not {first, second} <= known.get(prompt, set()) for prompt, first, second in rows
        )


def read_completion_votes(path: str | Path) -> tuple[pd.DataFrame, ReadReport]:
    """Read votes on pairs of completions (.jsonl or .csv, also .gz) and what was wrong with them.

    A row has prompt, first, second, choice ("first", "second", "tie"; empty: no vote) and, if
    known, annotator. A row without a vote, with an unknown choice, of a text against itself, or a
    second vote of one annotator on one pair is counted in the report with file and line.
    Raises PreferenceError for a file of another kind, a missing column, or no row that can be used.
    """
    rows, report = read_votes_rows(Path(path), _VoteParser(), required=REQUIRED)
    return pd.DataFrame([vote for _, vote in rows], columns=list(COLUMNS)), report


class _VoteParser:
    """Turns one row into a vote; remembers who has voted on what, to find second votes."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, frozenset[str]]] = set()

    def __call__(self, row: dict[str, Any]) -> Vote:
        prompt, first, second = (text_field(row, key) for key in TEXTS)
        if first == second:
            raise ValueError("first and second are the same text")
        choice, annotator = _choice(row), row.get("annotator") or None
        if annotator is not None:
            vote = (text_field(row, "annotator"), prompt, frozenset((first, second)))
            if vote in self.seen:
                raise ValueError(f"{annotator!r} has already voted on this pair of completions")
            self.seen.add(vote)
        return prompt, first, second, choice, annotator


def _choice(row: dict[str, Any]) -> str:
    if "choice" not in row:
        raise ValueError(missing_name("key", "choice", row))
    if row["choice"] in (None, ""):
        raise ValueError("no vote")
    if row["choice"] not in tuple(SHARE_OF_FIRST):  # a tuple: JSON may hold what has no hash
        raise ValueError(missing_name("choice", str(row["choice"]), SHARE_OF_FIRST))
    return row["choice"]


def _shares_by_pair(votes: pd.DataFrame) -> dict[str, dict[tuple[str, str], float]]:
    """By prompt: the share of votes that the first text of each pair got, pairs in sorted order."""
    cast: dict[str, dict[tuple[str, str], list[float]]] = {}
    for prompt, first, second, choice in votes[list(REQUIRED)].itertuples(index=False):
        share = SHARE_OF_FIRST[choice]
        pair = (first, second) if first < second else (second, first)
        pairs = cast.setdefault(prompt, {})
        pairs.setdefault(pair, []).append(share if pair[0] == first else 1 - share)
    return {
        prompt: {pair: float(np.mean(shares)) for pair, shares in pairs.items()}
        for prompt, pairs in cast.items()
    }
