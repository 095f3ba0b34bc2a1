"""What a pair frame holds, which of its questions another frame holds too, and splits by question.

The counts that a data card states (identical pairs, empty replies, prompts that differ), the
removal of training pairs whose first question also occurs in a test set, and the number by which
questions are divided. Left out: paraphrases; two questions are the same here when they agree up to
case and white space.
"""

import hashlib

import numpy as np
import pandas as pd

from proxylab.preferences.schema import check_pairs
from proxylab.preferences.transcripts import first_human_turn


def describe_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Counts by subset: pairs, identical, empty, differing prompts, multi-turn, lost characters.

    `empty` counts pairs with at least one empty reply; `identical` pairs with two equal replies
    and one prompt; `lost_characters` pairs with U+FFFD in any text.
    """
    texts = pairs["prompt"] + pairs["chosen"] + pairs["rejected"]
    facts = pd.DataFrame(
        {
            "n_pairs": 1,
            "identical": pairs["chosen"] == pairs["rejected"],
            "empty": (pairs["chosen"] == "") | (pairs["rejected"] == ""),
            "prompts_differ": pairs["prompts_differ"],
            "multi_turn": pairs["n_turns"] > 1,
            "lost_characters": texts.str.contains("\ufffd", regex=False),
        }
    )
    return facts.astype(int).groupby(pairs["subset"], sort=False).sum().reset_index()


def first_questions(pairs: pd.DataFrame) -> pd.Series:
    """The first human turn of each pair, lower-cased, with single spaces."""
    turns = [" ".join(first_human_turn(prompt).casefold().split()) for prompt in pairs["prompt"]]
    return pd.Series(turns, index=pairs.index, dtype="str")


def unit_hash(texts: pd.Series, salt: str) -> np.ndarray:
    """A number in [0, 1) for each text, `(n_texts,)`: spread evenly, and the same wherever asked.

    A split by it (`unit_hash(questions, "pool") < 0.5`) depends on no seed and no order, and keeps
    equal texts together. Arguments: another `salt` divides the same texts independently.
    """
    digests = (hashlib.sha256(f"{salt}:{text}".encode()).digest() for text in texts)
    return np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])


def without_overlap(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The training pairs whose first question does not occur in the test pairs, and how many did.

    Arguments: two pair frames. Questions are compared by `first_questions`.
    """
    shared = first_questions(train).isin(set(first_questions(test)))
    return check_pairs(train[~shared].reset_index(drop=True)), int(shared.sum())
