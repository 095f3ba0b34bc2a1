"""Questions as a table to fill in, CSV or JSON lines, and what came back.

A spreadsheet runs what looks like a formula (CWE-1236; OWASP, "CSV Injection"), so such cells of
ours get an apostrophe in front, which reading takes off again: texts come back as they were. A
half-filled table is usable. Left out: workbooks (.xlsx); save them as CSV.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proxylab.names import missing_name
from proxylab.people.answers import ANSWERED, DRAFT, SKIPPED, Answer
from proxylab.people.instructions import CRITERIA
from proxylab.people.tasks import FIRST, PAIR, SCORE, SECOND, TIE, Batch, Task
from proxylab.preferences.export import write_bytes
from proxylab.preferences.lines import read_votes_rows, text_field
from proxylab.preferences.schema import PreferenceError, ReadReport

SHOWN = {PAIR: ("left", "right"), SCORE: ("response",)}
ASKED = {PAIR: ("choice", "harmful_left", "harmful_right"), SCORE: tuple(CRITERIA)}
SIDES = ("left", "right", "tie", "skip")
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def question_row(task: Task) -> dict[str, str]:
    """What an annotator sees of a question: nothing of its origin, round or expected answer."""
    names = SHOWN[PAIR if len(task.texts) == 2 else SCORE]
    return {
        "task_id": task.task_id,
        "prompt": task.prompt,
        **dict(zip(names, task.sides, strict=True)),
    }


def blank_rows(tasks: Iterable[Task], kind: str, annotator: str = "") -> list[dict[str, str]]:
    """Rows to fill in; `annotator` is filled in where it is known."""
    empty = dict.fromkeys((*ASKED[kind], "comment"), "")
    return [{**question_row(task), **empty, "annotator": annotator} for task in tasks]


def write_table(rows: list[dict[str, str]], path: str | Path) -> Path:
    """Write rows as .csv (with a byte-order mark, as spreadsheets need) or .jsonl, by the suffix.

    Raises PreferenceError for another suffix.
    """
    path = Path(path)
    if path.suffix == ".jsonl":
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode("ascii"))
    elif path.suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows({key: guarded(value) for key, value in row.items()} for row in rows)
        write_bytes(path, text.getvalue().encode("utf-8-sig"))
    else:
        raise PreferenceError(f"{path}: a table is written as .csv or .jsonl")
    return path


def read_table(
    path: str | Path, batch: Batch, *, annotator: str | None = None
) -> tuple[list[Answer], int, ReadReport]:
    """Answers from a table that was filled in: the answers, how many rows had none, the report.

    Needed are the column task_id and what was asked; a row also says who answered, unless
    `annotator` does. Known besides: left, right or response as they were shown, comment, seconds,
    at. A row for an unknown question, or that cannot be read, is counted with file and line.
    Raises PreferenceError for another kind of file, a missing column, or no row that can be used.
    """
    path = Path(path)
    is_csv = ".csv" in path.suffixes
    required = ("task_id", *ASKED[batch.kind][: 1 if batch.kind == PAIR else None])

    def parse(row: dict[str, Any]) -> Answer | None:
        if is_csv:
            ours = ("task_id", "prompt", "annotator", *SHOWN[batch.kind])
            row = {key: unguarded(cell) if key in ours else cell for key, cell in row.items()}
        return answer_of_row(row, batch, annotator=annotator, source=path.name)

    rows, report = read_votes_rows(path, parse, required=required)
    answers = [answer for _, answer in rows if answer is not None]
    return answers, len(rows) - len(answers), report


def answer_of_row(
    row: Mapping[str, Any], batch: Batch, *, annotator: str | None = None, source: str = ""
) -> Answer | None:
    """The answer that a row holds, None where nothing was typed.

    A comment, a flag or a few scores without the rest are kept as a draft.
    Raises ValueError saying what is wrong with the row.
    """
    task = known_task(text_field(dict(row), "task_id").strip(), batch)
    said = {key: _word(row.get(key)) for key in ASKED[batch.kind]}
    if not any((*said.values(), _text(row.get("comment")))):
        return None
    meaning = _comparison(row, said, task) if batch.kind == PAIR else _scores(row, said, task)
    return Answer(
        task_id=task.task_id,
        annotator=_who(row, annotator),
        seconds=_seconds(row.get("seconds")),
        at=_text(row.get("at")) or None,
        comment=_text(row.get("comment")),
        source=source,
        **meaning,
    )


def known_task(task_id: str, batch: Batch) -> Task:
    """The question of that name; ValueError naming it, and the nearest, if there is none."""
    if task_id not in batch.by_id:
        known = [task.task_id for task in batch.tasks]
        if len(known) > 20:  # a digest is like no other: a list of all would not help
            raise ValueError(f"an answer to the unknown question {task_id!r}")
        raise ValueError(
            f"an answer to an unknown question: {missing_name('question', task_id, known)}"
        )
    return batch.by_id[task_id]


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula; `unguarded` gives it back."""
    risky = text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)
    return f"'{text}" if risky or text.startswith("'") else text


def unguarded(cell: str) -> str:
    """The text that `guarded` got."""
    return cell.removeprefix("'")


def harmful_sides(left: bool | None, right: bool | None, on_left: str) -> tuple[str, ...] | None:
    """The replies marked as harmful, None if neither side was asked about.

    Arguments: the flags of the two sides; `on_left` the reply that stood on the left.
    """
    if left is None and right is None:
        return None
    on_right = SECOND if on_left == FIRST else FIRST
    marked = {on_left: left, on_right: right}
    return tuple(name for name in (FIRST, SECOND) if marked[name])


def _comparison(row: Mapping[str, Any], said: dict[str, str], task: Task) -> dict[str, Any]:
    on_left = task.left_in(row.get("left"))
    side = said["choice"]
    flags = (_flag(said["harmful_left"]), _flag(said["harmful_right"]))
    meaning = {"left": on_left, "harmful": harmful_sides(*flags, on_left)}
    if not side:
        return {**meaning, "status": DRAFT}
    if side not in SIDES:
        raise ValueError(missing_name("choice", side, SIDES))
    if side == "skip":
        return {**meaning, "status": SKIPPED}
    return {**meaning, "choice": choice_of_side(side, on_left)}


def choice_of_side(side: str, on_left: str) -> str:
    """What "left", "right" or "tie" means when the reply `on_left` stood on the left."""
    if side == "tie":
        return TIE
    return on_left if side == "left" else (SECOND if on_left == FIRST else FIRST)


def _scores(row: Mapping[str, Any], said: dict[str, str], task: Task) -> dict[str, Any]:
    task.check_shown(row.get("response"))
    if "skip" in said.values():
        return {"status": SKIPPED}
    scores = {name: _score(name, text) for name, text in said.items() if text}
    return {"scores": scores, "status": ANSWERED if len(scores) == len(said) else DRAFT}


def _score(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number, is {text!r}")
    return int(text)


def _who(row: Mapping[str, Any], annotator: str | None) -> str:
    name = _text(row.get("annotator")).strip() or annotator
    if not name:
        raise ValueError("nobody is named as annotator, neither in the row nor for the file")
    return name


def _flag(word: str) -> bool | None:
    if not word:
        return None
    if word not in FLAGS:
        raise ValueError(f"harmful must be yes, no or empty, is {word!r}")
    return FLAGS[word]


def _seconds(value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"seconds must be a number, is {value!r}") from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _word(value: Any) -> str:
    """A short answer as typed: case and outer blanks do not matter."""
    return _text(value).strip().lower()
