"""Conflict on real text: a small language model against a reward model trained on the same data.

There is no gold reward, so two questions are asked of what there is. Of every test pair: is the
proxy wrong about the published label more often where policy and proxy disagree? Of sampled
completions: how much of the log-probability is length, and what does each normalisation make of
it? A profile with larger models (`text_backbone`, `text_reward_model`) asks the same of them.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from proxylab.conflict import (
    LOGPROB_NORMALISATIONS,
    kendall_tau_distance,
    normalised_logprob,
    prompt_conflict,
)
from proxylab.policies import load_policy, response_logprobs, sample_responses
from proxylab.policies.tokenizers import encode_dialogues
from proxylab.profiles import Profile
from proxylab.rewards.interface import RewardModel
from proxylab.runs import Clean, MeasureConflict, TrainRewardModel
from proxylab.studies.cleaning import COMMITTEE, Cleaned, clean
from proxylab.studies.reward_models import backbone, trained_reward_model
from proxylab.studies.world_sanity import row_correlation

# Two completions of a pair do not have a within-prompt line of their own, so no length residual.
PAIR_NORMALISATIONS = ("sum", "per_token")


def text_tables(settings: MeasureConflict, profile: Profile) -> dict[str, pd.DataFrame]:
    """Tables "pairs" (every test pair) and "samples" (K completions of some test prompts)."""
    choice = {"profile": settings.profile, "seed": settings.seed, "data": settings.data}
    cleaned = clean(Clean(**{**choice, "seed": 0}, annotators=COMMITTEE), profile)
    proxy, _ = trained_reward_model(
        TrainRewardModel(**choice, annotators=COMMITTEE), profile, cleaned
    )
    policy, tokenizer = load_policy(backbone(profile, cleaned.data, settings.seed))
    return {
        "pairs": pair_table(policy, tokenizer, proxy, cleaned, profile),
        "samples": sample_table(policy, tokenizer, proxy, cleaned, profile, settings.seed),
    }


def pair_table(policy, tokenizer, proxy: RewardModel, cleaned: Cleaned, profile: Profile):
    """One row a test pair: whether the proxy is wrong about its label, and the pair's conflict.

    wrong: the proxy does not score the chosen reply above the rejected one. conflict_<kind>: how
    far the proxy prefers one reply and the policy the other, in standard deviations of each one's
    differences over all pairs; disagree_<kind>: they prefer different replies.
    """
    pairs = cleaned.pairs("test")
    prompts = pairs["prompt"].tolist()
    sides = {side: pairs[side].tolist() for side in ("chosen", "rejected")}
    reward = _difference(sides, lambda texts: proxy.score(prompts, texts))
    max_length = profile.text_backbone.size.max_length
    lengths = {
        side: _lengths(tokenizer, prompts, texts, max_length) for side, texts in sides.items()
    }
    logprob = {
        side: response_logprobs(policy, tokenizer, prompts, texts, max_length=max_length)
        for side, texts in sides.items()
    }
    table = pd.DataFrame(
        {
            "subset": pairs["subset"].array,
            "category": cleaned.of("test")["category"].array,
            "wrong": (reward <= 0).astype(float),
            "margin": np.abs(reward),
            "length_difference": lengths["chosen"] - lengths["rejected"],
            "logprob_difference": logprob["chosen"] - logprob["rejected"],
        }
    )
    for kind in PAIR_NORMALISATIONS:
        scores = [logprob[side] / (lengths[side] if kind == "per_token" else 1) for side in sides]
        difference = scores[0] - scores[1]
        conflict = np.abs(reward / reward.std() - difference / difference.std())
        table[f"conflict_{kind}"] = conflict
        table[f"disagree_{kind}"] = (np.sign(reward) != np.sign(difference)).astype(float)
    return table


def _difference(sides: Mapping[str, list[str]], score) -> np.ndarray:
    return score(sides["chosen"]) - score(sides["rejected"])


def _lengths(tokenizer, prompts: list[str], responses: list[str], max_length: int) -> np.ndarray:
    """Response tokens that have a log-probability, end token included."""
    dialogues = encode_dialogues(tokenizer, prompts, responses, max_length=max_length)
    return np.array([len(response) for _, response in dialogues], float)


def sample_table(policy, tokenizer, proxy: RewardModel, cleaned: Cleaned, profile, seed: int):
    """One row a prompt: what K sampled completions say of conflict, and how far it is length."""
    pairs, settings = cleaned.pairs("test"), profile.text_policy
    rng = np.random.default_rng([seed, 47])
    rows = rng.permutation(len(pairs))[: profile.conflict.n_held_out]
    drawn = pairs.iloc[np.sort(rows)]
    samples = sample_responses(
        policy,
        tokenizer,
        drawn["prompt"].tolist(),
        n_samples=settings.n_samples,
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        seed=seed,
    )
    k = settings.n_samples
    texts = [prompt for prompt in drawn["prompt"] for _ in range(k)]
    reward = proxy.score(texts, samples.responses.ravel().tolist()).reshape(-1, k)
    lengths = samples.n_tokens.astype(float)
    table = {
        "subset": drawn["subset"].array,
        "finished": samples.finished.mean(axis=1),
        "distinct": [len(set(row)) for row in samples.responses],
        "length_logprob": row_correlation(lengths, samples.policy_logprob),
        "length_reward": row_correlation(lengths, reward),
        "proxy_policy": row_correlation(reward, samples.policy_logprob),
        "tau_distance": kendall_tau_distance(reward, samples.policy_logprob),
    }
    for kind in LOGPROB_NORMALISATIONS:
        score = normalised_logprob(samples.policy_logprob, samples.n_tokens, kind)
        table[f"conflict_{kind}"] = prompt_conflict(reward, score)
    return pd.DataFrame(table)
