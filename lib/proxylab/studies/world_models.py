"""The models of one controlled world: base, policy and proxy, each trained once.

Design: the base model is pretrained on all topics (the language, none of the facts); the policy is
that model fine-tuned on good replies in its topics; the proxy is trained on clean preferences in
its own. So what each of them knows is known (coverage table of *Targeting Misalignment*).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxylab.artifacts import cached_artifact
from proxylab.policies import (
    load_policy,
    new_language_model,
    save_policy,
    train_language_model,
    word_tokenizer,
)
from proxylab.profiles import Profile
from proxylab.rewards.training import train_reward_model
from proxylab.world import World, build_world, lexicon
from proxylab.world.demonstrations import (
    policy_demonstrations,
    pretraining_dialogues,
    proxy_preferences,
)

POLICY_CODE = ("policies/language_model", "policies/batching", "policies/tokenizers")
CODE = ("studies/world_models", "world", *POLICY_CODE)
TRAINING_CODE = tuple(
    f"rewards/{name}" for name in ("training", "backbone", "text", "saving", "card")
)
MODEL = "model"


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
        policy=_policy(profile, seed),
        proxy=_proxy(profile, seed),
    )


def base_model(profile: Profile, seed: int) -> Path:
    """The folder of the world's base model: it speaks the language and knows no facts."""
    settings = profile.world_backbone
    return cached_artifact(
        "world-base",
        {"world": profile.world_of(seed), "backbone": settings},
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
        model, tokenizer = load_policy(settings.base, revision=settings.revision)
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


def _policy(profile: Profile, seed: int) -> Path:
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
    base, settings = base_model(profile, seed), profile.world_reward_model
    made = cached_artifact(
        "world-proxy",
        {"base": base.name, "reward_model": settings, "seed": seed},
        lambda folder: _train_proxy(profile, seed, base, folder / MODEL),
        code=(*CODE, *TRAINING_CODE),
    )
    return made / MODEL


def _train_proxy(profile: Profile, seed: int, base: Path, out: Path) -> None:
    settings = profile.world_reward_model
    world = build_world(profile.world_of(seed))
    pairs = proxy_preferences(world, settings.n_proxy_pairs, np.random.default_rng([seed, 4]))
    train_reward_model(
        pairs,
        tokenizer=load_policy(base)[1],
        base=base,
        out=out,
        settings=settings.training.model_copy(update={"seed": seed}),
    )
