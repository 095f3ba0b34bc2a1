"""Where a run works, the controlled world or real text: its models, lengths and numbers of pairs.

The profile says all of it but how many pairs a data set has (data/cost/data_sets.csv). Models that
runs share (a base, a policy, a preference model that stands for gold) are work of their own, named
by what they are made from, so that a profile's total counts them once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from proxylab.cost.models import ModelSize, model_of, size_from_scratch
from proxylab.cost.trainers import dialogues, in_bfloat16, ranked
from proxylab.cost.work import Work, score
from proxylab.environment import project_root
from proxylab.policies.tokenizers import TURN_MARKERS
from proxylab.profiles import BackboneSettings, Profile
from proxylab.world import lexicon

WORLD, HH_RLHF = "world", "hh-rlhf"
SPECIAL_TOKENS = 3 + len(TURN_MARKERS)  # padding, end, unknown; of a tokenizer of whole words


@dataclass(frozen=True)
class Setting:
    """Models of one world or of one data set, and how much of everything there is.

    policy_length, reward_length: tokens of prompt and reply; new: tokens of a reply. n_train,
    n_test, n_proxy: pairs, those that the task's proxy learns from last. gold: a model that stands
    for gold, None where gold is a function of the text.
    reward_half: whether proxies score in bfloat16, as those trained in it do.
    bases, taught: what has to be trained before a run can begin, and before one that needs the
    policy and the task's proxy and gold.
    """

    name: str
    seed: int
    policy: ModelSize
    reward: ModelSize
    gold: ModelSize | None
    reward_half: bool
    policy_length: int
    reward_length: int
    new: int
    n_samples: int
    n_train: int
    n_test: int
    n_proxy: int
    bases: tuple[Work, ...]
    taught: tuple[Work, ...]


def by_proxy(
    what: str, n: float, setting: Setting, model: ModelSize | None = None, **options: Any
) -> Work:
    """Scores of `n` texts by the setting's proxy, or by a released one, which is in float32."""
    half = setting.reward_half and model in (None, setting.reward)
    model = model or setting.reward
    return score(what, model, n, setting.reward_length, half=half, **options)


def setting_of(profile: Profile, data: str, seed: int, task: str = "") -> Setting:
    """The setting of a run: "world", or the name of a data set or folder; its seed and task."""
    return _world(profile, seed) if data == WORLD else _text(profile, data, seed, task)


def data_sets(*, root: Path | None = None) -> pd.DataFrame:
    """Data sets by name: pairs_train, pairs_test, download_gb, source."""
    path = (root or project_root()) / "data" / "cost" / "data_sets.csv"
    return pd.read_csv(path).set_index("name")


def data_set(name: str) -> pd.Series:
    """What is known of a data set; "hub" and folders count as HH-RLHF, whose layout they have."""
    known = data_sets()
    return known.loc[name if name in known.index else HH_RLHF]


def _world(profile: Profile, seed: int) -> Setting:
    backbone, models, policy = profile.world_backbone, profile.world_reward_model, profile.policy
    length, reward_length = backbone.size.max_length, models.training.max_length
    base = _size(backbone, len(lexicon.vocabulary()) + SPECIAL_TOKENS)
    reward = base.as_reward_model()
    n_proxy, proxy_training = models.n_proxy_pairs, models.proxy_training
    return Setting(
        name=WORLD,
        seed=seed,
        policy=base,
        reward=reward,
        gold=None,
        reward_half=in_bfloat16(proxy_training),
        policy_length=length,
        reward_length=reward_length,
        new=policy.max_new_tokens,
        n_samples=policy.n_samples,
        n_train=profile.world.n_train_pairs,
        n_test=profile.world.n_test_pairs,
        n_proxy=n_proxy,
        bases=(
            dialogues("base model", base, backbone.pretraining, backbone.n_dialogues, length, seed),
        ),
        taught=(
            dialogues("policy", base, policy.fine_tuning, policy.n_demonstrations, length, seed),
            ranked("proxy", reward, proxy_training, 2 * n_proxy, reward_length, seed),
        ),
    )


def _text(profile: Profile, data: str, seed: int, task: str) -> Setting:
    known, backbone, policy = data_set(data), profile.text_backbone, profile.text_policy
    n_train = int(min(profile.max_text_pairs or known["pairs_train"], known["pairs_train"]))
    length, models = backbone.size.max_length, profile.text_reward_model
    start_backbone = backbone.model_copy(update={"base": policy.base or backbone.base})
    start, reward = _size(start_backbone), _size(backbone).as_reward_model()
    gold, gold_making = _gold(profile, n_train, task)
    n_taught, n_proxy = min(policy.n_demonstrations, n_train), min(models.n_proxy_pairs, n_train)
    reward_length = models.training.max_length
    return Setting(
        name=data,
        seed=seed,
        policy=start,
        reward=reward,
        gold=gold,
        reward_half=in_bfloat16(models.proxy_training),
        policy_length=length,
        reward_length=reward_length,
        new=policy.max_new_tokens,
        n_samples=policy.n_samples,
        n_train=n_train,
        n_test=int(known["pairs_test"]),
        n_proxy=n_proxy,
        bases=_pretraining("base model", backbone, n_train, seed),
        taught=(
            *gold_making,
            dialogues("policy", start, policy.fine_tuning, n_taught, length, data, seed, task),
            ranked(
                "proxy", reward, models.proxy_training, 2 * n_proxy, reward_length, data, seed, task
            ),
        ),
    )


def _gold(profile: Profile, n_train: int, task: str) -> tuple[ModelSize, tuple[Work, ...]]:
    """The model that stands for gold, and its training; nothing is trained of a released one."""
    settings = profile.text_gold
    if settings.model is not None:
        return model_of(settings.model).as_reward_model(), ()
    size = _size(settings.backbone).as_reward_model()
    n_texts = 2 * settings.share * n_train
    own = ranked("gold", size, settings.training, n_texts, settings.max_length, task)
    return size, (*_pretraining("base model of gold", settings.backbone, n_train, 0), own)


def _pretraining(
    what: str, backbone: BackboneSettings, n_train: int, seed: int
) -> tuple[Work, ...]:
    """Pretraining on the dialogues of all pairs, both replies; none of a base that is given."""
    if backbone.base is not None:
        return ()
    n, length = min(backbone.n_dialogues, 2 * n_train), backbone.size.max_length
    key = (backbone.size, backbone.vocabulary_size, seed)
    return (dialogues(what, _size(backbone), backbone.pretraining, n, length, *key),)


def _size(backbone: BackboneSettings, vocabulary: int | None = None) -> ModelSize:
    if backbone.base is not None:
        return model_of(backbone.base)
    return size_from_scratch(backbone.size, vocabulary or backbone.vocabulary_size)
