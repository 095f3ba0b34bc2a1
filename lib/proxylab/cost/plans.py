"""What work each run notebook does, read off its parameters and the profile.

One function a notebook; a notebook without one has no language model in it and costs seconds.
Counts are those of the studies' code, upper bounds where that drops something (pairs without a
comparison, that are not cleaned, that ask what is tested on; steps that end early). Left out:
scores that runs share through the score cache, self-tests.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxylab.cost.plan_alignment import alignment, candidates, choices
from proxylab.cost.plan_feedback import biased_proxies, ensemble, held_out, loops, sweeps
from proxylab.cost.queries import by_gold, by_policy, by_proxy, replies
from proxylab.cost.setting import WORLD, Setting, setting_of
from proxylab.cost.trainers import PAIR, paired
from proxylab.cost.work import Work
from proxylab.profiles import Profile, RewardModelSettings
from proxylab.selection import SELECTORS
from proxylab.shf_cas import FAULTS
from proxylab.studies.alignment.prompts import MIXED
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
    data, seed, task = values.get("data", WORLD), values.get("seed", 0), values.get("task", MIXED)
    setting = setting_of(profile, data, seed, "" if task == MIXED else task)
    works = [*setting.bases, *plan(values, profile, setting)]
    # What several parts of a run need is made once.
    named = {(work.shared, work.what): work for work in works if work.shared is not None}
    return [*named.values(), *(work for work in works if work.shared is None)]


def _build_world(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    n = profile.policy.n_prompts * setting.n_samples
    return [*setting.taught, *replies("samples", n, setting), by_proxy("samples", n, setting)]


def _train_reward_model(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    fraction, pairs = values.get("fraction", 1.0), values.get("train_on", "raw")
    return [
        _reward_model(profile, setting, fraction, pairs),
        by_proxy("test pairs", PAIR * setting.n_test, setting, of_pairs=True),
    ]


def _reward_model(profile: Profile, setting: Setting, fraction: float, pairs: str) -> Work:
    """One trained on a share of all pairs, gold's too where a model stands for gold."""
    training, n_pairs = _reward_settings(profile, setting).training, fraction * setting.n_train
    length = setting.reads(setting.reward_length, replies=False)
    key = (setting.name, setting.seed, fraction, pairs)
    return paired("reward model", setting.reward, training, n_pairs, length, *key)


def _measure_conflict(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    scale, in_world = profile.conflict, setting.name == WORLD
    if not in_world and setting.task not in TEXT_TASKS:
        return _conflict_of_labels(profile, setting)
    scored = scale.n_held_out * setting.n_samples
    works = [*setting.taught, *held_out(profile, setting)]
    works.append(by_proxy("held-out prompts: proxy", scored, setting))
    if in_world:
        works += [*sweeps(profile, setting), *biased_proxies(profile, setting)]
    else:
        labels = PAIR * min(profile.text_gold.n_test_pairs, setting.n_test)
        works.append(by_proxy("labels: proxy", labels, setting, of_pairs=True))
        works += by_gold("labels", labels, setting, of_pairs=True)
    return works + ensemble(scale.n_held_out, profile, setting)


def _conflict_of_labels(profile: Profile, setting: Setting) -> list[Work]:
    """Without a task: the reward model and the base model on all test pairs, and some samples."""
    pairs, drawn = PAIR * setting.n_test, profile.conflict.n_held_out * setting.n_samples
    return [
        _reward_model(profile, setting, 1.0, "raw"),
        by_policy("pairs: policy", pairs, setting, of_pairs=True),
        by_proxy("pairs: proxy", pairs, setting, of_pairs=True),
        *replies("samples", drawn, setting),
        by_proxy("samples: proxy", drawn, setting),
    ]


def _shf_cas(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    scale = profile.conflict
    each_fault = tuple(values.get("faults") or ()) == ("each",)
    selectors = values.get("selectors") or tuple(SELECTORS)
    return [
        *setting.taught,
        *loops(
            selectors,
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
    return [*setting.taught, *candidates(profile, setting), *choices("", profile, setting)]


def _audit(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    """Every proxy, with every bias and without, scores probes (two texts each) and test pairs."""
    scale = profile.audit
    n_proxies = len(values.get("proxies") or ("gold", "task", "raw", "cleaned"))
    n_biases = 1 + len(values.get("biases") or scale.biases)
    n = n_proxies * n_biases * PAIR * (scale.n_probes + scale.n_fresh_probes + scale.n_pairs)
    return [by_proxy("probes", n, setting, of_pairs=True)]


def _measure_correlation(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    n = profile.alignment.n_test_prompts * profile.correlation.n_samples
    drawn = [*replies("responses", n, setting), by_proxy("responses: proxy", n, setting)]
    return [*setting.taught, *drawn, *by_gold("responses", n, setting)]


def _align(values: Values, profile: Profile, setting: Setting) -> list[Work]:
    return alignment(values, profile, setting, _reward_settings(profile, setting).training)


def _reward_settings(profile: Profile, setting: Setting) -> RewardModelSettings:
    """The profile's section for reward models of the world, or of text."""
    in_world = setting.name == WORLD
    return profile.world_reward_model if in_world else profile.text_reward_model


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
