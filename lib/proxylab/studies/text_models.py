"""The models of real text: the policy, the proxies, and a preference model that stands for gold.

Real text has no gold reward. As in Gao et al. (2022, arXiv 2210.10760, section 2) a preference
model takes its place: trained on pairs of its own, or a released one, as in *Targeting
Misalignment*. What it says is called gold and is no more than its opinion; how far people agree
with it is measured and shown. No policy and no proxy is trained on its pairs; the language models
that they start from have read the texts, and the committee that cleans labels has seen them all.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.hub_revisions import revision_to_load, source_identity
from proxylab.policies import load_policy, save_policy, train_language_model
from proxylab.preferences import Preferences, fingerprint
from proxylab.preferences.facts import first_questions, unit_hash
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import groups_of_pairs
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.loading import load_proxy
from proxylab.rewards.ranked import RankedTraining, fresh_reward_model, refine_reward_model
from proxylab.rewards.saving import save_reward_model
from proxylab.studies.data import StudyData
from proxylab.studies.reward_models import backbone
from proxylab.studies.world_models import POLICY_CODE, RANKED_CODE

MODEL = "model"
GOLD = "gold"
TEXT_TASKS = {
    "harmless": ("harmless-base",),
    "helpful": ("helpful-base", "helpful-online", "helpful-rejection-sampled"),
}
TEXT_CODE = ("preferences", "studies/text_models", "studies/reward_models")


@dataclass(frozen=True)
class Gold:
    """The reward model that stands for gold, and what tells it from any other."""

    model: RewardModel
    identity: str


def kept_for_gold(pairs: pd.DataFrame, share: float) -> np.ndarray:
    """Mask `(n_pairs,)`: pairs that only gold learns from, about `share` of the questions.

    By a hash of the first question, so that neither the order of the pairs nor the seed matters,
    and pairs about one question stay together.
    """
    return unit_hash(first_questions(pairs), "gold") < share


def without_gold(data: StudyData, profile: Profile) -> StudyData:
    """The same data without the pairs that the gold model learns from, in training and in test.

    All of it where gold is a released model.
    """
    settings = profile.text_gold
    if settings.model is not None:
        return data
    train = _only(data.train, ~kept_for_gold(data.train.pairs, settings.share))
    test = _only(data.test, ~kept_for_gold(data.test.pairs, settings.test_share))
    return replace(data, train=train, test=test)


def gold_pairs(data: StudyData, profile: Profile, task: str | None = None) -> pd.DataFrame:
    """The pairs that only the gold model learns from, of both splits; with `task` its own alone.

    What people prefer of a reply is not one thing: a model of all pairs that is too small to tell
    harmful questions from others prefers the more helpful reply to both.
    """
    settings = profile.text_gold
    train = _only(data.train, kept_for_gold(data.train.pairs, settings.share))
    test = _only(data.test, kept_for_gold(data.test.pairs, settings.test_share))
    pairs = pd.concat([train.pairs, test.pairs], ignore_index=True)
    return pairs if task is None else of_task(pairs, task)


def of_task(pairs: pd.DataFrame, name: str) -> pd.DataFrame:
    """The pairs of a task's subsets; all of them where the data is not divided into subsets."""
    own = pairs["subset"].isin(TEXT_TASKS[name])
    return (pairs[own] if own.any() else pairs).reset_index(drop=True)


def _only(data: Preferences, kept: np.ndarray) -> Preferences:
    pairs = data.pairs[kept].reset_index(drop=True)
    return replace(data, pairs=pairs, fingerprint=fingerprint(pairs))


def text_gold(profile: Profile, data: StudyData, task: str | None = None) -> Gold:
    """The gold model of real text, one for all seeds: the profile's released model, or our own.

    Our own is that of a task, or without one of all pairs.

    Raises ValueError (of rewards.loading) for a released model that cannot be loaded.
    """
    settings = profile.text_gold
    if settings.model is not None:
        model = load_proxy(
            settings.model,
            revision=revision_to_load(settings.model, revision=settings.revision),
            orientation=settings.orientation,
            name=GOLD,
        )
        content = source_identity(settings.model, revision=settings.revision)
        return Gold(model, f"{settings.model}@{content}*{settings.orientation}")
    own = profile.model_copy(update={"text_backbone": settings.backbone})
    folder = ranked_reward_model(
        backbone(own, data, 0),
        gold_pairs(data, profile, task),
        settings.training,
        max_length=settings.max_length,
        seed=0,
    )
    return Gold(SequenceClassifierReward.load(folder, name=GOLD), folder.parent.name)


def ranked_reward_model(
    base: Path, pairs: pd.DataFrame, training: RankedTraining, *, max_length: int, seed: int
) -> Path:
    """The folder of a reward model trained on `pairs` from the base, or found trained.

    The trainer of ranked groups, as for the world's proxies: a pair is a group of two whose prompt
    is read once.
    """
    texts = pairs[["pair_id", "prompt", "chosen", "rejected"]].to_csv(index=False)
    training = training.model_copy(update={"seed": seed})

    def make(folder: Path) -> None:
        tokenizer = load_policy(base)[1]
        untrained = fresh_reward_model(base, tokenizer, max_length=max_length, seed=seed)
        model, _ = refine_reward_model(untrained, groups_of_pairs(pairs), training, name=MODEL)
        save_reward_model(model.model, model.tokenizer, model.card, folder / MODEL)

    made_from = {"base": base.name, "pairs": hashlib.sha256(texts.encode()).hexdigest()}
    made_from |= {"training": training, "max_length": max_length}
    made = cached_artifact("text-proxy", made_from, make, code=(*TEXT_CODE, *RANKED_CODE))
    return made / MODEL


def text_policy(
    profile: Profile,
    data: StudyData,
    seed: int,
    pairs: pd.DataFrame,
    *,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """The folder of the base policy: fine-tuned on the chosen replies of `pairs`, or found made.

    It starts from the profile's `text_policy.base`, or from the language model of `data`.
    """
    settings = profile.text_policy
    base = backbone(with_policy_base(profile), data, seed)
    rng = np.random.default_rng([seed, 11])
    rows = np.sort(rng.permutation(len(pairs))[: settings.n_demonstrations])
    prompts = pairs["prompt"].iloc[rows].tolist()
    replies = pairs["chosen"].iloc[rows].tolist()

    def make(folder: Path) -> None:
        model, tokenizer = load_policy(base)
        train_language_model(
            model,
            tokenizer,
            prompts,
            replies,
            settings.fine_tuning,
            max_length=profile.text_backbone.size.max_length,
            seed=(seed, 33),
            progress=progress,
        )
        save_policy(model, tokenizer, folder)

    shown = hashlib.sha256(repr((prompts, replies)).encode()).hexdigest()
    made_from = {"base": base.name, "shown": shown, "seed": seed, "training": settings.fine_tuning}
    return cached_artifact("text-policy", made_from, make, code=(*TEXT_CODE, *POLICY_CODE))


def with_policy_base(profile: Profile) -> Profile:
    """The profile whose text backbone is what the policy starts from."""
    settings = profile.text_policy
    if settings.base is None:
        return profile
    named = {"base": settings.base, "revision": settings.revision}
    text_backbone = profile.text_backbone.model_copy(update=named)
    return profile.model_copy(update={"text_backbone": text_backbone})
