"""The one signature of all selectors, and how to make one from a score of prompts.

A selector sees the gold reward only if it declares that it needs it: every other is handed a pool
without one, so that no rule can peek.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from proxylab.names import missing_name
from proxylab.selection.budget import (
    check_budget,
    extreme_rank,
    ranked,
    whole_prompts,
)
from proxylab.selection.pool import Pool

Choose = Callable[[Pool, int, np.random.Generator], np.ndarray]
PromptScore = Callable[[Pool], np.ndarray]


@dataclass(frozen=True)
class Selector:
    """A rule that says which completions to label next.

    Arguments: `name`; `why`, one line; `choose`, a function of pool, budget and generator that
    returns the mask; `needs`, the optional fields of the pool that it reads.
    Raises ValueError when `needs` names no field of `Pool`.
    """

    name: str
    why: str
    choose: Choose
    needs: tuple[str, ...] = ()

    def __post_init__(self):
        known = [field.name for field in fields(Pool)]
        for name in self.needs:
            if name not in known:
                raise ValueError(f"selector {self.name!r}: {missing_name('field', name, known)}")

    def __call__(self, pool: Pool, budget: int, *, rng: np.random.Generator) -> np.ndarray:
        """Exactly `budget` available completions, as a bool mask `(n_prompts, n_samples)`.

        Arguments: `budget` counts completions; `rng` breaks ties and draws where the rule draws.
        Raises ValueError when the budget is negative or more than is available, when the pool
        lacks what the selector needs, and when a selector of your own breaks this promise.
        """
        check_budget(pool, budget)
        for name in self.needs:
            if getattr(pool, name) is None:
                raise ValueError(f"selector {self.name!r} needs `{name}`, which the pool lacks")
        seen = pool if "gold_reward" in self.needs else pool.without_gold
        mask = self.choose(seen, int(budget), rng)
        if mask.sum() != budget or (mask & ~pool.available).any():
            n = int((mask & pool.available).sum())
            raise ValueError(
                f"selector {self.name!r} must choose {budget} available completions, chose {n} "
                f"and {int((mask & ~pool.available).sum())} that are not available"
            )
        return mask


def by_prompt(
    *scores: PromptScore,
    within: Callable[[Pool, np.random.Generator], np.ndarray] = extreme_rank,
) -> Choose:
    """Whole prompts by falling score.

    Arguments: `scores` of the pool, `(n_prompts,)` each, the most important first, ties by the
    next and then at random, NaN last; `within`, the order inside the prompt at which the budget
    runs out (extremes of PACS first; a rule that knows no conflict uses `random_rank`).
    """

    def choose(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
        order = ranked(*(score(pool) for score in scores), rng=rng)
        return whole_prompts(order, pool, budget, within(pool, rng))

    return choose
