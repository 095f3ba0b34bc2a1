"""Training Bradley-Terry reward models with TRL's RewardTrainer.

The loss is -log sigmoid(r_chosen - r_rejected), the papers' pairwise loss, plus an optional
centring term. TRL stays the trainer in small profiles too: given tokenised texts, a light collator,
our sampler and no logging, a run costs 0.3 s and a step about 5 ms more than a plain loop's. Texts
are cut from the left here, because the trainer would silently drop pairs over its `max_length`.
Left out: adapters, sharded training.
"""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from pydantic import BaseModel, ConfigDict, Field
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
)
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import RewardConfig, RewardTrainer

from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.card import RewardCard
from proxylab.rewards.classifier import SequenceClassifierReward, pad_right
from proxylab.rewards.saving import check_target, save_reward_model
from proxylab.rewards.text import Template, encode, render, scoring_tokenizer


class RewardTraining(BaseModel):
    """Settings of one training run; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: float = Field(default=2, gt=0)
    learning_rate: float = Field(default=3e-4, gt=0, description="peak, after warm-up")
    head_learning_rate_multiplier: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=16, ge=1, description="pairs")
    warmup_steps: int = Field(default=20, ge=0)
    max_length: int = Field(default=128, ge=2, description="tokens, prompt and response together")
    center_rewards_coefficient: float | None = Field(default=0.01, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    seed: int = 0
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of matrix products; auto: bfloat16 where the hardware has it"
    )
    template: Template = "plain"


def train_reward_model(
    pairs: pd.DataFrame,
    *,
    tokenizer: PreTrainedTokenizerBase,
    base: str | Path,
    out: str | Path,
    settings: RewardTraining,
    eval_pairs: pd.DataFrame | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Train a reward model on `pairs` and save it as the folder `out`; returns what happened.

    Arguments: `pairs`, `eval_pairs` pair frames; `tokenizer` that of the base; `base` the folder
    or hub id of a language model (its head is then new) or of a reward model to go on training;
    `out` a new folder, or one that holds an earlier reward model. The result has `n_pairs`,
    `n_truncated_pairs`, `n_steps`, `bfloat16`, `history` (loss, accuracy, margin an epoch)
    and, with `eval_pairs`, `eval_accuracy` (a tie counts as wrong).
    `out` appears only when complete: an interrupted run leaves none. The same seed gives the same
    weights bit for bit on one CPU and thread count; a GPU does not promise that.
    Raises ValueError without pairs, or when `out` holds something else.
    """
    out = check_target(Path(out), base)
    if not len(pairs):
        raise ValueError("no pairs to train on")
    tokenizer = scoring_tokenizer(tokenizer)
    data, n_truncated = _tokenised(pairs, tokenizer, settings)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = _trainer(data, tokenizer, base, settings, device, scratch)
        trainer.train()
    facts = {
        "n_pairs": len(pairs),
        "n_truncated_pairs": n_truncated,
        "n_steps": trainer.state.global_step,
        "bfloat16": trainer.args.bf16,
        "history": _history(trainer.state.log_history),
    }
    card = _card(settings, {"base": Path(base).name, **facts})
    if eval_pairs is not None:
        facts["eval_accuracy"] = _accuracy(trainer.model, tokenizer, card, eval_pairs, device)
    if trainer.is_world_process_zero():
        save_reward_model(trainer.model, tokenizer, card, out)
    trainer.accelerator.wait_for_everyone()
    return facts


class _LengthGroupedTrainer(RewardTrainer):
    """RewardTrainer whose batches hold pairs of like length.

    transformers' own "group_by_length" reads the lengths out of Arrow one by one: 0.2 ms a pair,
    as much again as all else that a step costs beyond the arithmetic.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> LengthGroupedSampler:
        columns = self.train_dataset["chosen_ids"][:], self.train_dataset["rejected_ids"][:]
        lengths = [max(map(len, pair)) for pair in zip(*columns, strict=True)]
        return LengthGroupedSampler(self.args.train_batch_size, lengths=lengths)


def _tokenised(
    pairs: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, settings: RewardTraining
) -> tuple[Dataset, int]:
    columns, truncated = {}, np.zeros(len(pairs), bool)
    for side in ("chosen", "rejected"):
        texts = render(pairs.prompt, pairs[side], template=settings.template, tokenizer=tokenizer)
        ids, cut = encode(
            texts,
            tokenizer=tokenizer,
            max_length=settings.max_length,
            append_eos=_appends_eos(settings, tokenizer),
            add_special_tokens=settings.template == "plain",
        )
        columns[f"{side}_ids"] = ids
        truncated |= cut
    return Dataset.from_dict(columns), int(truncated.sum())


def _appends_eos(settings: RewardTraining, tokenizer: PreTrainedTokenizerBase) -> bool:
    """A chat template ends its own turns; plain text ends in EOS if the tokenizer knows one."""
    return settings.template == "plain" and tokenizer.eos_token_id is not None


def _trainer(data, tokenizer, base, settings, device, scratch) -> RewardTrainer:
    model = with_fresh_head(base, settings.seed)
    trainer = _LengthGroupedTrainer(
        model=model,
        args=_arguments(settings, device, scratch),
        train_dataset=data,
        processing_class=tokenizer,
        data_collator=lambda rows: _collate(rows, tokenizer.pad_token_id),
        optimizers=(_optimizer(model, settings), None),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(settings: RewardTraining, device: str, scratch: str) -> RewardConfig:
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    return _quiet_config(
        output_dir=scratch,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        max_grad_norm=settings.max_grad_norm,
        center_rewards_coefficient=settings.center_rewards_coefficient,
        max_length=None,  # it would drop long pairs; ours are cut already
        seed=settings.seed,
        bf16=_uses_bfloat16(settings.dtype, on_cpu),
        use_cpu=on_cpu,
        gradient_checkpointing=False,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _quiet_config(**options: Any) -> RewardConfig:
    with warnings.catch_warnings():
        # TRL 1.16 still sets gradient_checkpointing, which transformers 5.23 has renamed.
        warnings.simplefilter("ignore", FutureWarning)
        return RewardConfig(**options)


def _uses_bfloat16(dtype: str, on_cpu: bool) -> bool:
    if dtype != "auto":
        return dtype == "bfloat16"
    if on_cpu:
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.cuda.is_bf16_supported()


def _optimizer(model: PreTrainedModel, settings: RewardTraining) -> torch.optim.Optimizer:
    backbone = {id(parameter) for parameter in model.base_model.parameters()}
    rate = settings.learning_rate
    head_rate = rate * (settings.head_learning_rate_multiplier or 1.0)
    groups = [
        {"params": [p for p in model.parameters() if id(p) in backbone], "lr": rate},
        {"params": [p for p in model.parameters() if id(p) not in backbone], "lr": head_rate},
    ]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=settings.weight_decay, fused=True)


def _collate(rows: Sequence[dict[str, Any]], pad_token_id: int) -> dict[str, torch.Tensor]:
    """Chosen texts, then rejected ones, as RewardTrainer's loss expects them."""
    ids = [row["chosen_ids"] for row in rows] + [row["rejected_ids"] for row in rows]
    tokens, mask = pad_right(ids, pad_token_id)
    return {"input_ids": tokens, "attention_mask": mask}


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    kept = ("epoch", "loss", "accuracy", "margin")
    return [{key: row[key] for key in kept} for row in log if "loss" in row]


def _card(settings: RewardTraining, training: dict[str, Any]) -> RewardCard:
    return RewardCard(
        orientation=1,
        template=settings.template,
        append_eos=settings.template == "plain",
        max_length=settings.max_length,
        head_trained=True,
        training={"settings": settings.model_dump(), **training},
    )


def _accuracy(model, tokenizer, card: RewardCard, pairs: pd.DataFrame, device: str) -> float:
    reward = SequenceClassifierReward.from_card(
        model, tokenizer, card, name="trained", device=device
    )
    chosen = reward.score(pairs.prompt.tolist(), pairs.chosen.tolist())
    rejected = reward.score(pairs.prompt.tolist(), pairs.rejected.tolist())
    return float(np.mean(chosen > rejected))
