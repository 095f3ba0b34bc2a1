"""From prompt and response to token ids: the same code in training and in scoring.

A reward model sees either the plain transcript (`prompt + " " + response`, as both papers'
HH-RLHF models do) or its tokenizer's chat template. Texts that are too long lose tokens from
the left, so the prompt gives way first and the response is whole if it fits. Left out: other
text layouts, which a `CallableReward` can bring.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
from transformers import PreTrainedTokenizerBase

from proxylab.preferences.transcripts import ASSISTANT, HUMAN, full_text

Template = Literal["plain", "chat"]
ROLES = {"Human": "user", "Assistant": "assistant"}


def to_messages(prompt: str, response: str) -> list[dict[str, str]]:
    """Turns of an HH transcript prompt and its response, as a chat template wants them.

    A prompt without a turn marker is one user message. Empty turns are kept: their place in the
    dialogue is part of it.
    """
    if not prompt.startswith((HUMAN, ASSISTANT)):
        turns = [("user", prompt)]
    else:
        turns = _split_turns(prompt)
        if turns[-1] == ("assistant", ""):
            turns.pop()  # the marker that invites the response
    turns.append(("assistant", response))
    return [{"role": role, "content": content.strip()} for role, content in turns]


def _split_turns(transcript: str) -> list[tuple[str, str]]:
    marked = transcript.replace(HUMAN, "\0Human:").replace(ASSISTANT, "\0Assistant:")
    turns = (turn.partition(":") for turn in marked.split("\0")[1:])
    return [(ROLES[speaker], content.strip()) for speaker, _, content in turns]


def render(
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    template: Template,
    tokenizer: PreTrainedTokenizerBase,
) -> list[str]:
    """The text a reward model reads for each prompt and response.

    Raises ValueError when `template` is "chat" and the tokenizer has no chat template.
    """
    if template == "plain":
        return [full_text(*pair) for pair in zip(prompts, responses, strict=True)]
    if tokenizer.chat_template is None:
        raise ValueError("template='chat', but the tokenizer has no chat template: use 'plain'")
    return [
        tokenizer.apply_chat_template(to_messages(*pair), tokenize=False)
        for pair in zip(prompts, responses, strict=True)
    ]


def scoring_tokenizer(
    tokenizer: PreTrainedTokenizerBase, *, pad_token_id: int | None = None
) -> PreTrainedTokenizerBase:
    """A copy that truncates from the left and has a padding token.

    Arguments: `pad_token_id` of the model, which counts where the tokenizer names none; where
    neither does it is EOS, and a head that looks for the last other token then reads past it.
    """
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.truncation_side = "left"
    if tokenizer.pad_token is None and pad_token_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_token_id)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def encode(
    texts: Sequence[str],
    *,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    append_eos: bool,
    add_special_tokens: bool = True,
) -> tuple[list[list[int]], np.ndarray]:
    """Token ids of each text, at most `max_length` long, and which texts were shortened (bool).

    Arguments: `tokenizer` from `scoring_tokenizer`; `append_eos` adds one EOS unless the text
    already ends in it; `add_special_tokens` is False where a chat template has added them.
    """
    if not len(texts):
        return [], np.zeros(0, bool)
    room = max_length - append_eos
    tokenise = {"add_special_tokens": add_special_tokens, "verbose": False}
    distinct = list(dict.fromkeys(texts))  # a policy repeats itself
    tokens_of = dict(zip(distinct, tokenizer(distinct, **tokenise)["input_ids"], strict=True))
    ids = [tokens_of[text] for text in texts]
    too_long = np.array([len(tokens) > room for tokens in ids])
    for i in np.flatnonzero(too_long):
        ids[i] = tokenizer(texts[i], **tokenise, truncation=True, max_length=room)["input_ids"]
    if append_eos:
        end = tokenizer.eos_token_id
        ids = [tokens if tokens[-1:] == [end] else [*tokens, end] for tokens in ids]
    return ids, too_long
