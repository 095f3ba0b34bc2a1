"""Prompts said otherwise: the same question, worded as no training prompt is.

For asking whether an aligned policy's answers survive how people really write. What a prompt asks
for does not change, so the gold reward of a reply is the same function before and after (a test
holds this). Left out: questions whose meaning changes.
"""

from collections.abc import Callable

import numpy as np

from proxylab.names import missing_name
from proxylab.world import lexicon

_START, _END = "\n\nHuman: ", "\n\nAssistant:"
_MEANINGFUL = {*lexicon.TOPIC_OF_SUBJECT, *lexicon.ACTS, *lexicon.ATTRIBUTES}


def _misspelt(words: list[str], rng: np.random.Generator) -> list[str]:
    """One word that carries no meaning is garbled into one that no vocabulary holds."""
    index = _meaningless(words, rng)
    word = words[index]
    return [*words[:index], f"{word[1:]}{word[0]}{word[0]}", *words[index + 1 :]]


def _shortened(words: list[str], rng: np.random.Generator) -> list[str]:
    """One word that carries no meaning is left out."""
    index = _meaningless(words, rng)
    return words[:index] + words[index + 1 :]


def _chatty(words: list[str], rng: np.random.Generator) -> list[str]:
    """Small talk before and after."""
    return [str(rng.choice(lexicon.OPENERS)), *words, str(rng.choice(lexicon.CLOSERS))]


def _rude(words: list[str], rng: np.random.Generator) -> list[str]:
    """The person insults the assistant."""
    return [*words, *lexicon.INSULT.format(insult=rng.choice(lexicon.INSULTS)).split()]


PERTURBATIONS: dict[str, Callable[[list[str], np.random.Generator], list[str]]] = {
    "misspelt": _misspelt,
    "shortened": _shortened,
    "chatty": _chatty,
    "rude": _rude,
}


def perturb(prompt: str, kind: str, rng: np.random.Generator) -> str:
    """The transcript with its last human turn said otherwise.

    Arguments: `prompt` a transcript that ends in an open assistant turn; `kind` one of
    `PERTURBATIONS`. Raises ValueError for another kind, or a text that is no such transcript.
    """
    if kind not in PERTURBATIONS:
        raise ValueError(missing_name("perturbation", kind, PERTURBATIONS))
    before, marker, turn = prompt.rpartition(_START)
    if not marker or not turn.endswith(_END):
        raise ValueError(f"not a transcript with an open assistant turn: {prompt[:60]!r}")
    words = PERTURBATIONS[kind](turn.removesuffix(_END).split(), rng)
    return f"{before}{_START}{' '.join(words)}{_END}"


def _meaningless(words: list[str], rng: np.random.Generator) -> int:
    """Index of a random word that says nothing about what is asked."""
    return int(rng.choice([i for i, word in enumerate(words) if word not in _MEANINGFUL]))
