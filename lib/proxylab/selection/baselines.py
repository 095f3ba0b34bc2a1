"""What conflict has to beat: random, RSO, reward-model uncertainty, high reward; and the oracle.

Targeting Misalignment compares with random sampling and with RSO (Liu et al. 2023, arXiv
2309.06657), whose protocols there are not known. None of these rules looks at conflict, not even
where the budget runs out within a prompt. Left out: RSO's losses, which come after selection.
"""

import numpy as np

from proxylab.conflict.arrays import paired_samples, prompt_mean
from proxylab.selection.budget import descending_rank, in_rounds, random_rank, spend
from proxylab.selection.knowledge import ensemble_disagreement
from proxylab.selection.pool import Pool
from proxylab.selection.selector import Selector, by_prompt

RSO_BETA = 0.5  # RSO's default
RSO_ACCEPTED = 4  # half of eight samples; RSO keeps 8 of 64, which of eight would make no pair


def no_score(pool: Pool) -> np.ndarray:
    """The same for every prompt `(n_prompts,)`: what is left is chance."""
    return np.zeros(pool.shape[0])


def highest_reward(pool: Pool) -> np.ndarray:
    """Proxy reward of each prompt's best completion `(n_prompts,)`, NaN without a completion."""
    best = np.max(pool.proxy_reward, axis=1, where=pool.defined, initial=-np.inf)
    return np.where(np.isinf(best), np.nan, best)


def expected_regret(proxy_reward: np.ndarray, gold_reward: np.ndarray) -> np.ndarray:
    """Gold reward lost when the proxy chooses between two random completions: `(n_prompts,)`.

    With N completions, the mean over the N (N-1) / 2 pairs of |g_i - g_j| where the proxy prefers
    the other one, half of that where it ties: the Kendall-Tau distance of proxy and gold, each
    pair weighted by its gold gap. Gold reward units; NaN under two completions.

    Arguments: both `(n_prompts, n_samples)`, NaN = padding. Source: ours.
    """
    proxy_reward, gold_reward = paired_samples(proxy_reward, gold_reward)
    first, second = np.triu_indices(proxy_reward.shape[1], 1)
    proxy_gap = proxy_reward[:, first] - proxy_reward[:, second]  # (n_prompts, n_pairs)
    gold_gap = gold_reward[:, first] - gold_reward[:, second]
    lost = np.abs(gold_gap) * (1 - np.sign(proxy_gap) * np.sign(gold_gap)) / 2
    return prompt_mean(lost)


def oracle_score(pool: Pool) -> np.ndarray:
    """Expected gold regret of the proxy `(n_prompts,)`."""
    return expected_regret(pool.proxy_reward, pool.gold_reward)


def random_pairs(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
    """Two completions a prompt, prompts and completions at random; then two more, and so on."""
    order = rng.permutation(pool.shape[0])
    prompts, sizes = in_rounds(order, pool.available.sum(axis=1), 2)
    return spend(prompts, sizes, pool, budget, random_rank(pool, rng))


def rso_selector(
    *, beta: float = RSO_BETA, n_accepted: int = RSO_ACCEPTED, name: str = "rso"
) -> Selector:
    """Statistical rejection sampling: prompts in random order, `n_accepted` completions each.

    Arguments: `beta` in reward units: small takes the highest rewards, large takes at random;
    `n_accepted` at a time, at least 2; `name` tells variants apart. When every prompt has given
    that many, the next accepted follow in the same order.
    Raises ValueError for values outside these.
    """
    if not beta > 0 or n_accepted < 2:
        raise ValueError(f"rso needs beta > 0 and n_accepted >= 2, got {beta} and {n_accepted}")

    def choose(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(pool.shape[0])
        prompts, sizes = in_rounds(order, pool.available.sum(axis=1), n_accepted)
        return spend(prompts, sizes, pool, budget, acceptance_rank(pool, beta, rng))

    return Selector(name, "rejection sampling towards high proxy reward, prompts at random", choose)


def acceptance_rank(pool: Pool, beta: float, rng: np.random.Generator) -> np.ndarray:
    """When rejection sampling accepts each available completion: `(n_prompts, n_samples)` places.

    A sweep goes through the remaining candidates in random order and accepts each with
    probability exp((r - r_max) / beta), r_max the largest reward among them; so it accepts at
    least that one, and as many sweeps as candidates accept all. Source: RSO, algorithm 1.
    """
    waiting = pool.available.copy()
    sweep = np.full(pool.shape, np.nan)
    for number in range(pool.shape[1]):
        best = np.max(pool.proxy_reward, axis=1, where=waiting, initial=-np.inf, keepdims=True)
        below = np.where(waiting, pool.proxy_reward - best, -np.inf)
        accepted = waiting & (rng.random(pool.shape) < np.exp(below / beta))
        sweep[accepted] = number
        waiting &= ~accepted
    return descending_rank(-sweep, pool.available, rng)


BASELINES = (
    Selector(
        "random", "whole prompts at random: the control", by_prompt(no_score, within=random_rank)
    ),
    Selector(
        "random_pairs",
        "two completions a prompt at random: the control of rules that do so",
        random_pairs,
    ),
    rso_selector(),
    Selector(
        "uncertainty",
        "prompts whose completions an ensemble of reward models scores least alike",
        by_prompt(ensemble_disagreement, within=random_rank),
        needs=("ensemble_reward",),
    ),
    Selector(
        "highest_reward",
        "prompts whose best completion has the highest proxy reward",
        by_prompt(highest_reward, within=random_rank),
    ),
    Selector(
        "oracle",
        "prompts where trusting the proxy loses most gold reward: sees the truth, a ceiling",
        by_prompt(oracle_score, within=random_rank),
        needs=("gold_reward",),
    ),
)
