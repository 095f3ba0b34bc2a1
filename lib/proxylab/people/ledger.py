"""The ledger: every answer that anyone gave, in the order in which it came, never rewritten.

A file of JSON lines that is only ever appended to: imports, corrections and withdrawals are new
lines. Each write is on disk before it returns. A line cut off by a crash stays where it is and is
counted as unreadable; the next write starts a new line. Left out: network file systems, on which
locks and appends cannot be relied on.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from proxylab.people.answers import Answer, now, standing
from proxylab.preferences.lines import collect_rows, json_object
from proxylab.preferences.schema import ReadReport

NOTHING_READ = ReadReport(0, 0)


class Ledger:
    """Answers in a file at `path`, made with the first of them; several processes may share it."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Ledger({self.path.name!r})"

    def read(self) -> tuple[list[Answer], ReadReport]:
        """All answers in the order in which they came, and which lines could not be read."""
        if not self.path.exists():
            return [], NOTHING_READ
        lines = self.path.read_bytes().split(b"\n")
        if not lines[-1]:
            lines.pop()
        rows, report = collect_rows(
            enumerate(lines), lambda line: Answer.from_row(json_object(line)), file=str(self.path)
        )
        return [answer for _, answer in rows], report

    def append(self, answers: Iterable[Answer]) -> None:
        """Write answers at the end, stamped with the time; they are on disk when this returns."""
        with self._locked():
            self._append(answers)

    def add(self, answers: Iterable[Answer]) -> int:
        """Append the answers that are new, so that a file may be imported again; how many were.

        An answer with its time is known if the ledger has an equal one; one without, if it is
        what the person last said on that question, there or from the same source: a file that
        comes again does not take back what was said since.
        """
        with self._locked():
            before = self.read()[0]
            timed = {_identity(answer) for answer in before if answer.at is not None}
            last = {place: answer for answer in before for place in _places(answer)}
            new = []
            for answer in answers:
                known = any(last.get(place) == answer for place in _places(answer))
                if not (_identity(answer) in timed if answer.at is not None else known):
                    new.append(answer)
                    last |= dict.fromkeys(_places(answer), answer)
                    timed.add(_identity(answer))
            self._append(new)
        return len(new)

    def standing(self):
        """What counts among all that was said (`answers.standing`)."""
        return standing(self.read()[0])

    def _locked(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_name(f".{self.path.name}.lock"))

    def _append(self, answers: Iterable[Answer]) -> None:
        stamp = now()
        rows = (replace(answer, recorded=stamp).to_row() for answer in answers)
        # ASCII: no letter can be torn in two, and no reader takes U+2028 for the end of a line.
        content = "".join(json.dumps(row) + "\n" for row in rows).encode("ascii")
        if not content:
            return
        is_new = not self.path.exists()
        with self.path.open("a+b", buffering=0) as file:
            if _is_torn(file):
                content = b"\n" + content
            _write_all(file, content)
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self.path.parent)


def _places(answer: Answer) -> tuple[tuple[str, ...], ...]:
    """Where an answer is the last word: on its question, and on its question from its source."""
    return answer.key, (*answer.key, answer.source)


def _identity(answer: Answer) -> str:
    """What makes two answers equal, as a text: scores have no hash."""
    row = answer.to_row()
    row.pop("source", None)
    row.pop("recorded", None)
    return json.dumps(row, sort_keys=True)


def _is_torn(file) -> bool:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"


def _write_all(file, content: bytes) -> None:
    written = 0
    while written < len(content):  # a raw file may take a part
        written += file.write(content[written:])


def _sync_folder(folder: Path) -> None:
    """Make a new file's name last as well, where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
