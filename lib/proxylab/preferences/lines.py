"""Rows out of JSON-lines and CSV files, plain or compressed, with every bad row counted.

Shared by the readers of pairs and of votes. A row that cannot be used becomes a `Problem` with
file and line; a file of which nothing can be used is an error. Left out: streaming; the largest
file of the study is a few megabytes.
"""

import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError, Problem, ReadReport

Raw = TypeVar("Raw")
Row = TypeVar("Row")
OPENERS = {".gz": gzip.open, ".xz": lzma.open}


def read_bytes(path: Path) -> bytes:
    """The whole content of a file, decompressed by its suffix (.gz, .xz).

    Raises PreferenceError if there is no such file or it cannot be decompressed.
    """
    if not path.is_file():
        raise PreferenceError(f"{path}: no such file")
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            return file.read()
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise PreferenceError(f"{path}: cannot be read: {error}") from error


def read_json_lines(
    path: Path,
    parse: Callable[[dict[str, Any]], Row],
    *,
    name: str | None = None,
    remark: Callable[[Row], str | None] | None = None,
) -> tuple[list[tuple[int, Row]], ReadReport]:
    """Parse each line of a JSON-lines file; the last, empty line is none.

    Arguments: `parse` turns one JSON object into a row and raises ValueError with the reason if
    it cannot; `name` is what reports call the file (default: the path as given); `remark` gives
    a notice about a row that is kept, or None.
    Returns [(line number from 0, row)] and the report, whose lines count from 1.
    Raises PreferenceError when no line could be used, with the first reason.
    """
    lines = read_bytes(path).split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    rows, report = collect_rows(
        enumerate(lines),
        lambda line: parse(json_object(line)),
        file=name or str(path),
        remark=remark,
    )
    return require_rows(rows, path, report), report


def read_votes_rows(
    path: Path, parse: Callable[[dict[str, Any]], Row], *, required: tuple[str, ...]
) -> tuple[list[tuple[int, Row]], ReadReport]:
    """Parse each row of a votes file, by its suffix as JSON lines or as CSV with a header.

    Arguments: `parse` as in `read_json_lines`; `required` columns that a CSV file must have. A CSV
    row with more or fewer fields than the header is a problem. Returns as `read_json_lines` does.
    Raises PreferenceError for another suffix, a missing column, no CSV, or no row that can be used.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    if suffixes[-1:] == [".jsonl"]:
        return read_json_lines(path, parse)
    if suffixes[-1:] != [".csv"]:
        raise PreferenceError(f"{path}: a votes file ends in .jsonl or .csv (or either with .gz)")
    header, numbered = read_csv(path)
    for column in required:
        if column not in header:
            raise PreferenceError(f"{path}: {missing_name('column', column, header)}")
    rows, report = collect_rows(
        numbered, lambda fields: parse(csv_row(header, fields)), file=str(path)
    )
    return require_rows(rows, path, report), report


def read_csv(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header of a CSV file, and its rows as numbered fields; blank lines are no rows.

    Raises PreferenceError, as the rows do, for what is not UTF-8 or no CSV.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PreferenceError(f"{path}: not UTF-8 at byte {error.start}") from error
    numbered = _csv_rows(csv.reader(io.StringIO(text, newline="")), path)
    _, header = next(numbered, (0, []))
    return header, numbered


def _csv_rows(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    # A quoted field may span lines, so the reader's own line count is what an editor shows.
    try:
        for fields in reader:
            if fields:
                yield reader.line_num - 1, fields
    except csv.Error as error:
        raise PreferenceError(f"{path}:{reader.line_num}: not CSV: {error}") from error


def csv_row(header: list[str], fields: list[str]) -> dict[str, str]:
    """A row by column; ValueError where it is not as long as the header."""
    if len(fields) != len(header):  # as a decimal comma makes it
        raise ValueError(f"the row has {len(fields)} fields, and the header {len(header)}")
    return dict(zip(header, fields, strict=True))


def collect_rows(
    numbered: Iterable[tuple[int, Raw]],
    parse: Callable[[Raw], Row],
    *,
    file: str,
    remark: Callable[[Row], str | None] | None = None,
) -> tuple[list[tuple[int, Row]], ReadReport]:
    """Parse numbered raw rows, keeping what can be parsed and a Problem for what cannot."""
    rows, problems, notices, n_read = [], [], [], 0
    for number, raw in numbered:
        n_read += 1
        try:
            row = parse(raw)
        except ValueError as error:
            problems.append(Problem(file, number + 1, str(error)))
            continue
        rows.append((number, row))
        notice = remark(row) if remark else None
        if notice:
            notices.append(Problem(file, number + 1, notice))
    return rows, ReadReport(n_read, len(rows), tuple(problems), tuple(notices))


def require_rows(
    rows: list[tuple[int, Row]], path: Path | str, report: ReadReport
) -> list[tuple[int, Row]]:
    """The rows, or PreferenceError with the first reason if there are none."""
    if rows:
        return rows
    if not report.n_read:
        raise PreferenceError(f"{path}: holds no rows")
    first = report.problems[0]
    raise PreferenceError(
        f"{path}: none of {report.n_read:,} rows can be used; first, line {first.line}: "
        f"{first.reason}"
    )


def json_object(line: bytes) -> dict[str, Any]:
    """One JSON object from one line; ValueError says why it is none."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start} of the line") from error
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is needed, this is a {type(value).__name__}")
    return value


def text_field(row: dict[str, Any], key: str) -> str:
    """The text under a key; ValueError if the key is missing or holds no valid text."""
    if key not in row:
        raise ValueError(missing_name("key", key, row))
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"{key!r} must be text, is {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{key!r} holds a lone surrogate at character {error.start}") from error
    return value
