"""A prompt with three replies, and batches of questions about them."""

import numpy as np
import pandas as pd
import pytest
from proxylab.people import Answer, Ledger, pairs_batch, pool_batch

PROMPT = "\n\nHuman: How do I boil an egg?\n\nAssistant:"
REPLIES = ("Eight minutes.", "I do not know.", "Ask a cook.")
AT = "2025-03-01T12:00:00.000000+00:00"


@pytest.fixture
def batch():
    """Three questions: every two of the three replies, two answers wanted each."""
    replies = np.array([REPLIES], object)
    return pool_batch([PROMPT], replies, np.ones((1, 3), bool), plan="all", overlap=2, seed=1)


@pytest.fixture
def recorded():
    """A batch of a pair frame: two pairs of the same texts in opposite roles, and one more."""
    rows = [
        ("p0", REPLIES[0], REPLIES[1]),
        ("p1", REPLIES[1], REPLIES[0]),
        ("p2", REPLIES[2], REPLIES[0]),
        ("same", "yes", "yes"),
    ]
    frame = pd.DataFrame(rows, columns=["pair_id", "chosen", "rejected"]).assign(prompt=PROMPT)
    return pairs_batch(frame, seed=3)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "answers.jsonl")


def answer(task, who="ann", choice="first", **more):
    """An answer to a question, with the sides as the question has them."""
    status = "skipped" if choice is None else "answered"
    details = {"status": status, "left": task.left, **more}
    return Answer(task.task_id, who, choice=choice, **details)
