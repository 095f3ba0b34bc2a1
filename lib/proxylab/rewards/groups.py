"""Ranked groups: the labelled completions of one prompt, and how many comparisons they make.

Who scores all K completions of a prompt gives up to K(K-1)/2 comparisons; an ordinary preference
pair is a group of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class RankedGroup:
    """Completions of one prompt and a label each.

    label: higher is better; NaN = no label, that completion takes no part. Labels are compared
    exactly, and equal ones make no comparison.
    Raises ValueError when there is not one label a response, or one is infinite.
    """

    prompt: str
    responses: tuple[str, ...]
    label: tuple[float, ...]

    def __post_init__(self):
        if len(self.responses) != len(self.label):
            raise ValueError(
                f"{len(self.responses)} responses but {len(self.label)} labels to the prompt "
                f"{self.prompt[:60]!r}: need one each (NaN = no label)"
            )
        if np.isinf(self.label).any():
            raise ValueError(f"a label is infinite for the prompt {self.prompt[:60]!r}")

    @property
    def labelled(self) -> "RankedGroup":
        """The group without the completions that have no label."""
        kept = [i for i, label in enumerate(self.label) if not np.isnan(label)]
        return RankedGroup(
            self.prompt,
            tuple(self.responses[i] for i in kept),
            tuple(float(self.label[i]) for i in kept),
        )


def groups_of_pairs(pairs: pd.DataFrame) -> list[RankedGroup]:
    """Preference pairs as groups of two: the chosen reply has label 1, the rejected one 0."""
    columns = pairs["prompt"], pairs["chosen"], pairs["rejected"]
    return [
        RankedGroup(prompt, (chosen, rejected), (1.0, 0.0))
        for prompt, chosen, rejected in zip(*columns, strict=True)
    ]


def n_comparisons(groups: Sequence[RankedGroup]) -> int:
    """Comparisons in all groups: pairs of completions whose labels are defined and differ."""
    labels = [np.asarray(group.label, float) for group in groups]
    return int(sum(np.sum(label[:, None] > label[None, :]) for label in labels))
