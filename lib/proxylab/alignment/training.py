"""The loop that SFT, DPO and PRO share: batches, steps, the log, and the measurements on the way.

A trainer gives the number of tokens of each of its units (dialogue, pair, group) and an objective;
everything else is alike, so that what differs between two runs is the objective. Left out:
packing.
"""

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedModel

from proxylab.alignment.interface import Aligned, History, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.optimisation import (
    OptimiserSettings,
    Precision,
    Stepper,
    make_accelerator,
    shard,
    trainable_copy,
)
from proxylab.names import missing_name
from proxylab.policies.batching import consecutive, length_sorted_batches, shuffled_batches
from proxylab.policies.lora import LoraSettings, merged, with_lora
from proxylab.policies.recomputing import keep_activations
from proxylab.policies.sequences import Dialogue, TokenBatch, logits_a_token, token_logprobs
from proxylab.policies.tokenizers import encode_dialogues

Progress = Callable[[str], None]
FORWARD = 128  # dialogues of one forward pass without a gradient
REPORTS = 5  # lines of progress a training
Values = dict[str, torch.Tensor]


class FittingSettings(BaseModel):
    """What every trainer on a fixed data set has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    epochs: float = Field(default=1, gt=0)
    batch_size: int = Field(default=32, ge=1, description="units a step, over all processes")
    optimiser: OptimiserSettings = OptimiserSettings()
    micro_batch_size: int | None = Field(
        default=None, ge=1, description="units a forward pass of a process; None: all of them"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="compute activations again in place of keeping them"
    )
    lora: LoraSettings | None = None
    precision: Precision = "float32"
    max_length: int | None = Field(
        default=None, ge=2, description="tokens of prompt and response; None: the model's own limit"
    )


class Objective(Protocol):
    """What is minimised, over the rows of a batch that this process has."""

    def __call__(self, model: PreTrainedModel, rows: np.ndarray, batch: np.ndarray) -> Values:
        """`loss`, with its gradient, and what is logged besides; scalars.

        Each is this share's part of a sum: over the shares they add up to the value of the batch.
        """


class Fitting:
    """A training about to begin: the copy that will be trained, and what it is measured by."""

    def __init__(
        self,
        policy: LanguageModelPolicy,
        settings: FittingSettings,
        lengths: Sequence[int],
        *,
        monitor: Monitor | None,
        progress: Progress | None,
    ):
        self._reference, self._settings = policy, settings
        self._monitor, self._progress = monitor, progress
        self._started = time.perf_counter()
        self.accelerator = make_accelerator(settings.precision, policy.model.device)
        self._batches = planned_batches(lengths, settings, self.accelerator.num_processes)
        self._stepper = Stepper(
            trainable(policy.model, settings),
            settings.optimiser,
            n_steps=len(self._batches),
            accelerator=self.accelerator,
        )

    @torch.no_grad()
    def reference_logprobs(self, dialogues: Sequence[Dialogue]) -> torch.Tensor:
        """Summed log-probability of each response before the first step, nats `(n,)`.

        Of the copy itself, so that both sides of a log-ratio are computed in the same precision.
        """
        current = self.current
        found = torch.zeros(len(dialogues), device=current.model.device)
        size = logits_a_token(current.model)
        for rows in length_sorted_batches(n_tokens(dialogues), FORWARD, token_size=size):
            chosen = [dialogues[row] for row in rows]
            found[torch.as_tensor(rows)] = summed_logprobs(current.model, chosen)
        return found

    @property
    def current(self) -> LanguageModelPolicy:
        """The policy as it is now; before the first step it is the reference, in its precision."""
        model = self.accelerator.unwrap_model(self._stepper.model)
        return LanguageModelPolicy(model, self._reference.tokenizer, self._reference.name)

    def run(self, objective: Objective, facts: dict[str, Any], *, name: str) -> Aligned:
        """Train through all planned batches; returns the policy `name` and its history."""
        n, rows, measured = len(self._batches), [], [self._measure(0)]
        for step, batch in enumerate(self._batches, start=1):
            rows.append({"step": step, **self._step(objective, batch)})
            if self._monitor and self._monitor.is_due(step, n):
                measured.append(self._measure(step))
            if self._progress and step % max(1, n // REPORTS) == 0:
                self._progress(f"{name}: step {step}/{n}, loss {rows[-1]['loss']:.4f}")
        facts = {
            **facts,
            "n_steps": n,
            "n_trained_parameters": _n_trained(self._stepper.model),
            "seconds": time.perf_counter() - self._started,
        }
        return Aligned(
            self._finished(name), History(pd.DataFrame(rows), pd.concat(measured), facts)
        )

    def _step(self, objective: Objective, batch: np.ndarray) -> dict[str, float]:
        share = consecutive(shard(batch, self.accelerator), self._settings.micro_batch_size)
        logged: dict[str, torch.Tensor] = {}
        for number, rows in enumerate(share, 1):
            with self._stepper.part(more=number < len(share)):
                values = objective(self._stepper.model, rows, batch)
                # Gradients are averaged over the processes; the shares of the loss are summed.
                self._stepper.backward(values["loss"] * self.accelerator.num_processes)
            logged = {name: logged.get(name, 0) + value.detach() for name, value in values.items()}
        sums = self.accelerator.reduce(torch.stack(list(logged.values())), "sum").tolist()
        found = dict(zip(logged, sums, strict=True))
        return found | {"gradient_norm": self._stepper.step(found["loss"])}

    def _measure(self, step: int) -> pd.DataFrame:
        if self._monitor is None:
            return pd.DataFrame()
        policy = self.current if step else self._reference
        # Both policies in one arithmetic: rounding of one side alone would pass for KL.
        arithmetic = self.accelerator.autocast
        return self._monitor.measure(policy, self._reference, step, arithmetic=arithmetic)

    def _finished(self, name: str) -> LanguageModelPolicy:
        model = self.accelerator.unwrap_model(self._stepper.model, keep_fp32_wrapper=False)
        keep_activations(model)
        return LanguageModelPolicy(merged(model), self._reference.tokenizer, name)


def trainable(model: PreTrainedModel, settings: FittingSettings) -> torch.nn.Module:
    """A copy to train, whole or, with `lora`, through its adapters alone."""
    copied = trainable_copy(
        model, settings.lora, gradient_checkpointing=settings.gradient_checkpointing
    )
    return with_lora(copied, settings.lora, seed=settings.seed)


def planned_batches(
    lengths: Sequence[int], settings: FittingSettings, n_processes: int
) -> list[np.ndarray]:
    """Every batch of the training, by `settings.seed` alone; part of an epoch may be asked for.

    A last batch with fewer units than processes is left out.
    """
    rng = np.random.default_rng(settings.seed)
    n_steps = max(1, round(settings.epochs * -(-len(lengths) // settings.batch_size)))

    def endless():
        while True:
            yield from shuffled_batches(lengths, settings.batch_size, rng)

    return [batch for batch in islice(endless(), n_steps) if len(batch) >= n_processes]


def encoded(
    policy: LanguageModelPolicy,
    prompts: Sequence[str],
    responses: Sequence[str],
    settings: FittingSettings,
) -> list[Dialogue]:
    """Token ids of each dialogue, within the shorter of the settings' and the model's lengths."""
    limit = min(settings.max_length or policy.max_length, policy.max_length)
    return encode_dialogues(policy.tokenizer, prompts, responses, max_length=limit)


def summed_logprobs(model: PreTrainedModel, dialogues: Sequence[Dialogue]) -> torch.Tensor:
    """Log-probability of each response, summed over its tokens, nats `(n,)`, with gradient."""
    # Padding is masked on both sides, so that any token will do.
    batch = TokenBatch.of(dialogues, 0, next(model.parameters()).device)
    return token_logprobs(model, batch).sum(1)


def n_tokens(dialogues: Sequence[Dialogue]) -> np.ndarray:
    """Tokens of prompt and response together, `(n,)`."""
    return np.array([len(prompt) + len(response) for prompt, response in dialogues])


def response_lengths(dialogues: Sequence[Dialogue]) -> np.ndarray:
    """Tokens of each response that are predicted from something before them, `(n,)`.

    All of them, but for the first token of a response that leaves no room for its prompt.
    """
    return np.array([len(response) - (not prompt) for prompt, response in dialogues])


def check_columns(frame: pd.DataFrame, needed: Sequence[str]) -> None:
    """Raise ValueError when there are no rows, or when a column is missing, naming the nearest."""
    for column in needed:
        if column not in frame.columns:
            raise ValueError(missing_name("column", column, frame.columns))
    if frame.empty:
        raise ValueError(f"no rows to train on: need a frame of {', '.join(needed)}")


def _n_trained(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
