"""JudgeBench's published reward models: who can be told from whom, and what it would take."""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.usual import first_seed, usual
from proxylab.plots import forest, publish
from proxylab.plots.maps import forest_panels
from proxylab.plots.style import GREY
from proxylab.results import gather
from proxylab.tables import joined, number, show_table

NOTEBOOK = "measure_scores"
TASKS = {"knowledge": "knowledge", "reasoning": "reasoning", "math": "maths", "coding": "coding"}


def short(name: str) -> str:
    """A model's name without its owner and what all of them share."""
    own = name.split("/")[-1]
    for part in ("Skywork-Reward-", "-rewardmodel-ft", "-reward"):
        own = own.replace(part, "" if part.startswith("-") else "Skywork-")
    return own


def recorded(profile: str, table: str) -> pd.DataFrame:
    """A table of the published models' scores."""
    where = usual(NOTEBOOK, profile)
    return first_seed(gather(NOTEBOOK, table, profile=profile, where=where), of="scores")


def comparison_rows(profile: str) -> pd.DataFrame:
    """Every two models, the better one named first, largest difference first, in points."""
    table = _better_first(recorded(profile, "power"))
    return table.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)


def task_rows(profile: str) -> pd.DataFrame:
    """The same within each task (column task), in the order recorded."""
    table = _better_first(recorded(profile, "by_task"))
    return table.assign(task=table["subset"].map(task_name))


def task_name(subset: str) -> str:
    """What a task of the data set is called."""
    return TASKS[subset.removeprefix("judgebench-")]


def _better_first(table: pd.DataFrame) -> pd.DataFrame:
    turned = table["difference"] < 0
    first = table["model_a"].mask(turned, table["model_b"]).map(short)
    second = table["model_b"].mask(turned, table["model_a"]).map(short)
    sign = np.where(turned, -1, 1)
    limits = np.sort(np.stack([sign * table["low"], sign * table["high"]]), axis=0)
    return table.assign(
        names=[f"{a} less {b}" for a, b in zip(first, second, strict=True)],
        value=100 * table["difference"].abs(),
        low=100 * limits[0],
        high=100 * limits[1],
    )


def n_models(profile: str) -> int:
    """How many models were scored on these pairs."""
    table = recorded(profile, "power")
    return len({*table["model_a"], *table["model_b"]})


def told_apart_figure(profile: str) -> Markdown:
    """All differences with their intervals, and what so many pairs could have told."""
    table = comparison_rows(profile)
    low, high = (100 * f(table["detectable"]) for f in (np.min, np.max))
    n = int(table["n"].iloc[0])

    def draw(figure) -> None:
        ax = figure.subplots()
        ax.axvspan(low, high, color=GREY, alpha=0.25, lw=0, label="told 8 times in 10")
        forest(
            ax,
            table,
            rows="names",
            xlabel="difference in accuracy (points)",
            reference=0,
            reference_label="none",
        )

    words = [f"{row.names}: {number(row.value, 1)}." for row in table.itertuples()]
    return publish(
        "judgebench-apart",
        draw,
        profile=profile,
        size=(7.6, 1.1 + 0.3 * len(table)),
        caption=f"Differences in accuracy of every two of {n_models(profile)} published reward "
        f"models on {n} pairs, with paired 95 % intervals (bootstrap over pairs). Grey: the "
        f"smallest differences that {n} pairs tell from none with 80 % power at 5 %, given how "
        f"often the two disagree [@connor1987sample], before any correction for {len(table)} "
        "tests.",
        alt=f"{len(table)} dots with intervals: {' '.join(words)} A band "
        f"from {number(low, 1)} to {number(high, 1)} points marks what could have been told.",
    )


def power_table(profile: str) -> Markdown:
    """Difference, p, what could have been told, and the pairs that would tell the gap."""
    table = comparison_rows(profile)
    shown = pd.DataFrame(
        {
            "models": table["names"],
            "difference": joined(table, digits=1),
            "p": [number(p, 3) for p in table["p"]],
            "holm": [number(p, 2) for p in table["p_holm"]],
            "discordant": [number(100 * share, 1) for share in table["discordant"]],
            "detectable": [number(100 * d, 1) for d in table["detectable"]],
            "needed": [f"{n:,.0f}" if np.isfinite(n) else "no number" for n in table["needed"]],
        }
    )
    return show_table(
        shown,
        label="judgebench-power",
        caption=f"Every two models on {int(table['n'].iloc[0])} pairs: difference in points [95 % "
        f"interval], exact McNemar p, the same after Holm's correction over {len(table)}; the "
        "share of pairs (%) on which only one of them is right; the smallest difference (points) "
        "that would be told with 80 % power at 5 %, and how many pairs the observed one would "
        "need, both uncorrected [@connor1987sample].",
        names={"holm": "p, Holm", "detectable": "could be told", "needed": "pairs needed"},
        text=("models",),
    )


def apart_sentence(profile: str) -> Markdown:
    """Who can be told from whom, over all pairs and task by task."""
    table, tasks = comparison_rows(profile), recorded(profile, "by_task")
    n_told, told = int(table["distinguishable"].sum()), tasks[tasks["distinguishable"]]
    smallest = 100 * table["detectable"].min()
    finite = table["needed"][np.isfinite(table["needed"])]
    alone = int((tasks["p"] < 0.05).sum())
    by_task = (
        f"{len(told)} of {len(tasks)} comparisons within a task survive it"
        if len(told)
        else f"none of the {len(tasks)} comparisons within a task survives it either ({alone} "
        f"would be below 5 % alone, where chance makes about {0.05 * len(tasks):.0f})"
    )
    return Markdown(
        f"Of {len(table)} comparisons, {n_told or 'none'} survive{'' if n_told > 1 else 's'} "
        f"Holm's correction, and {by_task}. The widest gap is "
        f"{number(table['value'].max(), 1)} points; "
        f"with {int(table['n'].iloc[0])} pairs even the easiest comparison needs "
        f"{number(smallest, 1)} to be told eight times in ten. To tell the observed gaps would "
        f"take between {finite.min():,.0f} and {finite.max():,.0f} pairs."
    )


def task_figure(profile: str) -> Markdown:
    """Accuracy of every model, a panel a task."""
    table = recorded(profile, "accuracy")
    table = table[table["subset"] != MIXED]
    table = table.assign(
        model=table["model"].map(short),
        task=table["subset"].map(task_name),
    )
    table["task"] = table["task"] + " (" + table["n"].astype("str") + ")"
    for column, name in (("value", "accuracy"), ("low", "low"), ("high", "high")):
        table[column] = 100 * table[name]
    words = [f"{row.task}, {row.model}: {number(row.value, 0)}." for row in table.itertuples()]

    def draw(figure) -> None:
        forest_panels(
            figure.subplots(1, table["task"].nunique(), sharex=True),
            table,
            rows="model",
            panels="task",
            xlabel="accuracy (%)",
            reference=50,
        )

    return publish(
        "judgebench-tasks",
        draw,
        profile=profile,
        size=(8.4, 2.6),
        caption="Accuracy by task (number of pairs), 95 % Wilson intervals; dashed: a coin.",
        alt=f"{table['task'].nunique()} panels of dots with intervals. {' '.join(words)}",
    )
