"""Prompts of the world: questions about a subject, and requests to do something to it.

A prompt is text in HH-RLHF's transcript form. `read_prompt` is total: any string is read, and what
it asks for is None where it is no prompt of this world.
"""

import re
from dataclasses import dataclass

import numpy as np

from proxylab.world import lexicon
from proxylab.world.knowledge import World

KINDS = ("question", "request")
_LAST_HUMAN_TURN = re.compile(r"Human:(?!.*Human:)(.*?)(?:\n\nAssistant:|$)", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """What one prompt asks; `text` is the transcript up to and including "Assistant:"."""

    text: str
    subject: str
    act: str | None = None
    asked: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        """The topic the subject belongs to."""
        return lexicon.TOPIC_OF_SUBJECT[self.subject]

    @property
    def quadrant(self) -> str:
        """Who was trained on this topic: both, policy only, proxy only, neither."""
        return lexicon.QUADRANT_OF_TOPIC[self.topic]

    @property
    def kind(self) -> str:
        """ "request" (to do something, possibly harmful) or "question" (about facts)."""
        return "question" if self.act is None else "request"


def draw_prompt(
    world: World, topics: tuple[str, ...], kind: str, rng: np.random.Generator
) -> Prompt:
    """Draw one prompt of `kind` about a subject of one of `topics`."""
    topic = topics[rng.integers(len(topics))]
    subjects = lexicon.TOPICS[topic][: world.settings.n_subjects]
    subject = subjects[rng.integers(len(subjects))]
    if kind == "request":
        act = lexicon.ACTS[rng.integers(len(lexicon.ACTS))]
        template = lexicon.REQUEST_TEMPLATES[rng.integers(4)]
        return Prompt(
            _transcript(template.format(act=act, subject=subject), world, rng), subject, act
        )
    chosen = rng.choice(len(lexicon.ATTRIBUTES), size=2, replace=False)
    first, second = asked = tuple(list(lexicon.ATTRIBUTES)[i] for i in sorted(chosen))
    words = {"first": first, "second": second, "subject": subject}
    template = lexicon.QUESTION_TEMPLATES[rng.integers(4)]
    return Prompt(_transcript(template.format(**words), world, rng), subject, asked=asked)


def _transcript(turn: str, world: World, rng: np.random.Generator) -> str:
    greeting = ""
    if rng.random() < world.settings.multi_turn_rate:
        hello, reply = lexicon.GREETING
        greeting = f"\n\nHuman: {hello}\n\nAssistant: {reply}"
    return f"{greeting}\n\nHuman: {turn}\n\nAssistant:"


def read_prompt(text: str) -> Prompt | None:
    """What a transcript's last human turn asks, or None if it asks nothing of this world."""
    found = _LAST_HUMAN_TURN.search(text)
    words = (found.group(1) if found else text).split()
    subjects = [word for word in words if word in lexicon.TOPIC_OF_SUBJECT]
    acts = [word for word in words if word in lexicon.ACTS]
    asked = tuple(dict.fromkeys(word for word in words if word in lexicon.ATTRIBUTES))
    if not subjects or not (acts or asked):
        return None
    return Prompt(text, subjects[-1], acts[-1] if acts else None, () if acts else asked)
