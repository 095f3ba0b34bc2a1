"""Conflict weighted by what the policy, or the proxy, seems to know.

Conflict can only point at a wrong proxy where the policy is right. Each rule multiplies the rank
of a prompt's conflict by the rank of an estimate of knowledge, both as shares of the prompts, so
that neither's units decide. Ours, judged like the rest. Left out: weights fitted to labels, which
`learned` holds.
"""

import numpy as np

from proxylab.selection.knowledge import (
    confidence,
    ensemble_disagreement,
    rank_share,
    self_consistency,
)
from proxylab.selection.pool import Pool
from proxylab.selection.selector import PromptScore, Selector, by_prompt


def conflict_times(estimate: PromptScore) -> PromptScore:
    """The score of a prompt: its conflict's rank share times that of the estimate, `(n_prompts,)`.

    NaN where either is undefined.
    """

    def score(pool: Pool) -> np.ndarray:
        return rank_share(pool.conflict) * rank_share(estimate(pool))

    return score


def ensemble_agreement(pool: Pool) -> np.ndarray:
    """Minus the disagreement of the ensemble `(n_prompts,)`."""
    return -ensemble_disagreement(pool)


WEIGHTED = (
    Selector(
        "conflict_x_consistency",
        "conflict where the policy's samples are alike: it seems to know",
        by_prompt(conflict_times(self_consistency)),
        needs=("responses",),
    ),
    Selector(
        "conflict_x_confidence",
        "conflict where the policy is sure of each token: it seems to know",
        by_prompt(conflict_times(confidence)),
        needs=("n_tokens",),
    ),
    Selector(
        "conflict_x_agreement",
        "conflict where an ensemble of proxies agrees: it is not one proxy's noise",
        by_prompt(conflict_times(ensemble_agreement)),
        needs=("ensemble_reward",),
    ),
    Selector(
        "conflict_x_disagreement",
        "conflict where an ensemble of proxies disagrees: the proxy seems not to know",
        by_prompt(conflict_times(ensemble_disagreement)),
        needs=("ensemble_reward",),
    ),
)
