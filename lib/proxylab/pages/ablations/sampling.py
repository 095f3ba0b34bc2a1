"""What conflict detection depends on, first: how many completions are drawn, and how warm.

Targeting Misalignment shows no such ablation that could be read; its released code's settings are
marked.
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.conflict.thresholds import RELEASED_SAMPLES
from proxylab.pages.ablations.detection import (
    CONFLICT,
    TAU,
    TAUGHT,
    changes,
    detection,
    few_seeds,
    in_task_order,
    measured,
)
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import verdicts_in_words
from proxylab.plots import curves, publish
from proxylab.plots.style import GREY
from proxylab.tables import joined, number, show_table

SWEEPS = {
    "samples": ("k", "completions a prompt (K)", "K"),
    "temperature": ("sampled_at", "sampling temperature", "temperature"),
}
RELEASED_TEMPERATURE = 0.7  # of the released code


@cache
def sampling_areas(
    profile: str, score: str = CONFLICT, *, taught: str | None = None
) -> pd.DataFrame:
    """Area by task, sweep and setting, over all prompts or those of one kind of topic.

    `at` is the value of the sweep's parameter; `base` labels the row of the usual setting.
    """
    rows = measured(profile, "sampling")
    rows = rows if taught is None else rows[rows["taught"] == taught]
    areas = detection(rows, ["task", "sweep", "k", "sampled_at"], score)
    column = areas["sweep"].map({sweep: column for sweep, (column, *_) in SWEEPS.items()})
    areas["at"] = [areas.loc[i, name] for i, name in column.items()]
    usual = areas["sweep"].map({sweep: usual_setting(rows, sweep) for sweep in set(rows["sweep"])})
    at_base = areas[areas["at"] == usual].reset_index().set_index(["task", "sweep"])["index"]
    base = [at_base.get((row.task, row.sweep), np.nan) for row in areas.itertuples()]
    return areas.assign(base=base)


@cache
def sampling_changes(profile: str, *, taught: str | None = None) -> pd.DataFrame:
    """Every other setting against the one that both sweeps share: change of the area."""
    areas = sampling_areas(profile, taught=taught)
    return changes(areas, areas["base"], ["task", "sweep", "at"])


def usual_setting(rows: pd.DataFrame, sweep: str) -> float:
    """The value that a sweep's parameter has in the other sweep, or else its smallest."""
    column = SWEEPS[sweep][0]
    own = set(rows.loc[rows["sweep"] == sweep, column])
    other = set(rows.loc[rows["sweep"] != sweep, column])
    return min(own & other or own)


def sampling_figure(profile: str, *, label: str) -> Markdown:
    """Area against K and against temperature, where the policy was taught and where not."""
    rows = measured(profile, "sampling")
    areas = {name: sampling_areas(profile, taught=name) for name in TAUGHT.values()}
    parts = {
        (taught, sweep): table[table["sweep"] == sweep].dropna(subset="value")
        for taught, table in areas.items()
        for sweep in SWEEPS
    }

    def draw(figure) -> None:
        axes = figure.subplots(len(TAUGHT), len(SWEEPS), sharey=True, squeeze=False)
        for i, taught in enumerate(TAUGHT.values()):
            for j, (sweep, (column, name, _)) in enumerate(SWEEPS.items()):
                ax, part = axes[i, j], parts[taught, sweep]
                ax.axhline(0.5, color=GREY, lw=1, ls=(0, (4, 3)))
                ax.set_title(taught)
                if len(part):
                    curves(ax, part, x=column, series="task", xlabel=name, ylabel="AUROC")
                    ax.set_xticks(sorted(part[column].unique()))

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.6, 5.6),
        caption="How well mean |PACS| finds prompts where the proxy is wrong, against completions "
        "a prompt (left) and sampling temperature (right), where the policy was taught the topic "
        f"(above) and where it was not (below). {judged_on(rows)} {seeds_in_words(rows)}, "
        f"{rows.groupby(['task', 'seed'])['prompt'].nunique().max()} prompts a task and seed; 95 % "
        "intervals over seeds and prompts. Dashed: chance.",
        alt="Lines with bands, one a task, in four panels. " + _areas_in_words(parts),
    )


def judged_on(rows: pd.DataFrame) -> str:
    """On which completions of the sweep over K the proxy was judged wrong, in a sentence.

    Runs recorded without `judged_on` judged it on the same completions as conflict.
    """
    own = rows[rows["sweep"] == "samples"]
    if own.empty:
        return ""
    if "judged_on" not in own or own["judged_on"].isna().any():
        return (
            "For each K conflict and whether the proxy is wrong are both of the first K "
            "completions, so what is to be found moves with K, in favour of a small one."
        )
    return (
        "For each K conflict is that of the first K completions; whether the proxy is wrong is "
        f"judged on all {own['judged_on'].max():g}, and so the same for every K."
    )


def _areas_in_words(parts: dict) -> str:
    said = []
    for (taught, sweep), part in parts.items():
        for row in part.to_dict("records"):
            setting = f"{SWEEPS[sweep][2]} {row[SWEEPS[sweep][0]]:g}"
            said.append(f"{taught}, {row['task']}, {setting}: {number(row['value'])}.")
    return " ".join(said)


def sampling_table(profile: str, *, label: str) -> Markdown:
    """Area of both metrics over all prompts by setting, with the change from the usual one."""
    areas, other = sampling_areas(profile), sampling_areas(profile, TAU)
    change = sampling_changes(profile).set_index(["task", "sweep", "at"])
    change = pd.Series(joined(change, stacked=True), index=change.index, dtype=object)
    shown = pd.DataFrame(
        {
            "task": areas["task"],
            "setting": [f"{SWEEPS[row.sweep][2]} {row.at:g}" for row in areas.itertuples()],
            "undefined": [
                number(100 * (1 - share), 1) for share in areas["n"] / areas["n_prompts"]
            ],
            "wrong": [number(100 * share, 1) for share in areas["wrong"]],
            "conflict": joined(areas, stacked=True),
            "tau": joined(other, stacked=True),
            "change": [
                change.get((row.task, row.sweep, row.at), "(usual)") for row in areas.itertuples()
            ],
        }
    )
    return show_table(
        in_task_order(shown),
        label=label,
        caption="AUROC for a wrong proxy over all prompts, of conflict (mean |PACS|) and of the "
        "Kendall-Tau distance, and the change of the first "
        "from the study's usual setting, each over the prompts where it is defined; "
        f"{seeds_in_words(measured(profile, 'sampling'))}, [95 % interval over seeds and "
        "prompts]. Undefined: conflict or the proxy's correctness is not defined on the "
        "prompt. The released code [C] draws "
        f"{RELEASED_SAMPLES} completions at temperature {RELEASED_TEMPERATURE:g}.",
        names={"undefined": "undefined (%)", "wrong": "wrong (%)", "tau": "Kendall-Tau"},
        text=("task", "setting"),
    )


def sampling_sentence(profile: str) -> Markdown:
    """Which settings change what conflict finds, and which differences are noise."""
    parts = {"AUROC over all prompts": None}
    parts |= {f"AUROC, {name}": name for name in TAUGHT.values()}
    said = [_changes_in_words(profile, what, taught) for what, taught in parts.items()]
    return Markdown("\n\n".join([*said, *few_seeds(measured(profile, "sampling"))]))


def _changes_in_words(profile: str, what: str, taught: str | None) -> str:
    table = sampling_changes(profile, taught=taught)
    areas = sampling_areas(profile, taught=taught)
    names = [
        f"{row.task}, {SWEEPS[row.sweep][2]} {row.at:g} against {areas.loc[row.base, 'at']:g}"
        for row in table.itertuples()
    ]
    return verdicts_in_words(table, pd.Series(names, index=table.index, dtype=object), what=what)
