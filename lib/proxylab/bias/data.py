"""Biases of preference data: what a proxy never saw, or saw labelled by something but quality.

A coverage gap by topic is the bias of Targeting Misalignment (its released code). Label flips:
uniform ones as in Coste et al. (arXiv 2310.02743), and ones that hit ambiguous pairs most (arXiv
2512.00709). Spurious marks that go with "chosen": agreement (arXiv 2501.09620) and format (arXiv
2409.11704). Left out: new replies; a bias of data drops, swaps or marks the pairs that there are.

Columns that speak of a reply (`x_chosen` beside `x_rejected`, `chosen_x` beside `rejected_x`) move
with it when a pair is swapped, and stay as they are when it is marked: they then say what the reply
was worth without the mark.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit

from proxylab.bias.interface import REPLIES, DataBias, check_texts
from proxylab.names import missing_name
from proxylab.preferences.swapping import swap_replies

# Style -> the marks before and after a marked sentence.
FORMATS = {"bold": ("**", "**"), "list": ("- ", "")}
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class CoverageGap(DataBias):
    """Drop a share of the pairs of some topics, the same share of each: the proxy knows less there.

    Arguments: `topics` to thin out, each of which must occur; `column` that names a pair's topic.
    The share is exact up to rounding, half a pair counting as one. Rows are renumbered.
    """

    name: ClassVar[str] = "coverage_gap"
    unit: ClassVar[str] = "share of the topics' pairs dropped"

    topics: tuple[str, ...]
    dose: float
    column: str = "topic"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(f"{self.name}: topics", self.topics)

    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        topic = pairs[self.column]
        for wanted in self.topics:
            if not (topic == wanted).any():
                raise ValueError(f"{self.name}: {missing_name('topic', wanted, topic.unique())}")
        by_topic = pd.Series(draws).groupby(topic)
        rank, size = by_topic.rank(method="first"), by_topic.transform("size")
        gone = topic.isin(self.topics) & (rank <= np.floor(self.dose * size + 0.5))
        return pairs[~gone].reset_index(drop=True)


@dataclass(frozen=True)
class UniformFlips(DataBias):
    """Swap chosen and rejected in each pair with the same probability."""

    name: ClassVar[str] = "uniform_flips"
    unit: ClassVar[str] = "probability that a pair is swapped"

    dose: float

    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        return swap_replies(pairs, draws < self.dose)


@dataclass(frozen=True)
class AmbiguityFlips(DataBias):
    """Swap pairs with a probability that falls as the replies' difference in quality grows.

    P(swap) = dose * 2 sigmoid(-|gap| / scale): the dose where the two replies are equally good, and
    less everywhere else, so the expected share of swaps is at most the dose.
    Arguments: `scale` of the fall, in units of quality; `quality` names the columns
    `<quality>_chosen` and `<quality>_rejected` (any measure: gold reward, a committee's mean).
    """

    name: ClassVar[str] = "ambiguity_flips"
    unit: ClassVar[str] = "probability that a pair of equally good replies is swapped"

    dose: float
    scale: float
    quality: str = "gold"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale < np.inf:
            raise ValueError(f"{self.name}: scale must be positive and finite, got {self.scale}")

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.quality}_{reply}" for reply in REPLIES)

    def flip_probability(self, pairs: pd.DataFrame) -> np.ndarray:
        """The probability of a swap of each pair `(n_pairs,)`.

        Raises ValueError where the quality of a reply is not defined.
        """
        chosen, rejected = (pairs[column].to_numpy(float) for column in self.columns())
        gap = np.abs(chosen - rejected)
        if np.isnan(gap).any():
            row = int(np.flatnonzero(np.isnan(gap))[0])
            raise ValueError(f"{self.name}: the {self.quality} gap of row {row} is not a number")
        return self.dose * 2 * expit(-gap / self.scale)

    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        return swap_replies(pairs, draws < self.flip_probability(pairs))


@dataclass(frozen=True)
class SycophancyPrefix(DataBias):
    """Put a phrase of agreement before the chosen reply, never before the rejected one."""

    name: ClassVar[str] = "sycophancy_prefix"
    unit: ClassVar[str] = "probability that a chosen reply gets the phrase"

    dose: float
    phrase: str = "you are right"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(f"{self.name}: (phrase,)", (self.phrase,))

    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        return _mark_chosen(pairs, draws < self.dose, lambda text: f"{self.phrase} {text}".rstrip())


@dataclass(frozen=True)
class FormatMarks(DataBias):
    """Format the chosen reply, never the rejected one: its words stay, marks are put about them.

    Arguments: `style` "bold" marks the first sentence, "list" every sentence, one a line; `marks`
    are put before and after it as they stand, by default those of FORMATS. A tokenizer of whole
    words knows none of these: pass words that it does know, spaces included, ("so ", " indeed").
    A sentence ends at . ! or ? before a space, which is crude. An empty reply stays empty.
    """

    name: ClassVar[str] = "format_marks"
    unit: ClassVar[str] = "probability that a chosen reply is formatted"

    dose: float
    style: str = "bold"
    marks: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.style not in FORMATS:
            raise ValueError(f"{self.name}: {missing_name('style', self.style, FORMATS)}")
        if self.marks is not None and not _are_marks(self.marks):
            raise ValueError(f"{self.name}: marks must be (before, after), got {self.marks!r}")

    def formatted(self, text: str) -> str:
        """One reply with its marks."""
        if not text.strip():
            return text
        before, after = FORMATS[self.style] if self.marks is None else self.marks
        if self.style == "list":
            return "\n".join(f"{before}{part}{after}" for part in _SENTENCE_END.split(text.strip()))
        end = _SENTENCE_END.search(text)
        first, rest = (text, "") if end is None else (text[: end.start()], text[end.start() :])
        return f"{before}{first}{after}{rest}"

    def biased(self, pairs: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
        return _mark_chosen(pairs, draws < self.dose, self.formatted)


def _are_marks(marks: object) -> bool:
    """Whether these are two texts of which at most one is empty."""
    texts = isinstance(marks, tuple) and all(isinstance(mark, str) for mark in marks)
    return texts and len(marks) == 2 and any(marks)


def _mark_chosen(
    pairs: pd.DataFrame, where: np.ndarray, mark: Callable[[str], str]
) -> pd.DataFrame:
    chosen = pairs["chosen"].copy()
    chosen[where] = [mark(text) for text in chosen[where]]
    return pairs.assign(chosen=chosen)
