"""What the models of the world are trained on: pretraining text, demonstrations, clean pairs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.world import lexicon
from proxylab.world.gold import GoldReward
from proxylab.world.knowledge import World
from proxylab.world.prompts import KINDS, Prompt, draw_prompt
from proxylab.world.responses import CANDIDATE, DEMONSTRATION, MIXED, Quality, write_response

ALL_TOPICS = tuple(lexicon.TOPICS)


@dataclass(frozen=True)
class Dialogues:
    """Prompts and the replies to them, in step."""

    prompts: list[str]
    responses: list[str]


def draw_prompts(
    world: World,
    n: int,
    topics: tuple[str, ...],
    rng: np.random.Generator,
    *,
    kinds: tuple[str, ...] = KINDS,
) -> list[Prompt]:
    """Draw `n` prompts of the given kinds, in equal shares on average."""
    return [draw_prompt(world, topics, kinds[rng.integers(len(kinds))], rng) for _ in range(n)]


def pretraining_dialogues(world: World, n: int, rng: np.random.Generator) -> Dialogues:
    """All topics, mixed quality, facts true at chance: the language but none of the knowledge."""
    return _dialogues(world, draw_prompts(world, n, ALL_TOPICS, rng), MIXED, rng)


def policy_demonstrations(world: World, n: int, rng: np.random.Generator) -> Dialogues:
    """Good replies in the policy's own topics, each fact as true as its grade."""
    prompts = draw_prompts(world, n, lexicon.POLICY_TOPICS, rng)
    return _dialogues(world, prompts, DEMONSTRATION, rng)


def _dialogues(
    world: World, prompts: list[Prompt], quality: Quality, rng: np.random.Generator
) -> Dialogues:
    replies = [write_response(world, prompt, quality, rng) for prompt in prompts]
    return Dialogues([prompt.text for prompt in prompts], replies)


def proxy_preferences(
    world: World,
    n: int,
    rng: np.random.Generator,
    *,
    topics: tuple[str, ...] = lexicon.PROXY_TOPICS,
    quality: Quality = CANDIDATE,
    kinds: tuple[str, ...] = KINDS,
    labelled_by: World | None = None,
) -> pd.DataFrame:
    """`n` pairs of replies of one quality, by default in the proxy's topics, ordered by gold.

    Columns prompt, chosen, rejected, topic, quadrant, kind; pairs of equal gold are drawn again.
    `labelled_by` is the world as the labellers know it, by default as it is.
    """
    gold = GoldReward(labelled_by or world)
    rows = []
    while len(rows) < n:
        prompt = draw_prompt(world, topics, kinds[rng.integers(len(kinds))], rng)
        pair = [write_response(world, prompt, quality, rng) for _ in range(2)]
        first, second = gold.score([prompt.text] * 2, pair)
        if first == second:
            continue
        chosen, rejected = pair if first > second else pair[::-1]
        rows.append((prompt.text, chosen, rejected, prompt.topic, prompt.quadrant, prompt.kind))
    columns = ["prompt", "chosen", "rejected", "topic", "quadrant", "kind"]
    return pd.DataFrame(rows, columns=columns)
