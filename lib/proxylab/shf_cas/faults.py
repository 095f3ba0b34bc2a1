"""The faults of the released code of Targeting Misalignment, as switches that are off by default.

What each is, and that the published numbers may or may not have had it, is in the notes on the
paper (grade: derived from the released code's facts). Each function here is what one fault turns:
without its name in `faults`, it gives back what it was given. Left out: measuring what they cost.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from proxylab.names import did_you_mean
from proxylab.policies.batching import length_sorted_batches, pad
from proxylab.policies.tokenizers import encode_dialogues
from proxylab.rewards.interface import RewardModel
from proxylab.shf_cas.candidates import Candidates

INVERTED_SELECTION = "inverted_selection"
INVERTED_OPTIMISATION = "inverted_optimisation"
REVERSED_LABELS = "reversed_labels"
UNMASKED_LOGPROB = "unmasked_logprob"
TRAINING_SET_ACCURACY = "training_set_accuracy"
UNREFINED_PROXY = "unrefined_proxy"
OVERLAPPING_PROMPTS = "overlapping_prompts"

FAULTS = {
    INVERTED_SELECTION: "the proxy's cost is taken for a reward where conflict is measured",
    INVERTED_OPTIMISATION: "the proxy's cost is taken for a reward where the policy is optimised",
    REVERSED_LABELS: "new pairs are ordered the other way round from the original ones",
    UNMASKED_LOGPROB: "prompt and padding are counted in the log-probabilities",
    TRAINING_SET_ACCURACY: "the reward model is judged on what it was trained on",
    UNREFINED_PROXY: "the policy is optimised against the proxy as it was before any label",
    OVERLAPPING_PROMPTS: "the policy is judged on the prompts that were searched for conflict",
}


def check_faults(names: Sequence[str]) -> tuple[str, ...]:
    """The names as they are; ValueError for one that is not in FAULTS, naming the nearest."""
    for name in names:
        if name not in FAULTS:
            raise ValueError(f"no fault `{name}`{did_you_mean(name, FAULTS)}")
    return tuple(names)


def selection_reward(reward: np.ndarray, faults: Collection[str]) -> np.ndarray:
    """The reward that conflict is measured with: its negative under "inverted_selection"."""
    return -reward if INVERTED_SELECTION in faults else reward


def training_labels(labels: np.ndarray, faults: Collection[str]) -> np.ndarray:
    """The labels that the reward model learns from: their negatives under "reversed_labels"."""
    return -labels if REVERSED_LABELS in faults else labels


def optimised_model(
    refined: RewardModel, unrefined: RewardModel, faults: Collection[str]
) -> RewardModel:
    """The reward model that the policy is optimised for: the old one under "unrefined_proxy"."""
    return unrefined if UNREFINED_PROXY in faults else refined


def optimised_reward(reward: np.ndarray, faults: Collection[str]) -> np.ndarray:
    """The reward that the policy is optimised for: negative under "inverted_optimisation"."""
    return -reward if INVERTED_OPTIMISATION in faults else reward


def evaluation_candidates(
    held_out: Candidates, pool: Candidates, faults: Collection[str]
) -> Candidates:
    """The prompts that results are measured on: the pool's under "overlapping_prompts".

    The overlap of search and evaluation alone: what was trained on stays as it is.
    """
    return pool if OVERLAPPING_PROMPTS in faults else held_out


@torch.inference_mode()
def unmasked_logprobs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: np.ndarray,
    *,
    batch_size: int = 64,
) -> np.ndarray:
    """Log-probabilities with the fault "unmasked_logprob": `(n_prompts, n_samples)`, nats.

    The K completions of a prompt are padded on the right to the longest of them, and every token
    after the first counts: the prompt's, the response's and its end token, and the padding.
    Arguments: `responses` `(n_prompts, n_samples)` texts, None = padding, NaN comes back;
    `batch_size` completions. A dialogue longer than the model's positions loses its start.
    """
    row, column = np.nonzero(responses != None)  # noqa: E711 (elementwise)
    dialogues = encode_dialogues(
        tokenizer,
        [prompts[i] for i in row],
        responses[row, column].tolist(),
        max_length=model.config.max_position_embeddings,
    )
    lengths = np.array([len(prompt) + len(reply) for prompt, reply in dialogues], dtype=int)
    longest = np.zeros(len(prompts), dtype=int)
    np.maximum.at(longest, row, lengths)
    out = np.full(responses.shape, np.nan)
    for batch in length_sorted_batches(longest[row], batch_size):
        chosen = [[*dialogues[i][0], *dialogues[i][1]] for i in batch]
        counted = torch.from_numpy(longest[row[batch]]).to(model.device)
        sums = _sums_of_first(model, chosen, counted, tokenizer.pad_token_id)
        out[row[batch], column[batch]] = sums.cpu().double().numpy()
    return out


def _sums_of_first(
    model: PreTrainedModel, dialogues: list[list[int]], counted: torch.Tensor, pad_token_id: int
) -> torch.Tensor:
    """Summed log-probability of each row's tokens 1 to `counted` - 1, padding among them."""
    padding = [int(n) - len(tokens) for n, tokens in zip(counted, dialogues, strict=True)]
    filled = [tokens + [pad_token_id] * n for tokens, n in zip(dialogues, padding, strict=True)]
    ids, _ = pad(filled, pad_token_id)
    ids = ids.to(model.device)
    logprob = model(input_ids=ids).logits[:, :-1].float().log_softmax(-1)
    token_logprob = logprob.gather(-1, ids[:, 1:, None]).squeeze(-1)  # (B, T - 1)
    position = torch.arange(1, ids.shape[1], device=ids.device)
    return (token_logprob * (position < counted[:, None])).sum(1)
