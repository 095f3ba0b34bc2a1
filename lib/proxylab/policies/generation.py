"""Sampling K completions a prompt, and the summed log-probabilities of responses.

Section "Settings" of the notes on *Targeting Misalignment*: K = 8, temperature 0.7, no top-k or
top-p; log-probabilities at temperature 1, summed over the response's tokens (its end token
included), in nats, with padding and prompt masked out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from proxylab.machine.device import sampling_arithmetic, seeded
from proxylab.policies.batching import length_sorted_batches, pad
from proxylab.policies.sequences import Dialogue, TokenBatch, logits_a_token, token_logprobs
from proxylab.policies.shared_prompt import sample_tokens
from proxylab.policies.tokenizers import encode_dialogues


@dataclass(frozen=True)
class Samples:
    """K completions of each prompt; every array has shape `(n_prompts, n_samples)`.

    responses: object array of texts, outer whitespace stripped.
    policy_logprob: nats, summed over response tokens, at temperature 1.
    n_tokens: response tokens, the end token included.
    finished: whether the end token was reached within the allowed length.
    prompt_ids, response_ids: the tokens themselves, one list a prompt, and one a completion.
    """

    prompts: list[str]
    responses: np.ndarray
    policy_logprob: np.ndarray
    n_tokens: np.ndarray
    finished: np.ndarray
    prompt_ids: list[list[int]]
    response_ids: np.ndarray

    @property
    def dialogues(self) -> list[Dialogue]:
        """Token ids of prompt and completion, `n_prompts * n_samples` of them, row by row."""
        return [
            (ids, reply)
            for ids, row in zip(self.prompt_ids, self.response_ids, strict=True)
            for reply in row
        ]


def sample_responses(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    n_samples: int,
    max_new_tokens: int,
    temperature: float = 0.7,
    batch_size: int = 256,
    seed: int,
) -> Samples:
    """Sample `n_samples` completions of every prompt and score each under the same model."""
    prompt_ids = _encode_prompts(model, tokenizer, prompts, max_new_tokens)
    lengths = [len(ids) for ids in prompt_ids]
    shape = (len(prompts), n_samples)
    tokens = np.empty(shape, dtype=object)
    # Of a batch's prompts with all their samples, keys and values are kept for every token.
    size, per_batch = n_samples * _cached_a_token(model), max(1, batch_size // n_samples)
    room = [length + max_new_tokens for length in lengths]
    with seeded(seed, model.device), sampling_arithmetic(model.device):
        for batch in length_sorted_batches(room, per_batch, token_size=size):
            ids = [prompt_ids[i] for i in batch]
            for index, replies in zip(
                batch,
                _generate(model, tokenizer, ids, n_samples, max_new_tokens, temperature),
                strict=True,
            ):
                for k, reply in enumerate(replies):
                    tokens[index, k] = reply
    flat = [(prompt_ids[i], tokens[i, k]) for i in range(shape[0]) for k in range(n_samples)]
    texts = tokenizer.batch_decode([reply for _, reply in flat], skip_special_tokens=True)
    eos = tokenizer.eos_token_id
    return Samples(
        prompts=list(prompts),
        responses=np.array([text.strip() for text in texts], dtype=object).reshape(shape),
        policy_logprob=_logprobs(model, flat, tokenizer.pad_token_id).reshape(shape),
        n_tokens=np.array([len(reply) for _, reply in flat]).reshape(shape),
        finished=np.array([reply[-1] == eos for _, reply in flat]).reshape(shape),
        prompt_ids=prompt_ids,
        response_ids=tokens,
    )


def response_logprobs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    max_length: int,
) -> np.ndarray:
    """Summed log-probability of each response given its prompt, nats, shape `(n,)`."""
    dialogues = encode_dialogues(tokenizer, prompts, responses, max_length=max_length)
    return _logprobs(model, dialogues, tokenizer.pad_token_id)


def _encode_prompts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: int,
) -> list[list[int]]:
    room = model.config.max_position_embeddings - max_new_tokens
    if room < 1:
        raise ValueError(
            f"max_new_tokens={max_new_tokens} leaves no room for a prompt in this model's "
            f"{model.config.max_position_embeddings} positions"
        )
    encoded = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    return [ids[-room:] for ids in encoded]


@torch.inference_mode()
def _generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompt_ids: list[list[int]],
    n_samples: int,
    max_new_tokens: int,
    temperature: float,
) -> list[list[list[int]]]:
    """Response token ids, `[prompt][sample]`, cut after the first end token."""
    ids, mask = pad(prompt_ids, tokenizer.pad_token_id, side="left")
    out = sample_tokens(
        model,
        ids.to(model.device),
        mask.to(model.device),
        n_samples=n_samples,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        end=tokenizer.eos_token_id,
    )
    replies = [_cut(row, tokenizer.eos_token_id) for row in out.tolist()]
    return [replies[i : i + n_samples] for i in range(0, len(replies), n_samples)]


def _cached_a_token(model: PreTrainedModel) -> int:
    """Numbers of keys and values that a model keeps for each token."""
    config = model.config.get_text_config()
    n_heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // n_heads
    n_kept = getattr(config, "num_key_value_heads", None) or n_heads
    return 2 * config.num_hidden_layers * n_kept * width


def _cut(reply: list[int], eos: int) -> list[int]:
    return reply[: reply.index(eos) + 1] if eos in reply else reply


@torch.inference_mode()
def _logprobs(
    model: PreTrainedModel,
    dialogues: Sequence[Dialogue],
    pad_token_id: int,
    batch_size: int = 256,
) -> np.ndarray:
    out = np.zeros(len(dialogues))
    lengths = [len(prompt) + len(response) for prompt, response in dialogues]
    size = logits_a_token(model)
    for batch in length_sorted_batches(lengths, batch_size, token_size=size):
        chosen = [dialogues[i] for i in batch]
        tokens = TokenBatch.of(chosen, pad_token_id, model.device)
        out[batch] = token_logprobs(model, tokens).sum(1).cpu().double().numpy()
    return out
