"""Pairwise rankers: proxies that compare two responses and score none by itself.

A ranker gives the log-odds that the first of two responses is the better. `RankerReward` makes it
a proxy: both orders are asked and averaged, which takes out the ranker's liking for a place, and
that liking is reported (`position_bias`).

Comparable with what: a margin says how two responses to one prompt compare, and no more. Scores of
`score_pairs` are comparable within their pair; of `score_groups` within their row; of `score`,
which needs reference replies, within their prompt. Across prompts only the sign carries over (0:
as good as the other, or as the reference). Left out: fitting one scale to all comparisons
(Bradley-Terry over a group), and caching, since a comparison is of two texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from proxylab.rewards.interface import check_aligned, checked_scores
from proxylab.stats import Interval, bootstrap_mean, wilson

Texts = Sequence[str]


@runtime_checkable
class PairwiseRanker(Protocol):
    """Anything with a name that compares two responses to a prompt."""

    name: str

    def prefer(self, prompts: Texts, first: Texts, second: Texts) -> np.ndarray:
        """Log-odds that `first[i]` is better than `second[i]`, nats `(n,)`; NaN for no verdict."""


class CallableRanker:
    """A ranker from a function `fn(prompts, first, second) -> (n,)` of the user's own.

    Arguments: `fn` gives log-odds, or +1, 0 and -1 where it has only verdicts; `fingerprint` must
    change whenever the function does.
    Comparing raises ValueError when the function does not return one number a comparison.
    """

    def __init__(
        self,
        name: str,
        fn: Callable[[Texts, Texts, Texts], np.ndarray],
        *,
        fingerprint: str | None = None,
    ):
        self.name, self._fn = name, fn
        if fingerprint is not None:
            self.fingerprint = fingerprint

    def prefer(self, prompts: Texts, first: Texts, second: Texts) -> np.ndarray:
        """Log-odds of the wrapped function, checked: float64 `(n,)`."""
        check_aligned(prompts, first)
        check_aligned(prompts, second)
        return checked_scores(self.name, self._fn(prompts, first, second), len(prompts))


class RankerReward:
    """A pairwise ranker as a proxy, both orders averaged.

    Arguments: `references` reply texts by prompt that `score` compares with; `orientation` -1 for
    a ranker whose log-odds are those of the second (or of the worse) response.
    Raises ValueError for another orientation.
    """

    def __init__(
        self,
        ranker: PairwiseRanker,
        *,
        references: Mapping[str, Texts] | None = None,
        orientation: int = 1,
        name: str | None = None,
    ):
        if orientation not in (1, -1):
            raise ValueError(f"orientation must be 1 or -1, got {orientation!r}")
        self.ranker, self.references = ranker, references
        self.orientation, self.name = orientation, name or ranker.name

    def both_orders(
        self, prompts: Texts, first: Texts, second: Texts
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds that `first` is better, placed first and placed second, `(n,)` each."""
        n = len(prompts)
        asked = [*prompts, *prompts], [*first, *second], [*second, *first]
        odds = checked_scores(self.name, self.ranker.prefer(*asked), 2 * n)
        return self.orientation * odds[:n], -self.orientation * odds[n:]

    def margins(self, prompts: Texts, first: Texts, second: Texts) -> np.ndarray:
        """Log-odds that `first` is better, mean of the two orders, `(n,)`; antisymmetric."""
        return np.mean(self.both_orders(prompts, first, second), axis=0)

    def score_pairs(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """`pair_id, score_chosen, score_rejected`: half the margin each, with opposite signs.

        A score says nothing without its partner's; their difference is the margin.
        """
        columns = pairs["prompt"].tolist(), pairs["chosen"].tolist(), pairs["rejected"].tolist()
        half = self.margins(*columns) / 2
        return pd.DataFrame(
            {"pair_id": pairs["pair_id"].array, "score_chosen": half, "score_rejected": -half}
        )

    def score(self, prompts: Texts, responses: Texts) -> np.ndarray:
        """Mean margin of each response over its prompt's reference replies, `(n,)`.

        Above 0: better than the references; scores to different prompts share only that zero.
        Raises ValueError without references, or for a prompt that has none.
        """
        check_aligned(prompts, responses)
        asked = [(i, text) for i, p in enumerate(prompts) for text in self._references_of(p)]
        rows = np.array([i for i, _ in asked], dtype=int)
        margins = self.margins(
            [prompts[i] for i in rows], [responses[i] for i in rows], [text for _, text in asked]
        )
        return _row_means(rows, margins, len(prompts))

    def score_groups(self, prompts: Texts, responses: np.ndarray) -> np.ndarray:
        """Mean margin of each response over the others to its prompt, `(n_prompts, n_samples)`.

        Arguments: `responses` `(n_prompts, n_samples)` texts, None = padding, which comes back as
        NaN, as do a response without another and both sides of a comparison without a verdict.
        A row's scores sum to 0. It takes K(K - 1) comparisons a prompt.
        Raises ValueError when there is not one row a prompt.
        """
        responses = np.asarray(responses, dtype=object)
        if responses.ndim != 2 or len(responses) != len(prompts):
            raise ValueError(
                f"responses must be ({len(prompts)}, n_samples), one row a prompt, "
                f"got shape {responses.shape}"
            )
        row, a, b = _comparisons(responses)
        margins = self.margins([prompts[i] for i in row], responses[row, a], responses[row, b])
        width = responses.shape[1]
        cells = np.concatenate([row * width + a, row * width + b])
        return _row_means(cells, np.concatenate([margins, -margins]), responses.size).reshape(
            responses.shape
        )

    def _references_of(self, prompt: str) -> Texts:
        if self.references is None:
            raise ValueError(
                f"{self.name} compares responses and scores none by itself: give reference "
                "replies (references=), or use score_pairs or score_groups"
            )
        if not self.references.get(prompt):
            raise ValueError(f"{self.name} has no reference reply to the prompt {prompt[:60]!r}")
        return self.references[prompt]


@dataclass(frozen=True)
class PositionBias:
    """What a ranker makes of the place alone; the unit is the pair.

    log_odds: mean log-odds for whatever stands first, nats; 0 = no liking for a place.
    flipped: share of pairs whose verdict changes with the order, of those with two verdicts.
    n_tied, n_undefined: pairs with a tie in an order, and without a verdict in one.
    """

    log_odds: Interval
    flipped: Interval
    n_tied: int
    n_undefined: int


def position_bias(
    reward: RankerReward,
    pairs: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> PositionBias:
    """How much the order decides, over the pairs of a frame (prompt, chosen, rejected).

    The mean has a bootstrap interval over pairs, the share Wilson's; pairs are taken as
    independent. Source of the two measures: Wang et al., arXiv 2305.17926 (conflict rate), and
    Zheng et al., arXiv 2306.05685 (consistency).
    """
    columns = pairs["prompt"].tolist(), pairs["chosen"].tolist(), pairs["rejected"].tolist()
    before, after = reward.both_orders(*columns)
    for_first = (before - after) / 2
    flipped = flips(before, after)
    undefined = np.isnan(before) | np.isnan(after)
    n_decided = int(np.sum(~np.isnan(flipped)))
    return PositionBias(
        bootstrap_mean(for_first, rng=rng, n_resamples=n_resamples, level=level),
        wilson(int(np.nansum(flipped)), n_decided, level=level),
        len(flipped) - n_decided - int(undefined.sum()),
        int(undefined.sum()),
    )


def flips(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Per pair `(n,)`: 1 the verdict changes with the order, 0 it stands, NaN a tie or none.

    Arguments: log-odds of the same response placed first and placed second, `(n,)` each.
    """
    product = np.sign(before) * np.sign(after)
    return np.where(np.isnan(product) | (product == 0), np.nan, product < 0)


def _comparisons(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and both columns of every two texts that stand in one row."""
    found = [
        (i, a, b)
        for i, row in enumerate(responses)
        for a, b in combinations([k for k, text in enumerate(row) if text is not None], 2)
    ]
    row, a, b = np.array(found, dtype=int).reshape(-1, 3).T
    return row, a, b


def _row_means(rows: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Mean of the values of each row `(n,)`; NaN for a row without values."""
    counts = np.bincount(rows, minlength=n)
    sums = np.bincount(rows, weights=values, minlength=n)
    return np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
