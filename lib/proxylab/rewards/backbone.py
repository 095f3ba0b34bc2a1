"""A language model with a fresh reward head: what a reward model is trained from."""

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils import logging

from proxylab.machine.device import seeded


def with_fresh_head(base: str | Path, seed: int) -> PreTrainedModel:
    """The model of a folder or hub id as a one-label classifier, in float32.

    A head that the checkpoint does not hold is drawn from `seed`; one that it holds is kept.
    Safetensors only, no remote code.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the head is new is no news
    try:
        with seeded(seed):
            return AutoModelForSequenceClassification.from_pretrained(
                base, num_labels=1, dtype=torch.float32, use_safetensors=True
            )
    finally:
        logging.set_verbosity(verbosity)
