"""One optimiser step for every trainer here: backward, clip, AdamW, schedule, through accelerate.

A trainer hands over its loss and gets the gradient's norm back. One process and several run the
same code: each takes its share of every batch (`shard`) and accelerate averages the gradients.
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedModel, get_scheduler

from proxylab.machine.processes import n_processes
from proxylab.policies.lora import LoraSettings, Precision, base_dtype
from proxylab.policies.recomputing import recompute_activations

T = TypeVar("T")


class OptimiserSettings(BaseModel):
    """Learning rate and its schedule, in optimiser steps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float = Field(default=3e-4, gt=0, description="peak, after warm-up")
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup_steps: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    max_grad_norm: float = Field(default=1.0, gt=0)


class Stepper:
    """AdamW over a model's trainable parameters, with its schedule over `n_steps` steps.

    `model` is the prepared one (wrapped where there are several processes): call it for anything
    that needs a gradient.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        settings: OptimiserSettings,
        *,
        n_steps: int,
        accelerator: Accelerator,
    ):
        self._accelerator, self._max_norm = accelerator, settings.max_grad_norm
        optimiser = torch.optim.AdamW(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=settings.learning_rate,
            betas=settings.betas,
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.model, self._optimiser = accelerator.prepare(model, optimiser)
        # Not prepared: accelerate would advance it once for each process.
        self._schedule = get_scheduler(
            settings.schedule, self._optimiser, settings.warmup_steps, n_steps
        )

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradient of `loss`, the whole step's or a part's."""
        self._accelerator.backward(loss)

    def part(self, *, more: bool) -> AbstractContextManager:
        """Where one part of a step goes forward and backward; with `more` to come, processes do
        not yet exchange their gradients."""
        return self._accelerator.no_sync(self.model) if more else nullcontext()

    def step(self, loss: float) -> float:
        """Take one step down the gradient that is there; returns its norm before clipping.

        Raises FloatingPointError when the gradient is not finite: nothing after it would be. The
        `loss` is for its message.
        """
        norm = float(self._accelerator.clip_grad_norm_(self.model.parameters(), self._max_norm))
        if not norm < float("inf"):
            raise FloatingPointError(
                f"the gradient's norm is {norm} at a loss of {loss:.4g}: lower the learning "
                "rate, or look for infinite rewards"
            )
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._schedule.step()
        return norm


def make_accelerator(precision: Precision, device: torch.device) -> Accelerator:
    """An accelerator on `device`; bfloat16 computes in it, while weights stay float32."""
    # The state is one for the whole process: it would refuse another precision than the first
    # trainer's, and keep its device. A group of processes, which is kept apart, stays.
    AcceleratorState._reset_state(reset_partial_state=n_processes() == 1)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # accelerate takes the current one, whatever a model is on
    mixed = "bf16" if precision == "bfloat16" else "no"
    return Accelerator(mixed_precision=mixed, cpu=device.type == "cpu")


def shard(rows: Sequence[T], accelerator: Accelerator) -> Sequence[T]:
    """This process's share of a batch; all of it where there is one process."""
    return rows[accelerator.process_index :: accelerator.num_processes]


def trainable_copy(
    model: PreTrainedModel,
    lora: LoraSettings | None = None,
    *,
    gradient_checkpointing: bool = False,
) -> PreTrainedModel:
    """A copy that can be trained while the original stays as it is; dropout is off.

    Its weights are float32 or, where they will be frozen under `lora`, what its settings say.
    """
    copied = copy.deepcopy(model).to(base_dtype(lora)).eval()
    copied.requires_grad_(True)
    if gradient_checkpointing:
        recompute_activations(copied)
    return copied
