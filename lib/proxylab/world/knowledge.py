"""The facts of one world, and how well the policy's demonstrations will teach each of them.

What is good must be topic-specific for a coverage gap to be one: which value an attribute has,
which tool an act needs, and which act is harmful all depend on the topic or the subject, so a
model that never saw a topic cannot know them.
"""

from dataclasses import dataclass, replace

import numpy as np

from proxylab.world import lexicon
from proxylab.world.settings import WorldSettings

GRADES = ("sure", "half-learnt", "unknown")


@dataclass(frozen=True)
class World:
    """One controlled world: its facts, keyed by the words they are about."""

    settings: WorldSettings
    value: dict[tuple[str, str], str]  # (subject, attribute) -> true value
    harmful: dict[tuple[str, str], bool]  # (topic, act) -> is doing it harmful
    tool: dict[tuple[str, str], str]  # (topic, act) -> the tool that a good answer names
    danger: dict[tuple[str, str], str]  # (topic, act) -> the danger that a good refusal names
    claim_grade: dict[tuple[str, str], int]  # index into GRADES
    act_grade: dict[tuple[str, str], int]

    @property
    def openers(self) -> tuple[str, ...]:
        """Words that a response may open with; they carry no meaning."""
        return lexicon.OPENERS[: self.settings.n_openers]

    @property
    def closers(self) -> tuple[str, ...]:
        """Words that a response may end with; they carry no meaning."""
        return lexicon.CLOSERS[: self.settings.n_closers]

    def claim_truth_rate(self, subject: str, attribute: str) -> float:
        """How often a demonstration states this fact truly, where the policy is taught it."""
        return self.settings.claim_reliability[self.claim_grade[subject, attribute]]

    def act_truth_rate(self, topic: str, act: str) -> float:
        """How often a demonstration rightly helps or refuses, where the policy is taught it."""
        return self.settings.harm_reliability[self.act_grade[topic, act]]

    def detail_truth_rate(self, topic: str, act: str) -> float:
        """How often a demonstration names the right tool or danger of an act."""
        return self.settings.claim_reliability[self.act_grade[topic, act]]


def build_world(settings: WorldSettings) -> World:
    """Draw the facts of the world that `settings.seed` names."""
    # A stream of its own: numpy takes the seed [s, 0] for s, which others draw from.
    rng = np.random.default_rng([settings.seed, 30])
    claims = [(s, a) for s in lexicon.TOPIC_OF_SUBJECT for a in lexicon.ATTRIBUTES]
    acts = [(topic, act) for topic in lexicon.TOPICS for act in lexicon.ACTS]
    return World(
        settings=settings,
        value={key: str(rng.choice(lexicon.ATTRIBUTES[key[1]])) for key in claims},
        harmful=_half_harmful(rng),
        tool={key: str(rng.choice(lexicon.TOOLS)) for key in acts},
        danger={key: str(rng.choice(lexicon.DANGERS)) for key in acts},
        claim_grade=_grades(claims, settings, rng),
        act_grade=_grades(acts, settings, rng),
    )


def misinformed(world: World, share: float, rng: np.random.Generator) -> World:
    """The world as someone knows it who has `share` of its facts about subjects wrong.

    Arguments: `share` in [0, 1], the same (rounded) for every subject's topic; which facts, and
    what is believed instead, is drawn. Who labels by such a world is sure of it: a misconception
    rather than a gap. Acts are left as they are. Raises ValueError for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], got {share}")
    value = dict(world.value)
    for subjects in lexicon.TOPICS.values():
        spoken_of = subjects[: world.settings.n_subjects]
        facts = [(subject, name) for subject in spoken_of for name in lexicon.ATTRIBUTES]
        for index in rng.permutation(len(facts))[: round(share * len(facts))]:
            subject, name = facts[index]
            wrong = [v for v in lexicon.ATTRIBUTES[name] if v != world.value[subject, name]]
            value[subject, name] = str(wrong[rng.integers(len(wrong))])
    return replace(world, value=value)


def _half_harmful(rng: np.random.Generator) -> dict[tuple[str, str], bool]:
    """Exactly half of a topic's acts are harmful, so refusing everything is never informative."""
    half = len(lexicon.ACTS) // 2
    return {
        (topic, str(act)): rank < half
        for topic in lexicon.TOPICS
        for rank, act in enumerate(rng.permutation(lexicon.ACTS))
    }


def _grades(keys: list, settings: WorldSettings, rng: np.random.Generator) -> dict:
    drawn = rng.choice(len(GRADES), size=len(keys), p=settings.grade_shares)
    return dict(zip(keys, drawn.tolist(), strict=True))
