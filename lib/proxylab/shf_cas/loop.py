"""SHF-CAS: choose completions by conflict, have them labelled, refit the reward model, again.

Targeting Misalignment (arXiv 2512.09212), selective human-in-the-loop feedback by conflict-aware
sampling. Any selector can choose, so that rivals differ in nothing else: replayed pairs, seed of
training and annotator are the same. A refit always starts from the original proxy (or, as in the
paper, from the backbone) and sees all labels so far in the order of the prompts; so the model
depends on which completions have labels, not on when they came. Left out: optimising a policy,
which `evaluate` does in closed form; the paper runs PPO.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pandas as pd

from proxylab.names import did_you_mean
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import (
    RankedGroup,
    groups_of_pairs,
    n_comparisons,
)
from proxylab.rewards.ranked import refine_reward_model
from proxylab.selection import SELECTORS, Pool, Selector
from proxylab.shf_cas.annotators import Annotator
from proxylab.shf_cas.candidates import Candidates
from proxylab.shf_cas.faults import selection_reward, training_labels
from proxylab.shf_cas.settings import LoopSettings

SELECTION, REPLAY = 1, 2  # streams of random numbers
STAGES = ("score", "select", "label", "refine")


@dataclass(frozen=True, eq=False)
class Round:
    """The state after one round; arrays `(n_prompts, n_samples)` over the pool.

    index: 0 before any label. n_labels: completions with a label. n_comparisons: that these make.
    chosen: completions that the annotator was asked for so far, answered or not; they are what
    the budget counts. labels: NaN = none. reward_model and its rewards of the pool, pool_reward;
    reward_when_labelled: those from before a refit had learnt from the prompt's labels.
    trained_on: the groups of the refit (index 0: pairs of the proxy's own data). seconds: by stage
    of this round, 0 for what it did not do.
    """

    index: int
    n_labels: int
    n_comparisons: int
    chosen: np.ndarray
    labels: np.ndarray
    reward_model: SequenceClassifierReward
    pool_reward: np.ndarray
    reward_when_labelled: np.ndarray
    trained_on: list[RankedGroup] = field(repr=False)
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Loop:
    """What stays the same through all rounds."""

    proxy: SequenceClassifierReward
    start: SequenceClassifierReward  # of every refit
    pool: Candidates
    annotator: Annotator
    settings: LoopSettings
    selector: Selector
    replay: list[RankedGroup]
    ensemble_reward: np.ndarray | None

    def seen_by_selector(self, before: Round) -> Pool:
        """The pool with the current rewards and labels; who was asked in vain is padding."""
        unanswered = before.chosen & np.isnan(before.labels)
        return Pool(
            proxy_reward=selection_reward(before.pool_reward, self.settings.faults),
            policy_logprob=np.where(unanswered, np.nan, self.pool.policy_logprob),
            n_tokens=self.pool.n_tokens,
            responses=self.pool.responses,
            region=self.pool.region,
            ensemble_reward=self.ensemble_reward,
            labels=before.labels,
            reward_when_labelled=selection_reward(
                before.reward_when_labelled, self.settings.faults
            ),
            gold_reward=self.pool.gold_reward,
            logprob_kind=self.settings.logprob_kind,
        )

    def label_groups(self, labels: np.ndarray) -> list[RankedGroup]:
        """The labelled completions of each prompt, prompts in the order of the pool."""
        labels = training_labels(labels, self.settings.faults)
        return [
            RankedGroup(
                self.pool.prompts[i],
                tuple(self.pool.responses[i, has]),
                tuple(labels[i, has].tolist()),
            )
            for i, has in enumerate(~np.isnan(labels))
            if has.any()
        ]


def run_loop(
    proxy: SequenceClassifierReward,
    pool: Candidates,
    *,
    annotator: Annotator,
    settings: LoopSettings,
    original_pairs: pd.DataFrame,
    selector: Selector | None = None,
    ensemble_reward: np.ndarray | None = None,
    backbone: SequenceClassifierReward | None = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Round]:
    """Run the loop; yields the state before any label and after each round.

    Conflict is measured between the current reward model and the base policy. Everything random
    comes from `settings.seed`: selection from it and the round's number, replay and training from
    it alone, the same for every selector.
    Arguments: `proxy`, left as it is; `pool`, what may be labelled; `original_pairs`, pair frame
    that the proxy was trained on; `selector`, by default the one that `settings` names;
    `ensemble_reward` `(n_members, n_prompts, n_samples)`, for selectors that need it; `backbone`,
    the pretrained model with a fresh head, which `refit="scratch"` starts from.
    Raises ValueError, before any work, for an unknown selector, a budget over what the pool has,
    more replay than original pairs, or a refit from scratch without a backbone.
    """
    _check(pool, settings, original_pairs, backbone)
    loop = _Loop(
        proxy=proxy,
        start=backbone if settings.refit == "scratch" else proxy,
        pool=pool,
        annotator=annotator,
        settings=settings,
        selector=selector or _selector(settings.selector),
        replay=groups_of_pairs(_replay(original_pairs, settings)),
        ensemble_reward=ensemble_reward,
    )
    return _rounds(loop, progress or (lambda line: None))


def _rounds(loop: _Loop, progress: Callable[[str], None]) -> Iterator[Round]:
    state = _first_round(loop)
    yield state
    for budget in loop.settings.budgets:
        state = _next_round(loop, state, budget)
        progress(
            f"round {state.index}/{loop.settings.rounds}: {state.n_labels:,} labels, "
            f"{state.n_comparisons:,} comparisons, {sum(state.seconds.values()):.1f} s"
        )
        yield state


def _first_round(loop: _Loop) -> Round:
    seconds = dict.fromkeys(STAGES, 0.0)
    with _timed(seconds, "score"):
        reward = loop.pool.scored_by(loop.proxy)
    return Round(
        index=0,
        n_labels=0,
        n_comparisons=0,
        chosen=np.zeros(loop.pool.shape, bool),
        labels=np.full(loop.pool.shape, np.nan),
        reward_model=loop.proxy,
        pool_reward=reward,
        reward_when_labelled=reward,
        trained_on=loop.replay,
        seconds=seconds,
    )


def _next_round(loop: _Loop, before: Round, budget: int) -> Round:
    pool, seed, index = loop.pool, loop.settings.seed, before.index + 1
    seconds = dict.fromkeys(STAGES, 0.0)
    with _timed(seconds, "select"):
        rng = np.random.default_rng([seed, SELECTION, index])
        chosen = before.chosen | loop.selector(loop.seen_by_selector(before), budget, rng=rng)
    with _timed(seconds, "label"):
        labels = loop.annotator.label(pool.prompts, pool.responses, chosen)
    groups = loop.label_groups(labels)
    with _timed(seconds, "refine"):
        training = loop.settings.training.model_copy(update={"seed": seed})
        trained_on, name = loop.replay + groups, f"{loop.start.name}, round {index}"
        model, _ = refine_reward_model(loop.start, trained_on, training, name=name)
    with _timed(seconds, "score"):
        reward = pool.scored_by(model)
    return Round(
        index=index,
        n_labels=int((~np.isnan(labels)).sum()),
        n_comparisons=n_comparisons(groups),
        chosen=chosen,
        labels=labels,
        reward_model=model,
        pool_reward=reward,
        # What has learnt from a prompt's labels says nothing of whether the proxy was wrong there.
        reward_when_labelled=np.where(
            chosen.any(axis=1, keepdims=True), before.reward_when_labelled, reward
        ),
        trained_on=trained_on,
        seconds=seconds,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = perf_counter()
    yield
    seconds[stage] = perf_counter() - started


def _replay(original_pairs: pd.DataFrame, settings: LoopSettings) -> pd.DataFrame:
    """The original pairs of every refit: all from scratch, or the same random ones in each."""
    if settings.refit == "scratch":
        return original_pairs
    rng = np.random.default_rng([settings.seed, REPLAY])
    return original_pairs.iloc[rng.permutation(len(original_pairs))[: settings.n_replay]]


def _selector(name: str) -> Selector:
    if name not in SELECTORS:
        raise ValueError(f"no selector `{name}`{did_you_mean(name, SELECTORS)}")
    return SELECTORS[name]


def _check(
    pool: Candidates,
    settings: LoopSettings,
    original_pairs: pd.DataFrame,
    backbone: SequenceClassifierReward | None,
) -> None:
    n = int(pool.defined.sum())
    if settings.budget > n:
        raise ValueError(f"budget {settings.budget} exceeds the {n} completions of the pool")
    if settings.refit == "scratch" and backbone is None:
        raise ValueError('refit="scratch" needs `backbone`, the pretrained model with a fresh head')
    if settings.refit == "warm" and settings.n_replay > len(original_pairs):
        raise ValueError(
            f"n_replay {settings.n_replay} exceeds the {len(original_pairs)} original pairs"
        )
