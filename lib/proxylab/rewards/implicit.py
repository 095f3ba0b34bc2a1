"""The reward that a policy trained by DPO stands for: beta log(policy / reference).

Equation 1 of *Elephant in the Room* (arXiv 2409.19024) trains a policy whose log-ratio against its
reference is a reward model (Rafailov et al., arXiv 2305.18290, equation 5). Log-probabilities are
summed over response tokens, the end token included unless `count_eos` is False.

Comparable with what: two responses to one prompt. The reward is known only up to a constant a
prompt, beta log Z(prompt), so scores of different prompts are not on one scale. `beta` sets the
unit and no order; a reward model's margins are in other units. Left out: length normalisation, and
pairs whose tokenizers differ, for which the log-ratio is of two different sums.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from proxylab.policies.sequences import Dialogue, TokenBatch, token_logprobs
from proxylab.policies.tokenizers import encode_dialogues
from proxylab.rewards.classifier import token_batches
from proxylab.rewards.hf import LoadedModel, TokenisedModel, fingerprint, longest_text
from proxylab.rewards.interface import check_aligned
from proxylab.rewards.text import Template, to_messages

BETA = 0.1  # of DPO's paper and of TRL, where nobody says another
BATCH_TOKENS = 16_384  # padded tokens a batch
BATCH_LOGITS = 2**27  # logits a batch, 0.5 GB in float32: a large vocabulary makes small batches
UNCUT = 2**31


class ImplicitReward:
    """A policy and its reference as a reward model.

    Arguments: `policy`, `reference` language models that share a tokenizer (the policy's is used);
    `beta` reward units a nat; `template` "plain" (prompt and " " + response, tokenised apart, as
    `alignment` trains) or "chat" (the policy's own, a response being what the template writes
    after the assistant's opening, up to the end token if it has one); `count_eos` whether the end
    token counts; `add_bos` whether a plain text begins with the BOS token, as where another
    library trained the policy; `max_length` tokens of prompt and response: a longer dialogue
    loses the start of its prompt, then the end of its response, and is counted in `n_truncated`.
    Raises ValueError for a beta that is not positive, an unknown template, or where the tokenizer
    lacks the end or BOS token that is to count.
    """

    def __init__(
        self,
        policy: TokenisedModel,
        reference: TokenisedModel,
        beta: float = BETA,
        *,
        name: str | None = None,
        template: Template | None = None,
        count_eos: bool = True,
        add_bos: bool = False,
        max_length: int | None = None,
    ):
        self.name = name or f"dpo:{policy.name}"
        self.policy, self.reference, self.beta = policy, reference, beta
        self.tokenizer, self.card = policy.tokenizer, None
        self.template_stated, self.template = template is not None, template or "plain"
        self.count_eos, self.add_bos = count_eos, add_bos
        self.max_length = max_length or min(
            longest_text(model, self.tokenizer) for model in (policy.model, reference.model)
        )
        self.n_truncated = 0  # dialogues shortened so far
        _check(self)
        for model in (policy.model, reference.model):
            model.eval()

    @classmethod
    def load(
        cls,
        policy: str | Path,
        reference: str | Path,
        *,
        beta: float = BETA,
        revision: str | None = None,
        reference_revision: str | None = None,
        device: str = "auto",
        dtype: str = "float32",
        **options,
    ) -> "ImplicitReward":
        """Both from folders or hub ids, safetensors only; `options` as in the constructor.

        Raises OSError when one cannot be found. Run `self_test` on what comes back: that the two
        belong together, and which is which, cannot be seen in the scores.
        """
        how = {"device": device, "dtype": dtype}
        return cls(
            LoadedModel.load(policy, revision=revision, **how),
            LoadedModel.load(reference, revision=reference_revision, **how),
            beta,
            **options,
        )

    @property
    def missing_keys(self) -> tuple[str, ...]:
        """Weights of either model that were in no checkpoint and so were freshly initialised."""
        return tuple(
            f"{side}: {key}"
            for side in ("policy", "reference")
            for key in getattr(getattr(self, side), "missing_keys", ())
        )

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Rewards `(n,)`, float64, up to a constant a prompt; higher is better."""
        of_policy, of_reference = self.logprobs(prompts, responses)
        return self.beta * (of_policy - of_reference)

    def logprobs(
        self, prompts: Sequence[str], responses: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Summed log-probability of each response under policy and reference, nats, `(n,)` each.

        A response without a token to predict has 0 under both.
        """
        dialogues = self.encode(prompts, responses)
        found = np.zeros((2, len(dialogues)))
        # A response's first token is predicted from the prompt; without one there is nothing.
        rows = [i for i, (prompt, reply) in enumerate(dialogues) if len(reply) > (not prompt)]
        lengths = [sum(map(len, dialogues[i])) for i in rows]
        for batch in token_batches(lengths, self._batch_tokens):
            chosen = [rows[i] for i in batch]
            found[:, chosen] = self._forward([dialogues[i] for i in chosen])
        return found[0], found[1]

    def encode(self, prompts: Sequence[str], responses: Sequence[str]) -> list[Dialogue]:
        """Token ids of each prompt and of each response, as both models read them."""
        check_aligned(prompts, responses)
        read = self._read_chat if self.template == "chat" else self._read_plain
        whole = [
            (prompt, reply if self.count_eos else self._without_end(reply))
            for prompt, reply in read(list(prompts), list(responses))
        ]
        self.n_truncated += sum(len(p) + len(r) > self.max_length for p, r in whole)
        return [_cut(prompt, reply, self.max_length) for prompt, reply in whole]

    def _read_plain(self, prompts: list[str], responses: list[str]) -> list[Dialogue]:
        start = [self.tokenizer.bos_token_id] if self.add_bos else []
        dialogues = encode_dialogues(self.tokenizer, prompts, responses, max_length=UNCUT)
        if self.tokenizer.eos_token_id is None:  # then it has appended None
            dialogues = [(prompt, reply[:-1]) for prompt, reply in dialogues]
        return [(start + prompt, reply) for prompt, reply in dialogues]

    def _read_chat(self, prompts: list[str], responses: list[str]) -> list[Dialogue]:
        if not prompts:
            return []
        texts = [self._opened(*pair) for pair in zip(prompts, responses, strict=True)]
        opening, reply = (
            self.tokenizer(list(part), add_special_tokens=False, verbose=False)["input_ids"]
            for part in zip(*texts, strict=True)
        )
        return [(p, self._up_to_end(r)) for p, r in zip(opening, reply, strict=True)]

    def _opened(self, prompt: str, response: str) -> tuple[str, str]:
        """The templated text up to where the assistant's turn opens, and what follows."""
        messages, write = to_messages(prompt, response), self.tokenizer.apply_chat_template
        opening = write(messages[:-1], tokenize=False, add_generation_prompt=True)
        whole = write(messages, tokenize=False)
        if not whole.startswith(opening):
            raise ValueError(
                f"{self.name}: the chat template writes another opening for a reply to come "
                "than before one that is there, so that its tokens cannot be told apart"
            )
        return opening, whole[len(opening) :]

    def _up_to_end(self, reply: list[int]) -> list[int]:
        end = self.tokenizer.eos_token_id
        return reply[: len(reply) - reply[::-1].index(end)] if end in reply else reply

    def _without_end(self, reply: list[int]) -> list[int]:
        return reply[:-1] if reply and reply[-1] == self.tokenizer.eos_token_id else reply

    @property
    def _batch_tokens(self) -> int:
        models = self.policy.model, self.reference.model
        vocabulary = max(model.config.get_text_config().vocab_size for model in models)
        return min(BATCH_TOKENS, BATCH_LOGITS // vocabulary)

    @torch.inference_mode()
    def _forward(self, dialogues: list[Dialogue]) -> np.ndarray:
        """Log-probabilities `(2, n)` of one batch, summed in float64."""
        sums = []
        for model in (self.policy.model, self.reference.model):
            # Padding is masked on both sides, so that any token will do.
            batch = TokenBatch.of(dialogues, 0, model.device)
            sums.append(token_logprobs(model, batch).double().sum(1).cpu().numpy())
        return np.stack(sums)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of both models' weights, the tokenizer and every setting that changes a score."""
        models = self.policy.model, self.reference.model
        names = "beta", "template", "count_eos", "add_bos", "max_length"
        settings = {name: getattr(self, name) for name in names}
        settings["devices"] = [model.device.type for model in models]
        return fingerprint(models, self.tokenizer, settings)


def _cut(prompt: list[int], reply: list[int], max_length: int) -> Dialogue:
    """The reply's first tokens, and as much of the prompt's end as there is room for."""
    reply = reply[:max_length]
    room = max_length - len(reply)
    return prompt[-room:] if room else [], reply


def _check(reward: ImplicitReward) -> None:
    if not reward.beta > 0:
        raise ValueError(f"beta must be positive, got {reward.beta!r}")
    if reward.template not in ("plain", "chat"):
        raise ValueError(f"template must be 'plain' or 'chat', got {reward.template!r}")
    if reward.count_eos and reward.tokenizer.eos_token_id is None:
        raise ValueError(f"{reward.name}: the tokenizer has no end token: set count_eos=False")
    if reward.add_bos and reward.tokenizer.bos_token_id is None:
        raise ValueError(f"{reward.name}: add_bos, but the tokenizer has no BOS token")
