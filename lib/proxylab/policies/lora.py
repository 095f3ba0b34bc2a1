"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685), through peft.

A model of billions of weights is trained through a few million, while its own weights stay frozen
and may be kept in bfloat16; what comes back is merged, an ordinary model of the class that was
given, in float32. Left out: adapter dropout (no trainer here uses dropout), quantised bases,
several adapters at once.
"""

from typing import Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedModel

from proxylab.machine.device import seeded

Precision = Literal["float32", "bfloat16"]


class LoraSettings(BaseModel):
    """Size of the adapters and the layers that have one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0, description="adapters are scaled by alpha / rank")
    target_modules: str | tuple[str, ...] = Field(
        default="all-linear", description="names of layers; all-linear leaves out the output layer"
    )
    base_precision: Precision = Field(
        default="float32", description="what the frozen weights are kept in; adapters: float32"
    )


def with_lora(
    model: PreTrainedModel, settings: LoraSettings | None, *, seed: int, train_head: bool = False
) -> PeftModel | PreTrainedModel:
    """`model` with adapters, in place: its own weights are frozen, and it says what it said.

    Without settings it stays as it is, to be trained whole.

    Adapters start at a change of zero; their other half is drawn from `seed`. `train_head`: what
    stands outside the model's trunk, as a reward head does, has no adapter and is trained whole.
    Raises ValueError (of peft) when no layer has one of the names in `target_modules`.
    """
    if settings is None:
        return model
    targets, heads = settings.target_modules, _heads(model) if train_head else {}
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=targets if isinstance(targets, str) else list(targets),
        exclude_modules=list(heads) or None,
        # A classifier's type would wrap its head, which the scoring of shared prefixes reads.
        task_type=None if train_head else "CAUSAL_LM",
    )
    model.to(base_dtype(settings))
    with seeded(seed):
        adapted = get_peft_model(model, config).eval()
    for head in heads.values():
        head.float().requires_grad_(True)
    return adapted


def base_dtype(settings: LoraSettings | None) -> torch.dtype:
    """In what a model's weights are kept while it is trained: float32 unless they are frozen."""
    return torch.float32 if settings is None else getattr(torch, settings.base_precision)


def merged(model: torch.nn.Module) -> PreTrainedModel:
    """The plain model with its adapters added to its weights; a model without adapters as it is.

    The object that `with_lora` was given. It adds in float32 and stays in it, as what was learnt
    may be less than what bfloat16 can tell apart.
    """
    if not isinstance(model, PeftModel):
        return model
    plain = model.float().merge_and_unload()
    plain.requires_grad_(True)
    return plain


def _heads(model: PreTrainedModel) -> dict[str, torch.nn.Module]:
    """Name and module of what stands outside the trunk."""
    return {
        name: module for name, module in model.named_children() if name != model.base_model_prefix
    }
