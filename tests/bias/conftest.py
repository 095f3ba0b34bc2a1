"""Pairs with everything that a bias of data may read, and columns that it must leave alone."""

import numpy as np
import pandas as pd
import pytest

TOPICS = ("kitchen", "garden", "harbour", "library")


@pytest.fixture
def make_pairs():
    """A maker of `n` pairs: topics in turn, gold gaps of 0 to 3, every text different."""

    def make(n: int) -> pd.DataFrame:
        rows = np.arange(n)
        return pd.DataFrame(
            {
                "pair_id": [f"w/train/{row:06d}" for row in rows],
                "prompt": [f"\n\nHuman: question {row}\n\nAssistant:" for row in rows],
                "chosen": [f"First good {row}. Then more!" for row in rows],
                "rejected": [f"bad {row}" for row in rows],
                "topic": [TOPICS[row % 4] for row in rows],
                "gold_chosen": (rows % 4).astype(float),
                "gold_rejected": np.zeros(n),
                "votes_chosen": rows % 5,
                "votes_rejected": 5 - rows % 5,
                "n_turns": np.ones(n, int),
            }
        )

    return make
