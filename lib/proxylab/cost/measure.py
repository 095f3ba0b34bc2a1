"""Timed steps of each kind of work on this machine: what an estimate's seconds rest on.

Models of several sizes are made from scratch and train, generate and score on random tokens of a
stated shape; what is in the texts does not matter to the time. Wall-clock and this process's CPU
time are both kept: where they differ, something else used the machine.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from proxylab.cost.models import ModelSize, size_from_scratch
from proxylab.cost.setting import SPECIAL_TOKENS
from proxylab.cost.work import Length, Work, generate, score, train
from proxylab.machine.device import sampling_arithmetic
from proxylab.policies import (
    LanguageModelSettings,
    TrainingSettings,
    new_language_model,
    train_language_model,
    word_tokenizer,
)
from proxylab.policies.shared_prompt import sample_tokens
from proxylab.runs import MeasureCost

TRAINING_STEPS = 3  # of one timed piece, so that setting up is a small part of it
Piece = tuple[Work, Callable[[], None]]


def measured_steps(settings: MeasureCost, *, device: str = "cpu") -> pd.DataFrame:
    """One row a kind of work, size and batch: kind, hidden, layers, parameters, batch, length, new,
    n_tokens, flops, passes, seconds (median of the repeats), low, high (fastest and slowest), cpu
    (median seconds of this process's CPU time), n_repeats."""
    rows = []
    for hidden in settings.hidden_sizes:
        model, tokenizer = _model(settings, hidden, device)
        size = size_from_scratch(_size(settings, hidden), settings.vocabulary)
        for batch in settings.batch_sizes:
            for work, piece in _pieces(settings, size, model, tokenizer, batch):
                rows.append({**_facts(work, batch), **timed(piece, settings.n_repeats)})
    return pd.DataFrame(rows)


def timed(piece: Callable[[], None], n_repeats: int) -> dict[str, float]:
    """Run `piece` once to warm up, then `n_repeats` times: seconds, low, high, cpu, n_repeats."""
    piece()
    _finish_device_work()
    wall, cpu = np.empty(n_repeats), np.empty(n_repeats)
    for i in range(n_repeats):
        started, used = time.perf_counter(), time.process_time()
        piece()
        _finish_device_work()
        wall[i], cpu[i] = time.perf_counter() - started, time.process_time() - used
    return {
        "seconds": float(np.median(wall)),
        "low": float(wall.min()),
        "high": float(wall.max()),
        "cpu": float(np.median(cpu)),
        "n_repeats": n_repeats,
    }


def _pieces(
    settings: MeasureCost,
    size: ModelSize,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    batch: int,
) -> Sequence[Piece]:
    """The three kinds of work on sequences of one length, each with what does it."""
    length, new = settings.length, settings.new_tokens
    n, each = TRAINING_STEPS * batch, Length.within(length)
    half, rest = length // 2, length - length // 2 - 1  # the last token is the end token
    texts = [_words(settings, n, count, seed) for seed, count in enumerate((half, rest))]
    ids = torch.randint(SPECIAL_TOKENS, settings.vocabulary, (batch, length), device=model.device)
    loop = TrainingSettings(epochs=1, batch_size=batch, warmup_steps=0)

    def learn() -> None:
        train_language_model(
            model, tokenizer, *texts, loop, max_length=length, seed=0, loss_on_prompt=True
        )

    return [
        (train("steps", size, n, each, batch), learn),
        (generate("completions", size, batch, each, new, batch=batch), _sampler(model, ids, new)),
        (score("sequences", size, batch, each), lambda: _read(model, ids)),
    ]


def _sampler(model: PreTrainedModel, ids: torch.Tensor, new: int) -> Callable[[], None]:
    """Draws completions in the arithmetic in which runs draw them (policies.generation)."""
    prompts = ids[:, : ids.shape[1] - new]
    end = model.config.vocab_size  # a token that is never drawn: none may end early
    size = {"n_samples": 1, "max_new_tokens": new, "temperature": 1.0}

    def sample() -> None:
        with sampling_arithmetic(model.device):
            sample_tokens(model, prompts, torch.ones_like(prompts), end=end, **size)

    return sample


@torch.inference_mode()
def _read(model: PreTrainedModel, ids: torch.Tensor) -> None:
    model(input_ids=ids)


def _facts(work: Work, batch: int) -> dict[str, float | str]:
    return {
        "kind": work.kind,
        "hidden": work.model.hidden,
        "layers": work.model.layers,
        "parameters": work.model.parameters,
        "batch": batch,
        "length": work.length.longest,
        "new": work.new,
        "n_tokens": work.n_tokens,
        "flops": work.flops,
        "passes": work.n_passes,
    }


def _size(settings: MeasureCost, hidden: int) -> LanguageModelSettings:
    heads = max(1, hidden // settings.head_size)
    return LanguageModelSettings(
        hidden_size=hidden, n_layers=settings.n_layers, n_heads=heads, max_length=settings.length
    )


def _model(
    settings: MeasureCost, hidden: int, device: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    words = [f"w{i}" for i in range(settings.vocabulary - SPECIAL_TOKENS)]
    tokenizer = word_tokenizer(words, max_length=settings.length)
    model = new_language_model(tokenizer, _size(settings, hidden), seed=0)
    return model.to(device).eval(), tokenizer


def _words(settings: MeasureCost, n_texts: int, n_words: int, seed: int) -> list[str]:
    drawn = np.random.default_rng(seed).integers(
        settings.vocabulary - SPECIAL_TOKENS, size=(n_texts, n_words)
    )
    return [" ".join(f"w{i}" for i in row) for row in drawn]


def _finish_device_work() -> None:
    """A GPU works on after the call returns."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
