"""Refining a reward model on ranked groups: K labelled completions of one prompt at a time.

An annotator who scores all completions of a prompt gives up to K(K-1)/2 comparisons. One forward
pass a completion serves all of them (Ouyang et al. 2022, section 3.5), so a group is one unit of a
batch; an original preference pair is a group of two. Every comparison of a batch weighs the same.
What the texts of a group share, their prompt above all, is computed once (`shared_prefix`).
Left out: margins, ties as a preference of their own, centring of the rewards, activations computed
again (the shared pass is not the model's own; smaller parts of a batch serve).
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedTokenizerBase, get_cosine_schedule_with_warmup

from proxylab.machine.device import bfloat16_products
from proxylab.policies.lora import LoraSettings, Precision, base_dtype, merged, with_lora
from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.card import RewardCard
from proxylab.rewards.classifier import READING_KEYS, SequenceClassifierReward, token_batches
from proxylab.rewards.groups import RankedGroup, n_comparisons
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked_loss import (
    epoch_batches,
    filled,
    flat_labels,
    n_ordered,
    ranking_loss,
)
from proxylab.rewards.shared_prefix import group_scorer

Scorer = Callable[[Sequence[int]], torch.Tensor]


class RankedTraining(BaseModel):
    """Settings of one refinement; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, description="peak, after warm-up")
    batch_size: int = Field(default=32, ge=2, description="completions, in whole groups")
    warmup_steps: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    seed: int = 0
    precision: Precision = Field(default="float32", description="of products; weights: float32")
    micro_batch_size: int | None = Field(
        default=None, ge=2, description="completions a forward pass, in whole groups; None: all"
    )
    lora: LoraSettings | None = Field(default=None, description="train adapters, then merge them")


def fresh_reward_model(
    base: str | Path, tokenizer: PreTrainedTokenizerBase, *, max_length: int, seed: int
) -> SequenceClassifierReward:
    """The language model of a folder or hub id with a new head, to be trained on groups.

    Arguments: `max_length` in tokens, prompt and response together; `seed` of the head. It reads
    plain text, ended by EOS where the tokenizer knows one, as `train_reward_model` does.
    """
    card = RewardCard(
        orientation=1,
        template="plain",
        append_eos=tokenizer.eos_token_id is not None,
        max_length=max_length,
        head_trained=False,
    )
    model = with_fresh_head(base, seed)
    return SequenceClassifierReward.from_card(model, tokenizer, card, name=Path(base).name)


def refine_reward_model(
    model: SequenceClassifierReward,
    groups: Sequence[RankedGroup],
    settings: RankedTraining,
    *,
    name: str = "refined",
) -> tuple[SequenceClassifierReward, dict[str, Any]]:
    """Train a copy of `model` on ranked groups; returns the copy and what happened.

    Arguments: `model` stays as it is; `groups` labelled completions, replay pairs among them;
    `name` of the copy, whose `card` holds the settings and the facts. The facts: `n_groups` used,
    `n_groups_left_out` (no comparison in them), `n_completions`, `n_comparisons`, `n_truncated`,
    `n_steps`, `first_loss` and `last_loss` (nats, mean over the first and the last epoch's steps).
    No dropout; weights are trained in float32; `settings.seed` decides everything, bit for bit on
    one CPU and thread count.
    Raises ValueError when no group has a comparison.
    """
    used = [group for group in (group.labelled for group in groups) if n_comparisons([group])]
    if not used:
        raise ValueError(
            f"none of {len(groups)} groups has two completions with different labels: "
            "nothing to learn from"
        )
    refined = _copy(model, name, settings.lora)
    tokens = _encode(refined, [group.prompt for group in used], [g.responses for g in used])
    refined.autocast = model.autocast or "bfloat16" in _precisions(settings)
    losses = _train(refined, tokens, [group.label for group in used], settings)
    refined.autocast = model.autocast
    facts = {
        "n_groups": len(used),
        "n_groups_left_out": len(groups) - len(used),
        "n_completions": sum(map(len, tokens)),
        "n_comparisons": n_comparisons(used),
        "n_truncated": refined.n_truncated,
        "n_steps": sum(map(len, losses)),
        "first_loss": float(np.mean(losses[0])),
        "last_loss": float(np.mean(losses[-1])),
    }
    training = {"settings": settings.model_dump(), "base": model.name, **facts}
    refined.card = refined.card.model_copy(update={"training": training})
    refined.n_truncated = 0
    return refined, facts


def score_groups(model: RewardModel, prompts: Sequence[str], responses: np.ndarray) -> np.ndarray:
    """Rewards `(n_prompts, n_samples)` of K responses a prompt, float64, higher is better.

    Arguments: `model` any reward model; a sequence classifier reads each prompt once, which gives
    what its `score` gives up to rounding (about 1e-6); `responses` `(n_prompts, n_samples)` texts,
    None = padding, which comes back as NaN.
    Raises ValueError when there is not one row a prompt.
    """
    responses = np.asarray(responses, dtype=object)
    if responses.ndim != 2 or len(responses) != len(prompts):
        raise ValueError(
            f"responses must be ({len(prompts)}, n_samples), one row a prompt, "
            f"got shape {responses.shape}"
        )
    present = np.array([[text is not None for text in row] for row in responses], dtype=bool)
    rewards = np.full(responses.shape, np.nan)
    if isinstance(model, SequenceClassifierReward):
        rows = np.flatnonzero(present.any(axis=1))
        texts = [responses[i, present[i]].tolist() for i in rows]
        rewards[present] = _score(model, _encode(model, [prompts[i] for i in rows], texts))
    else:
        repeated = [prompts[i] for i in np.nonzero(present)[0]]
        rewards[present] = model.score(repeated, responses[present].tolist())
    return rewards


@torch.inference_mode()
def _score(model: SequenceClassifierReward, tokens: list[list[list[int]]]) -> np.ndarray:
    """Rewards `(n_texts,)` of all groups' texts in order."""
    rewards: list = [np.zeros(0)] * len(tokens)
    if tokens:
        score = _scorer(model, tokens)
        for batch in token_batches([sum(map(len, texts)) for texts in tokens], model.batch_tokens):
            ends = np.cumsum([len(tokens[i]) for i in batch])
            parts = np.split(score(batch).double().cpu().numpy(), ends[:-1])
            for i, part in zip(batch, parts, strict=True):
                rewards[i] = part
    return np.concatenate([np.zeros(0), *rewards])


def _copy(
    model: SequenceClassifierReward, name: str, lora: LoraSettings | None
) -> SequenceClassifierReward:
    how = {key: getattr(model, key) for key in READING_KEYS}
    refined = SequenceClassifierReward.from_card(
        copy.deepcopy(model.model).to(base_dtype(lora)),
        model.tokenizer,
        RewardCard(**how, head_trained=True),
        name=name,
        device=str(model.device),
    )
    refined.batch_tokens = model.batch_tokens
    return refined


def _encode(
    model: SequenceClassifierReward, prompts: Sequence[str], texts: Sequence[Sequence[str]]
) -> list[list[list[int]]]:
    """Token ids `[group][text]`, of one prompt and its texts a group."""
    repeated = [prompt for prompt, row in zip(prompts, texts, strict=True) for _ in row]
    ids = iter(model.encode(repeated, [text for row in texts for text in row]))
    return [[next(ids) for _ in row] for row in texts]


def _train(
    model: SequenceClassifierReward, tokens: list, labels: list, settings: RankedTraining
) -> list[list[float]]:
    """Train in place; the loss of every step, `[epoch][step]`."""
    rng = np.random.default_rng(settings.seed)
    epochs = [epoch_batches(tokens, settings.batch_size, rng) for _ in range(settings.epochs)]
    adapted = with_lora(model.model, settings.lora, seed=settings.seed, train_head=True)
    parameters = [parameter for parameter in model.model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = get_cosine_schedule_with_warmup(
        optimiser, settings.warmup_steps, sum(map(len, epochs))
    )
    score, losses = _scorer(model, tokens), []
    for batches in epochs:
        losses.append([])
        for batch in batches:
            losses[-1].append(_backward(score, batch, labels, model.device, settings))
            torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
    merged(adapted)
    return losses


def _precisions(settings: RankedTraining) -> tuple[str, ...]:
    """Of products and of weights: a head in float32 cannot read bfloat16 without autocast."""
    return settings.precision, settings.lora.base_precision if settings.lora else "float32"


def _backward(
    score: Scorer, batch: list[int], labels: list, device: torch.device, settings: RankedTraining
) -> float:
    """Leave the gradient of a batch's mean loss in the model; returns the loss, nats."""
    sizes, total = {i: len(labels[i]) for i in batch}, 0.0
    n = sum(n_ordered(labels[i]) for i in batch)
    for part in filled(batch, sizes, settings.micro_batch_size):
        loss = ranking_loss(
            score(part), *flat_labels([labels[i] for i in part], device), n_comparisons=n
        )
        loss.backward()
        total += loss.item()
    return total


def _scorer(model: SequenceClassifierReward, tokens: list[list[list[int]]]) -> Scorer:
    """A function from indices of groups to their texts' rewards `(n_texts,)`, with gradient."""
    with bfloat16_products(model.device, enabled=model.autocast):
        logits = group_scorer(model.model, tokens, pad_token_id=model.tokenizer.pad_token_id)

    def rewards(batch: Sequence[int]) -> torch.Tensor:
        with bfloat16_products(model.device, enabled=model.autocast):
            return model.orientation * logits(batch).float()

    return rewards
