"""Which completions to label under a budget: the paper's rule, its rivals, and some of ours.

Every selector has one signature, `selector(pool, budget, *, rng)`, and returns a bool mask
`(n_prompts, n_samples)` of exactly `budget` completions that had no label. One of your own is a
function, and one line to register it:

    SELECTORS["mine"] = Selector("mine", "why it should help", by_prompt(my_score_of_prompts))
"""

from proxylab.selection.baselines import acceptance_rank, expected_regret, rso_selector
from proxylab.selection.budget import extreme_rank, in_rounds, random_rank, ranked, spend
from proxylab.selection.conflict_rules import threshold_selector
from proxylab.selection.knowledge import (
    confidence,
    ensemble_disagreement,
    rank_share,
    self_consistency,
)
from proxylab.selection.learned import features, proxy_wrong
from proxylab.selection.pool import Pool
from proxylab.selection.registry import SELECTORS, select
from proxylab.selection.selector import Selector, by_prompt
from proxylab.selection.weighted import conflict_times

__all__ = [
    "SELECTORS",
    "Pool",
    "Selector",
    "acceptance_rank",
    "by_prompt",
    "confidence",
    "conflict_times",
    "ensemble_disagreement",
    "expected_regret",
    "extreme_rank",
    "features",
    "in_rounds",
    "proxy_wrong",
    "random_rank",
    "rank_share",
    "ranked",
    "rso_selector",
    "select",
    "self_consistency",
    "spend",
    "threshold_selector",
]
