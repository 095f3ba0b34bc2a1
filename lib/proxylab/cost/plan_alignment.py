"""The work of one alignment run: its proxies, every arm's training, and what is measured of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxylab.cost.models import ModelSize, model_of
from proxylab.cost.plan_feedback import completions, loops
from proxylab.cost.queries import by_gold, by_policy, by_proxy, divergence, replies
from proxylab.cost.setting import WORLD, Setting
from proxylab.cost.trainers import PAIR, a_pass, how_trained, paired, ranked
from proxylab.cost.work import Work, score, train
from proxylab.parameters import check_parameters
from proxylab.profiles import Profile
from proxylab.rewards.training import RewardTraining
from proxylab.runs import Align
from proxylab.studies.alignment.arms import BY_PROXY, CHOOSING, STANDARD, Arm, planned_arms
from proxylab.studies.alignment.pair_proxies import pair_proxy
from proxylab.studies.alignment.perturbations import PERTURBATIONS
from proxylab.studies.alignment.proxies import REFINED, STRONG, TASK_PROXY

REFERENCES = 128  # dialogues of a pass of DPO's reference (alignment.training)


def alignment(
    values: Mapping[str, Any], profile: Profile, setting: Setting, training: RewardTraining
) -> list[Work]:
    """Work of all arms of one run; `training` is that of its proxies."""
    arms = planned_arms(check_parameters(Align, values), profile.alignment)
    works = _proxies({arm.proxy for arm in arms}, profile, setting, training)
    works += _about_proxies(arms, profile, setting)
    if arms[0].algorithm in CHOOSING:
        return works
    started = ("start policy", *setting.place)
    works += _measured(Arm("start"), profile, setting, shared=started)
    for arm in arms:
        works += [*_trained(arm, profile, setting), *_measured(arm, profile, setting)]
    return works


def candidates(profile: Profile, setting: Setting) -> list[Work]:
    """Completions of the start policy that are chosen among, drawn once, and gold's opinion."""
    scale = profile.alignment
    return completions("candidates", scale.n_choice_prompts, scale.n_candidates, setting)


def choices(
    proxy: str, profile: Profile, setting: Setting, model: ModelSize | None = None
) -> list[Work]:
    """What a proxy says of the candidates, kept for all runs that name it."""
    n = profile.alignment.n_choice_prompts * profile.alignment.n_candidates
    shared = ("candidates", *setting.place, proxy)
    return [by_proxy("candidates: proxy", n, setting, model, shared=shared)]


def _proxies(
    names: set[str], profile: Profile, setting: Setting, training: RewardTraining
) -> list[Work]:
    """Training of the models that a run starts from and is led by, each once for all runs.

    A small one counts as if it were of the usual size, and starts from the usual base.
    """
    works: list[Work] = [*setting.gold_made, setting.policy_made]
    of_task = any(name == TASK_PROXY or name.startswith(REFINED) for name in names)
    if of_task or setting.task:
        works.append(setting.proxy_made)
    length = setting.reads(setting.reward_length, replies=False)
    for name in sorted(names):
        on_pairs = pair_proxy(name)
        if on_pairs is not None:
            # Of text without the pairs that gold learns from: others than a reward model's own run.
            place = setting.place[:2] if setting.name == WORLD else ("free", *setting.place)
            key = (*place, on_pairs.fraction, on_pairs.pairs)
            key += () if on_pairs.size == STANDARD else (on_pairs.size,)
            n_pairs = on_pairs.fraction * setting.n_free
            works.append(paired("reward model", setting.reward, training, n_pairs, length, *key))
        elif name == STRONG:
            works += _strong(profile, setting, training)
        elif name.startswith(REFINED):
            works += _refined(name.removeprefix(REFINED), profile, setting)
    return works


def _refined(selector: str, profile: Profile, setting: Setting) -> list[Work]:
    """The task's proxy after one round that spends the whole budget, kept for all runs."""
    scale, key = profile.conflict, (*setting.place, selector)
    how = {"rounds": 1, "budget": scale.budget, "refit": scale.refit}
    return loops((selector,), profile, setting, **how, measured=False, key=key)


def _strong(profile: Profile, setting: Setting, training: RewardTraining) -> list[Work]:
    """As many pairs without noise as the profile says, of the world or as gold orders them."""
    n = profile.alignment.n_strong_pairs
    length = setting.reads(setting.reward_length, replies=False)
    if setting.name == WORLD:
        how = profile.world_reward_model.proxy_training
        return [ranked(STRONG, setting.reward, how, PAIR * n, length, *setting.place[:2])]
    n, shared = min(n, setting.n_free), (STRONG, *setting.place)
    labels = by_gold("strong: labels", PAIR * n, setting, of_pairs=True, shared=shared)
    return [*labels, paired(STRONG, setting.reward, training, n, length, *setting.place)]


def _about_proxies(arms: Sequence[Arm], profile: Profile, setting: Setting) -> list[Work]:
    """How good each proxy is, on pairs and on completions, and what puts it on its scale."""
    scale, works = profile.alignment, []
    if setting.gold is not None:  # gold is held against the published labels, once
        n = PAIR * min(profile.text_gold.n_test_pairs, setting.n_test)
        works += by_gold("test pairs", n, setting, of_pairs=True, shared=("gold", *setting.place))
    led = {arm.proxy: _scorer(arm, setting) for arm in arms if arm.proxy}
    if not led:
        return works
    n_scale = scale.n_scale_prompts * scale.n_scale_samples
    works += replies("scale", n_scale, setting, shared=("scale", *setting.place))
    works += candidates(profile, setting)
    for name, model in led.items():
        works.append(by_proxy("scale: proxy", n_scale, setting, model))
        works += choices(name, profile, setting, model)
    pairs = PAIR * setting.n_test
    return works + [
        by_proxy("test pairs", pairs, setting, led[arm.proxy], of_pairs=True)
        for arm in arms
        if arm.proxy
    ]


def _measured(arm: Arm, profile: Profile, setting: Setting, **options: Any) -> list[Work]:
    """A policy answers the test prompts, and is judged; without a proxy on more than these."""
    scale = profile.alignment
    n = scale.n_test_prompts * scale.n_samples
    works = _answered("test prompts", n, arm, setting, **options)
    # Wins are over the data's own reply.
    works += by_gold("data's replies", scale.n_test_prompts, setting, of_pairs=True, **options)
    if arm.proxy:
        return works
    asked = min(scale.n_perturbed, scale.n_test_prompts) * scale.n_samples
    n_asked = (1 + len(PERTURBATIONS)) * asked
    works += replies("other wordings", n_asked, setting, at_once=asked, **options)
    works += by_gold("other wordings", n_asked, setting, **options)
    both = 2 * PAIR * scale.n_preference_pairs  # this policy and the start policy
    return [*works, by_policy("held-out pairs", both, setting, of_pairs=True, **options)]


def _monitored(arm: Arm, profile: Profile, setting: Setting, *, half: bool) -> list[Work]:
    """Checkpoints, before the first step too, on the monitoring prompts.

    Arguments: `half` whether policies are read under autocast, as by SFT, DPO and PRO.
    """
    scale = profile.alignment
    at_once = scale.n_monitor_prompts * scale.n_monitor_samples
    n = (1 + scale.n_checkpoints) * at_once
    return _answered("checkpoints", n, arm, setting, half=half, at_once=at_once)


def _answered(
    what: str, n: float, arm: Arm, setting: Setting, *, half: bool = False, **options: Any
) -> list[Work]:
    """`n` replies, how far they are from the start policy's, and what proxy and gold say.

    Arguments: `half` whether the policies are read under autocast; judges never are.
    """
    works = replies(what, n, setting, half=half, **options)
    works.append(divergence(what, n, setting, half=half, **options))
    if arm.proxy:
        model = _scorer(arm, setting)
        works.append(by_proxy(f"{what}: proxy", n, setting, model, **options))
    return works + by_gold(what, n, setting, **options)


def _trained(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    own = profile.alignment.settings_of(arm.algorithm)
    half = how_trained(setting.policy, own)["half"]
    if arm.algorithm == "ppo":
        # PPO's autocast is that of its steps: a checkpoint is measured outside it.
        return [*_ppo(arm, profile, setting), *_monitored(arm, profile, setting, half=False)]
    return [*_fitted(arm, profile, setting), *_monitored(arm, profile, setting, half=half)]


def _fitted(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    """SFT, DPO or PRO on dialogues, pairs, or pairs as groups that a proxy has ordered."""
    own, model = profile.alignment.settings_of(arm.algorithm), setting.policy
    n = setting.n_free
    if arm.pairs == BY_PROXY or arm.algorithm == "pro":
        n_labelled = profile.alignment.n_proxy_labelled
        n = n_labelled if setting.name == WORLD else min(n, n_labelled)
    texts = 1 if arm.algorithm == "sft" else PAIR
    longest = min(own.max_length or setting.policy_length, setting.policy_length)
    length, options = setting.reads(longest, replies=False), how_trained(model, own)
    n_texts, batch = texts * n, texts * a_pass(own, own.batch_size)
    options["n_encoded"] = n_texts
    works = [train(arm.algorithm, model, own.epochs * n_texts, length, batch, **options)]
    if arm.algorithm == "dpo":
        how = {"most": REFERENCES, "half": options["half"]}
        works.append(score("dpo: reference", model, PAIR * n, length, **how))
    if arm.proxy:
        scorer = _scorer(arm, setting)
        works.append(by_proxy("labels by a proxy", PAIR * n, setting, scorer, of_pairs=True))
    return works


def _ppo(arm: Arm, profile: Profile, setting: Setting) -> list[Work]:
    """Rollouts, what proxy and gold say of them, what policy, reference and value function do, and
    the updates."""
    own, model = profile.alignment.ppo, setting.policy
    length = setting.reads(setting.policy_length, replies=True)
    at_once, options = own.rollouts_per_step, how_trained(model, own)
    n = own.n_steps * at_once
    batch = a_pass(own, own.minibatch_size)
    # Before the update: in its own passes and its own precision.
    before = {"half": options["half"], "batch": batch, "batches": None}
    passes = (own.inner_epochs * n, length, batch)
    works = [
        *replies("ppo: rollouts", n, setting, at_once=at_once),
        by_proxy("ppo: proxy", n, setting, _scorer(arm, setting), at_once=at_once),
        *by_gold("ppo", n, setting, at_once=at_once),
        by_policy("ppo: policy and reference before", 2 * n, setting, **before),
        train("ppo: policy", model, *passes, **options),
    ]
    if own.value == "separate":
        trunk = model.as_reward_model()
        works.append(score("ppo: values before", trunk, n, length, **before))
        works.append(train("ppo: value function", trunk, *passes, **options))
    return works


def _scorer(arm: Arm, setting: Setting) -> ModelSize:
    """The size of an arm's proxy: a released model's, or that of those trained here."""
    return model_of(arm.proxy).as_reward_model() if "/" in arm.proxy else setting.reward
