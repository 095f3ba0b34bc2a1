"""Votes in and out of files: JSON lines or CSV, plain or compressed.

One row a vote: pair_id, annotator, choice, and optionally toxic (an empty or missing choice means
asked but no vote). For relabelling as in Elephant, section 3.2.1, by people or by any other
program. Left out: annotation tools' own export formats; other keys in a row are ignored.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from proxylab.annotators.votes import CHOICES, check_votes, votes_frame
from proxylab.names import missing_name
from proxylab.preferences.export import gzip_lines, write_bytes
from proxylab.preferences.lines import read_votes_rows, text_field
from proxylab.preferences.schema import PreferenceError, ReadReport

REQUIRED = ("pair_id", "annotator", "choice")
FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Vote = tuple[str, str, str | None, bool | None]


def read_votes(
    path: str | Path, *, pair_ids: Collection[str] | None = None
) -> tuple[pd.DataFrame, ReadReport]:
    """Read a votes file (.jsonl or .csv, also .gz) into a votes frame.

    Arguments: `pair_ids` are the pairs that may be voted on (default: any).
    Returns the votes and the report: a row with an unknown pair, an unknown choice or flag, or a
    second vote of one annotator on one pair is counted there with file and line.
    Raises PreferenceError for a file of another kind, without a needed column, or without any
    row that can be used.
    """
    path = Path(path)
    parser = _VoteParser(None if pair_ids is None else set(pair_ids))
    rows, report = read_votes_rows(path, parser, required=REQUIRED)
    return votes_frame(*zip(*(vote for _, vote in rows), strict=True)), report


def write_votes(votes: pd.DataFrame, path: str | Path) -> Path:
    """Write a votes frame as .jsonl.gz, whole or not at all; equal votes give equal bytes."""
    path = Path(path)
    if not path.name.endswith(".jsonl.gz"):
        raise PreferenceError(f"{path}: votes are written as .jsonl.gz")
    columns = check_votes(votes)[[*REQUIRED, "toxic"]]
    rows = columns.astype(object).where(columns.notna(), None).to_dict("records")
    write_bytes(path, gzip_lines(rows))
    return path


class _VoteParser:
    """Turns one row into a vote; remembers who has voted on what, to find second votes."""

    def __init__(self, known: set[str] | None) -> None:
        self.known = known
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, row: dict[str, Any]) -> Vote:
        pair_id, annotator = text_field(row, "pair_id"), text_field(row, "annotator")
        if self.known is not None and pair_id not in self.known:
            raise ValueError(f"a vote for the unknown pair {pair_id!r}")
        vote = (pair_id, annotator, _choice(row), _flag(row.get("toxic")))
        if (pair_id, annotator) in self.seen:
            raise ValueError(f"{annotator!r} has already voted on pair {pair_id!r}")
        self.seen.add((pair_id, annotator))
        return vote


def _choice(row: dict[str, Any]) -> str | None:
    if "choice" not in row:
        raise ValueError(missing_name("key", "choice", row))
    value = row["choice"]
    if value is None or value == "":
        return None
    if value not in CHOICES:
        raise ValueError(missing_name("choice", str(value), CHOICES))
    return value


def _flag(value: Any) -> bool | None:
    if value is None or value == "":
        return None
    if str(value).lower() not in FLAGS:
        raise ValueError(f"toxic must be true, false or empty, is {value!r}")
    return FLAGS[str(value).lower()]
