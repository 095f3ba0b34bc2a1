"""What work each run notebook does, read off its parameters and the profile.

One function a notebook; a notebook without one has no language model in it and costs seconds.
Counts are those of the studies' code, upper bounds where that drops something (pairs without a
comparison, steps that end early). Left out: scores that runs share through the score cache.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxylab.cost.plan_alignment import alignment, choosing
from proxylab.cost.plan_feedback import biased_proxies, completions, ensemble, loops, sweeps
from proxylab.cost.setting import WORLD, Setting, by_proxy, setting_of
from proxylab.cost.trainers import PAIR, paired
from proxylab.cost.work import Work, score
from proxylab.profiles import Profile, RewardModelSettings
from proxylab.selection import SELECTORS
from proxylab.shf_cas import FAULTS
from proxylab.studies.text_models import TEXT_TASKS

Values = Mapping[str, Any]


def work_of(notebook: str, values: Values, profile: Profile) -> list[Work]:
    """All work of one planned run, what it shares with others included; [] without a model.

    Arguments: `values` of the run's parameters; those at their default may be missing.
    Raises UnknownModel for a hub id of which no size is known.
    """
    plan = PLANS.get(notebook)
    if plan is None or values.get("data") in ("pandalm", "ukpconvarg1"):  # votes on public data
        return []
    data, seed, task = values.get("data", WORLD), values.get("seed", 0), values.get("task", "")
    setting = setting_of(profile, data, seed, task)
    return [*setting.bases, *plan(values, profile, setting)]


def _build_world(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    drawn = completions("samples", profile.policy.n_prompts, setting.n_samples, setting)
    return [*setting.taught, *drawn]


def _train_reward_model(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    training = _reward_settings(profile, setting).training
    n_pairs, on_test = values.get("fraction", 1.0) * setting.n_train, PAIR * setting.n_test
    key = (*_place(setting), values.get("fraction", 1.0), values.get("train_on", "raw"))
    return [
        paired("reward model", setting.reward, training, n_pairs, *key),
        by_proxy("test pairs", on_test, setting),
    ]


def _measure_conflict(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    scale, in_world = profile.conflict, setting.name == WORLD
    if not in_world and values.get("task") not in TEXT_TASKS:
        return _conflict_of_labels(profile, setting)
    works = [*setting.taught]
    works += completions("held-out prompts", scale.n_held_out, setting.n_samples, setting)
    if in_world:
        works += [*sweeps(profile, setting), biased_proxies(profile, setting)]
    else:
        labels, length = PAIR * profile.text_gold.n_test_pairs, setting.reward_length
        works += [score("labels", model, labels, length) for model in _judges(setting)]
    return works + ensemble(scale.n_held_out, profile, setting)


def _conflict_of_labels(profile: Profile, setting: Setting) -> list[Work]:
    """Without a task: the reward model and the base model on all test pairs, and some samples."""
    training, pairs = profile.text_reward_model.training, PAIR * setting.n_test
    key = (*_place(setting), 1.0, "raw")
    return [
        paired("reward model", setting.reward, training, setting.n_train, *key),
        score("pairs: policy", setting.policy, pairs, setting.policy_length),
        by_proxy("pairs: proxy", pairs, setting),
        *completions("samples", profile.conflict.n_held_out, setting.n_samples, setting),
    ]


def _shf_cas(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    scale = profile.conflict
    each_fault = tuple(values.get("faults") or ()) == ("each",)
    selectors = values.get("selectors") or tuple(SELECTORS)
    return [
        *setting.taught,
        *loops(
            selectors,
            values.get("task", ""),
            profile,
            setting,
            rounds=values.get("rounds") or scale.rounds,
            budget=values.get("budget") or scale.budget,
            refit=values.get("refit", "warm"),
            arms=len(FAULTS) if each_fault else 1,
        ),
    ]


def _judge(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    """The policies' replies; what a judge behind an endpoint costs is the endpoint's business."""
    return [*setting.taught, *choosing(profile, setting, [setting.reward])]


def _audit(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    """Every proxy, with every bias and without, scores probes (two texts each) and test pairs."""
    scale = profile.audit
    n_proxies = len(values.get("proxies") or ("gold", "task", "raw", "cleaned"))
    n_biases = 1 + len(values.get("biases") or scale.biases)
    n = n_proxies * n_biases * PAIR * (scale.n_probes + scale.n_fresh_probes + scale.n_pairs)
    return [by_proxy("probes", n, setting)]


def _measure_correlation(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    n_prompts, n_samples = profile.alignment.n_test_prompts, profile.correlation.n_samples
    return [*setting.taught, *completions("responses", n_prompts, n_samples, setting)]


def _align(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    training = _reward_settings(profile, setting).training
    return [*setting.taught, *alignment(values, profile, setting, training)]


def _judges(setting: Setting) -> list:
    return [setting.reward, *([] if setting.gold is None else [setting.gold])]


def _reward_settings(profile: Profile, setting: Setting) -> RewardModelSettings:
    """The profile's section for reward models of the world, or of text."""
    in_world = setting.name == WORLD
    return profile.world_reward_model if in_world else profile.text_reward_model


def _place(setting: Setting) -> tuple[str, int]:
    return (setting.name, setting.seed)


PLANS: dict[str, Callable[[Values, Profile, Setting], Sequence[Work]]] = {
    "align": _align,
    "audit": _audit,
    "build_world": _build_world,
    "judge": _judge,
    "measure_conflict": _measure_conflict,
    "measure_correlation": _measure_correlation,
    "shf_cas": _shf_cas,
    "train_reward_model": _train_reward_model,
}
