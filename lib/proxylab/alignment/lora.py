"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685), through peft.

A model of billions of weights is trained through a few million; what comes back is merged, an
ordinary model of the class that was given. Left out: adapter dropout (no trainer here uses
dropout), quantised bases, several adapters at once.
"""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedModel


class LoraSettings(BaseModel):
    """Size of the adapters and the layers that have one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0, description="adapters are scaled by alpha / rank")
    target_modules: str | tuple[str, ...] = Field(
        default="all-linear", description="names of layers; all-linear leaves out the output layer"
    )


def with_lora(model: PreTrainedModel, settings: LoraSettings, *, seed: int) -> PeftModel:
    """`model` with adapters, in place: its own weights are frozen, and it says what it said.

    Adapters start at a change of zero; their other half is drawn from `seed`.
    Raises ValueError (of peft) when no layer has one of the names in `target_modules`.
    """
    targets = settings.target_modules
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config).eval()


def merged(model: torch.nn.Module) -> PreTrainedModel:
    """The plain model with its adapters added to its weights; a model without adapters as it is."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model
