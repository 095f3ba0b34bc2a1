"""The SHF-CAS study: one labelling budget, spent by every selector in turn, and what it bought.

All selectors share the pool, the proxy, the replayed pairs and the held-out prompts, so that they
differ in what was labelled and in nothing else. Each selector's loop is kept as it is finished: a
run that is killed goes on with the next one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.shf_cas import Candidates, Round, evaluate_round, mean_regret, share_wrong
from proxylab.studies.shf_cas_setting import Setting, needs_ensemble, prepare, rounds_of

__all__ = ["LOOP_CODE", "TABLES", "prepare", "run_selectors"]

TABLES = ("rounds", "held_out", "selected")
LOOP_CODE = (
    "bias",
    "shf_cas",
    "selection",
    "conflict",
    "policies/reweighting",
    "rewards/groups",
    "rewards/ranked",
    "rewards/ranked_loss",
    "policies/lora",
    "machine/device",
    "rewards/neox",
    "rewards/shared_prefix",
    "rewards/backbone",
    "studies/shf_cas",
    "studies/shf_cas_setting",
    "studies/tasks",
)


def run_selectors(
    setting: Setting, *, progress: Callable[[str], None] | None = None
) -> dict[str, pd.DataFrame]:
    """Run the loop for every selector and return the tables of all of them.

    rounds: one row a selector and round: labels, comparisons, prompts touched, gold reward of the
    optimised policy, reward-model accuracy, how often the proxy was wrong where labels were
    bought, seconds by stage. held_out: one row a selector, round and held-out prompt. selected:
    prompts bought by selector, round and quadrant. Where each fault has a loop of its own, `fault`
    names it in all three.
    """
    loops = [(arm, selector) for arm in setting.arms for selector in setting.selectors]
    made = {name: [] for name in TABLES}
    for i, (arm, selector) in enumerate(loops):
        tables = _loop_tables(arm, selector)
        for name in TABLES:
            made[name].append(_of_arm(tables[name], arm, setting))
        if progress:
            last = tables["rounds"].iloc[-1]
            named = " ".join([selector, *arm.settings.faults])
            progress(
                f"{i + 1}/{len(loops)} {named}: gold {last['gold']:.3f}, "
                f"accuracy {last['accuracy']:.3f}"
            )
    return {name: pd.concat(frames, ignore_index=True) for name, frames in made.items()}


def _of_arm(table: pd.DataFrame, arm: Setting, setting: Setting) -> pd.DataFrame:
    """The table, with the fault of its loop where one run holds several."""
    return table if arm is setting else table.assign(fault=arm.settings.faults[0])


def _loop_tables(setting: Setting, selector: str) -> dict[str, pd.DataFrame]:
    folder = _loop_artifact(setting, selector)
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


def _loop_artifact(setting: Setting, selector: str) -> Path:
    run = setting.settings.model_dump(exclude={"profile", "selectors"})
    models, votes = setting.models, Path(setting.settings.annotator)
    made_from = {"run": run, "loop": setting.loop(selector), "scale": setting.profile.conflict}
    made_from |= {"policy": models.policy.name, "proxy": models.proxy.parent.name}
    made_from |= {"gold": models.gold_identity, "sampling": asdict(models.sampling)}
    made_from |= {"pool": setting.pool.fingerprint, "held_out": setting.held_out.fingerprint}
    if votes.is_file():
        made_from["votes"] = hashlib.sha256(votes.read_bytes()).hexdigest()

    def make(folder: Path) -> None:
        for name, table in zip(TABLES, _run_one(setting, selector), strict=True):
            table.to_parquet(folder / f"{name}.parquet")

    return cached_artifact("shf-cas", made_from, make, code=LOOP_CODE)


def _run_one(setting: Setting, selector: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables of one selector's loop."""
    loop = setting.loop(selector)
    seconds = setting.ensemble[1] if needs_ensemble(selector) else 0.0
    rounds, held_out, selected = [], [], []
    before: Round | None = None
    start: Round | None = None
    for state in rounds_of(setting, selector):
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
