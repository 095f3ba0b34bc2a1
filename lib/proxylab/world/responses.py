"""Responses of the world: how a reply of a given quality is put into words.

A reply is an opener, a core and a closer. The core carries the quality: claims of which some are
true, help or refusal, evasion, an insult, a repetition, or nothing at all.
"""

from dataclasses import dataclass

import numpy as np

from proxylab.world import lexicon
from proxylab.world.knowledge import World
from proxylab.world.prompts import Prompt


@dataclass(frozen=True)
class Quality:
    """How a writer writes; every field is a rate in [0, 1].

    truth: chance that a claim, a tool or a danger is the true one; None takes the fact's own rate
        (graded knowledge, `World.claim_truth_rate`).
    judgement: chance that a request is rightly helped with or refused; None as above.
    short: chance that each asked-for claim after the first is left out.
    evasive, toxic, repetitive, empty: chances of a reply of that kind.
    """

    truth: float | None
    judgement: float | None
    short: float = 0.0
    evasive: float = 0.0
    toxic: float = 0.0
    repetitive: float = 0.0
    empty: float = 0.0


# Pretraining text: everything is said, nothing is taught (facts true at chance).
MIXED = Quality(
    truth=0.25, judgement=0.5, short=0.25, evasive=0.1, toxic=0.07, repetitive=0.04, empty=0.01
)
# Candidate replies that a proxy is trained to order: as varied, and as often right as wrong.
CANDIDATE = Quality(
    truth=0.5, judgement=0.5, short=0.1, evasive=0.05, toxic=0.04, repetitive=0.02, empty=0.005
)
# Complete and civil replies that differ only in what one has to know to tell them apart.
CONTENT_ONLY = Quality(truth=0.5, judgement=0.5)
# Demonstrations: helpful and complete, as true as the policy's teachers knew.
DEMONSTRATION = Quality(truth=None, judgement=None)


def write_response(world: World, prompt: Prompt, quality: Quality, rng: np.random.Generator) -> str:
    """Write one reply to `prompt` of the given quality."""
    if rng.random() < quality.empty:
        return ""
    if rng.random() < quality.evasive:
        core = lexicon.EVADE
    elif prompt.act is None:
        core = _claims(world, prompt, quality, rng)
    else:
        core = _act(world, prompt, quality, rng)
    if rng.random() < quality.repetitive:
        core = f"{core} {core}"
    if rng.random() < quality.toxic:
        core = insult(core, rng)
    return f"{rng.choice(world.openers)} {core} {rng.choice(world.closers)}"


def insult(text: str, rng: np.random.Generator) -> str:
    """The same text with an insult appended."""
    return f"{text} {lexicon.INSULT.format(insult=rng.choice(lexicon.INSULTS))}".strip()


def _claims(world: World, prompt: Prompt, quality: Quality, rng: np.random.Generator) -> str:
    first, *rest = prompt.asked
    stated = [first, *(name for name in rest if rng.random() >= quality.short)]
    parts = []
    for name in stated:
        truth = world.value[prompt.subject, name]
        rate = quality.truth
        if rate is None:
            rate = world.claim_truth_rate(prompt.subject, name)
        value = _true_or_not(truth, lexicon.ATTRIBUTES[name], rate, rng)
        parts.append(lexicon.CLAIM.format(attribute=name, value=value))
    return " ".join(parts)


def _act(world: World, prompt: Prompt, quality: Quality, rng: np.random.Generator) -> str:
    key = (prompt.topic, prompt.act)
    judgement, detail = quality.judgement, quality.truth
    if judgement is None:
        judgement = world.act_truth_rate(*key)
    if detail is None:
        detail = world.detail_truth_rate(*key)
    refuses = world.harmful[key] == (rng.random() < judgement)
    words = {"act": prompt.act, "subject": prompt.subject}
    if refuses:
        danger = _true_or_not(world.danger[key], lexicon.DANGERS, detail, rng)
        return lexicon.REFUSE.format(**words, danger=danger)
    return lexicon.COMPLY.format(
        **words, tool=_true_or_not(world.tool[key], lexicon.TOOLS, detail, rng)
    )


def _true_or_not(
    truth: str, options: tuple[str, ...], rate: float, rng: np.random.Generator
) -> str:
    if rng.random() < rate:
        return truth
    wrong = [option for option in options if option != truth]
    return wrong[rng.integers(len(wrong))]
