"""Training Bradley-Terry reward models with TRL's RewardTrainer.

The loss is -log sigmoid(r_chosen - r_rejected), the papers' pairwise loss, plus an optional
centring term. TRL stays the trainer in small profiles too: given tokenised texts, a light collator,
our sampler and no logging, a run costs 0.3 s and a step about 5 ms more than a plain loop's. Texts
are cut from the left here, because the trainer would silently drop pairs over its `max_length`.
With `safety_loss` it is the loss of a cost model (Safe RLHF, arXiv 2310.12773, section 3.2), signs
turned once: a reward, so higher is safer. Left out: sharded training.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from proxylab.machine.device import usable_device
from proxylab.names import missing_name
from proxylab.policies.lora import merged, with_lora
from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.card import RewardCard
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.pair_trainer import SAFETY, pair_trainer
from proxylab.rewards.saving import check_target, save_reward_model
from proxylab.rewards.text import encode, render, scoring_tokenizer
from proxylab.rewards.training_settings import RewardTraining


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

    Arguments: `pairs`, `eval_pairs` pair frames, with `safety_loss` also the columns chosen_safe
    and rejected_safe (bool; `chosen` is then the safer reply); `tokenizer` that of the base; `base`
    the folder or hub id of a language model (its head is then new) or of a reward model to go on
    training; `out` a new folder, or one that holds an earlier reward model. The result has
    `n_pairs`, `n_truncated_pairs`, `n_steps`, `bfloat16`, `history` (loss, accuracy, margin an
    epoch) and, with `eval_pairs`, `eval_accuracy` (a tie counts as wrong).
    `out` appears only when complete: an interrupted run leaves none. The same seed gives the same
    weights bit for bit on one CPU and thread count; a GPU does not promise that.
    Raises ValueError without pairs, without a column that is needed, or when `out` holds something
    else.
    """
    out = check_target(Path(out), base)
    if not len(pairs):
        raise ValueError("no pairs to train on")
    for column in SAFETY if settings.safety_loss else ():
        if column not in pairs.columns:
            raise ValueError(missing_name("column", column, pairs.columns))
    tokenizer = scoring_tokenizer(tokenizer)
    data, n_truncated = _tokenised(pairs, tokenizer, settings)
    with tempfile.TemporaryDirectory() as scratch:
        model = with_fresh_head(base, settings.seed).to(usable_device(device))
        adapted = with_lora(model, settings.lora, seed=settings.seed, train_head=True)
        trainer = pair_trainer(model, data, tokenizer, settings, device=device, scratch=scratch)
        trainer.train()
        model = merged(adapted)
    facts = {
        "n_pairs": len(pairs),
        "n_truncated_pairs": n_truncated,
        "n_steps": trainer.state.global_step,
        "bfloat16": trainer.args.bf16,
        "history": _history(trainer.state.log_history),
    }
    card = _card(settings, tokenizer, {"base": Path(base).name, **facts})
    if eval_pairs is not None:
        facts["eval_accuracy"] = _accuracy(model, tokenizer, card, eval_pairs, device)
    if trainer.is_world_process_zero():
        save_reward_model(model, tokenizer, card, out)
    trainer.accelerator.wait_for_everyone()
    return facts


def _tokenised(
    pairs: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, settings: RewardTraining
) -> tuple[Dataset, int]:
    columns, truncated = {}, np.zeros(len(pairs), bool)
    if settings.safety_loss:
        columns = {name: np.where(pairs[name].to_numpy(bool), 1.0, -1.0) for name in SAFETY}
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


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    kept = ("epoch", "loss", "accuracy", "margin")
    return [{key: row[key] for key in kept} for row in log if "loss" in row]


def _card(
    settings: RewardTraining, tokenizer: PreTrainedTokenizerBase, training: dict[str, Any]
) -> RewardCard:
    return RewardCard(
        orientation=1,
        template=settings.template,
        append_eos=_appends_eos(settings, tokenizer),
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
