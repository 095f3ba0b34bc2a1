"""Refining a reward model on ranked groups: K labelled completions of one prompt at a time.

An annotator who scores all completions of a prompt gives up to K(K-1)/2 comparisons. One forward
pass a completion serves all of them (Ouyang et al. 2022, section 3.5), so a group is one unit of a
batch; an original preference pair is a group of two. Every comparison of a batch weighs the same.
What the texts of a group share, their prompt above all, is computed once (`shared_prefix`).
Left out: margins, ties as a preference of their own, centring of the rewards.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedTokenizerBase, get_cosine_schedule_with_warmup

from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.card import RewardCard
from proxylab.rewards.classifier import READING_KEYS, SequenceClassifierReward, token_batches
from proxylab.rewards.groups import RankedGroup, n_comparisons
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.shared_prefix import group_scorer

POOL = 32  # batches' worth of shuffled groups that are sorted by length together


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


def ranking_loss(scores: torch.Tensor, labels: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """Mean of -log sigmoid(s_i - s_j) over all comparisons label_i > label_j within a group.

    Arguments: `scores` `(n,)` reward units; `labels` `(n,)`, NaN = none; `group` `(n,)` int, which
    completions belong together. Without any comparison: 0, with a gradient of 0.
    Source: the pairwise loss of both papers, over groups as in Ouyang et al. (2022), equation 1.
    """
    better = (group[:, None] == group[None, :]) & (labels[:, None] > labels[None, :])
    winner, loser = torch.nonzero(better, as_tuple=True)
    losses = torch.nn.functional.softplus(scores[loser] - scores[winner])
    return losses.sum() / max(1, len(losses))


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
    No dropout; weights are float32; `settings.seed` decides everything, bit for bit on one CPU and
    thread count.
    Raises ValueError when no group has a comparison.
    """
    used = [group for group in (group.labelled for group in groups) if n_comparisons([group])]
    if not used:
        raise ValueError(
            f"none of {len(groups)} groups has two completions with different labels: "
            "nothing to learn from"
        )
    refined = _copy(model, name)
    tokens = _encode(refined, [group.prompt for group in used], [g.responses for g in used])
    losses = _train(refined, tokens, [group.label for group in used], settings)
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


def _copy(model: SequenceClassifierReward, name: str) -> SequenceClassifierReward:
    how = {key: getattr(model, key) for key in READING_KEYS}
    refined = SequenceClassifierReward.from_card(
        copy.deepcopy(model.model).float(),
        model.tokenizer,
        RewardCard(**how, head_trained=True),
        name=name,
        device=str(model.device),
    )
    refined.batch_tokens, refined.autocast = model.batch_tokens, model.autocast
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
    epochs = [_batches(tokens, settings.batch_size, rng) for _ in range(settings.epochs)]
    parameters = list(model.model.parameters())
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
            loss = ranking_loss(score(batch), *_labels([labels[i] for i in batch], model.device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            losses[-1].append(loss.item())
    return losses


def _batches(tokens: list, batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """One epoch: groups of like length, at most `batch_size` completions unless one has more."""
    sizes = np.array([len(group) for group in tokens])
    length = np.array([np.mean([len(text) for text in group]) for group in tokens])
    order = rng.permutation(len(tokens))
    pool = np.cumsum(sizes[order]) // (POOL * batch_size)
    order = order[np.lexsort((length[order], pool))]
    batches, room = [], 0
    for i in order.tolist():
        if not batches or sizes[i] > room:
            batches.append([])
            room = batch_size
        batches[-1].append(i)
        room -= sizes[i]
    return [batches[i] for i in rng.permutation(len(batches))]


def _scorer(
    model: SequenceClassifierReward, tokens: list[list[list[int]]]
) -> Callable[[Sequence[int]], torch.Tensor]:
    """A function from indices of groups to their texts' rewards `(n_texts,)`, with gradient."""
    logits = group_scorer(model.model, tokens, pad_token_id=model.tokenizer.pad_token_id)

    def rewards(batch: Sequence[int]) -> torch.Tensor:
        with torch.autocast(model.device.type, torch.bfloat16, enabled=model.autocast):
            return model.orientation * logits(batch).float()

    return rewards


def _labels(labels: list, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    group = np.repeat(np.arange(len(labels)), [len(label) for label in labels])
    flat = torch.tensor(np.concatenate(labels), device=device)
    return flat, torch.from_numpy(group).to(device)
