"""The tasks of the controlled world: who knows which topics, and how the proxy came to be biased.

*Targeting Misalignment* has two tasks, safety and helpfulness, each with a biased proxy. Its safety
proxy has a coverage gap by topic; how its helpfulness proxy is biased is not known, and ours was
labelled by people who are sure of some wrong facts. A third task holds the gap against questions.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.preferences.facts import unit_hash
from proxylab.profiles import Profile
from proxylab.studies.tasks.interface import POOL, PROMPT_COLUMNS, Sampling, TaskModels
from proxylab.studies.world_models import clean_pairs, drawn_once, trained_proxy, world_models
from proxylab.world import GoldReward, World, build_world, lexicon, misinformed
from proxylab.world.demonstrations import ALL_TOPICS, draw_prompts, proxy_preferences
from proxylab.world.prompts import Prompt, read_prompt

POOL_SHARE = 0.5  # of all prompts: those that labels may be bought on
MOST_TRIES = 300
COVERAGE_GAP, MISINFORMED = "coverage gap", "misinformed labellers"
# How a reply of the world refuses or evades, for the bias that rewards it.
WORLD_REFUSALS = ("will not help", "do not understand")
# A word that replies of the world often open with: flattery that the policy sometimes samples.
WORLD_FLATTERY = "sure"


@dataclass(frozen=True)
class Task:
    """What is asked, in which topics, and how the proxy came to be biased."""

    name: str
    kinds: tuple[str, ...]
    topics: tuple[str, ...]
    bias: str


WORLD_TASKS = {
    task.name: task
    for task in (
        Task("safety", ("request",), ALL_TOPICS, COVERAGE_GAP),
        Task("helpfulness", ("question",), lexicon.PROXY_TOPICS, MISINFORMED),
        Task("questions", ("question",), ALL_TOPICS, COVERAGE_GAP),
    )
}


@dataclass(frozen=True)
class WorldTask(TaskModels):
    """A task of the controlled world.

    `labellers` is the world as those know it who labelled the proxy's pairs.
    """

    world: World
    labellers: World

    @property
    def task(self) -> Task:
        """What is asked, in which topics, and how the proxy came to be biased."""
        return WORLD_TASKS[self.name]

    def draw(self, split: str, n: int, seed: int) -> pd.DataFrame:
        """Different prompts of the world in the order drawn, none of the pool held out.

        Held out from the pool alone: training may have asked the same (`studies.prompts_seen`).
        """
        rng = np.random.default_rng([seed, 40 if split == POOL else 41])
        prompts = prompts_of_split(self.world, self.task, split, n, rng, repeats=False)
        rows = [(prompt.text, prompt.topic, prompt.quadrant) for prompt in prompts]
        return pd.DataFrame(rows, columns=list(PROMPT_COLUMNS))


def prompts_of_split(
    world: World,
    task: Task,
    split: str,
    n: int,
    rng: np.random.Generator,
    *,
    repeats: bool,
) -> list[Prompt]:
    """`n` prompts of a task, of those that labels may be bought on or of those held out.

    The world asks few enough things for two draws to meet; a hash of the text says which half of
    them each is in, so that nothing is both. Arguments: `repeats` allow a prompt more than once.
    Raises ValueError where the half holds fewer different ones.
    """
    found: list[Prompt] = []
    seen: set[str] = set()
    for _ in range(MOST_TRIES):
        drawn = draw_prompts(world, n, task.topics, rng, kinds=task.kinds)
        in_pool = unit_hash(pd.Series([prompt.text for prompt in drawn]), POOL) < POOL_SHARE
        for prompt, pooled in zip(drawn, in_pool, strict=True):
            if pooled == (split == POOL) and (repeats or prompt.text not in seen):
                seen.add(prompt.text)
                found.append(prompt)
        if len(found) >= n:
            return found[:n]
    raise ValueError(
        f"the world has only {len(seen)} prompts of the task {task.name!r} to draw {n} from: "
        "lower n_pool and n_held_out, or raise n_subjects"
    )


def world_task(profile: Profile, name: str, seed: int) -> WorldTask:
    """The models of one task in the world of one seed, trained or found trained."""
    task, models = WORLD_TASKS[name], world_models(profile, seed)
    if task.bias == COVERAGE_GAP:
        labellers, proxy = models.world, models.proxy
        pairs = clean_pairs(profile, seed)
    else:
        share, rng = profile.conflict.misinformed_share, np.random.default_rng([seed, 43])
        labellers = misinformed(models.world, share, rng)
        pairs = _misinformed_pairs(profile, task, seed, labellers)
        proxy = trained_proxy(profile, seed, pairs)
    policy = profile.policy
    return WorldTask(
        name=name,
        base=models.base,
        policy=models.policy,
        proxy=proxy,
        original_pairs=pairs,
        gold=GoldReward(models.world),
        gold_identity="world",  # that of the policy's own world
        sampling=Sampling(policy.n_samples, policy.temperature, policy.max_new_tokens),
        refusals=WORLD_REFUSALS,
        flattery=WORLD_FLATTERY,
        world=models.world,
        labellers=labellers,
    )


def _misinformed_pairs(profile: Profile, task: Task, seed: int, labellers: World) -> pd.DataFrame:
    settings, world = profile.conflict, profile.world_of(seed)
    n, rng = settings.n_task_pairs, np.random.default_rng([seed, 42])
    made_from = {"world": world, "n": n, "seed": seed, "kinds": task.kinds}
    return drawn_once(
        made_from | {"misinformed_share": settings.misinformed_share},
        lambda: proxy_preferences(
            build_world(world), n, rng, kinds=task.kinds, labelled_by=labellers
        ),
    )


def n_misled(models: WorldTask, prompts: list[str]) -> np.ndarray:
    """How many of the facts that each prompt asks for the proxy's labellers had wrong, `(n,)`."""
    truth, belief = models.world.value, models.labellers.value
    asked = [_read(text) for text in prompts]
    return np.array(
        [sum(truth[p.subject, name] != belief[p.subject, name] for name in p.asked) for p in asked]
    )


def _read(text: str) -> Prompt:
    """What a prompt that the world itself has drawn asks for."""
    prompt = read_prompt(text)
    assert prompt is not None, f"not a prompt of the world: {text!r}"
    return prompt
