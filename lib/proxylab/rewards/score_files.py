"""Scores that were computed elsewhere, as a reward model like any other.

Here a score file has one row a pair: `pair_id, score_chosen, score_rejected`, as JSON lines, CSV
(either may be compressed) or parquet. It suits what compares two replies, and published scores; one
row a text, which serves everywhere, is in `text_scores`. Also read here: JudgeBench (ScalerLab,
CC BY 4.0), 350 pairs with an objective label and the published scores of five reward models.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from proxylab.names import missing_name
from proxylab.preferences.lines import (
    collect_rows,
    csv_row,
    json_object,
    read_bytes,
    read_csv,
    require_rows,
    text_field,
)
from proxylab.preferences.schema import PreferenceError, ReadReport, check_pairs

SCORE_COLUMNS = ("pair_id", "score_chosen", "score_rejected")
TASKS = {"livebench-reasoning": "reasoning", "livebench-math": "math", "livecodebench": "coding"}
Fields = tuple[list[str], list[str]]  # of CSV: the header's and a row's
Raw = bytes | Mapping[str, Any] | Fields  # a row of JSON lines, of parquet, of CSV


@dataclass(frozen=True)
class ScoreFile:
    """A reward model known only by its scores of given pairs."""

    name: str
    scores: pd.DataFrame
    report: ReadReport

    def score_pairs(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Scores of `pairs` in their order; NaN, hence undefined, for a pair not in the file."""
        known = self.scores.set_index("pair_id")
        return known.reindex(pairs["pair_id"]).reset_index()[list(SCORE_COLUMNS)]


def read_scores(path: str | Path, *, name: str | None = None) -> ScoreFile:
    """Read a score file (.jsonl, .csv, each also .gz or .xz; .parquet).

    Arguments: `name` of the model, by default the file's. A missing or null score is undefined
    (NaN); a row that cannot be used is left out and named in `report`.
    Raises ValueError when the suffix is unknown, a pair occurs twice, or no row can be used.
    """
    path = Path(path)
    rows, report = collect_rows(reader_of(path)(path), _score_row, file=str(path))
    scores = pd.DataFrame(
        [row for _, row in require_rows(rows, path, report)], columns=list(SCORE_COLUMNS)
    )
    repeated = scores["pair_id"].duplicated()
    if repeated.any():
        raise ValueError(f"{path}: pair {scores['pair_id'][repeated].iloc[0]!r} is scored twice")
    return ScoreFile(name or path.name.split(".")[0], scores, report)


def _score_row(raw: Raw) -> tuple[str, float, float]:
    row = row_of(raw)
    has_columns(row, SCORE_COLUMNS)
    if not isinstance(row["pair_id"], str) or not row["pair_id"]:
        raise ValueError(f"pair_id must be text, is {row['pair_id']!r}")
    return row["pair_id"], *(score_number(column, row[column]) for column in SCORE_COLUMNS[1:])


def row_of(raw: Raw) -> Mapping[str, Any]:
    """A row that a reader gave, by column; ValueError says why it is none."""
    if isinstance(raw, bytes):
        return json_object(raw)
    if isinstance(raw, Mapping):
        return raw
    return csv_row(*raw)


def has_columns(row: Mapping[str, Any], columns: Iterable[str]) -> None:
    """Raise ValueError naming the first of these columns that a row lacks, and the nearest."""
    for column in columns:
        if column not in row:
            raise ValueError(missing_name("column", column, row))


def score_number(column: str, value: Any) -> float:
    """A score as float, NaN where it is missing; ValueError for what is no finite number."""
    if value is None or value == "":
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{column} must be a number, is {value!r}") from None
    if math.isinf(number):
        raise ValueError(f"{column} must be finite, is {value!r}")
    return number


def _json_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    lines = read_bytes(path).split(b"\n")
    return enumerate(lines if lines[-1].strip() else lines[:-1])


def _csv_rows(path: Path) -> Iterator[tuple[int, Fields]]:
    header, rows = read_csv(path)
    return ((number, (header, fields)) for number, fields in rows)


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    return enumerate(pd.read_parquet(path).to_dict("records"))


READERS = {".jsonl": _json_lines, ".csv": _csv_rows, ".parquet": _parquet_rows}


def reader_of(path: Path) -> Callable[[Path], Iterator[tuple[int, Raw]]]:
    """What reads the numbered rows of a score file; ValueError for an unknown suffix."""
    kind = next((suffix for suffix in path.suffixes[::-1] if suffix in READERS), None)
    if kind is None:
        raise ValueError(f"{path}: a score file ends in {', '.join(READERS)} (or .gz, .xz)")
    return READERS[kind]


def first_row(path: Path) -> Mapping[str, Any]:
    """The first row of a score file that can be read, empty if there is none."""
    for _, raw in reader_of(path)(path):
        with contextlib.suppress(ValueError):
            return row_of(raw)
    return {}


def read_judgebench(path: str | Path) -> tuple[pd.DataFrame, dict[str, ScoreFile]]:
    """JudgeBench's pairs and the scores of each published reward model on them.

    `path` is `pairs.jsonl[.gz]` or its folder. The labelled side is `chosen`; subsets are
    "judgebench-knowledge", "-reasoning", "-math" and "-coding", as in its paper.
    Raises ValueError naming file and line when a row is not as expected.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "pairs.jsonl.gz"
    rows, report = collect_rows(_json_lines(path), _judgebench_row, file=str(path))
    if report.problems:
        raise PreferenceError(str(report.problems[0]))
    require_rows(rows, path, report)
    pairs = [{"pair_id": f"{row['subset']}/test/{i:06d}", **row} for i, row in rows]
    frame = pd.DataFrame(pairs).drop(columns="scores")
    models = {
        model: ScoreFile(model, _model_scores(pairs, model), report) for model in pairs[0]["scores"]
    }
    return check_pairs(frame), models


def _judgebench_row(line: bytes) -> dict[str, Any]:
    row = json_object(line)
    label = text_field(row, "label")
    if label not in ("A>B", "B>A"):
        raise ValueError(f"label must be 'A>B' or 'B>A', is {label!r}")
    order = 1 if label == "A>B" else -1
    better, worse = ("response_A", "response_B")[::order]
    return {
        "subset": f"judgebench-{TASKS.get(text_field(row, 'source'), 'knowledge')}",
        "split": "test",
        "prompt": f"\n\nHuman: {text_field(row, 'question')}\n\nAssistant:",
        "chosen": text_field(row, better).strip(),
        "rejected": text_field(row, worse).strip(),
        "prompts_differ": False,
        "n_turns": 1,
        "scores": {model: pair[::order] for model, pair in row.get("scores", {}).items()},
    }


def _model_scores(pairs: list[dict[str, Any]], model: str) -> pd.DataFrame:
    values = np.array([pair["scores"][model] for pair in pairs], dtype=np.float64)
    ids = [pair["pair_id"] for pair in pairs]
    return pd.DataFrame(
        {"pair_id": ids, "score_chosen": values[:, 0], "score_rejected": values[:, 1]}
    )
