"""Completions written out to be scored elsewhere, and their scores read back as a reward model.

A proxy that does not run here (a large model, an interface over a network, people) can still be
measured: its scores of the sampled completions come as a file. The key of a completion is a hash of
its texts, so a file fits wherever the same texts are scored, in any order. Left out: scores of
preference pairs, which have a file of their own (`rewards.score_files`).
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from proxylab.names import missing_name
from proxylab.preferences.lines import collect_rows, json_object, require_rows
from proxylab.preferences.schema import PreferenceError
from proxylab.rewards.interface import check_aligned
from proxylab.rewards.score_files import READERS
from proxylab.shf_cas import Candidates

COLUMNS = ("key", "score")


def completion_key(prompt: str, response: str) -> str:
    """16 hex digits that stand for a completion: the same texts, the same key, anywhere."""
    text = f"{len(prompt)}\0{prompt}{response}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def write_completions(drawn: Iterable[Candidates], path: str | Path) -> Path:
    """Write every different completion as a line of JSON with key, prompt and response.

    Arguments: `drawn` candidates of one or more splits; `path` of the file, whose folder is made.
    """
    lines = {}
    for candidates in drawn:
        for i, k in np.argwhere(candidates.defined):
            text = {"prompt": candidates.prompts[i], "response": candidates.responses[i, k]}
            lines[completion_key(**text)] = text
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"key": key, **text}) + "\n" for key, text in lines.items()]
    path.write_text("".join(rows), encoding="utf-8")
    return path


class CompletionScores:
    """A reward model known only by its scores of given completions.

    Arguments: `name` as shown in tables; `scores` by `completion_key`, higher is better.
    """

    def __init__(self, name: str, scores: Mapping[str, float]):
        self.name, self.scores = name, dict(scores)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores `(n,)`; ValueError with a count and the first text that has none."""
        check_aligned(prompts, responses)
        keys = [completion_key(*texts) for texts in zip(prompts, responses, strict=True)]
        missing = [i for i, key in enumerate(keys) if key not in self.scores]
        if missing:
            i = missing[0]
            raise ValueError(
                f"{self.name} has no score for {len(missing):,} of {len(keys):,} completions; the "
                f"first is {keys[i]}, {responses[i][:60]!r} to {prompts[i][-60:]!r}"
            )
        return np.array([self.scores[key] for key in keys], dtype=np.float64)


def read_completion_scores(
    path: str | Path, *, name: str | None = None, orientation: int = 1
) -> CompletionScores:
    """Read `key, score` rows (.jsonl or .csv, each also .gz or .xz; .parquet) as a reward model.

    Arguments: `name`, by default the file's; `orientation` -1 for costs, where lower is better.
    Other columns may stand in the file and are not read.
    Raises ValueError naming file and line for a row without key or finite score, and for a second
    score of one key that differs from the first.
    """
    path = Path(path)
    kind = next((suffix for suffix in path.suffixes[::-1] if suffix in READERS), None)
    if kind is None:
        raise ValueError(f"{path}: a score file ends in {', '.join(READERS)} (or .gz, .xz)")
    if orientation not in (1, -1):
        raise ValueError(f"orientation must be 1 or -1 (costs), got {orientation!r}")
    rows, report = collect_rows(READERS[kind](path), _row, file=str(path))
    if report.problems:
        raise PreferenceError(str(report.problems[0]))
    scores: dict[str, float] = {}
    for number, (key, score) in require_rows(rows, path, report):
        if scores.setdefault(key, score) != score:
            raise PreferenceError(
                f"{path}:{number + 1}: {key!r} has the score {score}, and {scores[key]} before"
            )
    signed = {key: orientation * score for key, score in scores.items()}
    return CompletionScores(name or path.name.split(".")[0], signed)


def _row(row: Mapping[str, Any] | bytes) -> tuple[str, float]:
    if isinstance(row, bytes):
        row = json_object(row)
    for column in COLUMNS:
        if column not in row:
            raise ValueError(missing_name("column", column, row))
    key, value = row["key"], row["score"]
    if not isinstance(key, str) or not key:
        raise ValueError(f"key must be text, is {key!r}")
    try:
        score = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"score must be a number, is {value!r}") from None
    if not math.isfinite(score):
        raise ValueError(f"score must be finite, is {value!r}")
    return key, score
