"""The pair frame: one row a pair of responses, and what reading it reported.

Every part of the study that handles preference data (Elephant, section 3) takes and returns this
frame, whether the pairs came from the hub, a folder or the controlled world. Left out: what the
pairs mean; see `cleaning` for that.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from proxylab.names import missing_name

TEXT_COLUMNS = ("pair_id", "subset", "split", "prompt", "chosen", "rejected")
PAIR_COLUMNS = (*TEXT_COLUMNS, "prompts_differ", "n_turns")
SHOWN = 10  # problems and notices that a summary spells out


class PreferenceError(ValueError):
    """Preference data that cannot be used; the message says what, where and what would be right."""


@dataclass(frozen=True)
class Problem:
    """One row that could not be used, or that deserves a remark; `line` counts from 1."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class ReadReport:
    """What reading found: rows seen, rows kept, each row left out, and remarks on rows kept."""

    n_read: int
    n_kept: int
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()

    def summary(self) -> str:
        """Counts in one line, then the first few problems and notices with file and line."""
        head = (
            f"{self.n_read:,} rows read, {self.n_kept:,} kept, "
            f"{len(self.problems):,} left out, {len(self.notices):,} notices"
        )
        return "\n".join(
            [head, *_lines("left out", self.problems), *_lines("notice", self.notices)]
        )


@dataclass(frozen=True)
class Preferences:
    """A checked pair frame with its read report, a label of its source and its content's hash.

    `fingerprint` is the SHA-256 of identifiers and texts: it depends on neither path nor
    compression.
    """

    pairs: pd.DataFrame
    report: ReadReport
    source: str
    fingerprint: str


def merge_reports(reports: Iterable[ReadReport]) -> ReadReport:
    """One report of several files, in their order."""
    reports = list(reports)
    return ReadReport(
        n_read=sum(r.n_read for r in reports),
        n_kept=sum(r.n_kept for r in reports),
        problems=tuple(p for r in reports for p in r.problems),
        notices=tuple(p for r in reports for p in r.notices),
    )


def check_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame unchanged if it is a pair frame.

    Raises PreferenceError naming the missing column (and the nearest present one), the column of
    the wrong type, the repeated pair_id, or the pair whose prompt does not end in an Assistant
    turn.
    """
    for column in PAIR_COLUMNS:
        if column not in frame.columns:
            raise PreferenceError(missing_name("column", column, frame.columns))
    for column in TEXT_COLUMNS:
        _check_text(frame, column)
    if frame["prompts_differ"].dtype != bool:
        raise PreferenceError(f"prompts_differ must be bool, is {frame['prompts_differ'].dtype}")
    if frame["n_turns"].dtype.kind not in "iu":
        raise PreferenceError(f"n_turns must be an integer, is {frame['n_turns'].dtype}")
    _check_rows(frame)
    return frame


def fingerprint(pairs: pd.DataFrame) -> str:
    """SHA-256, in hex, of the pairs' identifiers and texts in their order."""
    digest = hashlib.sha256()
    for column in ("pair_id", "prompt", "chosen", "rejected"):
        digest.update(json.dumps([column, pairs[column].tolist()]).encode())
    return digest.hexdigest()


def _lines(label: str, entries: tuple[Problem, ...]) -> list[str]:
    shown = [f"  {label}: {entry}" for entry in entries[:SHOWN]]
    more = len(entries) - SHOWN
    return [*shown, f"  {label}: and {more:,} more"] if more > 0 else shown


def _check_text(frame: pd.DataFrame, column: str) -> None:
    if not pd.api.types.is_string_dtype(frame[column]) or frame[column].isna().any():
        raise PreferenceError(
            f"column {column!r} must hold text in every row, is {frame[column].dtype} "
            f"with {int(frame[column].isna().sum())} missing"
        )


def _check_rows(frame: pd.DataFrame) -> None:
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        raise PreferenceError("a pair frame is indexed 0..n-1; use reset_index(drop=True)")
    repeated = frame["pair_id"].duplicated()
    if repeated.any():
        raise PreferenceError(f"pair_id {frame['pair_id'][repeated].iloc[0]!r} occurs twice")
    open_ended = ~frame["prompt"].str.endswith("\n\nAssistant:")
    if open_ended.any():
        pair_id = frame["pair_id"][open_ended].iloc[0]
        raise PreferenceError(f"pair {pair_id}: prompt must end with '\\n\\nAssistant:'")
