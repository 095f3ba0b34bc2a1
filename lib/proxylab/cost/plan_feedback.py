"""The work of feedback: completions to choose among, an ensemble where one is read, and refits."""

from collections.abc import Sequence
from typing import Any

from proxylab.cost.setting import Setting, by_proxy
from proxylab.cost.trainers import PAIR, ranked
from proxylab.cost.work import Work, generate, score
from proxylab.profiles import Profile
from proxylab.selection import SELECTORS


def completions(
    what: str, n_prompts: int, n_samples: int, setting: Setting, **options: Any
) -> list[Work]:
    """Sampling, its log-probabilities, and the scores of proxy and gold."""
    n, length = n_prompts * n_samples, setting.policy_length
    works = [
        generate(f"{what}: sampled", setting.policy, n, length, setting.new, **options),
        score(f"{what}: log-probabilities", setting.policy, n, length, **options),
        by_proxy(f"{what}: proxy", n, setting, **options),
    ]
    if setting.gold is not None:
        works.append(score(f"{what}: gold", setting.gold, n, setting.reward_length, **options))
    return works


def ensemble(n_prompts: int, profile: Profile, setting: Setting) -> list[Work]:
    """Members trained anew in every run that reads them, and their scores of its completions."""
    scale, length = profile.conflict, setting.reward_length
    n_texts = scale.n_members * PAIR * scale.n_member_pairs
    scored = scale.n_members * n_prompts * setting.n_samples
    return [
        ranked("ensemble", setting.reward, scale.member_training, n_texts, length),
        by_proxy("ensemble: scores", scored, setting),
    ]


def loops(
    selectors: Sequence[str],
    task: str,
    profile: Profile,
    setting: Setting,
    *,
    rounds: int,
    budget: int,
    refit: str,
    arms: int = 1,
) -> list[Work]:
    """A loop of feedback for each selector and arm, on a pool that all runs of a task share."""
    scale, n_loops = profile.conflict, arms * len(selectors)
    prompts = scale.n_pool + scale.n_held_out
    labels = sum(round(budget * (done + 1) / rounds) for done in range(rounds))
    replayed = setting.n_proxy if refit == "scratch" else scale.n_replay
    n_texts = n_loops * (labels + rounds * PAIR * replayed)
    scored = n_loops * (rounds + 1) * prompts * setting.n_samples
    key = ("pool", setting.name, setting.seed, task)
    works = [
        *completions("pool and held-out", prompts, setting.n_samples, setting, shared=key),
        ranked("refits", setting.reward, scale.refinement, n_texts, setting.reward_length),
        by_proxy("refits: scores", scored, setting),
    ]
    if any("ensemble_reward" in SELECTORS[name].needs for name in selectors):
        works += ensemble(scale.n_pool, profile, setting)
    return works


def biased_proxies(profile: Profile, setting: Setting) -> Work:
    """Training of proxies on biased pairs: three kinds of bias at each dose, and one without."""
    scale = profile.conflict
    n_proxies = 1 + 3 * len(scale.share_doses)
    n_texts = n_proxies * PAIR * scale.n_bias_pairs
    return ranked(
        "biased proxies", setting.reward, scale.bias_training, n_texts, setting.reward_length
    )


def sweeps(profile: Profile, setting: Setting) -> list[Work]:
    """Other numbers of samples, the first of the largest, and temperatures, each sampled anew."""
    scale = profile.conflict
    counts = [max(scale.sweep_n_samples), *[setting.n_samples] * len(scale.sweep_temperatures)]
    return [work for n in counts for work in completions("sweep", scale.n_held_out, n, setting)]
