"""Causal language models: made small from scratch, or loaded from a folder or the hub, and trained.

Training is a plain loop over the cross-entropy of the transformers model itself: on two cores it
is three to four times as fast as TRL's SFTTrainer, whose fused head computes the same loss (a test
holds the two equal on a batch). What it leaves out: packing, gradient checkpointing, sharding.
"""

from collections.abc import Callable
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

from proxylab.policies.batching import pad, shuffled_batches
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


def new_language_model(
    tokenizer: PreTrainedTokenizerBase, settings: LanguageModelSettings, *, seed: int
) -> GPTNeoXForCausalLM:
    """A freshly initialised model over the tokenizer's vocabulary; same seed, same weights."""
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
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GPTNeoXForCausalLM(config)


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
    the whole dialogue. Dropout is not used; batches are drawn from `seed` alone.
    Raises ValueError without dialogues.
    """
    if not prompts:
        raise ValueError("no dialogues to train on")
    dialogues = encode_dialogues(tokenizer, prompts, responses, max_length=max_length)
    lengths = [len(prompt) + len(response) for prompt, response in dialogues]
    rng = np.random.default_rng(seed)
    n_steps = max(1, round(settings.epochs * -(-len(lengths) // settings.batch_size)))
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = get_cosine_schedule_with_warmup(optimiser, settings.warmup_steps, n_steps)
    model.eval()  # no dropout, whatever a base's own settings say
    losses = []
    for step, batch in zip(range(n_steps), _epochs(lengths, settings, rng), strict=False):
        chosen = [dialogues[i] for i in batch]
        loss = _loss(model, chosen, tokenizer.pad_token_id, loss_on_prompt)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if progress and (step + 1) % max(1, n_steps // 5) == 0:
            progress(f"step {step + 1}/{n_steps}, loss {np.mean(losses[-50:]):.3f}")
    return losses


def _epochs(lengths: list[int], settings: TrainingSettings, rng: np.random.Generator):
    while True:
        yield from shuffled_batches(lengths, settings.batch_size, rng)


def _loss(
    model: PreTrainedModel, dialogues: list, pad_token_id: int, loss_on_prompt: bool
) -> torch.Tensor:
    device = model.device
    ids, mask = pad([prompt + response for prompt, response in dialogues], pad_token_id)
    labels = ids.masked_fill(mask == 0, IGNORED)
    if not loss_on_prompt:
        for row, (prompt, _) in enumerate(dialogues):
            labels[row, : len(prompt)] = IGNORED
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), labels[:, 1:].to(device).flatten()
    )


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is fast on this device (on CPUs: whether it is in hardware)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() if device.type == "cpu" else False


def save_policy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write an ordinary transformers folder, weights as safetensors."""
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def load_policy(
    name_or_folder: str | Path, *, revision: str | None = None, device: str = "cpu"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer; safetensors only, no remote code."""
    options = {"revision": revision, "trust_remote_code": False}
    model = AutoModelForCausalLM.from_pretrained(
        name_or_folder, use_safetensors=True, dtype=torch.float32, **options
    )
    # A model's own sampling habits (a repetition penalty, say) would tilt what is sampled from it.
    model.generation_config = GenerationConfig()
    tokenizer = AutoTokenizer.from_pretrained(name_or_folder, **options)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer
