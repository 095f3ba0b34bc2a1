"""The models of one controlled world: base, policy and proxy, each trained once.

Design: the base model is pretrained on all topics (the language, none of the facts); the policy is
that model fine-tuned on good replies in its topics; the proxy is trained on clean preferences in
its own. So what each of them knows is known (coverage table of *Targeting Misalignment*).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.hub_revisions import revision_to_load, source_identity
from proxylab.policies import (
    load_policy,
    new_language_model,
    save_policy,
    train_language_model,
    word_tokenizer,
)
from proxylab.profiles import Profile
from proxylab.rewards.groups import groups_of_pairs
from proxylab.rewards.ranked import fresh_reward_model, refine_reward_model
from proxylab.rewards.saving import save_reward_model
from proxylab.world import World, build_world, lexicon
from proxylab.world.demonstrations import (
    policy_demonstrations,
    pretraining_dialogues,
    proxy_preferences,
)

ADAPTER_CODE = ("machine/device", "policies/lora")
POLICY_CODE = (
    "policies/language_model",
    "policies/batching",
    "policies/recomputing",
    "policies/tokenizers",
    *ADAPTER_CODE,
)
CODE = ("studies/world_models", "world", *POLICY_CODE)
SHARED_CODE = (
    "rewards/backbone",
    "rewards/text",
    "rewards/saving",
    "rewards/card",
    *ADAPTER_CODE,
)
TRAINING_CODE = (
    "rewards/training",
    "rewards/training_settings",
    "rewards/pair_trainer",
    *SHARED_CODE,
)
RANKED_CODE = (
    "rewards/ranked",
    "rewards/ranked_loss",
    "rewards/groups",
    "rewards/shared_prefix",
    "rewards/neox",
    "rewards/classifier",
    "rewards/hf",
    *SHARED_CODE,
)
MODEL, PAIRS_FILE = "model", "pairs.parquet"


@dataclass(frozen=True)
class WorldModels:
    """Folders of the three models of one world, and the world itself."""

    world: World
    base: Path
    policy: Path
    proxy: Path


def world_models(profile: Profile, seed: int) -> WorldModels:
    """Train the base model, the policy and the proxy of one world, or find them made."""
    return WorldModels(
        world=build_world(profile.world_of(seed)),
        base=base_model(profile, seed),
        policy=policy_model(profile, seed),
        proxy=_proxy(profile, seed),
    )


def base_model(profile: Profile, seed: int) -> Path:
    """The folder of the world's base model: it speaks the language and knows no facts."""
    settings = profile.world_backbone
    content = source_identity(settings.base, revision=settings.revision)
    return cached_artifact(
        "world-base",
        {"world": profile.world_of(seed), "backbone": settings, "content": content},
        lambda folder: _pretrain(profile, seed, folder),
        code=CODE,
    )


def _pretrain(profile: Profile, seed: int, folder: Path) -> None:
    settings, world = profile.world_backbone, build_world(profile.world_of(seed))
    if settings.base is None:
        max_length = settings.size.max_length
        tokenizer = word_tokenizer(lexicon.vocabulary(), max_length=max_length)
        model = new_language_model(tokenizer, settings.size, seed=seed)
    else:
        revision = revision_to_load(settings.base, revision=settings.revision)
        model, tokenizer = load_policy(settings.base, revision=revision)
    text = pretraining_dialogues(world, settings.n_dialogues, np.random.default_rng([seed, 2]))
    train_language_model(
        model,
        tokenizer,
        text.prompts,
        text.responses,
        settings.pretraining,
        max_length=settings.size.max_length,
        seed=(seed, 31),
        loss_on_prompt=True,
        progress=lambda line: print(f"base model: {line}", flush=True),
    )
    save_policy(model, tokenizer, folder)


def policy_model(profile: Profile, seed: int) -> Path:
    """The folder of the world's base policy: the base model fine-tuned on its topics."""
    base = base_model(profile, seed)
    return cached_artifact(
        "world-policy",
        {
            "base": base.name,
            "n_demonstrations": profile.policy.n_demonstrations,
            "fine_tuning": profile.policy.fine_tuning,
            "seed": seed,
        },
        lambda folder: _fine_tune(profile, seed, base, folder),
        code=CODE,
    )


def _fine_tune(profile: Profile, seed: int, base: Path, folder: Path) -> None:
    world, settings = build_world(profile.world_of(seed)), profile.policy
    rng = np.random.default_rng([seed, 3])
    text = policy_demonstrations(world, settings.n_demonstrations, rng)
    model, tokenizer = load_policy(base)
    train_language_model(
        model,
        tokenizer,
        text.prompts,
        text.responses,
        settings.fine_tuning,
        max_length=profile.world_backbone.size.max_length,
        seed=(seed, 32),
        progress=lambda line: print(f"policy: {line}", flush=True),
    )
    save_policy(model, tokenizer, folder)


def _proxy(profile: Profile, seed: int) -> Path:
    return trained_proxy(profile, seed, clean_pairs(profile, seed))


def clean_pairs(profile: Profile, seed: int) -> pd.DataFrame:
    """The clean preferences, in its own topics, that the world's proxy is trained on."""
    n, world = profile.world_reward_model.n_proxy_pairs, profile.world_of(seed)
    return drawn_once(
        {"world": world, "n": n, "seed": seed},
        lambda: proxy_preferences(build_world(world), n, np.random.default_rng([seed, 4])),
    )


def drawn_once(made_from: dict[str, Any], draw: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Pairs that many runs of a world read: drawn by the first, which takes seconds."""
    folder = cached_artifact(
        "proxy-pairs",
        made_from,
        lambda folder: draw().to_parquet(folder / PAIRS_FILE),
        code=("world", "studies/world_models"),
    )
    return pd.read_parquet(folder / PAIRS_FILE)


def trained_proxy(profile: Profile, seed: int, pairs: pd.DataFrame) -> Path:
    """The folder of a proxy trained on `pairs` from the base model, or found trained.

    The trainer of ranked groups: a pair is a group of two whose prompt is read once, which takes
    60% of the time of a step of TRL's trainer on these short texts.
    """
    base, settings = base_model(profile, seed), profile.world_reward_model
    training = {"training": settings.proxy_training, "max_length": settings.training.max_length}
    made = cached_artifact(
        "world-proxy",
        {"base": base.name, "seed": seed, "pairs": pairs.to_csv(index=False), **training},
        lambda folder: _train_proxy(profile, seed, base, pairs, folder / MODEL),
        code=(*CODE, *RANKED_CODE),
    )
    return made / MODEL


def _train_proxy(profile: Profile, seed: int, base: Path, pairs: pd.DataFrame, out: Path) -> None:
    settings = profile.world_reward_model
    max_length = settings.training.max_length
    tokenizer = load_policy(base)[1]
    untrained = fresh_reward_model(base, tokenizer, max_length=max_length, seed=seed)
    training = settings.proxy_training.model_copy(update={"seed": seed})
    model, _ = refine_reward_model(untrained, groups_of_pairs(pairs), training, name=MODEL)
    save_reward_model(model.model, model.tokenizer, model.card, out)
