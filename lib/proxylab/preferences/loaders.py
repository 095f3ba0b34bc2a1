"""Preference pairs from the hub, from a folder in the hub's layout, or from the controlled world.

One loader for the data of Elephant, section 3: the world and the cleaner write the same layout,
<folder>/<subset>/<split>.jsonl.gz, so nothing downstream knows where pairs came from. Every row
that cannot be used is counted with its file and line. Left out: other data sets' formats.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from proxylab.hub_revisions import revision_to_load
from proxylab.names import missing_name
from proxylab.preferences import hub
from proxylab.preferences.lines import collect_rows, read_json_lines, require_rows, text_field
from proxylab.preferences.schema import (
    PreferenceError,
    Preferences,
    ReadReport,
    check_pairs,
    fingerprint,
    merge_reports,
)
from proxylab.preferences.transcripts import ParsedPair, parse_pair

SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")
SPLITS = ("train", "test")
SUFFIXES = (".jsonl.gz", ".jsonl")
DATA_VARIABLE = "PROXYLAB_DATA"

NumberedPairs = list[tuple[int, ParsedPair]]


def load_preferences(
    source: str | Path,
    *,
    split: str,
    subsets: Sequence[str] | None = None,
    revision: str | None = None,
) -> Preferences:
    """Read one split of preference pairs into a checked pair frame.

    Arguments: `source` is "hub", or a folder that holds <subset>/<split>.jsonl[.gz], itself or in
    a child named hh-rlhf; `split` is "train" or "test"; `subsets` names the subsets (default: the
    four of SUBSETS; in a folder, those of them that it holds); `revision` is a commit on the hub
    (default: the pinned one).
    Raises PreferenceError for a missing folder, subset or split (naming what is there), for a
    file of which no row can be used, and HubUnreachableError when the hub cannot be reached.
    """
    if split not in SPLITS:
        raise PreferenceError(missing_name("split", split, SPLITS))
    if source == "hub":
        names = list(subsets or SUBSETS)
        commit = revision_to_load(hub.HUB_ID, "dataset", revision=revision)
        label = f"{hub.HUB_ID}@{commit[:12]}"
        parts = [_read_hub(name, split, commit) for name in names]
    else:
        root = layout_root(Path(source))
        names = _folder_subsets(root, split, subsets)
        label = f"folder {root.name}"
        parts = [_read_file(root, name, split) for name in names]
    frames = [_frame(rows, name, split) for name, (rows, _) in zip(names, parts, strict=True)]
    pairs = check_pairs(pd.concat(frames, ignore_index=True))
    report = merge_reports(report for _, report in parts)
    return Preferences(pairs, report, label, fingerprint(pairs))


def data_folder(setting: str | Path | None) -> Path | None:
    """The folder of real data: the setting, else the environment's PROXYLAB_DATA, else None."""
    named = setting or os.environ.get(DATA_VARIABLE)
    return Path(named) if named else None


def layout_root(folder: Path) -> Path:
    """The folder that holds the subsets: `folder`, or its child hh-rlhf.

    Raises PreferenceError if there is no such folder.
    """
    if not folder.is_dir():
        raise PreferenceError(
            f"{folder}: no such folder; give 'hub' or a folder that holds <subset>/<split>.jsonl.gz"
        )
    child = folder / "hh-rlhf"
    return child if child.is_dir() else folder


def _folder_subsets(root: Path, split: str, subsets: Sequence[str] | None) -> list[str]:
    present = sorted(
        path.parent.name for suffix in SUFFIXES for path in root.glob(f"*/{split}{suffix}")
    )
    names = list(subsets) if subsets else [name for name in SUBSETS if name in present]
    missing = [name for name in names if name not in present]
    if missing or not names:
        wanted = ", ".join(missing or SUBSETS)
        raise PreferenceError(
            f"{root}: no {split} split of {wanted}; this folder holds: {_contents(root)}"
        )
    return names


def _contents(root: Path) -> str:
    files = [path for suffix in SUFFIXES for path in root.glob(f"*/*{suffix}")]
    names = {f"{path.parent.name}/{path.name.partition('.')[0]}" for path in files}
    return ", ".join(sorted(names)) or "no <subset>/<split>.jsonl.gz at all"


def _read_file(root: Path, subset: str, split: str) -> tuple[NumberedPairs, ReadReport]:
    stems = (root / subset / f"{split}{suffix}" for suffix in SUFFIXES)
    path = next(path for path in stems if path.is_file())
    return read_json_lines(path, _parse_row, name=f"{subset}/{path.name}", remark=_remark)


def _read_hub(subset: str, split: str, revision: str | None) -> tuple[NumberedPairs, ReadReport]:
    name = f"{subset}/{split}"
    numbered: Iterator[tuple[int, dict[str, Any]]] = hub.hub_rows(
        subset, split, repository=hub.HUB_ID, revision=revision
    )
    rows, report = collect_rows(numbered, _parse_row, file=name, remark=_remark)
    return require_rows(rows, name, report), report


def _parse_row(row: dict[str, Any]) -> ParsedPair:
    return parse_pair(text_field(row, "chosen"), text_field(row, "rejected"))


def _remark(pair: ParsedPair) -> str | None:
    if any("\ufffd" in text for text in (pair.prompt, pair.chosen, pair.rejected)):
        return "U+FFFD: a character was lost before this file was written"
    return None


def _frame(rows: NumberedPairs, subset: str, split: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pair_id": [f"{subset}/{split}/{number:06d}" for number, _ in rows],
            "subset": subset,
            "split": split,
            "prompt": [pair.prompt for _, pair in rows],
            "chosen": [pair.chosen for _, pair in rows],
            "rejected": [pair.rejected for _, pair in rows],
            "prompts_differ": [pair.prompts_differ for _, pair in rows],
            "n_turns": [pair.n_turns for _, pair in rows],
        }
    )
