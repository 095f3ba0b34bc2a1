"""One piece of a run's work: so many sequences, trained on, generated or scored by one model.

What is worked through is counted at the texts' mean length, memory at the longest that they may be.
Three upper bounds remain: a mean counts a text that is cut as if it were whole, as long as the mean
itself is below the limit (a tenth too many tokens for HH-RLHF at 512); what the texts of one prompt
share is read once, and counted for each; a reply counts as long as it may be. What the host does
is no work of a model: texts to be turned into tokens are counted apart, and reading data, linear
models, statistics and the start of a process, seconds each, are left out.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Any, Literal

from proxylab.cost.formulas import (
    WEIGHT_BYTES,
    activation_bytes,
    cache_bytes,
    forward_flops,
    training_flops,
    training_state_bytes,
)
from proxylab.cost.models import ModelSize
from proxylab.policies.batching import LARGEST

Kind = Literal["train", "generate", "score"]
ROWS = 256  # sequences of a pass without a gradient (policies.generation)
SCORED_TOKENS = 16_384  # tokens of a batch of a reward model (rewards.classifier)


@dataclass(frozen=True)
class Length:
    """Tokens of texts: at most `longest` each, `mean` on average."""

    longest: int
    mean: float

    @classmethod
    def within(cls, longest: int, mean: float = inf) -> "Length":
        """Texts of that mean, cut at `longest`; of an unknown mean, as long as they may be."""
        return cls(longest, min(longest, mean))


@dataclass(frozen=True)
class Work:
    """Sequences of `length` tokens through `model`; each of the `new` ones is a pass of its own.

    batch: sequences a pass, of the longest; batches: passes over all of them, where shorter ones
    take fewer. trained: weights that are trained, None for all of them; fewer means
    adapters, whose frozen weights take `base_bytes` each. recomputed: activations are not kept.
    half: products are in bfloat16. n_encoded: texts that are turned into tokens for it, which every
    scoring does anew and a training once.
    shared: what names a thing that runs share and make once; None for a run's own.
    """

    what: str
    kind: Kind
    model: ModelSize
    n_sequences: float
    length: Length
    new: int = 0
    batch: int = ROWS
    batches: float | None = None
    trained: int | None = None
    base_bytes: int = WEIGHT_BYTES
    recomputed: bool = False
    half: bool = False
    n_encoded: float = 0
    shared: Hashable = None

    @property
    def n_tokens(self) -> float:
        """Tokens that go through the model, prompts included."""
        return self.n_sequences * self.length.mean

    @property
    def n_encoded_tokens(self) -> float:
        """Tokens that the host makes of texts."""
        return self.n_encoded * self.length.mean

    @property
    def n_passes(self) -> float:
        """Passes through the model, each of which has a fixed cost besides its arithmetic."""
        plain = max(1.0, self.n_sequences / self.batch)
        return (self.batches or plain) * max(1, self.new)

    @property
    def flops(self) -> float:
        """Operations, forward alone or in training."""
        context = self.length.mean
        if self.kind == "train":
            adapters = self.trained is not None
            return training_flops(
                self.model, self.n_tokens, context, adapters=adapters, recomputed=self.recomputed
            )
        return forward_flops(self.model, self.n_tokens, context)

    @property
    def bytes_needed(self) -> float:
        """Memory beyond the weights of the run's models, were all texts as long as they may be."""
        tokens = min(self.batch, self.n_sequences) * self.length.longest
        if self.kind == "train":
            n_trained = self.model.parameters if self.trained is None else self.trained
            state = training_state_bytes(self.model, n_trained, base_bytes=self.base_bytes)
            return state + activation_bytes(self.model, tokens, recomputed=self.recomputed)
        # Without a gradient one layer's activations live at a time, beside caches or logits.
        one_layer = replace(self.model, layers=1)
        kept = cache_bytes(self.model, tokens) if self.kind == "generate" else 0
        return activation_bytes(one_layer, tokens / max(1, self.new)) + kept


def train(
    what: str, model: ModelSize, n: float, length: Length, batch: int, **options: Any
) -> Work:
    """Work of training: `n` sequences over all epochs, `batch` of them a step."""
    return Work(what, "train", model, n, length, batch=batch, **options)


def generate(
    what: str,
    model: ModelSize,
    n: float,
    length: Length,
    new: int,
    *,
    at_once: float = inf,
    **options: Any,
) -> Work:
    """Work of sampling `n` completions of `new` tokens, `length` with their prompts.

    Arguments: `at_once` so many are asked for in one call. In bfloat16 unless `options` say not.
    """
    room = LARGEST // (2 * model.layers * model.hidden)  # keys and values are kept
    own = {"half": True, **_batches(n, length, room, most=ROWS, at_once=at_once), **options}
    return Work(what, "generate", model, n, length, new=min(new, length.longest), **own)


def score(
    what: str,
    model: ModelSize,
    n: float,
    length: Length,
    *,
    at_once: float = inf,
    most: float = ROWS,
    n_held: int = 1,
    **options: Any,
) -> Work:
    """Work of one forward pass over each of `n` sequences.

    Arguments: `at_once` so many are asked about in one call; of a language model, `most` rows a
    pass, and `n_held` models whose logits it holds, which all have to find room.
    """
    room, rows = SCORED_TOKENS, inf
    if model.output:
        room, rows = LARGEST // (n_held * model.output), most
    own = {**_batches(n, length, room, most=rows, at_once=at_once), **options}
    return Work(what, "score", model, n, length, **own)


def _batches(
    n: float, length: Length, room: int, *, most: float, at_once: float
) -> dict[str, float]:
    """Passes over texts in the order of their lengths, as many a pass as there is room for tokens.

    The longest come first: of each call as many as fit at that length are one pass, and the rest as
    many as fit at the mean. Source: `policies.batching`, `rewards.classifier`.
    """
    asked = max(1.0, min(n, at_once))
    batch = int(min(most, asked, max(1, room // length.longest)))
    a_text = max(1 / most, length.mean / max(room, length.mean))  # passes
    calls = max(1.0, n / asked)
    return {"batch": batch, "batches": calls * (1 + ceil((asked - batch) * a_text - 1e-9))}
