"""Rows of the page on real text, and the world's rows that stand beside them.

A seed has a policy, a biased proxy, a coverage gap and samples of its own. Prompts are drawn anew
with every seed from one test split, so some of them come up in several seeds; seeds are the outer
unit of every interval, as in the world. Left out: what the rows mean.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from proxylab.pages.ablations.detection import POLICY_TAUGHT, PROXY_TAUGHT, TAUGHT, measured
from proxylab.plots import forest
from proxylab.results import MissingResults, Run, gather, load_runs
from proxylab.studies.data import WORLD

DATA = "hh-rlhf"
CPU, GPU = "cpu", "gpu"
CONFLICT, FEEDBACK, ALIGN = "measure_conflict", "shf_cas", "align"
TASKS = ("harmless", "helpful")
WORLD_TASKS = ("safety", "questions")  # those whose proxy has a gap in coverage, as here
IN_WORLD = "world: "
NO_NARROWER = "for fewer than ten seeds no narrower than Student's t over them"
QUADRANTS = ("both", "policy only", "proxy only", "neither")


@cache
def text_rows(
    profile: str, notebook: str, table: str, where: tuple[tuple[str, Any], ...] = ()
) -> pd.DataFrame:
    """One table of all runs of a text task, tasks in order; not to be written to.

    Arguments: `where` further conditions, as items of what `load_runs` takes.
    Raises MissingResults, which names a run of the first task.
    """
    asked = {"data": DATA, "task": TASKS, **dict(where)}
    try:
        rows = gather(notebook, table, profile=profile, where=asked)
    except MissingResults:
        raise MissingResults(
            notebook, profile=profile, where={"data": DATA, "task": TASKS[0]}
        ) from None
    return rows.sort_values("task", key=lambda names: names.map(TASKS.index), kind="stable")


def tasks_of(rows: pd.DataFrame) -> list[str]:
    """The tasks among the rows in order of appearance."""
    return list(dict.fromkeys(rows["task"]))


@cache
def prompts(profile: str) -> pd.DataFrame:
    """A row a held-out prompt of the text tasks, with `taught` in words; not to be written to."""
    rows = text_rows(profile, CONFLICT, "prompts")
    return rows.assign(taught=rows["quadrant"].isin(POLICY_TAUGHT).map(TAUGHT))


def world_runs(profile: str) -> list[Run]:
    """The runs in the world that stand beside those of text; none where none has been made.

    Of the profile itself, or of the default one: a profile made for a GPU has no world.
    """
    for name in dict.fromkeys((profile, CPU)):
        try:
            asked = {"data": WORLD, "task": WORLD_TASKS}
            return load_runs(CONFLICT, profile=name, where=asked)
        except MissingResults:
            continue
    return []


@cache
def world_prompts(profile: str) -> pd.DataFrame:
    """The world's rows of the tasks with a coverage gap; empty where there are none."""
    runs = world_runs(profile)
    if not runs:
        return pd.DataFrame()
    rows = measured(runs[0].record["profile"], "prompts")
    rows = rows[rows["task"].isin(WORLD_TASKS)]
    return rows.assign(task=IN_WORLD + rows["task"])


@cache
def beside_world(profile: str) -> pd.DataFrame:
    """`prompts` and below them `world_prompts`."""
    return pd.concat([prompts(profile), world_prompts(profile)], ignore_index=True)


def is_text(rows: pd.DataFrame) -> pd.Series:
    """Which rows are of real text."""
    return rows["task"].isin(TASKS)


def taught_to(rows: pd.DataFrame, who: str) -> pd.Series:
    """Whether each row's region was taught to the "policy" or the "proxy"."""
    known: Mapping[str, tuple[str, ...]] = {"policy": POLICY_TAUGHT, "proxy": PROXY_TAUGHT}
    return rows["quadrant"].isin(known[who])


def in_quadrant_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows from what both were taught to what neither was; stable."""
    return rows.sort_values("quadrant", key=lambda names: names.map(QUADRANTS.index), kind="stable")


def label(name: str, profile: str) -> str:
    """The label of a table or figure: the page can show two profiles, and labels are unique."""
    return f"text-{name}-gpu" if profile == GPU else f"text-{name}"


def forests(
    figure: Figure,
    table: pd.DataFrame,
    *,
    panels: Mapping[str, str],
    panel: str,
    rows: str,
    series: str | None,
    reference: float | None = None,
    share_x: bool = True,
) -> None:
    """One forest a panel, side by side, with one legend below.

    Arguments: `panels` the values of the column `panel` in order, and what the x axis of each is
    called; the rest as `plots.forest` takes it. All panels have the same rows and series, in the
    same order.
    """
    axes = figure.subplots(1, len(panels), sharey=True, sharex=share_x, squeeze=False)[0]
    names = list(dict.fromkeys(table[rows]))
    for ax, (value, xlabel) in zip(axes, panels.items(), strict=True):
        part = table[table[panel] == value]
        forest(ax, part, rows=rows, series=series, xlabel=xlabel, reference=reference)
        ax.locator_params(axis="x", nbins=5)
        handles, labels = ax.get_legend_handles_labels()
        if ax.get_legend():
            ax.get_legend().remove()
    axes[0].set_yticks(range(len(names)), names)
    kept = [(handle, name) for handle, name in zip(handles, labels, strict=True) if name]
    if len(kept) > 1:
        figure.legend(*zip(*kept, strict=True), loc="outside lower center", ncols=len(kept))


def bounded(found: pd.DataFrame, least: float, most: float) -> pd.DataFrame:
    """Rows (low, high) whose limits do not leave the range of what they are limits of."""
    return found.assign(**{edge: found[edge].clip(least, most) for edge in ("low", "high")})


def above(by_seed: np.ndarray | pd.Series, null: float) -> str:
    """'2 of 3': of how many seeds the value lies above the null value."""
    known = pd.Series(by_seed, dtype=float).dropna()
    return f"{int((known > null).sum())} of {len(known)}"
