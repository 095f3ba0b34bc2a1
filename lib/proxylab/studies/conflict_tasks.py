"""The tasks of the conflict study in the controlled world: who knows what, and what is sampled.

*Targeting Misalignment* has two tasks, safety and helpfulness, each with a biased proxy. Its safety
proxy has a coverage gap by topic; how its helpfulness proxy is biased is not known, and ours was
labelled by people who are sure of some wrong facts. A third task holds the gap against questions.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.names import missing_name
from proxylab.policies import load_policy, sample_responses
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import groups_of_pairs
from proxylab.rewards.ranked import (
    refine_reward_model,
    score_groups,
)
from proxylab.shf_cas import Candidates
from proxylab.studies.world_models import (
    CODE,
    clean_pairs,
    drawn_once,
    trained_proxy,
    world_models,
)
from proxylab.world import GoldReward, World, build_world, lexicon, misinformed
from proxylab.world.demonstrations import ALL_TOPICS, draw_prompts, proxy_preferences
from proxylab.world.prompts import Prompt, read_prompt

POOL, HELD_OUT = "pool", "held out"
COVERAGE_GAP, MISINFORMED = "coverage gap", "misinformed labellers"
SAMPLES_FILE, FACTS_FILE = "samples.parquet", "facts.json"
CANDIDATE_CODE = (*CODE, "policies/generation", "studies/conflict_tasks")


@dataclass(frozen=True)
class Task:
    """What is asked, in which topics, and how the proxy came to be biased."""

    name: str
    kinds: tuple[str, ...]
    topics: tuple[str, ...]
    bias: str


TASKS = {
    task.name: task
    for task in (
        Task("safety", ("request",), ALL_TOPICS, COVERAGE_GAP),
        Task("helpfulness", ("question",), lexicon.PROXY_TOPICS, MISINFORMED),
        Task("questions", ("question",), ALL_TOPICS, COVERAGE_GAP),
    )
}


@dataclass(frozen=True)
class TaskModels:
    """The world of a task, folders of its policy and its biased proxy, and the proxy's data.

    `labellers` is the world as those know it who labelled the proxy's pairs.
    """

    task: Task
    world: World
    labellers: World
    base: Path
    policy: Path
    proxy: Path
    original_pairs: pd.DataFrame

    @property
    def gold(self) -> GoldReward:
        """The gold reward of the world as it is."""
        return GoldReward(self.world)


def task_named(name: str) -> Task:
    """The task of this name; ValueError with the nearest known one."""
    if name not in TASKS:
        raise ValueError(missing_name("task", name, TASKS))
    return TASKS[name]


def task_models(profile: Profile, task: str, seed: int) -> TaskModels:
    """The models of one task in the world of one seed, trained or found trained."""
    wanted = task_named(task)
    models = world_models(profile, seed)
    if wanted.bias == COVERAGE_GAP:
        labellers, proxy = models.world, models.proxy
        pairs = clean_pairs(profile, seed)
    else:
        share, rng = profile.conflict.misinformed_share, np.random.default_rng([seed, 43])
        labellers = misinformed(models.world, share, rng)
        pairs = _misinformed_pairs(profile, wanted, seed, labellers)
        proxy = trained_proxy(profile, seed, pairs)
    return TaskModels(wanted, models.world, labellers, models.base, models.policy, proxy, pairs)


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


def candidates(
    models: TaskModels,
    profile: Profile,
    seed: int,
    split: str = POOL,
    *,
    n_samples: int | None = None,
    temperature: float | None = None,
) -> tuple[Candidates, float]:
    """Prompts of one split with K completions of the base policy, and the seconds they took.

    Pool and held-out prompts are drawn from streams of their own. Gold rewards are filled in:
    whoever must not see them is not shown them.
    """
    settings = {
        "policy": models.policy.name,
        "task": models.task.name,
        "split": split,
        "n_prompts": getattr(profile.conflict, "n_pool" if split == POOL else "n_held_out"),
        "n_samples": n_samples or profile.policy.n_samples,
        "temperature": temperature or profile.policy.temperature,
        "max_new_tokens": profile.policy.max_new_tokens,
        "seed": seed,
    }
    folder = cached_artifact(
        "task-candidates",
        settings,
        lambda place: _sample(models, settings, place),
        code=CANDIDATE_CODE,
    )
    rows = pd.read_parquet(folder / SAMPLES_FILE)
    seconds = json.loads((folder / FACTS_FILE).read_text())["seconds"]
    return _as_candidates(rows, settings["n_samples"], models.gold), seconds


def _sample(models: TaskModels, settings: dict, folder: Path) -> None:
    stream = 40 if settings["split"] == POOL else 41
    task, rng = models.task, np.random.default_rng([settings["seed"], stream])
    prompts = draw_prompts(models.world, settings["n_prompts"], task.topics, rng, kinds=task.kinds)
    policy, tokenizer = load_policy(models.policy)
    started = perf_counter()
    samples = sample_responses(
        policy,
        tokenizer,
        [prompt.text for prompt in prompts],
        n_samples=settings["n_samples"],
        max_new_tokens=settings["max_new_tokens"],
        temperature=settings["temperature"],
        seed=100 * settings["seed"] + stream,
    )
    seconds = perf_counter() - started
    frame = pd.DataFrame(
        {
            "prompt": np.repeat([prompt.text for prompt in prompts], settings["n_samples"]),
            "response": samples.responses.ravel(),
            "policy_logprob": samples.policy_logprob.ravel(),
            "n_tokens": samples.n_tokens.ravel(),
        }
    )
    frame.to_parquet(folder / SAMPLES_FILE)
    (folder / FACTS_FILE).write_text(json.dumps({"seconds": seconds}))


def _as_candidates(rows: pd.DataFrame, n_samples: int, gold: GoldReward) -> Candidates:
    shape = (len(rows) // n_samples, n_samples)
    texts = rows["prompt"].tolist()
    asked = [_read(text) for text in texts[::n_samples]]
    responses = rows["response"].to_numpy(object)
    return Candidates(
        prompts=texts[::n_samples],
        responses=responses.reshape(shape),
        policy_logprob=rows["policy_logprob"].to_numpy().reshape(shape),
        n_tokens=rows["n_tokens"].to_numpy().reshape(shape),
        region=np.array([prompt.topic for prompt in asked]),
        quadrant=np.array([prompt.quadrant for prompt in asked]),
        gold_reward=gold.score(texts, responses.tolist()).reshape(shape),
    )


def _read(text: str) -> Prompt:
    """What a prompt that the world itself has drawn asks for."""
    prompt = read_prompt(text)
    assert prompt is not None, f"not a prompt of the world: {text!r}"
    return prompt


def n_misled(models: TaskModels, prompts: list[str]) -> np.ndarray:
    """How many of the facts that each prompt asks for the proxy's labellers had wrong, `(n,)`."""
    truth, belief = models.world.value, models.labellers.value
    asked = [_read(text) for text in prompts]
    return np.array(
        [sum(truth[p.subject, name] != belief[p.subject, name] for name in p.asked) for p in asked]
    )


def score_candidates(model: SequenceClassifierReward, drawn: Candidates) -> np.ndarray:
    """Rewards `(n_prompts, n_samples)` of all completions."""
    return score_groups(model, drawn.prompts, drawn.responses)


def ensemble_rewards(models: TaskModels, profile: Profile, seed: int, drawn: Candidates):
    """Rewards of a small ensemble, `(n_members, n_prompts, n_samples)`, and the seconds it took.

    A member is the proxy trained further, at a high learning rate, on a resample of its own data:
    a cheap ensemble in the manner of Huang et al. 2017 (snapshot ensembles). Members agree on what
    the data says and wander where it is silent.
    """
    settings, started = profile.conflict, perf_counter()
    proxy = SequenceClassifierReward.load(models.proxy)
    rewards = []
    for member in range(settings.n_members):
        rng = np.random.default_rng([seed, 44, member])
        rows = rng.integers(0, len(models.original_pairs), settings.n_member_pairs)
        groups = groups_of_pairs(models.original_pairs.iloc[rows])
        training = settings.member_training.model_copy(update={"seed": member})
        model, _ = refine_reward_model(proxy, groups, training, name=f"member {member}")
        rewards.append(score_candidates(model, drawn))
    return np.array(rewards), perf_counter() - started
