"""Estimates, without any label, of what the policy and the proxy know about a prompt.

Targeting Misalignment reads conflict as shared ignorance, but conflict can say that the proxy is
wrong only if the policy is right: these estimates say where to believe it. Self-consistency and
confidence speak of the policy, disagreement of an ensemble speaks of the proxy. Ours; left out:
semantic similarity of texts and calibration.
"""

import re
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from proxylab.conflict import MIN_SD, normalised_logprob
from proxylab.conflict.arrays import centred, prompt_mean, prompt_sd
from proxylab.selection.pool import Pool

WORD = re.compile(r"\w+")


def self_consistency(pool: Pool) -> np.ndarray:
    """Mean similarity of the policy's completions of a prompt `(n_prompts,)`, in [0, 1].

    The similarity of two texts is the Jaccard index of their sets of words, case aside; two texts
    without a word are alike (1). NaN under two completions.
    """
    return np.array(
        [
            _mean_similarity([_words(text) for text in texts[defined]])
            for texts, defined in zip(pool.responses, pool.defined, strict=True)
        ]
    )


def confidence(pool: Pool) -> np.ndarray:
    """Mean per-token log-probability of a prompt's completions `(n_prompts,)`, in nats.

    Each completion counts once, whatever its length. NaN without a completion.
    """
    logprob = np.where(pool.defined, pool.policy_logprob, np.nan)
    return prompt_mean(normalised_logprob(logprob, pool.n_tokens, "per_token"))


def ensemble_disagreement(pool: Pool) -> np.ndarray:
    """How unlike the members of an ensemble score a prompt's completions `(n_prompts,)`.

    Each member's rewards are standardised within the prompt (members may have other units); the
    standard deviation over members (ddof 0) is averaged over completions. A member whose rewards
    are all equal there is left out; NaN under two members.
    """
    rewards = np.where(pool.defined, pool.ensemble_reward, np.nan)
    scores = np.array([_standardised(member) for member in rewards])
    enough = (~np.isnan(scores)).sum(axis=0) >= 2  # (n_prompts, n_samples)
    spread = np.full(pool.shape, np.nan)
    spread[enough] = np.nanstd(scores[:, enough], axis=0)
    return prompt_mean(spread)


def rank_share(values: np.ndarray) -> np.ndarray:
    """Share of the defined values that are not larger `(n,)`, in (0, 1]; ties share their mean."""
    n_defined = max(int((~np.isnan(values)).sum()), 1)
    return rankdata(values, nan_policy="omit") / n_defined


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def _mean_similarity(texts: list[frozenset[str]]) -> float:
    pairs = [len(a & b) / len(a | b) if a or b else 1.0 for a, b in combinations(texts, 2)]
    return float(np.mean(pairs)) if pairs else np.nan


def _standardised(rewards: np.ndarray) -> np.ndarray:
    """Within-prompt z-scores (n_prompts, n_samples), NaN where the rewards are all equal."""
    sd = prompt_sd(rewards)[:, None]
    blank = np.full(rewards.shape, np.nan)
    return np.divide(centred(rewards), sd, out=blank, where=sd >= MIN_SD)
