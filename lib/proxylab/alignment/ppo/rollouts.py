"""Rollouts: what the policy answers, what the proxy says of it, and what PPO needs to know then.

Each process samples and scores its share, at temperature 1 and through `sample_responses`, then
all of them hold all rollouts; so everything after that is the same in one process and in several.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object

from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.optimisation import shard
from proxylab.policies.sequences import Dialogue
from proxylab.rewards.interface import RewardModel, checked_scores


class Rollout(NamedTuple):
    """One answered prompt; `gold` is NaN where nobody watches."""

    row: int
    dialogue: Dialogue
    score: float
    gold: float
    finished: bool


@dataclass(frozen=True)
class Judges:
    """The proxy, whose scores are learnt from, and the gold reward, which only watches."""

    proxy: RewardModel
    gold: RewardModel | None = None


def prompt_stream(prompts: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Prompts without end: each once, in a new order, before any again (detail 24)."""
    while True:
        for index in rng.permutation(len(prompts)):
            yield prompts[index]


def collect(
    policy: LanguageModelPolicy,
    judges: Judges,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    rng: np.random.Generator,
    accelerator: Accelerator,
) -> list[Rollout]:
    """Answer each prompt once and score the answers; all rollouts, in order, in every process.

    Each process draws with a seed of its own, all of them from `rng`.
    Raises ValueError for a score that is not finite, with its prompt and response.
    """
    seeds = rng.integers(2**31, size=accelerator.num_processes)
    rows = shard(range(len(prompts)), accelerator)
    samples = policy.sample(
        [prompts[row] for row in rows],
        n_samples=1,
        max_new_tokens=max_new_tokens,
        temperature=1.0,  # detail 22
        seed=int(seeds[accelerator.process_index]),
    )
    asked, answered = samples.prompts, samples.responses[:, 0].tolist()
    score = _scores(judges.proxy, asked, answered)
    gold = np.full(len(rows), np.nan)
    if judges.gold is not None:
        gold = _scores(judges.gold, asked, answered)
    own = list(
        map(Rollout, rows, samples.dialogues, score.tolist(), gold.tolist(), samples.finished[:, 0])
    )
    return sorted(gather_object(own), key=lambda rollout: rollout.row)


def _scores(judge: RewardModel, prompts: list[str], responses: list[str]) -> np.ndarray:
    scores = checked_scores(judge.name, judge.score(prompts, responses), len(prompts))
    for i in np.flatnonzero(~np.isfinite(scores))[:1]:
        raise ValueError(
            f"{judge.name} gave {scores[i]} to the response {responses[i][:60]!r} to the prompt "
            f"{prompts[i][-60:]!r}; a score must be finite"
        )
    return scores
