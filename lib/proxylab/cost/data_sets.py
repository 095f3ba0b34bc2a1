"""What is known of the public data sets before any is fetched: how many pairs, and how long.

`data/cost/data_sets.csv` holds counts and mean characters, with how they were measured, and
`data/cost/tokenizers.csv` the characters that a token stands for. Nothing is known of the texts of
PKU-SafeRLHF: they count as long as they may be, and so do those of the controlled world.
"""

from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path

import pandas as pd

from proxylab.cost.work import Length
from proxylab.environment import project_root

HH_RLHF = "hh-rlhf"


@dataclass(frozen=True)
class DataSet:
    """Pairs of both splits, mean characters (NaN where nobody has measured), gigabytes to fetch.

    text_characters: of a prompt with one of its two replies; prompt_characters: of it alone.
    """

    name: str
    pairs_train: int
    pairs_test: int
    text_characters: float
    prompt_characters: float
    download_gb: float
    source: str


@dataclass(frozen=True)
class Texts:
    """Mean tokens of a data set's texts, before any is cut; inf where nobody has measured them.

    pair: a prompt with one of its two replies. prompt: the prompt alone.
    """

    pair: float = inf
    prompt: float = inf

    @classmethod
    def of(cls, known: DataSet, vocabulary: int) -> "Texts":
        """Those of a data set for a tokenizer of that size."""
        means = known.text_characters, known.prompt_characters
        each = characters_a_token(vocabulary)
        return cls(*(inf if pd.isna(mean) else mean / each for mean in means))

    def of_pairs(self, longest: int) -> Length:
        """Prompts with the data's own replies, cut at `longest` tokens."""
        return Length.within(longest, self.pair)

    def answered(self, longest: int, new: int) -> Length:
        """Prompts with replies of `new` tokens, which is as long as a sampled one may be."""
        return Length.within(longest, self.prompt + new)


def data_sets() -> dict[str, DataSet]:
    """Data sets by name; a task's part of one, where it is divided, as "<data set>/<task>"."""
    rows = _read(_folder() / "data_sets.csv").itertuples(index=False)
    return {row.name: DataSet(*row) for row in rows}


def data_set(name: str, task: str = "") -> DataSet:
    """What is known of a data set, or of a task's part of it where it is divided.

    "hub" and folders count as HH-RLHF, whose layout they have.
    """
    known = data_sets()
    whole = name if name in known else HH_RLHF
    return known.get(f"{whole}/{task}", known[whole])


def characters_a_token(vocabulary: int) -> float:
    """Mean characters of English text that a token stands for.

    Of the largest tokenizer measured that has no more entries: a larger one needs fewer tokens, so
    that this is no fewer than it needs.
    """
    rows = _read(_folder() / "tokenizers.csv").itertuples(index=False)
    measured = {row.vocabulary: row.characters_a_token for row in rows}
    return measured[max(size for size in measured if size <= max(vocabulary, min(measured)))]


def _folder() -> Path:
    return project_root() / "data" / "cost"


@cache
def _read(path: Path) -> pd.DataFrame:
    """A table, read once; not to be written to."""
    return pd.read_csv(path)
