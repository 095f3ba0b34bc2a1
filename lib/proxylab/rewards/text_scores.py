"""Texts written out to be scored elsewhere, and their scores read back as a reward model.

A proxy that does not run here (a large model, an interface over a network, people) can still be
measured: its scores of single texts come as a file with `key` and `score`. The key of a text is a
hash of prompt and response, so that one file serves wherever the same texts are asked about, in any
order: probes, labelled pairs, a policy's completions. Left out: what compares two replies and gives
no single one a score; its file has a row a pair (`rewards.score_files`).
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.preferences.lines import collect_rows, require_rows
from proxylab.preferences.schema import PreferenceError, ReadReport
from proxylab.rewards.interface import check_aligned
from proxylab.rewards.score_files import (
    Raw,
    first_row,
    has_columns,
    reader_of,
    row_of,
    score_number,
)

COLUMNS, SIDES = ("key", "score"), ("chosen", "rejected")


def text_key(prompt: str, response: str) -> str:
    """16 characters that stand for a response to a prompt: the same texts, the same key.

    The first is a letter, so that no spreadsheet takes a key for a number.
    """
    text = f"{len(prompt)}\0{prompt}{response}".encode("utf-8", "surrogatepass")
    return f"t{hashlib.sha256(text).hexdigest()[:15]}"


def texts_of(pairs: pd.DataFrame) -> list[tuple[str, str]]:
    """Prompt and response of both sides of a pair frame, pair by pair."""
    rows = zip(pairs["prompt"], pairs["chosen"], pairs["rejected"], strict=True)
    return [(prompt, reply) for prompt, *replies in rows for reply in replies]


def write_texts(texts: Iterable[tuple[str, str]], path: str | Path) -> int:
    """Write every different (prompt, response) as a line of JSON with key, prompt and response.

    Arguments: `path` of the file, whose folder is made. Returns the number of lines.
    """
    keyed = {text_key(*text): text for text in texts}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"key": key, "prompt": prompt, "response": response}) + "\n"
        for key, (prompt, response) in keyed.items()
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


class TextScores:
    """A reward model known only by its scores of given texts.

    Arguments: `name` as shown in tables; `scores` by `text_key`, higher is better, NaN undefined;
    `report` of the file that they come from.
    """

    def __init__(self, name: str, scores: Mapping[str, float], report: ReadReport | None = None):
        self.name, self.scores = name, dict(scores)
        self.report = report or ReadReport(len(self.scores), len(self.scores))

    def known(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores `(n,)`, NaN, hence undefined, for a text that is not in the file."""
        check_aligned(prompts, responses)
        keys = map(text_key, prompts, responses)
        return np.array([self.scores.get(key, math.nan) for key in keys], dtype=np.float64)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores `(n,)`; ValueError with a count and the first text that has none."""
        scores = self.known(prompts, responses)
        missing = np.flatnonzero(np.isnan(scores))
        if len(missing):
            i = missing[0]
            raise ValueError(
                f"{self.name} has no score for {len(missing):,} of {len(scores):,} texts; the "
                f"first is {text_key(prompts[i], responses[i])}, {responses[i][:60]!r} to "
                f"{prompts[i][-60:]!r}; the texts to score are those that `python -m proxylab "
                "audit --write-texts FILE` writes, of the same data, task, profile and seed"
            )
        return scores

    def score_pairs(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """`pair_id, score_chosen, score_rejected` of a pair frame; NaN where there is no score."""
        prompts = pairs["prompt"].tolist()
        sides = {f"score_{s}": self.known(prompts, pairs[s].tolist()) for s in SIDES}
        return pd.DataFrame({"pair_id": pairs["pair_id"].array, **sides})


def holds_texts(path: str | Path) -> bool:
    """Whether the first row of a score file has a `key`, and so stands for a text."""
    return "key" in first_row(Path(path))


def read_text_scores(
    path: str | Path, *, name: str | None = None, orientation: int = 1
) -> TextScores:
    """Read `key, score` rows (.jsonl or .csv, each also .gz or .xz; .parquet) as a reward model.

    Arguments: `name`, by default the file's; `orientation` -1 for costs, where lower is better.
    Other columns may stand in the file and are not read. A missing or null score is undefined
    (NaN); a row that cannot be used is left out and named in `report`.
    Raises ValueError when the suffix is unknown, no row can be used, or a second score of one key
    differs from the first.
    """
    path = Path(path)
    if orientation not in (1, -1):
        raise ValueError(f"orientation must be 1 or -1 (costs), got {orientation!r}")
    rows, report = collect_rows(reader_of(path)(path), _row, file=str(path))
    scores: dict[str, float] = {}
    for number, (key, score) in require_rows(rows, path, report):
        before = scores.setdefault(key, score)
        if before != score and not (math.isnan(before) and math.isnan(score)):
            raise PreferenceError(
                f"{path}:{number + 1}: {key!r} scores {score}, and {before} before"
            )
    signed = {key: orientation * score for key, score in scores.items()}
    return TextScores(name or path.name.split(".")[0], signed, report)


def _row(raw: Raw) -> tuple[str, float]:
    row = row_of(raw)
    has_columns(row, COLUMNS)
    if not isinstance(row["key"], str) or not row["key"]:
        raise ValueError(f"key must be text, is {row['key']!r}")
    return row["key"], score_number("score", row["score"])
