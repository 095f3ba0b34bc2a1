"""Scores by content: each text is scored once by each model, also across runs.

One SQLite file a model fingerprint holds digests and scores (no text). Each batch of new scores is
one transaction, so a killed run loses at most the batch at hand, and several processes may share a
folder of one machine. Left out: network file systems, where SQLite's locks cannot be relied on.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from proxylab.rewards.interface import Fingerprinted, check_aligned, checked_scores

LOOKUP = 500  # keys a query; SQLite's limit on variables is higher everywhere


class CachedReward:
    """A reward model whose scores are kept in `folder` and looked up by content.

    Arguments: `model` has a `fingerprint`; `folder` is made if absent; `chunk` texts are scored
    between two commits. `n_scored` and `n_found` count texts since creation.
    Raises ValueError when the model has no fingerprint.
    """

    def __init__(self, model: Fingerprinted, folder: str | Path, *, chunk: int = 4096):
        if not isinstance(model, Fingerprinted):
            raise ValueError(f"{model.name} has no fingerprint: its scores cannot be stored safely")
        self.model, self.name, self.fingerprint = model, model.name, model.fingerprint
        self.chunk = chunk
        self.n_scored = self.n_found = 0
        Path(folder).mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(self.fingerprint.encode()).hexdigest()[:32]
        self.path = Path(folder) / f"{digest}.sqlite"
        with self._open() as store:
            store.execute("CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, score REAL)")

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Scores `(n,)` as the model gives them; only texts not seen before reach the model."""
        check_aligned(prompts, responses)
        keys = [_key(*pair) for pair in zip(prompts, responses, strict=True)]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        with self._open() as store:
            known = _look_up(store, list(first))
            self.n_found += len(known)
            missing = sorted(first[key] for key in first.keys() - known.keys())
            for start in range(0, len(missing), self.chunk):
                part = missing[start : start + self.chunk]
                known |= self._score_and_store(store, part, keys, prompts, responses)
        return np.array([known[key] for key in keys], dtype=np.float64)

    def _score_and_store(self, store, rows, keys, prompts, responses) -> dict[bytes, float]:
        scores = self.model.score([prompts[i] for i in rows], [responses[i] for i in rows])
        scores = checked_scores(self.name, scores, len(rows))
        found = dict(zip([keys[i] for i in rows], scores.tolist(), strict=True))
        with store:  # one transaction; NaN is stored as NULL
            store.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", found.items())
        self.n_scored += len(rows)
        return found

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        store = sqlite3.connect(self.path, timeout=60)
        try:
            yield store
        finally:
            store.close()


def _key(prompt: str, response: str) -> bytes:
    """Digest of both texts; the length keeps ("ab", "c") apart from ("a", "bc")."""
    text = f"{len(prompt)}\0{prompt}{response}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _look_up(store: sqlite3.Connection, keys: list[bytes]) -> dict[bytes, float]:
    found = {}
    for start in range(0, len(keys), LOOKUP):
        part = keys[start : start + LOOKUP]
        marks = ",".join("?" * len(part))
        found |= dict(store.execute(f"SELECT key, score FROM scores WHERE key IN ({marks})", part))
    return {key: np.nan if score is None else score for key, score in found.items()}
