"""People who are not there: answers of simulated annotators, given through the same files.

For the controlled world, where a gold reward is known, and to try a labelling task before anyone
is asked. Votes are those of `annotators.simulated`; here they fill in the files that people would
and come back as Label Studio would send them. Left out: comments and scores.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from proxylab.annotators import SimulatedAnnotator, simulate_votes
from proxylab.people import label_studio as studio
from proxylab.people.answers import ANSWERED, SKIPPED, Answer
from proxylab.people.tables import question_row, unguarded, write_table
from proxylab.people.tasks import FIRST, SECOND, TIE, Batch, Task

STARTED = datetime(2025, 1, 6, 9, tzinfo=UTC)
MEDIAN_SECONDS, SPREAD = 20.0, 0.5  # Elephant, appendix B.1.1, expects 20 s; spread of the log
CHOICES = {"chosen": FIRST, "rejected": SECOND, "tie": TIE}

Gold = Callable[[Sequence[str], Sequence[str]], np.ndarray]


def simulated_answers(
    batch: Batch,
    people: Sequence[SimulatedAnnotator],
    gold: Gold,
    *,
    shares: dict[str, Sequence[Task]],
    tie_width: float = 0.0,
    left_habit: float = 0.0,
    rng: np.random.Generator,
) -> list[Answer]:
    """What simulated people answer to their shares of a batch of comparisons.

    Arguments: `gold` reward of prompts and responses; `shares` questions by name (`assign`);
    `tie_width` as for `simulate_votes`; `left_habit`, how often someone takes the left side
    without reading, a fraction.
    """
    tasks = list(batch.tasks)
    votes = simulate_votes(
        _as_pairs(tasks),
        gold_chosen=gold([t.prompt for t in tasks], [t.texts[0] for t in tasks]),
        gold_rejected=gold([t.prompt for t in tasks], [t.texts[1] for t in tasks]),
        toxic_chosen=np.zeros(len(tasks), bool),
        annotators=people,
        tie_width=tie_width,
        rng=rng,
    ).set_index(["pair_id", "annotator"])["choice"]
    answers = []
    for person in people:
        at = STARTED
        for task in shares[person.name]:
            seconds = round(MEDIAN_SECONDS * float(np.exp(SPREAD * rng.standard_normal())), 1)
            at += timedelta(seconds=seconds)
            chosen = CHOICES.get(votes[task.task_id, person.name])
            if chosen is not None and rng.random() < left_habit:
                chosen = task.left
            answers.append(
                Answer(
                    task_id=task.task_id,
                    annotator=person.name,
                    status=ANSWERED if chosen else SKIPPED,
                    choice=chosen,
                    left=task.left,
                    seconds=seconds,
                    at=at.isoformat(),
                )
            )
    return answers


def fill_in(blank: str | Path, filled: str | Path, batch: Batch, answers: Iterable[Answer]) -> Path:
    """Fill in an exported table as a person would, and save it elsewhere.

    Questions without an answer in `answers` stay blank. Arguments: `blank` and `filled` are .csv
    or .jsonl, alike.
    """
    rows = _rows(Path(blank))
    said = {answer.key: answer for answer in answers}
    for row in rows:
        answer = said.get((row["task_id"], row["annotator"]))
        if answer is not None:
            row["choice"] = _side(answer)
            row["seconds"], row["at"] = str(answer.seconds), answer.at
        else:
            row["seconds"], row["at"] = "", ""
    return write_table(rows, filled)


def label_studio_export(batch: Batch, answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """What Label Studio's export called "JSON" holds after these answers to comparisons.

    People are its users 1, 2, ... in order of name. Keys as seen in version 1.23.2, without those
    that say nothing about the answer.
    """
    answers = list(answers)
    users = {name: n for n, name in enumerate(sorted({a.annotator for a in answers}), start=1)}
    given: dict[str, list[dict[str, Any]]] = {}
    for number, answer in enumerate(answers, start=1):
        entry = _annotation(number, users[answer.annotator], answer)
        given.setdefault(answer.task_id, []).append(entry)
    return [
        {
            "id": number,
            "data": question_row(task),
            "annotations": given.get(task.task_id, []),
            "drafts": [],
        }
        for number, task in enumerate(batch.tasks, start=1)
    ]


def _as_pairs(tasks: Sequence[Task]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pair_id": [task.task_id for task in tasks],
            "prompt": [task.prompt for task in tasks],
            "chosen": [task.texts[0] for task in tasks],
            "rejected": [task.texts[1] for task in tasks],
        }
    )


def _side(answer: Answer) -> str:
    if answer.status == SKIPPED:
        return "skip"
    return TIE if answer.choice == TIE else ("left" if answer.chose_left else "right")


def _annotation(number: int, user: int, answer: Answer) -> dict[str, Any]:
    side = _side(answer)
    result = []
    if side in ("left", "right"):
        value = {"selected": side}
        names = {"from_name": studio.CHOICE, "to_name": studio.CHOICE, "type": "pairwise"}
        result = [{**names, "value": value}]
    elif side == TIE:
        names = {"from_name": studio.OTHERWISE, "to_name": "prompt", "type": "choices"}
        result = [{**names, "value": {"choices": [studio.TIE]}}]
    return {
        "id": number,
        "completed_by": user,
        "result": result,
        "was_cancelled": side == "skip",
        "created_at": answer.at,
        "updated_at": answer.at,
        "lead_time": answer.seconds,
    }


def _rows(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: unguarded(cell) for key, cell in row.items()} for row in rows]
