"""Reward models trained on raw and on cleaned pairs, measured on raw and on cleaned test sets.

Table 4 of *Elephant in the Room*, with what it lacks: null rulers, ties, intervals, and the same
model on the labels as published beside the labels as corrected.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.accuracy import accuracy_table, score_pairs
from proxylab.artifacts import cached_artifact
from proxylab.hub_revisions import revision_to_load, source_identity
from proxylab.policies import (
    bpe_tokenizer,
    load_policy,
    new_language_model,
    save_policy,
    train_language_model,
)
from proxylab.preferences import full_text
from proxylab.profiles import Profile, RewardModelSettings
from proxylab.rewards.cache import CachedReward
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.linear import StyleBradleyTerry, TfidfBradleyTerry
from proxylab.rewards.nulls import LongestReward, RandomReward, ShortestReward
from proxylab.rewards.self_test import self_test
from proxylab.rewards.training import RewardTraining, train_reward_model
from proxylab.runs import TrainRewardModel
from proxylab.studies.cleaning import Cleaned
from proxylab.studies.data import StudyData
from proxylab.studies.world_models import POLICY_CODE, TRAINING_CODE, base_model
from proxylab.world import GoldReward

MODEL, FACTS_FILE = "model", "facts.json"
RAW, CLEANED = "raw", "cleaned"


def training_pairs(settings: TrainRewardModel, cleaned: Cleaned) -> pd.DataFrame:
    """The pairs that this run trains on: raw or cleaned, all of them or a seeded fraction."""
    pairs = cleaned.cleaned("train") if settings.train_on == CLEANED else cleaned.pairs("train")
    n = max(1, round(settings.fraction * len(pairs)))
    chosen = np.random.default_rng([settings.seed, 9]).permutation(len(pairs))[:n]
    return pairs.iloc[np.sort(chosen)].reset_index(drop=True)


def trained_reward_model(
    settings: TrainRewardModel, profile: Profile, cleaned: Cleaned, *, base: Path | None = None
) -> tuple[SequenceClassifierReward, dict]:
    """Train the run's reward model, or find it trained; self-tested, with its training facts.

    Arguments: `base` the language model that it starts from, by default the `backbone` of the data.
    Raises RewardModelSelfTestError if it fails on the pairs it was trained on.
    """
    pairs = training_pairs(settings, cleaned)
    base = base or backbone(profile, cleaned.data, settings.seed)
    training = _settings(profile, cleaned.data).training.model_copy(update={"seed": settings.seed})
    folder = pair_reward_model(pairs, base, training)
    model = SequenceClassifierReward.load(folder / MODEL, name=settings.train_on)
    self_test(model, pairs=pairs)
    return model, json.loads((folder / FACTS_FILE).read_text())


def pair_reward_model(pairs: pd.DataFrame, base: Path, training: RewardTraining) -> Path:
    """The folder of a reward model trained on `pairs` from `base`, or found trained.

    It holds the model in MODEL and what training reported in FACTS_FILE.
    """

    def make(folder: Path) -> None:
        facts = train_reward_model(
            pairs, tokenizer=load_policy(base)[1], base=base, out=folder / MODEL, settings=training
        )
        (folder / FACTS_FILE).write_text(json.dumps(facts))

    ids = pairs[["pair_id", "chosen"]].to_csv(index=False)
    return cached_artifact(
        "reward-model",
        {"base": base.name, "training": training, "pairs": ids},
        make,
        code=(*TRAINING_CODE, "preferences", "studies/reward_models"),
    )


def backbone(profile: Profile, data: StudyData, seed: int) -> Path:
    """The language model that a reward model starts from: the world's, or one for real text."""
    if data.world is not None:
        return base_model(profile, seed)
    settings = profile.text_backbone
    content = source_identity(settings.base, revision=settings.revision)
    made_from = {"backbone": settings, "train": data.train.fingerprint, "seed": seed}
    return cached_artifact(
        "text-base",
        made_from | {"content": content},
        lambda folder: _pretrain_on_text(profile, data, seed, folder),
        code=(*POLICY_CODE, "preferences", "studies/reward_models"),
    )


def _pretrain_on_text(profile: Profile, data: StudyData, seed: int, folder: Path) -> None:
    """A tokenizer and a language model from the training dialogues, or a given base as it is."""
    settings = profile.text_backbone
    if settings.base is not None:
        revision = revision_to_load(settings.base, revision=settings.revision)
        save_policy(*load_policy(settings.base, revision=revision), folder)
        return
    pairs = data.train.pairs
    prompts = [*pairs["prompt"], *pairs["prompt"]]
    replies = [*pairs["chosen"], *pairs["rejected"]]
    chosen = np.random.default_rng([seed, 10]).permutation(len(prompts))[: settings.n_dialogues]
    prompts, replies = [prompts[i] for i in chosen], [replies[i] for i in chosen]
    texts = [full_text(*pair) for pair in zip(prompts, replies, strict=True)]
    max_length = settings.size.max_length
    tokenizer = bpe_tokenizer(
        texts, vocabulary_size=settings.vocabulary_size, max_length=max_length
    )
    model = new_language_model(tokenizer, settings.size, seed=seed)
    train_language_model(
        model,
        tokenizer,
        prompts,
        replies,
        settings.pretraining,
        max_length=max_length,
        seed=seed,
        loss_on_prompt=True,
        progress=lambda line: print(f"text backbone: {line}", flush=True),
    )
    save_policy(model, tokenizer, folder)


def _settings(profile: Profile, data: StudyData) -> RewardModelSettings:
    return profile.text_reward_model if data.world is None else profile.world_reward_model


def rulers(data: StudyData, *, seed: int) -> dict[str, RewardModel]:
    """What needs no language model: the nulls, linear Bradley-Terry models, and gold if known."""
    pairs = data.train.pairs
    models: list[RewardModel] = [RandomReward(seed), LongestReward(), ShortestReward()]
    models += [TfidfBradleyTerry.fit(pairs, variant=name) for name in ("word", "char")]
    models += [StyleBradleyTerry.fit(pairs)]
    named = {model.name: model for model in models}
    named["random"] = named.pop(models[0].name)
    if data.world is not None:
        named["gold"] = GoldReward(data.world)
    return named


def scores_on_test(
    models: Mapping[str, RewardModel], cleaned: Cleaned, *, cache: Path | None = None
) -> dict[str, pd.DataFrame]:
    """Both scores of every raw test pair by model name, kept in `cache` if one is given."""
    pairs = cleaned.pairs("test")
    if cache is not None:
        models = {name: CachedReward(model, cache) for name, model in models.items()}
    return {name: score_pairs(model, pairs) for name, model in models.items()}


def on_cleaned(scores: pd.DataFrame, categories: pd.DataFrame) -> pd.DataFrame:
    """Scores of raw pairs turned into scores of the cleaned pairs.

    Arguments: `scores` as `score_pairs` gives them; `categories` with pair_id and category, in the
    same order. An Opposite pair's scores change places; dropped pairs are left out.
    """
    category = categories["category"].to_numpy(object)
    swapped = category == "Opposite"
    turned = scores.assign(
        score_chosen=scores["score_chosen"].mask(swapped, scores["score_rejected"]),
        score_rejected=scores["score_rejected"].mask(swapped, scores["score_chosen"]),
    )
    return turned[np.isin(category, ["Same", "Opposite"])].reset_index(drop=True)


def accuracy_on_both(scores: Mapping[str, pd.DataFrame], cleaned: Cleaned) -> pd.DataFrame:
    """Equation 2 by model and subset, with `test_labels` "raw" (as published) and "cleaned"."""
    categories = cleaned.of("test")
    turned = {name: on_cleaned(frame, categories) for name, frame in scores.items()}
    raw = accuracy_table(scores, cleaned.pairs("test"))
    kept = accuracy_table(turned, cleaned.cleaned("test"))
    return pd.concat(
        [raw.assign(test_labels=RAW), kept.assign(test_labels=CLEANED)], ignore_index=True
    )


def stacked(scores: Mapping[str, pd.DataFrame], cleaned: Cleaned) -> pd.DataFrame:
    """Per-pair scores of all models with subset and category: what a page compares models by."""
    pairs, categories = cleaned.pairs("test"), cleaned.of("test")
    extra = {"subset": pairs["subset"].array, "category": categories["category"].array}
    frames = [frame.assign(model=name, **extra) for name, frame in scores.items()]
    return pd.concat(frames, ignore_index=True)
