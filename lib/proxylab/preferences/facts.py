"""What a pair frame holds, and which of its questions another frame holds too.

The counts that a data card states (identical pairs, empty replies, prompts that differ), and the
removal of training pairs whose first question also occurs in a test set. Left out: paraphrases;
two questions are the same here when they agree up to case and white space.
"""

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


def without_overlap(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The training pairs whose first question does not occur in the test pairs, and how many did.

    Arguments: two pair frames. Questions are compared by `first_questions`.
    """
    shared = first_questions(train).isin(set(first_questions(test)))
    return check_pairs(train[~shared].reset_index(drop=True)), int(shared.sum())
