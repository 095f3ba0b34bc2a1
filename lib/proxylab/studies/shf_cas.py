"""The SHF-CAS study: one labelling budget, spent by every selector in turn, and what it bought.

All selectors share the pool, the proxy, the replayed pairs and the held-out prompts, so that they
differ in what was labelled and in nothing else. Each selector's loop is kept as it is finished: a
run that is killed goes on with the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.names import did_you_mean
from proxylab.policies import load_policy
from proxylab.profiles import Profile
from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.runs import ShfCas
from proxylab.selection import SELECTORS
from proxylab.shf_cas import (
    Annotator,
    Candidates,
    LoopSettings,
    NoisyAnnotator,
    RewardAnnotator,
    Round,
    VotesAnnotator,
    evaluate_round,
    mean_regret,
    run_loop,
    share_wrong,
    unmasked_logprobs,
)
from proxylab.studies.conflict_tasks import (
    HELD_OUT,
    POOL,
    TaskModels,
    candidates,
    ensemble_rewards,
    task_models,
)

GOLD, NOISY = "gold", "noisy"
TABLES = ("rounds", "held_out", "selected")
LOOP_CODE = (
    "shf_cas",
    "selection",
    "conflict",
    "policies/reweighting",
    "rewards/groups",
    "rewards/ranked",
    "rewards/neox",
    "rewards/shared_prefix",
    "rewards/backbone",
    "studies/shf_cas",
    "studies/conflict_tasks",
)


@dataclass(frozen=True)
class Setting:
    """Everything that the selectors of one run share."""

    settings: ShfCas
    profile: Profile
    models: TaskModels
    pool: Candidates
    held_out: Candidates
    seconds_sampling: float

    @cached_property
    def proxy(self) -> SequenceClassifierReward:
        """The biased proxy that every loop starts from."""
        return SequenceClassifierReward.load(self.models.proxy)

    @cached_property
    def ensemble(self) -> tuple[np.ndarray, float]:
        """Rewards of the ensemble on the pool, and the seconds that it took."""
        return ensemble_rewards(self.models, self.profile, self.settings.seed, self.pool)

    @property
    def selectors(self) -> tuple[str, ...]:
        """The selectors of this run, by name."""
        return self.settings.selectors or tuple(SELECTORS)

    def loop(self, selector: str) -> LoopSettings:
        """The loop of one selector: the profile's, where the run does not say otherwise."""
        scale = self.profile.conflict
        return LoopSettings(
            selector=selector,
            rounds=self.settings.rounds or scale.rounds,
            budget=self.settings.budget or scale.budget,
            logprob_kind=self.settings.logprob,
            training=scale.refinement,
            n_replay=scale.n_replay,
            kl=scale.kl,
            refit=self.settings.refit,
            faults=self.settings.faults,
            seed=self.settings.seed,
        )

    def cost(self) -> str:
        """What the run will cost, in refits, labels and completions trained on."""
        loop, epochs = self.loop(self.selectors[0]), self.profile.conflict.refinement.epochs
        labels = [round(loop.budget * (r + 1) / loop.rounds) for r in range(loop.rounds)]
        trained = sum(epochs * (n + 2 * loop.n_replay) for n in labels)
        return (
            f"{len(self.selectors)} selectors x {loop.rounds} refits; {loop.budget:,} labels and "
            f"about {trained:,} completions trained on for each selector"
        )


def prepare(settings: ShfCas, profile: Profile) -> Setting:
    """Models, pool and held-out prompts of one run, made or found made.

    Raises ValueError for a selector that does not exist, naming the nearest.
    """
    for name in settings.selectors:
        if name not in SELECTORS:
            raise ValueError(f"no selector `{name}`{did_you_mean(name, SELECTORS)}")
    models = task_models(profile, settings.task, settings.seed)
    pool, seconds = candidates(models, profile, settings.seed, POOL)
    held_out, _ = candidates(models, profile, settings.seed, HELD_OUT)
    if "unmasked_logprob" in settings.faults:
        policy, tokenizer = load_policy(models.policy)
        counted = unmasked_logprobs(policy, tokenizer, pool.prompts, pool.responses)
        pool = replace(pool, policy_logprob=counted)
    return Setting(settings, profile, models, pool, held_out, seconds)


def run_selectors(
    setting: Setting, *, progress: Callable[[str], None] | None = None
) -> dict[str, pd.DataFrame]:
    """Run the loop for every selector and return the tables of all of them.

    rounds: one row a selector and round: labels, comparisons, prompts touched, gold reward of the
    optimised policy, reward-model accuracy, how often the proxy was wrong where labels were
    bought, seconds by stage. held_out: one row a selector, round and held-out prompt. selected:
    prompts bought by selector, round and quadrant.
    """
    made = {name: [] for name in TABLES}
    for i, selector in enumerate(setting.selectors):
        folder = _loop_artifact(setting, selector)
        for name in TABLES:
            made[name].append(pd.read_parquet(folder / f"{name}.parquet"))
        if progress:
            last = made["rounds"][-1].iloc[-1]
            progress(
                f"{i + 1}/{len(setting.selectors)} {selector}: gold {last['gold']:.3f}, "
                f"accuracy {last['accuracy']:.3f}"
            )
    return {name: pd.concat(frames, ignore_index=True) for name, frames in made.items()}


def _loop_artifact(setting: Setting, selector: str) -> Path:
    run = setting.settings.model_dump(exclude={"profile", "selectors"})
    made_from = {"run": run, "loop": setting.loop(selector), "scale": setting.profile.conflict}
    made_from |= {"policy": setting.models.policy.name, "proxy": str(setting.models.proxy.parent)}

    def make(folder: Path) -> None:
        for name, table in zip(TABLES, _run_one(setting, selector), strict=True):
            table.to_parquet(folder / f"{name}.parquet")

    return cached_artifact("shf-cas", made_from, make, code=LOOP_CODE)


def _run_one(setting: Setting, selector: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables of one selector's loop."""
    loop = setting.loop(selector)
    ensemble, seconds = None, 0.0
    if "ensemble_reward" in SELECTORS[selector].needs:
        ensemble, seconds = setting.ensemble
    rounds, held_out, selected = [], [], []
    before: Round | None = None
    start: Round | None = None
    for state in run_loop(
        setting.proxy,
        setting.pool,
        annotator=annotator_of(setting),
        settings=loop,
        original_pairs=setting.models.original_pairs,
        ensemble_reward=ensemble,
        backbone=_backbone(setting) if loop.refit == "scratch" else None,
    ):
        start = start or state
        measured = evaluate_round(
            state, setting.held_out, start=start, pool=setting.pool, settings=loop
        )
        rounds.append(_round_row(setting, state, before, measured, seconds))
        numbered = measured.assign(prompt=np.arange(len(measured)))
        held_out.append(numbered.assign(round=state.index, n_labels=state.n_labels))
        if before is not None:
            selected.append(_selected(setting.pool, state, before))
        before = state
    frames = (pd.DataFrame(rounds), pd.concat(held_out), pd.concat(selected))
    return tuple(frame.assign(selector=selector).reset_index(drop=True) for frame in frames)


def annotator_of(setting: Setting) -> Annotator:
    """Who labels: the gold reward, the same with noise, or people through a votes file."""
    kind, gold = setting.settings.annotator, setting.models.gold
    if kind == GOLD:
        return RewardAnnotator(gold)
    if kind == NOISY:
        rng = np.random.default_rng([setting.settings.seed, 48])
        return NoisyAnnotator(gold, sd=setting.settings.annotator_noise, rng=rng)
    if Path(kind).is_file():
        return VotesAnnotator.read(kind)
    raise ValueError(
        f"annotator={kind!r} is neither a kind of annotator nor a votes file"
        f"{did_you_mean(kind, (GOLD, NOISY))}"
    )


def _backbone(setting: Setting) -> SequenceClassifierReward:
    """The base language model with a fresh head: what the paper trains a new reward model from."""
    return SequenceClassifierReward.from_card(
        with_fresh_head(setting.models.base, setting.settings.seed),
        setting.proxy.tokenizer,
        setting.proxy.card,
        name="backbone",
    )


def _round_row(setting, state: Round, before: Round | None, measured, seconds_ensemble) -> dict:
    row = {
        "round": state.index,
        "n_labels": state.n_labels,
        "n_comparisons": state.n_comparisons,
        "n_prompts": int(state.chosen.any(axis=1).sum()),
        "seconds_sampling": setting.seconds_sampling,
        "seconds_ensemble": seconds_ensemble,
        **{f"seconds_{stage}": value for stage, value in state.seconds.items()},
    }
    for name in ("gold", "accuracy", "conflict_proxy", "conflict_gold", "tau_gold"):
        row[name] = float(measured[name].mean())
    if before is not None:
        new = state.chosen & ~before.chosen
        rewards = before.pool_reward, setting.pool.gold_reward
        row |= {"share_wrong": share_wrong(new, *rewards), "regret": mean_regret(new, *rewards)}
    return row


def _selected(pool: Candidates, state: Round, before: Round) -> pd.DataFrame:
    new = (state.chosen & ~before.chosen).any(axis=1)
    counts = pd.Series(pool.quadrant[new]).value_counts()
    return pd.DataFrame(
        {"quadrant": counts.index, "n_prompts": counts.to_numpy(), "round": state.index}
    )
