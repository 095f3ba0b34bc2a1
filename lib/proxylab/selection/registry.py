"""All selectors by name."""

import numpy as np

from proxylab.names import did_you_mean
from proxylab.selection.baselines import BASELINES
from proxylab.selection.conflict_rules import CONFLICT_RULES
from proxylab.selection.learned import LEARNED
from proxylab.selection.pool import Pool
from proxylab.selection.selector import Selector
from proxylab.selection.weighted import WEIGHTED

SELECTORS: dict[str, Selector] = {
    selector.name: selector for selector in (*BASELINES, *CONFLICT_RULES, *WEIGHTED, *LEARNED)
}


def select(name: str, pool: Pool, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Exactly `budget` completions of `pool`, by the selector called `name`.

    Arguments: `budget` counts completions; `rng` breaks ties and draws where the rule draws.
    Returns a bool mask `(n_prompts, n_samples)`.
    Raises ValueError for an unknown name, naming the nearest, and as `Selector.__call__` does.
    """
    if name not in SELECTORS:
        raise ValueError(f"no selector `{name}`{did_you_mean(name, SELECTORS)}")
    return SELECTORS[name](pool, budget, rng=rng)
