"""Running the arms of one run: train each policy once, measure it, gather the tables.

An arm is kept as it is finished, its policy beside its tables: a run that is killed goes on with
the next arm.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pandas as pd

from proxylab.alignment import align
from proxylab.alignment.interface import Aligned, History
from proxylab.alignment.monitor import Monitor
from proxylab.artifacts import cached_artifact
from proxylab.hub_revisions import source_identity
from proxylab.rewards.interface import RewardModel
from proxylab.studies.alignment.arms import CHOOSING, Arm, planned_arms
from proxylab.studies.alignment.choosing import choice_table
from proxylab.studies.alignment.evaluation import (
    evaluation_tables,
    gold_table,
    perturbed_table,
    preference_table,
    proxy_tables,
)
from proxylab.studies.alignment.proxies import proxy_named
from proxylab.studies.alignment.setting import CODE, Setting
from proxylab.studies.alignment.signals import ranked_groups, training_pairs

START = "start"
POLICY = "policy"


def run_arms(
    setting: Setting, *, progress: Callable[[str], None] | None = None
) -> dict[str, pd.DataFrame]:
    """Make and measure every arm of the run; returns its tables, rows told apart by arm.

    Trained arms: "arms" (one row an arm: counts, seconds), "steps" (one row an optimiser's step),
    "measured" (checkpoints on monitoring prompts), "evaluation" and "wins" (test prompts; arm ""
    is the start policy), "perturbed" and "preference" (arms that learn from pairs), "proxies"
    (accuracy of each proxy, on pairs and on the start policy's completions). Best-of-n and the
    exact optimum: "choices" and "proxies". On real text also "labels", what stands for gold
    against the published labels.
    """
    arms = planned_arms(setting.settings, setting.profile.alignment)
    frames: dict[str, list[pd.DataFrame]] = {}
    for number, arm in enumerate([*_starts(arms), *arms], 1):
        tables = _tables_of(arm, setting)
        for name, table in tables.items():
            frames.setdefault(name, []).append(table.assign(**arm.columns()))
        if progress:
            progress(f"{number}/{len(arms) + len(_starts(arms))} {_result_line(arm, tables)}")
    frames["proxies"] = [_proxy_rows(arm, setting) for arm in arms if arm.proxy]
    if setting.world is None:
        frames["labels"] = [_gold_rows(setting)]
    made = {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items() if parts}
    return {name: table for name, table in made.items() if len(table)}


def cost(setting: Setting) -> str:
    """What the run will cost, in arms, optimiser steps and completions."""
    scale = setting.profile.alignment
    arms = planned_arms(setting.settings, scale)
    if arms[0].algorithm in CHOOSING:
        n = min(scale.n_choice_prompts, len(setting.test_prompts))
        return f"{len(arms)} arms over {n:,} prompts x {scale.n_candidates} completions, drawn once"
    own = scale.settings_of(arms[0].algorithm)
    if arms[0].algorithm == "ppo":
        work = f"{own.n_steps} steps of {own.rollouts_per_step} rollouts"
    else:
        work = f"{own.epochs:g} epochs in batches of {own.batch_size}"
    measured = len(setting.test_prompts) * scale.n_samples
    return f"{len(arms)} arms, each {work}; each measured on {measured:,} completions"


def _starts(arms: list[Arm]) -> list[Arm]:
    """The start policy of each size, an arm that does nothing; none where nothing is trained."""
    if arms[0].algorithm in CHOOSING:
        return []
    return [Arm(START, size) for size in dict.fromkeys(arm.size for arm in arms)]


def _tables_of(arm: Arm, setting: Setting) -> dict[str, pd.DataFrame]:
    """The tables of one arm, made or found made."""

    def make(folder: Path) -> None:
        tables = (
            {"choices": choice_table(arm, setting)}
            if arm.algorithm in CHOOSING
            else _train_and_measure(arm, setting, folder / POLICY)
        )
        for name, table in tables.items():
            table.to_parquet(folder / f"{name}.parquet")

    folder = cached_artifact("aligned", _identity(arm, setting), make, code=CODE)
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def _identity(arm: Arm, setting: Setting) -> dict:
    """Everything that an arm's numbers depend on, other arms' settings left out."""
    own = setting.profile.alignment.settings_of(arm.algorithm)
    return {
        **setting.identity(),
        "arm": {"algorithm": arm.algorithm, **arm.columns()},
        "own": None if own is None else own.model_dump(mode="json"),
        "start": setting.start_folder(arm.size).name,
        "proxy": source_identity(arm.proxy),
    }


def _train_and_measure(arm: Arm, setting: Setting, out: Path) -> dict[str, pd.DataFrame]:
    proxy = proxy_named(arm.proxy, arm.bias, setting) if arm.proxy else None
    start, started = setting.start(arm.size), perf_counter()
    aligned = Aligned(start, History()) if arm.algorithm == START else _align(arm, proxy, setting)
    seconds = perf_counter() - started
    tables = evaluation_tables(aligned.policy, start, proxy, setting)
    if not arm.proxy:
        tables["perturbed"] = perturbed_table(aligned.policy, setting)
        tables["preference"] = preference_table(aligned.policy, start, setting)
    if arm.algorithm != START:
        aligned.policy.save(out)
        history = aligned.history
        tables |= {"steps": history.steps, "measured": history.measured}
        tables["arms"] = pd.DataFrame([{"seconds": seconds, **history.facts}])
    return tables


def _align(arm: Arm, proxy: RewardModel | None, setting: Setting) -> Aligned:
    scale = setting.profile.alignment
    changed = {"seed": setting.settings.seed} | ({} if arm.beta is None else {"beta": arm.beta})
    if arm.algorithm == "ppo":
        changed["max_new_tokens"] = setting.max_new_tokens
    signal = {
        "pro": lambda: ranked_groups(proxy, setting),
        "ppo": lambda: proxy,
    }.get(arm.algorithm, lambda: training_pairs(arm, proxy, setting))()
    return align(
        setting.start(arm.size),
        signal,
        scale.settings_of(arm.algorithm).model_copy(update=changed),
        prompts=setting.train_prompts["prompt"].tolist() if arm.algorithm == "ppo" else None,
        monitor=_monitor(proxy, setting),
        progress=lambda line: print(f"{arm.algorithm} {arm.name}: {line}", flush=True),
    )


def _monitor(proxy: RewardModel | None, setting: Setting) -> Monitor:
    scale = setting.profile.alignment
    return Monitor(
        prompts=setting.test_prompts["prompt"].tolist()[: scale.n_monitor_prompts],
        proxy=proxy,
        gold=setting.gold,
        n_samples=scale.n_monitor_samples,
        max_new_tokens=setting.max_new_tokens,
        n_checkpoints=scale.n_checkpoints,
        seed=setting.settings.seed,
    )


def _proxy_rows(arm: Arm, setting: Setting) -> pd.DataFrame:
    """How often an arm's proxy is right, by subset: on cleaned pairs, and on the start policy's
    own completions (`judged` "pairs" and "completions")."""
    found = proxy_tables(arm.proxy, arm.bias, setting)
    rows = [
        table.assign(judged=judged)
        for judged, table in zip(("pairs", "completions"), found, strict=True)
    ]
    return pd.concat(rows, ignore_index=True).assign(**arm.columns())


def _gold_rows(setting: Setting) -> pd.DataFrame:
    """`gold_table`, which all runs on the same data share."""

    def make(folder: Path) -> None:
        gold_table(setting).to_parquet(folder / "labels.parquet")

    folder = cached_artifact("gold-labels", setting.identity(), make, code=CODE)
    return pd.read_parquet(folder / "labels.parquet")


def _result_line(arm: Arm, tables: dict[str, pd.DataFrame]) -> str:
    """One line for whoever waits."""
    table = tables.get("evaluation", tables.get("choices"))
    return f"{arm.algorithm} {arm.name}: gold {table['gold'].mean():.3f}"
