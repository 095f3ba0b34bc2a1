"""Supervised fine-tuning on the chosen responses of preference pairs.

The loss is the negative log-likelihood of a response token, averaged over the tokens of the whole
batch, prompts masked: that of TRL's SFTTrainer (a test holds the two equal on a batch, gradients
too). Left out: packing, loss on the prompt (`policies.train_language_model` has it).
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from transformers import PreTrainedModel

from proxylab.alignment.interface import Aligned, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.objectives import sft_loss
from proxylab.alignment.training import (
    Fitting,
    FittingSettings,
    Progress,
    Values,
    check_columns,
    encoded,
    n_tokens,
    response_lengths,
    summed_logprobs,
)
from proxylab.policies.sequences import Dialogue


class SFTSettings(FittingSettings):
    """Supervised fine-tuning; a unit of a batch is a dialogue."""

    algorithm: Literal["sft"] = "sft"
    batch_size: int = Field(default=64, ge=1, description="dialogues a step, over all processes")


class SFTObjective:
    """Mean negative log-likelihood of a response token, nats."""

    def __init__(self, dialogues: list[Dialogue]):
        self._dialogues, self._n_tokens = dialogues, response_lengths(dialogues)

    def __call__(self, model: PreTrainedModel, rows: np.ndarray, batch: np.ndarray) -> Values:
        """This share's part of the mean over all tokens of the batch."""
        logprob = summed_logprobs(model, [self._dialogues[row] for row in rows])
        return {"loss": sft_loss(logprob).sum() / int(self._n_tokens[batch].sum())}


def train_sft(
    policy: LanguageModelPolicy,
    pairs: pd.DataFrame,
    settings: SFTSettings,
    *,
    monitor: Monitor | None = None,
    progress: Progress | None = None,
) -> Aligned:
    """Fine-tune a copy of `policy` on the chosen response of every row.

    Arguments: `pairs` a frame with the columns prompt and chosen; others are not read.
    The history's steps: loss (nats a token), gradient_norm. Its facts: n_dialogues, n_tokens of
    all responses, n_steps, n_trained_parameters, seconds.
    Raises ValueError for a missing column or an empty frame.
    """
    check_columns(pairs, ("prompt", "chosen"))
    dialogues = encoded(policy, pairs["prompt"].tolist(), pairs["chosen"].tolist(), settings)
    objective = SFTObjective(dialogues)
    fitting = Fitting(policy, settings, n_tokens(dialogues), monitor=monitor, progress=progress)
    facts = {"n_dialogues": len(dialogues), "n_tokens": int(response_lengths(dialogues).sum())}
    return fitting.run(objective, facts, name="sft")
