"""What every adapter of a Hugging Face model asks: where it runs, how long a text, which weights.

Shared by the implicit rewards and the pairwise rankers, so that a fingerprint means the same in
both: equal content, equal scores. The classifiers' counts weights alike, but their own settings.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from proxylab.machine.device import usable_device

LONGEST = 2048  # tokens, where neither model, tokenizer nor card says less


def longest_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that a text may have: the least of the model's, the tokenizer's and 2,048."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", LONGEST)
    return min(LONGEST, positions, tokenizer.model_max_length)


def fingerprint(
    models: Sequence[PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    settings: Mapping[str, Any],
) -> str:
    """SHA-256 of weights, configurations, tokenizer, and `settings` that can be written as JSON."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    digest.update(json.dumps(tokenizer.chat_template).encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    for model in models:
        add_model(digest, model)
    return digest.hexdigest()


def add_model(digest: "hashlib._Hash", model: PreTrainedModel) -> None:
    """Let a model's configuration and weights count in a digest."""
    digest.update(model.config.to_json_string().encode())
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


class TokenisedModel(Protocol):
    """A causal language model with its tokenizer, as `alignment.LanguageModelPolicy` is."""

    @property
    def model(self) -> PreTrainedModel: ...

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A language model from a folder or the hub; `missing_keys` were not in it, so are random."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    missing_keys: tuple[str, ...] = ()

    @classmethod
    def load(
        cls, source: str | Path, *, revision: str | None, device: str, dtype: str
    ) -> "LoadedModel":
        """Safetensors only, no remote code."""
        model, info = AutoModelForCausalLM.from_pretrained(
            source, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        missing = tuple(sorted(info["missing_keys"]))
        return cls(model.to(usable_device(device)), tokenizer, Path(source).name, missing)
