"""Proof that the controlled world is what it claims: what each model knows, and where.

The policy's samples are scored by the proxy and by gold. Within a prompt, log-probability should
follow gold where the policy was taught and not elsewhere, and the proxy likewise in its topics.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.policies import Samples, load_policy, sample_responses
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.stats import Interval, bootstrap_mean, wilson
from proxylab.studies.world_models import WorldModels
from proxylab.world import GoldReward, lexicon
from proxylab.world.demonstrations import ALL_TOPICS, draw_prompts, proxy_preferences
from proxylab.world.prompts import Prompt
from proxylab.world.responses import CONTENT_ONLY


@dataclass(frozen=True)
class WorldSamples:
    """The policy's samples on drawn prompts, scored by the proxy and by the gold reward.

    Both rewards have shape `(n_prompts, n_samples)`.
    """

    prompts: list[Prompt]
    samples: Samples
    proxy_reward: np.ndarray
    gold_reward: np.ndarray


def sample_world(models: WorldModels, profile: Profile, seed: int) -> WorldSamples:
    """Sample the policy on prompts of all topics and score every completion."""
    settings = profile.policy
    rng = np.random.default_rng([seed, 5])
    prompts = draw_prompts(models.world, settings.n_prompts, ALL_TOPICS, rng)
    model, tokenizer = load_policy(models.policy)
    samples = sample_responses(
        model,
        tokenizer,
        [prompt.text for prompt in prompts],
        n_samples=settings.n_samples,
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        seed=seed,
    )
    texts = [prompt.text for prompt in prompts for _ in range(settings.n_samples)]
    replies = samples.responses.ravel().tolist()
    shape = samples.responses.shape
    proxy = SequenceClassifierReward.load(models.proxy)
    return WorldSamples(
        prompts=prompts,
        samples=samples,
        proxy_reward=proxy.score(texts, replies).reshape(shape),
        gold_reward=GoldReward(models.world).score(texts, replies).reshape(shape),
    )


def prompt_table(drawn: WorldSamples) -> pd.DataFrame:
    """One row a prompt: topic, quadrant, kind, and what its samples show.

    distinct: distinct completions. gold, gold_sd: mean and spread of the gold reward.
    policy_gold, proxy_gold: within-prompt Pearson correlation of log-probability, and of the proxy
    reward, with gold (NaN where either is constant). policy_gold_per_token: the same with the mean
    log-probability of a token. degenerate: log-probability or proxy reward is constant.
    """
    samples, gold = drawn.samples, drawn.gold_reward
    return pd.DataFrame(
        {
            "topic": [prompt.topic for prompt in drawn.prompts],
            "quadrant": [prompt.quadrant for prompt in drawn.prompts],
            "kind": [prompt.kind for prompt in drawn.prompts],
            "distinct": [len(set(row)) for row in samples.responses],
            "finished": samples.finished.mean(axis=1),
            "gold": gold.mean(axis=1),
            "gold_sd": gold.std(axis=1),
            "policy_gold": row_correlation(samples.policy_logprob, gold),
            "policy_gold_per_token": row_correlation(
                samples.policy_logprob / samples.n_tokens, gold
            ),
            "proxy_gold": row_correlation(drawn.proxy_reward, gold),
            "degenerate": (np.ptp(samples.policy_logprob, axis=1) < 1e-6)
            | (np.ptp(drawn.proxy_reward, axis=1) < 1e-6),
        }
    )


def row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of each row of `a` with that of `b`, `(n_prompts,)`; NaN if undefined."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    defined = scale > 1e-12
    return np.where(defined, (a * b).sum(axis=1) / np.where(defined, scale, 1.0), np.nan)


def proxy_pairs(models: WorldModels, seed: int, n: int) -> pd.DataFrame:
    """Pairs of all topics that only knowledge tells apart, and whether the proxy is `right`.

    Both replies are civil and complete, so that what is good in every topic (no insult, no evasion)
    cannot lift the accuracy where the proxy knows nothing.
    """
    rng = np.random.default_rng([seed, 6])
    pairs = proxy_preferences(models.world, n, rng, topics=ALL_TOPICS, quality=CONTENT_ONLY)
    proxy = SequenceClassifierReward.load(models.proxy)
    chosen = proxy.score(pairs["prompt"].tolist(), pairs["chosen"].tolist())
    rejected = proxy.score(pairs["prompt"].tolist(), pairs["rejected"].tolist())
    return pairs.assign(right=chosen > rejected)


SANITY_CLAIMS = {
    "policy_gold": "log-probability with gold (r)",
    "proxy_gold": "proxy reward with gold (r)",
    "gold": "mean gold reward",
    "distinct": "distinct completions",
    "proxy_accuracy": "proxy accuracy",
}


def sanity_table(
    prompts: pd.DataFrame, pairs: pd.DataFrame, *, rng: np.random.Generator, n_resamples: int
) -> pd.DataFrame:
    """The claims of the world by quadrant: claim, quadrant, value, low, high, n.

    Arguments: rows of `prompt_table` and of `proxy_pairs`, of one seed or several. Means over
    prompts are bootstrapped over prompts; accuracy has a Wilson interval over pairs.
    """
    rows = []
    for quadrant in lexicon.QUADRANTS:
        of_quadrant = prompts[prompts["quadrant"] == quadrant]
        for claim in SANITY_CLAIMS:
            if claim == "proxy_accuracy":
                right = pairs.loc[pairs["quadrant"] == quadrant, "right"]
                interval = wilson(int(right.sum()), len(right))
            else:
                values = of_quadrant[claim].to_numpy(float)
                interval = bootstrap_mean(values, rng=rng, n_resamples=n_resamples)
            rows.append({"claim": claim, "quadrant": quadrant, **_columns(interval)})
    return pd.DataFrame(rows)


def _columns(interval: Interval) -> dict[str, float]:
    names = {"value": interval.estimate, "low": interval.low, "high": interval.high}
    return names | {"n": interval.n}


def example_table(drawn: WorldSamples) -> pd.DataFrame:
    """For one prompt of each quadrant and kind: the reply the policy finds likeliest, and the best.

    The first prompt whose samples are not all equally good stands for its quadrant and kind.

    Columns quadrant, kind, prompt, reply, which ("likeliest" or "best by gold"), policy_logprob,
    proxy_reward, gold_reward.
    """
    rows, seen = [], set()
    for i, prompt in enumerate(drawn.prompts):
        if (prompt.quadrant, prompt.kind) in seen or np.ptp(drawn.gold_reward[i]) == 0:
            continue
        seen.add((prompt.quadrant, prompt.kind))
        picks = {
            "likeliest": int(drawn.samples.policy_logprob[i].argmax()),
            "best by gold": int(drawn.gold_reward[i].argmax()),
        }
        for which, k in picks.items():
            rows.append(
                {
                    "quadrant": prompt.quadrant,
                    "kind": prompt.kind,
                    "prompt": prompt.text,
                    "which": which,
                    "reply": drawn.samples.responses[i, k],
                    "policy_logprob": drawn.samples.policy_logprob[i, k],
                    "proxy_reward": drawn.proxy_reward[i, k],
                    "gold_reward": drawn.gold_reward[i, k],
                }
            )
    return pd.DataFrame(rows)
