"""Sequence classifiers that read a prompt and both responses in one text, as pairwise rankers.

One logit is the log-odds that the first response is the better; of two labels it is the first
label's logit less the second's. How the text is laid out cannot be seen in the weights: it is
stated, or read from `proxylab-ranker.json` in the folder. A model whose head names the second
response first is turned by `RankerReward(orientation=-1)`. Left out: rankers with code of their
own (LLM-Blender's PairRM), which a `CallableRanker` can bring.
"""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import cached_file

from proxylab.machine.device import usable_device
from proxylab.rewards.classifier import pad_right, token_batches
from proxylab.rewards.hf import fingerprint, longest_text
from proxylab.rewards.interface import check_aligned
from proxylab.rewards.text import encode, scoring_tokenizer

RANKER_CARD = "proxylab-ranker.json"
_FIELD = re.compile(r"\{(prompt|first|second)\}")


class RankerCard(BaseModel):
    """What a ranker's folder does not say otherwise.

    template: the text it reads, with {prompt}, {first} and {second} where these go. append_eos:
    whether the text ends in EOS. head_trained: whether the head ever was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: str
    append_eos: bool = False
    head_trained: bool = True


def write_ranker_card(folder: str | Path, card: RankerCard) -> None:
    """Write `card` into the folder of a ranker."""
    text = json.dumps(card.model_dump(), indent=2, sort_keys=True) + "\n"
    (Path(folder) / RANKER_CARD).write_text(text, encoding="utf-8")


def read_ranker_card(source: str | Path, *, revision: str | None = None) -> RankerCard | None:
    """The ranker card of a folder or hub id, None where there is none.

    Raises ValueError that names the file and the key when the card cannot be read.
    """
    path = Path(source) / RANKER_CARD if Path(source).is_dir() else _hub_card(source, revision)
    if path is None or not path.is_file():
        return None
    try:
        return RankerCard.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise ValueError(f"{path}: {key}: {first['msg']}") from error


class ClassifierRanker:
    """A one- or two-label sequence classifier as a pairwise ranker.

    Arguments: `template` the text it reads, with {prompt}, {first} and {second}; other braces
    stand for themselves; `append_eos` whether the text ends in EOS; `max_length` tokens kept,
    from the right, so that what stands first in the template gives way (counted in
    `n_truncated`); `batch_tokens` padded tokens a batch; `missing_keys` weights that were not in
    the folder and so were freshly initialised.
    Raises ValueError when the template lacks a field, or the model has not one or two labels.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        template: str,
        append_eos: bool = False,
        max_length: int | None = None,
        batch_tokens: int = 16_384,
        device: str = "auto",
        card: RankerCard | None = None,
        missing_keys: Sequence[str] = (),
    ):
        _check(name, model, template)
        self.name, self.template, self.append_eos = name, template, append_eos
        self.card, self.missing_keys = card, tuple(missing_keys)
        pad_token_id = model.config.get_text_config().pad_token_id
        self.pad_stated = not (tokenizer.pad_token is None and pad_token_id is None)
        self.tokenizer = scoring_tokenizer(tokenizer, pad_token_id=pad_token_id)
        self.max_length = max_length or longest_text(model, tokenizer)
        self.batch_tokens = batch_tokens
        self.n_truncated = 0  # texts shortened so far
        self.model = model.to(usable_device(device)).eval()
        self.model.config.get_text_config().pad_token_id = self.tokenizer.pad_token_id

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        template: str | None = None,
        revision: str | None = None,
        name: str | None = None,
        dtype: str = "auto",
        **options,
    ) -> "ClassifierRanker":
        """Load a folder or hub id, safetensors only; `options` as in the constructor.

        Raises ValueError when neither `template` nor a card says what the ranker reads, OSError
        when it cannot be found.
        """
        card = read_ranker_card(source, revision=revision)
        if template is None and card is None:
            raise ValueError(
                f"{source}: nothing says what this ranker reads: state template= with {{prompt}}, "
                f"{{first}} and {{second}}, or write a {RANKER_CARD}"
            )
        model, info = AutoModelForSequenceClassification.from_pretrained(
            source, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        return cls(
            model,
            AutoTokenizer.from_pretrained(source, revision=revision),
            name=name or Path(source).name,
            template=template or card.template,
            card=card,
            missing_keys=sorted(info["missing_keys"]),
            **{"append_eos": card.append_eos if card else False, **options},
        )

    def prefer(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray:
        """Log-odds that the first response is better, nats `(n,)`, float64."""
        ids = self.encode(prompts, first, second)
        odds = np.empty(len(ids))
        for batch in token_batches([len(tokens) for tokens in ids], self.batch_tokens):
            odds[batch] = self._forward([ids[i] for i in batch])
        return odds

    def encode(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> list[list[int]]:
        """Token ids as the model reads them."""
        check_aligned(prompts, first)
        check_aligned(prompts, second)
        rows = zip(prompts, first, second, strict=True)
        ids, truncated = encode(
            [laid_out(self.template, *row) for row in rows],
            tokenizer=self.tokenizer,
            max_length=self.max_length,
            append_eos=self.append_eos,
        )
        self.n_truncated += int(truncated.sum())
        return ids

    @torch.inference_mode()
    def _forward(self, ids: list[list[int]]) -> np.ndarray:
        tokens, mask = pad_right(ids, self.tokenizer.pad_token_id)
        device = self.model.device
        logits = self.model(tokens.to(device), attention_mask=mask.to(device)).logits.double()
        odds = logits[:, 0] if logits.shape[1] == 1 else logits[:, 0] - logits[:, 1]
        return odds.cpu().numpy()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, tokenizer and every setting that changes a comparison."""
        names = "template", "append_eos", "max_length"
        settings = {name: getattr(self, name) for name in names}
        settings["device"] = self.model.device.type
        return fingerprint([self.model], self.tokenizer, settings)


def laid_out(template: str, prompt: str, first: str, second: str) -> str:
    """The template with its fields filled; what a text holds in braces is left as it is."""
    texts = {"prompt": prompt, "first": first, "second": second}
    return _FIELD.sub(lambda field: texts[field[1]], template)


def _hub_card(source: str | Path, revision: str | None) -> Path | None:
    found = cached_file(
        str(source),
        RANKER_CARD,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(found) if found else None


def _check(name: str, model: PreTrainedModel, template: str) -> None:
    missing = {"prompt", "first", "second"} - set(_FIELD.findall(template))
    if missing:
        fields = ", ".join(f"{{{field}}}" for field in sorted(missing))
        raise ValueError(f"{name}: the template lacks {fields}: {template[:80]!r}")
    if model.config.num_labels not in (1, 2):
        raise ValueError(f"{name} has {model.config.num_labels} labels: a ranker has one or two")
