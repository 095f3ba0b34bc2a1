"""The work of feedback: completions to choose among, an ensemble where one is read, and refits."""

from collections.abc import Hashable, Sequence

from proxylab.cost.queries import by_gold, by_proxy, replies
from proxylab.cost.setting import Setting
from proxylab.cost.trainers import PAIR, ranked
from proxylab.cost.work import Work
from proxylab.profiles import Profile
from proxylab.selection import SELECTORS

POOL, HELD_OUT = "pool", "held-out prompts"


def completions(what: str, n_prompts: int, n_samples: int, setting: Setting) -> list[Work]:
    """Sampling, its log-probabilities, and the scores of gold, once for all runs of a place."""
    n, key = n_prompts * n_samples, {"shared": (what, *setting.place, n_samples)}
    return [*replies(what, n, setting, **key), *by_gold(what, n, setting, **key)]


def held_out(profile: Profile, setting: Setting) -> list[Work]:
    """The completions that a task's results are measured on."""
    return completions(HELD_OUT, profile.conflict.n_held_out, setting.n_samples, setting)


def ensemble(n_prompts: int, profile: Profile, setting: Setting, *key: Hashable) -> list[Work]:
    """Members trained anew in every run that reads them, and their scores of its completions."""
    scale, length = profile.conflict, setting.reads(setting.reward_length, replies=False)
    n_texts = scale.n_members * PAIR * scale.n_member_pairs
    scored = scale.n_members * n_prompts * setting.n_samples
    shared = ("ensemble: scores", *key) if key else None
    return [
        ranked("ensemble", setting.reward, scale.member_training, n_texts, length, *key),
        by_proxy("ensemble: scores", scored, setting, shared=shared),
    ]


def loops(
    selectors: Sequence[str],
    profile: Profile,
    setting: Setting,
    *,
    rounds: int,
    budget: int,
    refit: str,
    arms: int = 1,
    measured: bool = True,
    key: tuple[Hashable, ...] = (),
) -> list[Work]:
    """A loop of feedback for each selector and arm, on a pool that all runs of a task share.

    Arguments: `measured` whether every round's reward model also scores the held-out completions;
    `key` names the loops where runs share their outcome.
    """
    scale, n_loops = profile.conflict, arms * len(selectors)
    labels = sum(round(budget * (done + 1) / rounds) for done in range(rounds))
    replayed = setting.n_proxy if refit == "scratch" else min(scale.n_replay, setting.n_proxy)
    n_texts = n_loops * (labels + rounds * PAIR * replayed)
    length = setting.reads(setting.reward_length, replies=False)
    prompts = scale.n_pool + (scale.n_held_out if measured else 0)
    # What the proxy says of them, where every loop begins, is scored once.
    scored = (1 + n_loops * rounds) * prompts * setting.n_samples
    shared = {"shared": ("refits: scores", *key) if key else None}
    works = [
        *completions(POOL, scale.n_pool, setting.n_samples, setting),
        *held_out(profile, setting),
        *by_gold("labels", n_loops * budget, setting, **shared),
        ranked("refits", setting.reward, scale.refinement, n_texts, length, *key),
        by_proxy("refits: scores", scored, setting, **shared),
    ]
    if any("ensemble_reward" in SELECTORS[name].needs for name in selectors):
        works += ensemble(scale.n_pool, profile, setting, *key)
    return works


def biased_proxies(profile: Profile, setting: Setting) -> list[Work]:
    """Proxies on biased pairs, three kinds of bias at each dose and one without, and their scores
    of the held-out completions."""
    scale = profile.conflict
    n_proxies = 1 + 3 * len(scale.share_doses)
    n_texts = n_proxies * PAIR * scale.n_bias_pairs
    length = setting.reads(setting.reward_length, replies=False)
    scored = n_proxies * scale.n_held_out * setting.n_samples
    return [
        ranked("biased proxies", setting.reward, scale.bias_training, n_texts, length),
        by_proxy("biased proxies: scores", scored, setting),
    ]


def sweeps(profile: Profile, setting: Setting) -> list[Work]:
    """Other numbers of samples, the first of the largest, and temperatures, each sampled anew."""
    scale, works = profile.conflict, []
    for k in (max(scale.sweep_n_samples), *[setting.n_samples] * len(scale.sweep_temperatures)):
        n = scale.n_held_out * k
        works += [*replies("sweep", n, setting), by_proxy("sweep: proxy", n, setting)]
    return works
