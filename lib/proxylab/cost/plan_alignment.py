"""The work of one alignment run: every arm's training, what it learns from, and its measurement."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxylab.cost.models import ModelSize, model_of
from proxylab.cost.plan_feedback import loops
from proxylab.cost.setting import WORLD, Setting, by_proxy
from proxylab.cost.trainers import PAIR, a_pass, how_trained, paired, ranked
from proxylab.cost.work import Work, generate, score, train
from proxylab.parameters import check_parameters
from proxylab.profiles import Profile
from proxylab.rewards.training import RewardTraining
from proxylab.runs import Align
from proxylab.studies.alignment.arms import BY_PROXY, CHOOSING, STANDARD, Arm, planned_arms
from proxylab.studies.alignment.pair_proxies import pair_proxy
from proxylab.studies.alignment.prompts import MIXED
from proxylab.studies.alignment.proxies import REFINED, STRONG


def alignment(
    values: Mapping[str, Any], profile: Profile, setting: Setting, training: RewardTraining
) -> list[Work]:
    """Work of all arms of one run; `training` is that of its proxies."""
    arms = planned_arms(check_parameters(Align, values), profile.alignment)
    works = _proxies({arm.proxy for arm in arms}, values, profile, setting, training)
    if arms[0].algorithm in CHOOSING:
        return works + choosing(profile, setting, [_scorer(arm, setting) for arm in arms])
    for arm in arms:
        works += _trained(arm, profile, setting)
    policies = [Arm("start"), *arms]
    return works + [part for arm in policies for part in _measured(arm, profile, setting)]


def choosing(profile: Profile, setting: Setting, proxies: Sequence[ModelSize]) -> list[Work]:
    """Completions drawn once for all arms; each of the proxies scores them, and gold."""
    scale = profile.alignment
    n = scale.n_choice_prompts * scale.n_candidates
    key = ("candidates", setting.name, setting.seed)
    drawn = generate(
        "candidates", setting.policy, n, setting.policy_length, setting.new, shared=key
    )
    scored = [by_proxy("candidates: proxy", n, setting, model) for model in proxies]
    return [drawn, *scored, *_gold("candidates", n, setting, shared=key)]


def _proxies(
    names: set[str],
    values: Mapping[str, Any],
    profile: Profile,
    setting: Setting,
    training: RewardTraining,
) -> list[Work]:
    """Training of the proxies that are made here, each once for all runs.

    One with a round of feedback is counted in every run that names it, though runs share it; a
    small one as if it were of the usual size.
    """
    works, scale, task = [], profile.conflict, values.get("task", MIXED)
    for name in sorted(names):
        on_pairs = pair_proxy(name)
        if on_pairs is not None:
            key = (setting.name, setting.seed, on_pairs.fraction, on_pairs.pairs)
            key += () if on_pairs.size == STANDARD else (on_pairs.size,)
            n_pairs = on_pairs.fraction * setting.n_train
            works.append(paired("reward model", setting.reward, training, n_pairs, *key))
        elif name == STRONG:
            works.append(_strong(profile, setting, training))
        elif name.startswith(REFINED):
            selector = (name.removeprefix(REFINED),)
            how = {"rounds": 1, "budget": scale.budget, "refit": scale.refit}
            works += loops(selector, task, profile, setting, **how)
    return works


def _strong(profile: Profile, setting: Setting, training: RewardTraining) -> Work:
    """As many pairs without noise as the profile says, of the world or as gold orders them."""
    n, place = profile.alignment.n_strong_pairs, (setting.name, setting.seed)
    if setting.name != WORLD:
        n = min(n, setting.n_train)
        return paired(STRONG, setting.reward, training, n, *place)
    how = profile.world_reward_model.proxy_training
    return ranked(STRONG, setting.reward, how, PAIR * n, setting.reward_length, *place)


def _measured(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    """A policy answers the test prompts, and is judged."""
    scale = profile.alignment
    n = scale.n_test_prompts * scale.n_samples
    return _answered("test prompts", n, _scorer(arm, setting), setting)


def _monitored(n_updates: float, arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    """Checkpoints, before the first step too, on the monitoring prompts."""
    scale = profile.alignment
    n = (1 + scale.n_checkpoints) * scale.n_monitor_prompts * scale.n_monitor_samples
    return _answered("checkpoints", n, _scorer(arm, setting), setting)


def _answered(what: str, n: float, proxy: ModelSize, setting: Setting) -> list[Work]:
    """`n` replies, how far they are from the start policy's, and what proxy and gold say."""
    return [
        generate(what, setting.policy, n, setting.policy_length, setting.new),
        score(f"{what}: divergence", setting.policy, 2 * n, setting.policy_length),
        by_proxy(f"{what}: proxy", n, setting, proxy),
        *_gold(what, n, setting),
    ]


def _trained(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    scale = profile.alignment
    if arm.algorithm == "ppo":
        n_updates, works = scale.ppo.n_steps, _ppo(arm, profile, setting)
    else:
        own = scale.settings_of(arm.algorithm)
        n = min(setting.n_train, scale.n_train_prompts if arm.algorithm == "pro" else 10**9)
        n = min(n, scale.n_proxy_labelled) if arm.pairs == BY_PROXY else n
        n_updates, works = own.epochs * n / own.batch_size, _fitted(arm, n, profile, setting)
    return works + _monitored(n_updates, arm, profile, setting)


def _fitted(arm: Arm, n: int, profile: Profile, setting: Setting) -> list[Work]:
    """SFT, DPO or PRO on `n` dialogues, pairs or groups."""
    own, model = profile.alignment.settings_of(arm.algorithm), setting.policy
    replies = 1 if arm.algorithm == "sft" else PAIR
    length = min(own.max_length or setting.policy_length, setting.policy_length)
    batch, options = replies * a_pass(own, own.batch_size), how_trained(model, own)
    works = [train(arm.algorithm, model, own.epochs * n * replies, length, batch, **options)]
    if arm.algorithm == "dpo":
        works.append(by_proxy("dpo: reference", PAIR * n, setting, model))
    if arm.proxy:
        scorer = _scorer(arm, setting)
        works.append(by_proxy("labels by a proxy", PAIR * n, setting, scorer))
    return works


def _ppo(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    """Rollouts, what policy, reference, value function and proxy say of them, and the updates."""
    own, model, length = profile.alignment.ppo, setting.policy, setting.policy_length
    n, options = own.n_steps * own.rollouts_per_step, how_trained(model, own)
    passes = (own.inner_epochs * n, length, a_pass(own, own.minibatch_size))
    works = [
        generate("ppo: rollouts", model, n, length, setting.new, batch=own.rollouts_per_step),
        by_proxy("ppo: before the update", 3 * n, setting, model),
        by_proxy("ppo: proxy", n, setting, _scorer(arm, setting)),
        train("ppo: policy", model, *passes, **options),
    ]
    if own.value == "separate":
        works.append(train("ppo: value function", model.as_reward_model(), *passes, **options))
    return works


def _gold(what: str, n: float, setting: Setting, **options: Any) -> list[Work]:
    """Scores by the model that stands for gold; a gold that is a function costs nothing here."""
    if setting.gold is None:
        return []
    return [score(f"{what}: gold", setting.gold, n, setting.reward_length, **options)]


def _scorer(arm: Arm, setting: Setting) -> ModelSize:
    """The size of an arm's proxy: a released model's, or that of those trained here."""
    return model_of(arm.proxy).as_reward_model() if "/" in arm.proxy else setting.reward
