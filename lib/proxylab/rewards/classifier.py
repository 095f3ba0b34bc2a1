"""Hugging Face sequence classifiers as reward models, scored in length-sorted batches.

This is how both papers' reward models come (a scalar head on a language model). A cost model,
where higher is worse, is negated here once with `orientation=-1`. Weights are read from
safetensors only and no remote code is run.

What is bitwise: the same texts, in the same call, on the same CPU and thread count give the same
bits. The same text in another batch has other padding and differs in the last digits of float32
(about 1e-6); with `autocast` or half-precision weights by far more, which is why autocast is off
by default. `CachedReward` scores each text once and so removes even that. CPU and GPU differ.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from proxylab.machine.device import usable_device
from proxylab.rewards.card import RewardCard, read_card
from proxylab.rewards.hf import add_model, longest_text
from proxylab.rewards.interface import check_aligned
from proxylab.rewards.text import Template, encode, render, scoring_tokenizer

READING_KEYS = ("orientation", "template", "append_eos", "max_length")


class SequenceClassifierReward:
    """A one-label sequence classifier as a reward model.

    Arguments: `orientation` -1 for a cost model; `template` the text layout, "plain" or "chat";
    `append_eos` whether texts end in EOS, as in training; `max_length` tokens kept, from the
    right; `batch_tokens` padded tokens a batch; `device` "auto", "cpu", "cuda", ...; `autocast`
    bf16 matrix products; `card` what the folder says of itself; `missing_keys` weights that
    were not in the folder and so were freshly initialised.
    Raises ValueError when the model has not exactly one label.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        orientation: int = 1,
        template: Template | None = None,
        append_eos: bool = False,
        max_length: int | None = None,
        batch_tokens: int = 16_384,
        device: str = "auto",
        autocast: bool = False,
        card: RewardCard | None = None,
        missing_keys: Sequence[str] = (),
    ):
        _check(name, model, orientation, template, missing_keys)
        self.name, self.card, self.missing_keys = name, card, tuple(missing_keys)
        self.template_stated = template is not None
        self.orientation, self.template = orientation, template or "plain"
        self.append_eos = append_eos
        pad_token_id = model.config.get_text_config().pad_token_id
        self.pad_stated = not (tokenizer.pad_token is None and pad_token_id is None)
        self.tokenizer = scoring_tokenizer(tokenizer, pad_token_id=pad_token_id)
        self.max_length = max_length or longest_text(model, tokenizer)
        self.batch_tokens, self.autocast = batch_tokens, autocast
        self.n_truncated = 0  # texts shortened so far
        self.device = torch.device(usable_device(device))
        self.model = model.to(self.device).eval()
        # The head reads the last token that is not padding, so model and tokenizer must agree.
        self.model.config.get_text_config().pad_token_id = self.tokenizer.pad_token_id

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        name: str | None = None,
        orientation: int | None = None,
        template: Template | None = None,
        append_eos: bool | None = None,
        max_length: int | None = None,
        batch_tokens: int = 16_384,
        device: str = "auto",
        dtype: str = "auto",
        autocast: bool = False,
    ) -> "SequenceClassifierReward":
        """Load a folder or hub id; what is left None comes from its `proxylab.json`.

        Without a card: orientation +1, plain text without EOS. `dtype` "auto" keeps that of the
        checkpoint. Raises ValueError when it has not one label; OSError when it cannot be found.
        Run `self_test` on what comes back before trusting it.
        """
        card = read_card(source, revision=revision)
        stated = card.model_dump() if card else {"orientation": 1, "append_eos": False}
        model, info = AutoModelForSequenceClassification.from_pretrained(
            source, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        return cls(
            model,
            AutoTokenizer.from_pretrained(source, revision=revision),
            name=name or Path(source).name,
            orientation=stated["orientation"] if orientation is None else orientation,
            template=template or stated.get("template"),
            append_eos=stated["append_eos"] if append_eos is None else append_eos,
            max_length=max_length or stated.get("max_length"),
            batch_tokens=batch_tokens,
            device=device,
            autocast=autocast,
            card=card,
            missing_keys=sorted(info["missing_keys"]),
        )

    @classmethod
    def from_card(
        cls,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        card: RewardCard,
        *,
        name: str,
        device: str = "auto",
    ) -> "SequenceClassifierReward":
        """A model in memory, read as `card` says."""
        how = {key: getattr(card, key) for key in READING_KEYS}
        return cls(model, tokenizer, name=name, device=device, card=card, **how)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Rewards `(n,)`, float64, higher is better; texts over `max_length` count as truncated."""
        check_aligned(prompts, responses)
        ids = self.encode(prompts, responses)
        scores = np.empty(len(ids))
        for batch in token_batches([len(tokens) for tokens in ids], self.batch_tokens):
            scores[batch] = self._forward([ids[i] for i in batch])
        return self.orientation * scores

    def encode(self, prompts: Sequence[str], responses: Sequence[str]) -> list[list[int]]:
        """Token ids as the model reads them."""
        texts = render(prompts, responses, template=self.template, tokenizer=self.tokenizer)
        ids, truncated = encode(
            texts,
            tokenizer=self.tokenizer,
            max_length=self.max_length,
            append_eos=self.append_eos,
            add_special_tokens=self.template == "plain",
        )
        self.n_truncated += int(truncated.sum())
        return ids

    @torch.inference_mode()
    def _forward(self, ids: list[list[int]]) -> np.ndarray:
        tokens, mask = pad_right(ids, self.tokenizer.pad_token_id)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            output = self.model(tokens.to(self.device), attention_mask=mask.to(self.device))
        return output.logits[:, 0].double().cpu().numpy()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, tokenizer and every setting that changes a score beyond rounding."""
        settings = [self.orientation, self.template, self.append_eos, self.max_length]
        settings += [self.autocast, self.device.type, self.tokenizer.chat_template]
        digest = hashlib.sha256(json.dumps(settings).encode())
        digest.update(self.tokenizer.backend_tokenizer.to_str().encode())
        add_model(digest, self.model)
        return digest.hexdigest()


def token_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[np.ndarray]:
    """Indices in batches of like length whose padded size stays within `batch_tokens`.

    A text longer than the budget is a batch of its own. Every index occurs once.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end - start + 1) * lengths[order[end]] > batch_tokens
        if full:
            yield order[start:end]
            start = end


def pad_right(ids: Sequence[Sequence[int]], pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask `(n, longest)`, padded on the right."""
    lengths = np.array([len(tokens) for tokens in ids])
    mask = np.arange(lengths.max())[None, :] < lengths[:, None]
    tokens = np.full(mask.shape, pad_token_id, dtype=np.int64)
    tokens[mask] = np.concatenate([np.asarray(tokens_, dtype=np.int64) for tokens_ in ids])
    return torch.from_numpy(tokens), torch.from_numpy(mask.astype(np.int64))


def _check(name, model, orientation, template, missing_keys) -> None:
    if orientation not in (1, -1):
        raise ValueError(f"orientation must be 1 or -1 (a cost model), got {orientation!r}")
    if template not in (None, "plain", "chat"):
        raise ValueError(f"template must be 'plain' or 'chat', got {template!r}")
    if model.config.num_labels != 1:
        head = "; its head is not in the checkpoint either" if missing_keys else ""
        raise ValueError(
            f"{name} has {model.config.num_labels} labels, not 1{head}: no reward model"
        )
