"""What every optimiser takes and gives back: a policy that can be sampled, and how it got there.

The policy that is given is the reference and stays as it is. Some optimisers return a language
model; best-of-n and the exact optimum return a way of choosing among the reference's samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from proxylab.machine.device import AUTO
from proxylab.policies.generation import Samples, response_logprobs, sample_responses
from proxylab.policies.language_model import load_policy, save_policy
from proxylab.policies.lora import Precision


@runtime_checkable
class Policy(Protocol):
    """Anything that answers prompts."""

    name: str

    def sample(
        self,
        prompts: Sequence[str],
        *,
        n_samples: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        seed: int,
    ) -> Samples:
        """`n_samples` completions of every prompt."""


@dataclass(frozen=True, eq=False)
class LanguageModelPolicy:
    """A causal language model and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str = "policy"

    @classmethod
    def load(
        cls,
        name_or_folder: str | Path,
        *,
        revision: str | None = None,
        device: str = AUTO,
        dtype: Precision = "float32",
        name: str | None = None,
    ) -> "LanguageModelPolicy":
        """The policy in a folder or on the hub; options as of `policies.load_policy`."""
        how = {"revision": revision, "device": device, "dtype": dtype}
        model, tokenizer = load_policy(name_or_folder, **how)
        return cls(model, tokenizer, name or Path(name_or_folder).name)

    def save(self, folder: Path) -> None:
        """Write an ordinary transformers folder."""
        save_policy(self.model, self.tokenizer, folder)

    @property
    def max_length(self) -> int:
        """Tokens that prompt and response may have together."""
        return self.model.config.max_position_embeddings

    def sample(
        self,
        prompts: Sequence[str],
        *,
        n_samples: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        seed: int,
    ) -> Samples:
        """`n_samples` completions of every prompt, and their log-probability at temperature 1."""
        return sample_responses(
            self.model,
            self.tokenizer,
            prompts,
            n_samples=n_samples,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
        )

    def logprob(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Summed log-probability of each response, nats `(n,)`."""
        return response_logprobs(
            self.model, self.tokenizer, list(prompts), list(responses), max_length=self.max_length
        )


@dataclass(frozen=True)
class History:
    """What happened on the way.

    steps: one row an optimiser's step: `step` from 1, `loss`, and what the optimiser logs of its
    own. measured: one row a checkpoint and monitoring prompt, as `Monitor` gives them; step 0 is
    the reference. facts: counts and seconds of the whole training.
    """

    steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Aligned:
    """The policy that an optimiser made, and its history."""

    policy: Policy
    history: History
