"""Direct preference optimisation on pairs of responses.

Equation 1 of *Elephant in the Room* (arXiv 2409.19024), from Rafailov et al. (arXiv 2305.18290),
and RSO's hinge form. Both responses of a pair go through the model in one forward pass; what the
reference finds of them is computed once, before the first step. Equal to TRL's DPOTrainer on a
batch, gradients too (a test). Left out: the other losses that TRL has gathered under its name.
"""

from typing import Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from transformers import PreTrainedModel

from proxylab.alignment.interface import Aligned, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.objectives import Form, dpo_loss, implicit_reward
from proxylab.alignment.training import (
    Fitting,
    FittingSettings,
    Progress,
    Values,
    check_columns,
    encoded,
    n_tokens,
    summed_logprobs,
)
from proxylab.policies.sequences import Dialogue


class DPOSettings(FittingSettings):
    """Direct preference optimisation; a unit of a batch is a pair."""

    algorithm: Literal["dpo"] = "dpo"
    batch_size: int = Field(default=32, ge=1, description="pairs a step, over all processes")
    beta: float = Field(default=0.1, gt=0, description="reward units a nat; gamma of the hinge")
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5, description="share of wrong labels")
    form: Form = "sigmoid"


class DPOObjective:
    """Mean DPO loss of a pair, and what the implicit reward says of the batch.

    Arguments: `chosen`, `rejected` dialogues; the reference's log-probabilities of both, `(n,)`.
    """

    def __init__(
        self,
        chosen: list[Dialogue],
        rejected: list[Dialogue],
        reference_chosen: torch.Tensor,
        reference_rejected: torch.Tensor,
        settings: DPOSettings,
    ):
        self._chosen, self._rejected = chosen, rejected
        self._references = reference_chosen, reference_rejected
        self._settings = settings

    def __call__(self, model: PreTrainedModel, rows: np.ndarray, batch: np.ndarray) -> Values:
        """loss, accuracy, margin and both implicit rewards, each a part of the batch's mean."""
        settings = self._settings
        both = [self._chosen[row] for row in rows] + [self._rejected[row] for row in rows]
        logprobs = summed_logprobs(model, both).chunk(2)
        references = [known[torch.as_tensor(rows)] for known in self._references]
        loss = dpo_loss(
            *logprobs,
            *references,
            settings.beta,
            label_smoothing=settings.label_smoothing,
            form=settings.form,
        )
        chosen, rejected = (
            implicit_reward(found.detach(), known, settings.beta)
            for found, known in zip(logprobs, references, strict=True)
        )
        values = {
            "loss": loss,
            "accuracy": (chosen > rejected).float(),
            "margin": chosen - rejected,
            "reward_chosen": chosen,
            "reward_rejected": rejected,
        }
        return {name: value.sum() / len(batch) for name, value in values.items()}


def train_dpo(
    policy: LanguageModelPolicy,
    pairs: pd.DataFrame,
    settings: DPOSettings,
    *,
    monitor: Monitor | None = None,
    progress: Progress | None = None,
) -> Aligned:
    """Optimise a copy of `policy` on preference pairs; `policy` is the reference.

    Arguments: `pairs` a frame with the columns prompt, chosen, rejected; others are not read.
    The history's steps: loss (nats), accuracy (share of pairs whose chosen response has the higher
    implicit reward, before the step), margin between the two implicit rewards, reward_chosen,
    reward_rejected (reward units), gradient_norm. Its facts: n_pairs, n_steps,
    n_trained_parameters, seconds.
    Raises ValueError for a missing column or an empty frame.
    """
    check_columns(pairs, ("prompt", "chosen", "rejected"))
    prompts = pairs["prompt"].tolist()
    chosen, rejected = (
        encoded(policy, prompts, pairs[side].tolist(), settings) for side in ("chosen", "rejected")
    )
    lengths = np.maximum(n_tokens(chosen), n_tokens(rejected))
    fitting = Fitting(policy, settings, lengths, monitor=monitor, progress=progress)
    references = map(fitting.reference_logprobs, (chosen, rejected))
    objective = DPOObjective(chosen, rejected, *references, settings)
    return fitting.run(objective, {"n_pairs": len(pairs)}, name="dpo")
