"""Causal language models: made small from scratch, or loaded from a folder or the hub, and trained.

Training is a plain loop over the cross-entropy of the transformers model itself: on two cores it
is three to four times as fast as TRL's SFTTrainer, whose fused head computes the same loss (a test
holds the two equal on a batch). What it leaves out: packing, sharding.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    get_cosine_schedule_with_warmup,
)
from transformers.utils import logging as transformers_logging

from proxylab.machine.device import AUTO, bfloat16_products, fast_bfloat16, seeded, usable_device
from proxylab.policies.batching import consecutive, pad, shuffled_batches
from proxylab.policies.lora import LoraSettings, Precision, base_dtype, merged, with_lora
from proxylab.policies.recomputing import keep_activations, recompute_activations
from proxylab.policies.sequences import Dialogue
from proxylab.policies.tokenizers import encode_dialogues

transformers_logging.disable_progress_bar()  # one bar a file loaded drowns what a run says

IGNORED = -100  # the label that cross-entropy skips


class LanguageModelSettings(BaseModel):
    """The size of a language model made from scratch (GPT-NeoX, the architecture of Pythia)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden_size: int = Field(default=128, ge=8)
    n_layers: int = Field(default=2, ge=1)
    n_heads: int = Field(default=4, ge=1)
    max_length: int = Field(default=64, ge=8, description="tokens of prompt and response together")
    parallel_residual: bool = Field(default=False, description="attention and MLP side by side")


class TrainingSettings(BaseModel):
    """One pass of language-model training: pretraining, or fine-tuning on responses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: float = Field(default=3, gt=0)
    learning_rate: float = Field(default=3e-3, gt=0)
    batch_size: int = Field(default=128, ge=1)
    warmup_steps: int = Field(default=20, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    micro_batch_size: int | None = Field(
        default=None, ge=1, description="dialogues a forward pass; None: the whole batch"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="compute activations again in place of keeping them"
    )
    lora: LoraSettings | None = Field(default=None, description="train adapters, then merge them")


def new_language_model(
    tokenizer: PreTrainedTokenizerBase,
    settings: LanguageModelSettings,
    *,
    seed: int,
    device: str = AUTO,
) -> GPTNeoXForCausalLM:
    """A freshly initialised model over the tokenizer's vocabulary; same seed, same weights.

    It is drawn on the CPU, so that a seed names the same weights on every `device`.
    """
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        intermediate_size=4 * settings.hidden_size,
        # The default, 0.02, suits widths of thousands: a small model with tied embeddings then
        # needs ten times the steps before it learns a fact.
        initializer_range=settings.hidden_size**-0.5,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        max_position_embeddings=settings.max_length,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        use_parallel_residual=settings.parallel_residual,
    )
    with seeded(seed):
        model = GPTNeoXForCausalLM(config)
    return model.to(usable_device(device))


def train_language_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    responses: list[str],
    settings: TrainingSettings,
    *,
    max_length: int,
    seed: int | tuple[int, ...],
    loss_on_prompt: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[float]:
    """Train in place on dialogues and return the loss of every step (nats a token).

    The loss is on the response and its end token only, or with `loss_on_prompt` (pretraining) on
    the whole dialogue. Dropout is not used; batches are drawn from `seed` alone. Weights are
    trained in float32; with adapters they are frozen, and what the adapters learnt is added.
    Raises ValueError without dialogues.
    """
    if not prompts:
        raise ValueError("no dialogues to train on")
    dialogues = encode_dialogues(tokenizer, prompts, responses, max_length=max_length)
    lengths = [len(prompt) + len(response) for prompt, response in dialogues]
    rng = np.random.default_rng(seed)
    n_steps = max(1, round(settings.epochs * -(-len(lengths) // settings.batch_size)))
    with _trainable(model, settings, rng) as trained:
        optimiser, schedule = _optimiser(trained, settings, n_steps)
        losses = []
        for step, batch in zip(range(n_steps), _epochs(lengths, settings, rng), strict=False):
            chosen = [dialogues[i] for i in batch]
            losses.append(_backward(trained, chosen, tokenizer, settings, loss_on_prompt))
            torch.nn.utils.clip_grad_norm_(trained.parameters(), settings.max_grad_norm)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            if progress and (step + 1) % max(1, n_steps // 5) == 0:
                progress(f"step {step + 1}/{n_steps}, loss {np.mean(losses[-50:]):.3f}")
    return losses


@contextmanager
def _trainable(
    model: PreTrainedModel, settings: TrainingSettings, rng: np.random.Generator
) -> Iterator[torch.nn.Module]:
    """The model as it is trained: whole, or through adapters that are merged at the end."""
    model.eval()  # no dropout, whatever a base's own settings say
    if settings.gradient_checkpointing:
        recompute_activations(model)
    seed = int(rng.spawn(1)[0].integers(2**31))  # of its own: batches stay as without adapters
    adapted = with_lora(model.to(base_dtype(settings.lora)), settings.lora, seed=seed)
    yield adapted
    merged(adapted)
    keep_activations(model)


def _optimiser(model: torch.nn.Module, settings: TrainingSettings, n_steps: int):
    optimiser = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    return optimiser, get_cosine_schedule_with_warmup(optimiser, settings.warmup_steps, n_steps)


def _epochs(lengths: list[int], settings: TrainingSettings, rng: np.random.Generator):
    while True:
        yield from shuffled_batches(lengths, settings.batch_size, rng)


def _backward(
    model: torch.nn.Module,
    dialogues: list[Dialogue],
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    loss_on_prompt: bool,
) -> float:
    """Leave the gradient of a batch's mean loss in the model; returns the loss, nats a token."""
    parts = [
        _labelled(part, tokenizer.pad_token_id, loss_on_prompt)
        for part in consecutive(dialogues, settings.micro_batch_size)
    ]
    n_tokens = sum(int((labels[:, 1:] != IGNORED).sum()) for _, _, labels in parts)
    total = 0.0
    for ids, mask, labels in parts:
        loss = _summed_loss(model, ids, mask, labels) / n_tokens
        loss.backward()
        total += loss.item()
    return total


def _labelled(
    dialogues: list[Dialogue], pad_token_id: int, loss_on_prompt: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, mask and labels, `(n, longest)`, of dialogues read in one pass."""
    ids, mask = pad([prompt + response for prompt, response in dialogues], pad_token_id)
    labels = ids.masked_fill(mask == 0, IGNORED)
    if not loss_on_prompt:
        for row, (prompt, _) in enumerate(dialogues):
            labels[row, : len(prompt)] = IGNORED
    return ids, mask, labels


def _summed_loss(
    model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    device = model.device
    with bfloat16_products(device, enabled=fast_bfloat16(device)):
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1),
        labels[:, 1:].to(device).flatten(),
        reduction="sum",
    )


def save_policy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write an ordinary transformers folder, weights as safetensors."""
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def load_policy(
    name_or_folder: str | Path,
    *,
    revision: str | None = None,
    device: str = AUTO,
    dtype: Precision = "float32",
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer; safetensors only, no remote code.

    Arguments: `device` as `usable_device` reads it; `dtype` that the weights are kept in (a model
    that is only asked, not trained, may be kept in bfloat16).
    """
    options = {"revision": revision, "trust_remote_code": False}
    model = AutoModelForCausalLM.from_pretrained(
        name_or_folder, use_safetensors=True, dtype=getattr(torch, dtype), **options
    )
    # A model's own sampling habits (a repetition penalty, say) would tilt what is sampled from it.
    model.generation_config = GenerationConfig()
    tokenizer = AutoTokenizer.from_pretrained(name_or_folder, **options)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(usable_device(device)).eval(), tokenizer
