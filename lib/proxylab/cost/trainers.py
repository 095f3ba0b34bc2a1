"""The work of each trainer, from its own settings: epochs, batches, adapters, memory savers."""

from collections.abc import Hashable
from typing import Any

import torch
from pydantic import BaseModel

from proxylab.cost.models import ModelSize
from proxylab.cost.work import Length, Work, train
from proxylab.policies.language_model import TrainingSettings
from proxylab.policies.lora import base_dtype
from proxylab.rewards.ranked import RankedTraining
from proxylab.rewards.training import RewardTraining

PAIR = 2  # texts of a pair


def how_trained(model: ModelSize, settings: BaseModel) -> dict[str, Any]:
    """What the settings of a trainer say of adapters and of activations, as `Work` takes it."""
    lora = getattr(settings, "lora", None)
    return {
        "trained": None if lora is None else adapter_weights(model, lora.rank),
        "base_bytes": base_dtype(lora).itemsize,
        "recomputed": getattr(settings, "gradient_checkpointing", False),
        "half": in_bfloat16(settings),
    }


def in_bfloat16(settings: BaseModel) -> bool:
    """Whether a trainer's products are in bfloat16 where the device has it.

    `dtype` "auto" and settings that say nothing (language models) mean where it is fast; adapters
    on a base in bfloat16 leave no choice.
    """
    precision = getattr(settings, "precision", None) or getattr(settings, "dtype", "auto")
    lora = getattr(settings, "lora", None)
    return precision != "float32" or base_dtype(lora) != torch.float32


def adapter_weights(model: ModelSize, rank: int) -> int:
    """Weights of the adapters of all linear layers.

    A layer's four matrices (attention's h x 3 h and h x h, the MLP's h x 4 h and back) get rank x
    (inputs + outputs) each: rank x (4 + 2 + 5 + 5) h. Source: Hu et al. (2021, arXiv 2106.09685).
    """
    return rank * 16 * model.hidden * model.layers


def a_pass(settings: BaseModel, units: int) -> int:
    """Units of one forward pass: all `units` of a step unless the settings say fewer."""
    return getattr(settings, "micro_batch_size", None) or units


def dialogues(
    what: str,
    model: ModelSize,
    settings: TrainingSettings,
    n: float,
    length: Length,
    *key: Hashable,
) -> Work:
    """A language model's training on `n` dialogues, shared by all with the same `key`."""
    batch = a_pass(settings, settings.batch_size)
    options = {**how_trained(model, settings), "shared": (what, *key, n, settings), "n_encoded": n}
    return train(what, model, settings.epochs * n, length, batch, **options)


def ranked(
    what: str,
    model: ModelSize,
    settings: RankedTraining,
    n_texts: float,
    length: Length,
    *key: Hashable,
) -> Work:
    """A reward model's training on groups of `n_texts` completions, shared by `key` if given."""
    batch = a_pass(settings, settings.batch_size)
    shared = (what, *key, settings) if key else None
    options = {**how_trained(model, settings), "shared": shared, "n_encoded": n_texts}
    return train(what, model, settings.epochs * n_texts, length, batch, **options)


def paired(
    what: str,
    model: ModelSize,
    settings: RewardTraining,
    n_pairs: float,
    length: Length,
    *key: Hashable,
) -> Work:
    """A reward model's training on `n_pairs` pairs through TRL, shared by `key` if given."""
    n_texts, batch = PAIR * n_pairs, PAIR * a_pass(settings, settings.batch_size)
    shared = (what, *key) if key else None
    options = {**how_trained(model, settings), "shared": shared, "n_encoded": n_texts}
    return train(what, model, settings.epochs * n_texts, length, batch, **options)
