"""Answers by content: no question is paid for twice, also across runs, kills and endpoints.

One SQLite file in write-ahead mode holds what endpoints answered, a row a question, committed as
it comes in: a killed run loses the questions under way and nothing else, and several processes of
one machine may share the file. The key is made of the model's name, the whole message (and so the
prompt's version), the sampling settings and the number of the vote; not of the endpoint's address.
It alone holds raw answers. Failures are not kept, so that a rerun asks again. Left out: network
file systems, where SQLite's locks cannot be relied on.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from proxylab.judge.verdict import Answer

FILE = "answers.sqlite"
COLUMNS = ("text", "finish_reason", "refusal", "prompt_tokens", "completion_tokens")
LOOKUP = 500  # keys a query


class AnswerCache:
    """Answers kept in `folder`, which is made if absent; safe to use from several threads."""

    def __init__(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.path = Path(folder) / FILE
        self._lock = threading.Lock()
        self._store = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        self._store.execute("PRAGMA journal_mode=WAL")
        # A crash of the machine may lose the last commits; a kill of the process loses none.
        self._store.execute("PRAGMA synchronous=NORMAL")
        with self._store:
            self._store.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, prompt_version TEXT, "
                "text TEXT, finish_reason TEXT, refusal INTEGER, prompt_tokens INTEGER, "
                "completion_tokens INTEGER)"
            )

    def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers known, by key."""
        found = {}
        for start in range(0, len(keys), LOOKUP):
            part = keys[start : start + LOOKUP]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, {', '.join(COLUMNS)} FROM answers WHERE key IN ({marks})"
            with self._lock:
                rows = self._store.execute(query, part).fetchall()
            found |= {key: _answer(values) for key, *values in rows}
        return found

    def keep(self, key: str, prompt_version: str, answer: Answer) -> Answer:
        """Keep an answer, and return what the file now holds: the first one, of two runs at once.

        Two runs that ask the same so report the same.
        """
        values = (key, prompt_version, *(getattr(answer, name) for name in COLUMNS))
        with self._lock, self._store:
            self._store.execute("INSERT OR IGNORE INTO answers VALUES (?,?,?,?,?,?,?)", values)
        return self.find([key])[key]

    def close(self) -> None:
        """Close the file."""
        self._store.close()


@contextlib.contextmanager
def answer_cache(folder: str | Path) -> Iterator[AnswerCache]:
    """An AnswerCache that is closed after the block."""
    cache = AnswerCache(folder)
    try:
        yield cache
    finally:
        cache.close()


def _answer(values: Sequence) -> Answer:
    text, finish_reason, refusal, prompt_tokens, completion_tokens = values
    return Answer(text, finish_reason, bool(refusal), prompt_tokens, completion_tokens)
