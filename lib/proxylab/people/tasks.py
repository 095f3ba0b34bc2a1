"""A labelling task: questions to people, each named by its content, with what they may not see.

A question is a prompt with two replies to compare or with one to score (Elephant, appendix B.1.2).
Its identifier is a digest of the texts alone, and the two replies are stored in the order of their
digests: neither can reveal which one was recorded as chosen. Left out: how questions are picked
(`make`) and in which files they travel (`exchange`).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from proxylab.preferences.export import write_bytes
from proxylab.preferences.schema import PreferenceError

PAIR, SCORE = "pair", "score"
FIRST, SECOND, TIE = "first", "second", "tie"
N_TEXTS = {PAIR: 2, SCORE: 1}
COMPARED = 1000  # letters of a text that identify it; spreadsheets cut long cells


@dataclass(frozen=True)
class Record:
    """Where a question comes from: a pair or response by name, and which text it has as chosen."""

    name: str
    chosen: str | None = None  # "first" or "second"; None for a response to score


@dataclass(frozen=True)
class Task:
    """One question.

    texts: the two replies in the order of their digests, or the one to score. flipped: the second
    is shown on the left. records: of a pair frame or of responses, several where texts recur.
    expected: the answer to an attention item, "first" or "second".
    """

    task_id: str
    prompt: str
    texts: tuple[str, ...]
    flipped: bool = False
    records: tuple[Record, ...] = ()
    expected: str | None = None

    @property
    def sides(self) -> tuple[str, ...]:
        """The replies as shown, left to right."""
        return self.texts[::-1] if self.flipped else self.texts

    @property
    def left(self) -> str:
        """Which reply is shown on the left: "first" or "second"."""
        return SECOND if self.flipped else FIRST

    def left_in(self, shown: str | None) -> str:
        """Which reply was on the left when `shown` stood there; None: as this task has it.

        White space does not count, since spreadsheets change it, nor what comes after the first
        thousand letters. Raises ValueError if it is neither of the replies.
        """
        if shown is None:
            return self.left
        names = [name for name, text in self._names() if alike(shown, text)]
        if not names:
            raise ValueError(self._not_of_here())
        return self.left if len(names) > 1 else names[0]

    def check_shown(self, shown: str | None) -> None:
        """Raise ValueError unless the one reply to score stood beside its scores; None: it did."""
        if shown is not None and not alike(shown, self.texts[0]):
            raise ValueError(self._not_of_here())

    def _not_of_here(self) -> str:
        return (
            f"the text beside this answer is not one of question {self.task_id}: has a column "
            "been sorted apart from the others?"
        )

    def _names(self) -> Iterable[tuple[str, str]]:
        return zip((FIRST, SECOND), self.texts, strict=False)


@dataclass(frozen=True)
class Batch:
    """Questions that go out together; what annotators must not know is in here and stays here.

    kind: "pair" or "score". overlap: annotators wanted for each. seed: of sides and order. round,
    selector: of the loop that asks. warning: the texts may offend. left_out: names of records
    that make no question, since both their replies are the same text.
    """

    kind: str
    tasks: tuple[Task, ...] = field(repr=False)
    overlap: int = 1
    seed: int = 0
    round: int = 0
    selector: str = ""
    warning: bool = False
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        if self.kind not in N_TEXTS:
            raise PreferenceError(f"kind must be {PAIR!r} or {SCORE!r}, is {self.kind!r}")
        if self.overlap < 1:
            raise PreferenceError(f"overlap must be 1 annotator or more, is {self.overlap}")
        for task in self.tasks:
            if len(task.texts) != N_TEXTS[self.kind]:
                raise PreferenceError(f"question {task.task_id} is not of the kind {self.kind!r}")
        if len(self.by_id) < len(self.tasks):
            raise PreferenceError("a question occurs twice in the batch")

    @cached_property
    def by_id(self) -> dict[str, Task]:
        """The questions by identifier."""
        return {task.task_id: task for task in self.tasks}

    @property
    def asked(self) -> tuple[Task, ...]:
        """The questions whose answer is not known: all but the attention items."""
        return tuple(task for task in self.tasks if task.expected is None)


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same but for white space and what follows a thousand letters."""
    return _squeezed(one) == _squeezed(other)


def task_of(prompt: str, texts: Iterable[str], *, seed: int, record: Record | None = None) -> Task:
    """A question about one or two replies, in the order of their digests.

    Arguments: `seed`, which with the content decides who is shown on the left; `record` names
    what `texts` has first as "first": it is renamed as the order changes.
    Raises PreferenceError for a text that UTF-8 cannot hold, or two replies that are the same.
    """
    given = tuple(texts)
    for text in (prompt, *given):
        _check_text(text)
    if len(set(given)) < len(given):
        raise PreferenceError("both replies are the same text: there is nothing to compare")
    ordered = tuple(sorted(given, key=_digest))
    if record is not None and record.chosen is not None and ordered != given:
        record = replace(record, chosen=SECOND if record.chosen == FIRST else FIRST)
    task_id = "q-" + _digest(json.dumps([prompt, *ordered]))[:16]
    return Task(
        task_id=task_id,
        prompt=prompt,
        texts=ordered,
        flipped=len(given) == 2 and int(_digest(f"side {seed} {task_id}"), 16) % 2 == 1,
        records=() if record is None else (record,),
    )


def in_order(tasks: Iterable[Task], seed: int) -> tuple[Task, ...]:
    """Questions in an order that depends on nothing but their content and the seed.

    A question that occurs several times is asked once and keeps the records of all.
    """
    once: dict[str, Task] = {}
    for task in tasks:
        before = once.get(task.task_id)
        records = task.records if before is None else (*before.records, *task.records)
        once[task.task_id] = replace(before or task, records=records)
    return tuple(sorted(once.values(), key=lambda task: _digest(f"order {seed} {task.task_id}")))


def joined(*batches: Batch) -> Batch:
    """Several batches of one kind as one, such as all rounds so far; selector and round: the last.

    A question asked twice is there once, with the records of both times. Raises PreferenceError
    for batches of different kinds.
    """
    kinds = {batch.kind for batch in batches}
    if len(kinds) != 1:
        raise PreferenceError(f"batches of one kind are needed, these are {sorted(kinds)}")
    once = {task.task_id: task for batch in reversed(batches) for task in reversed(batch.tasks)}
    records: dict[str, dict[Record, None]] = {}
    for task in (task for batch in batches for task in batch.tasks):
        records.setdefault(task.task_id, {}).update(dict.fromkeys(task.records))
    tasks = tuple(
        replace(task, records=tuple(records[task.task_id])) for task in reversed(once.values())
    )
    left_out = tuple(dict.fromkeys(name for batch in batches for name in batch.left_out))
    overlap, warning = max(b.overlap for b in batches), any(b.warning for b in batches)
    return replace(batches[-1], tasks=tasks, left_out=left_out, overlap=overlap, warning=warning)


def write_batch(batch: Batch, path: str | Path) -> Path:
    """Write a batch as JSON, whole or not at all. It is for whoever asks, not for annotators."""
    path = Path(path)
    write_bytes(path, json.dumps(asdict(batch), indent=1).encode())
    return path


def read_batch(path: str | Path) -> Batch:
    """Read what `write_batch` wrote.

    Raises PreferenceError for a file that is no batch, saying what is wrong with it.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_bytes())
        tasks = tuple(_task(row) for row in raw.pop("tasks"))
        return Batch(**{**raw, "tasks": tasks, "left_out": tuple(raw["left_out"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PreferenceError(f"{path}: no batch of questions: {error}") from error


def _task(row: dict) -> Task:
    records = tuple(Record(**record) for record in row["records"])
    return Task(**{**row, "texts": tuple(row["texts"]), "records": records})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _squeezed(text: str) -> str:
    return "".join(text.split())[:COMPARED]


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PreferenceError(
            f"the text {text[:40]!r} holds a lone surrogate at character {error.start}, which no "
            "file can carry"
        ) from error
