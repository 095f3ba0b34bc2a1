"""Preference ranking optimisation on groups of completions that a proxy has scored.

PRO (Song et al., arXiv 2306.17492), in the plain form of equation 3 of *Elephant in the Room*
(arXiv 2409.19024) and with temperatures. All candidates of a group go through the model in one
forward pass. Left out: candidates that are sampled anew during training.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from transformers import PreTrainedModel

from proxylab.alignment.interface import Aligned, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.objectives import pro_loss, pro_total_loss
from proxylab.alignment.training import (
    Fitting,
    FittingSettings,
    Progress,
    Values,
    encoded,
    n_tokens,
    response_lengths,
    summed_logprobs,
)
from proxylab.policies.sequences import Dialogue
from proxylab.rewards.groups import RankedGroup, n_comparisons


class PROSettings(FittingSettings):
    """Preference ranking optimisation; a unit of a batch is a group."""

    algorithm: Literal["pro"] = "pro"
    batch_size: int = Field(default=16, ge=1, description="groups a step, over all processes")
    form: Literal["plain", "temperature"] = "plain"
    sft_weight: float | None = Field(
        default=None, ge=0, description="of the SFT term; None: 0.05 (n - 1)^2 of n candidates"
    )
    sft_per_token: bool = Field(default=False, description="mean over tokens in place of the sum")


class PROObjective:
    """Mean PRO loss of a group, SFT term included.

    Arguments: `dialogues` of each group; `rewards` of each group's candidates.
    """

    def __init__(
        self,
        dialogues: list[list[Dialogue]],
        rewards: list[tuple[float, ...]],
        settings: PROSettings,
    ):
        self._dialogues, self._rewards, self._settings = dialogues, rewards, settings

    def __call__(self, model: PreTrainedModel, rows: np.ndarray, batch: np.ndarray) -> Values:
        """loss, ranking_loss (without the SFT term), and the share of groups ranked right."""
        settings = self._settings
        temperature = settings.form == "temperature"
        logprob, lengths, reward = self._padded(model, rows)
        loss = pro_total_loss(
            logprob,
            lengths,
            reward,
            temperature=temperature,
            sft_weight=settings.sft_weight,
            sft_per_token=settings.sft_per_token,
        )
        mean_logprob = (logprob / lengths).detach()
        values = {
            "loss": loss,
            "ranking_loss": pro_loss(mean_logprob, reward, temperature=temperature),
            "best_first": _best_first(mean_logprob, reward).float(),
        }
        return {name: value.sum() / len(batch) for name, value in values.items()}

    def _padded(self, model: PreTrainedModel, rows: np.ndarray) -> tuple[torch.Tensor, ...]:
        """Summed log-probability, tokens and reward of each candidate, all `(n, K)`, NaN-padded."""
        sizes = [len(self._dialogues[row]) for row in rows]
        flat = [dialogue for row in rows for dialogue in self._dialogues[row]]
        found = summed_logprobs(model, flat)
        place = torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]
        rewards = [value for row in rows for value in self._rewards[row]]
        columns = (
            found,
            found.new_tensor(response_lengths(flat)),
            found.new_tensor(rewards),
        )
        empty = found.new_full(place.shape, torch.nan)
        return tuple(empty.masked_scatter(place.to(found.device), values) for values in columns)


def train_pro(
    policy: LanguageModelPolicy,
    groups: Sequence[RankedGroup],
    settings: PROSettings,
    *,
    monitor: Monitor | None = None,
    progress: Progress | None = None,
) -> Aligned:
    """Optimise a copy of `policy` on groups of completions ranked by their labels.

    Arguments: `groups`, whose labels are the proxy's rewards; candidates without a label take no
    part, and groups with fewer than two different labels are left out and counted.
    The history's steps: loss (nats, SFT term included), ranking_loss (without it), best_first
    (share of groups whose best candidate has the highest log-probability a token, before the
    step), gradient_norm. Its facts: n_groups used, n_groups_left_out, n_candidates, n_comparisons,
    n_steps, n_trained_parameters, seconds.
    Raises ValueError when no group has two different labels.
    """
    used = [group for group in (group.labelled for group in groups) if n_comparisons([group])]
    if not used:
        raise ValueError(
            f"none of {len(groups)} groups has two completions with different labels: "
            "nothing to learn from"
        )
    dialogues = [
        encoded(policy, [g.prompt] * len(g.responses), g.responses, settings) for g in used
    ]
    objective = PROObjective(dialogues, [group.label for group in used], settings)
    lengths = [n_tokens(group).max() for group in dialogues]
    fitting = Fitting(policy, settings, lengths, monitor=monitor, progress=progress)
    facts = {
        "n_groups": len(used),
        "n_groups_left_out": len(groups) - len(used),
        "n_candidates": sum(map(len, dialogues)),
        "n_comparisons": n_comparisons(used),
    }
    return fitting.run(objective, facts, name="pro")


def _best_first(mean_logprob: torch.Tensor, reward: torch.Tensor) -> torch.Tensor:
    """Whether the candidate that a policy finds likeliest has the highest reward, `(n,)`."""
    likeliest = mean_logprob.nan_to_num(nan=-torch.inf).argmax(1, keepdim=True)
    highest = reward.nan_to_num(nan=-torch.inf).amax(1)
    return reward.gather(1, likeliest)[:, 0] == highest
