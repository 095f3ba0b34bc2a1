"""Pairs written in HH-RLHF's own format, so that anything that reads HH-RLHF reads them.

The cleaned set (Elephant, section 3.2.1) and the controlled world's data leave through here and
come back through `load_preferences`. The same pairs give the same bytes. Left out: pair
identifiers, which HH-RLHF does not have; a reader numbers the rows anew.
"""

import gzip
import io
import json
import os
from pathlib import Path

import pandas as pd

from proxylab.preferences.schema import PreferenceError, check_pairs
from proxylab.preferences.transcripts import to_hh_row


def write_pairs(
    pairs: pd.DataFrame, folder: str | Path, *, category: pd.DataFrame | None = None
) -> list[Path]:
    """Write <folder>/<subset>/<split>.jsonl.gz for each subset and split; returns the paths.

    Arguments: `pairs` a pair frame, whose row order is kept; `category` a frame with pair_id and
    category, whose category joins each row as a third key.
    Each file appears whole or not at all. Raises PreferenceError for a pair without a category.
    """
    names = None if category is None else _categories(check_pairs(pairs), category)
    written = []
    for (subset, split), part in check_pairs(pairs).groupby(["subset", "split"], sort=False):
        rows = [to_hh_row(pair) for pair in part.itertuples(index=False)]
        if names is not None:
            rows = [
                row | {"category": name} for row, name in zip(rows, names[part.index], strict=True)
            ]
        path = Path(folder) / subset / f"{split}.jsonl.gz"
        write_bytes(path, gzip_lines(rows))
        written.append(path)
    return written


def gzip_lines(rows: list[dict]) -> bytes:
    """Rows as gzipped JSON lines without a time stamp or a file name: equal rows, equal bytes."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is seen whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _categories(pairs: pd.DataFrame, category: pd.DataFrame) -> pd.Series:
    names = pairs["pair_id"].map(category.set_index("pair_id")["category"])
    if names.isna().any():
        raise PreferenceError(f"pair {pairs['pair_id'][names.isna()].iloc[0]!r} has no category")
    return names
