"""Tokens a second of training, generating and scoring, at the sizes of the profile's own models.

Tokens are real ones: padding is not counted. Training is that of the language models (loss on
replies); texts have the world's lengths for the world's model, HH-RLHF's for real text's.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from proxylab.machine.accelerator_use import watch_accelerator
from proxylab.policies import (
    Samples,
    new_language_model,
    sample_responses,
    train_language_model,
)
from proxylab.profiles import BackboneSettings, Profile

from benchmarks import texts
from benchmarks.growth import n_parameters
from benchmarks.sizes import Sizes
from benchmarks.timing import clocked


class Activity(NamedTuple):
    """One thing to time: what it is, with which model, and how many tokens it handles."""

    name: str
    model: str
    parameters: int
    tokens: int
    run: Callable[[], Any]


def measure(sizes: Sizes, profile: Profile, *, repeats: int, seed: int) -> pd.DataFrame:
    """One row an activity, model and repetition.

    Columns: activity, model, parameters, tokens, repetition, wall_s, cpu_s, busy_share (of the
    time that the accelerator worked; NaN without one).
    """
    rows = []
    timed = list(activities(sizes, profile, np.random.default_rng(seed)))
    for activity in timed:
        activity.run()
    for repetition in range(repeats):
        for activity in timed[:: -1 if repetition % 2 else 1]:
            fixed = dict(zip(activity._fields[:4], activity[:4], strict=True))
            with watch_accelerator() as watch:
                spent = clocked(activity.run)
            busy = {"busy_share": watch.busy_share}
            rows.append(fixed | {"repetition": repetition} | spent | busy)
    return pd.DataFrame(rows).rename(columns={"name": "activity"})


def activities(sizes: Sizes, profile: Profile, rng: np.random.Generator) -> Iterator[Activity]:
    """Training, generating and scoring with the world's model and with real text's."""
    n = sizes.dialogues
    world = profile.world_backbone.model_copy(update={"vocabulary_size": texts.world_vocabulary()})
    short = rng.integers(*texts.WORLD_WORDS, size=(2, n))
    yield from _of_model("world", world, short, profile.policy.max_new_tokens, profile, rng)
    text, most = profile.text_backbone, profile.text_policy.max_new_tokens
    yield from _of_model("real text", text, texts.word_counts(n // 4, rng), most, profile, rng)


def _of_model(
    name: str,
    backbone: BackboneSettings,
    lengths: tuple[np.ndarray, np.ndarray],
    new_tokens: int,
    profile: Profile,
    rng: np.random.Generator,
) -> Iterator[Activity]:
    size, vocabulary = backbone.size, backbone.vocabulary_size
    tokenizer = texts.words_tokenizer(vocabulary, size.max_length)
    prompts = texts.as_prompts(texts.passages(lengths[0], vocabulary, rng))
    replies = texts.passages(lengths[1], vocabulary, rng)
    trained, policy = (new_language_model(tokenizer, size, seed=0).eval() for _ in range(2))
    settings = backbone.pretraining.model_copy(update={"epochs": 1})
    options = {"max_length": size.max_length, "seed": 0, "loss_on_prompt": True}
    torch.manual_seed(0)
    scorer, n = texts.untrained_scorer(tokenizer, size), n_parameters(policy)
    lengths_read = [len(ids) for ids in scorer.encode(prompts, replies)]
    # Training reads an end token after each text that leaves room for it.
    n_trained = sum(min(length + 1, size.max_length) for length in lengths_read)

    def train() -> None:
        train_language_model(trained, tokenizer, prompts, replies, settings, **options)

    yield Activity("training", name, n, n_trained, train)
    yield Activity("scoring", name, n, sum(lengths_read), lambda: scorer.score(prompts, replies))

    k = profile.policy.n_samples
    asked = prompts[: max(1, len(prompts) // k)]
    drawing = {"n_samples": k, "max_new_tokens": new_tokens, "seed": 0}

    def sample() -> Samples:
        return sample_responses(policy, tokenizer, asked, **drawing)

    yield Activity("generation", name, n, int(sample().n_tokens.sum()), sample)
