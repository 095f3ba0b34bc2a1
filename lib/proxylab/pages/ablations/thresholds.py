"""Above which mean |PACS| is a prompt worth a label? Precision and recall of the threshold rule.

The released code of Targeting Misalignment labels every prompt above a threshold; its two values
are set beside one that has a stated level under independence.
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.conflict import RELEASED_THRESHOLDS
from proxylab.conflict.thresholds import RELEASED_SAMPLES
from proxylab.pages.ablations.detection import CONFLICT, measured
from proxylab.pages.pooling import seed_spread, seeds_in_words
from proxylab.pages.redraws import Redraws, limits, mean_draws
from proxylab.pages.usual import usual
from proxylab.pages.verdicts import judged, verdicts_in_words
from proxylab.plots import publish
from proxylab.plots.maps import marked_curves
from proxylab.plots.style import GREY
from proxylab.results import load_runs
from proxylab.tables import number, show_table, with_interval

SIMULATION = "simulate_conflict"
LEVEL = 0.05  # of the threshold that unrelated proxies and policies exceed as often
STEP = 0.05  # of the threshold axis
SHOWN = 0.97  # of the prompts lie below the end of the axis: beyond it precision is of a few


@cache
def released_marks(profile: str) -> dict[str, float]:
    """The released thresholds and the one of `LEVEL` at the released K, by name."""
    run = load_runs(SIMULATION, profile=profile, where=usual(SIMULATION, profile))[0]
    table = run.table("thresholds")
    same = (table["k"] == RELEASED_SAMPLES) & np.isclose(table["level"], LEVEL)
    calibrated = float(table.loc[same, "threshold"].iloc[0])
    released = {f"{value:.1f} (released [C])": value for value in RELEASED_THRESHOLDS.values()}
    return released | {f"{calibrated:.2f} ({100 * LEVEL:g} % level)": calibrated}


def threshold_rows(rows: pd.DataFrame, thresholds: list[float]) -> pd.DataFrame:
    """Precision, recall, share selected and lift of "mean |PACS| > t", for one task.

    One row a threshold and measure, with limits, n_seeds and seed_se. Prompts where conflict or the
    proxy's correctness is undefined take no part. Lift is precision less the share wrong among all
    prompts.
    """
    rows = rows.dropna(subset=[CONFLICT, "wrong"])
    counts, made = Redraws(rows).counts(rows), []
    wrong, wrong_by_seed = rows["wrong"].to_numpy(float), rows.groupby("seed")["wrong"].mean()
    for t in thresholds:
        above = (rows[CONFLICT] > t).to_numpy(float)
        parts = {
            "selected": above,
            "precision": np.where(above > 0, wrong, np.nan),
            "recall": np.where(wrong > 0, above, np.nan),
        }
        drawn = {name: mean_draws(part, counts) for name, part in parts.items()}
        drawn["lift"] = drawn["precision"] - mean_draws(wrong, counts)
        by_seed = pd.DataFrame(parts).groupby(rows["seed"].to_numpy()).mean()
        by_seed["lift"] = by_seed["precision"] - wrong_by_seed
        made += [
            {"t": t, "measure": name} | limits(draws) | seed_spread(by_seed[name])
            for name, draws in drawn.items()
        ]
    return pd.DataFrame(made)


@cache
def threshold_table_rows(profile: str) -> pd.DataFrame:
    """`threshold_rows` of every task, over a grid of thresholds and at the marks."""
    rows, marks = measured(profile, "prompts"), released_marks(profile)
    top = max(*marks.values(), rows[CONFLICT].quantile(SHOWN))
    grid = sorted({*np.round(np.arange(0, top, STEP), 2).tolist(), *marks.values()})
    frames = [
        threshold_rows(part, grid).assign(task=task)
        for task, part in rows.groupby("task", sort=False)
    ]
    return pd.concat(frames, ignore_index=True)


def threshold_figure(profile: str, *, label: str) -> Markdown:
    """Precision and recall of the threshold rule against the threshold, by task."""
    table, rows = threshold_table_rows(profile), measured(profile, "prompts")
    marks = released_marks(profile)
    tasks = list(dict.fromkeys(table["task"]))
    table = table[table["measure"].isin(["precision", "recall"])]

    def draw(figure) -> None:
        axes = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for ax, task in zip(axes, tasks, strict=True):
            part = table[table["task"] == task]
            marked_curves(ax, part, x="t", series="measure", marks=marks)
            ax.axhline(rows.loc[rows["task"] == task, "wrong"].mean(), color=GREY, lw=1, ls=":")
            ax.set_title(task)
            ax.set_xlabel("threshold of mean |PACS|")
        axes[0].set_ylabel("share")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))

    at = table[table["t"].isin(marks.values())]
    return publish(
        label,
        draw,
        profile=profile,
        size=(7.6, 3.2),
        caption='Precision and recall of the rule "mean |PACS| above the threshold" for prompts '
        "where the proxy is wrong. Vertical lines: the released code's thresholds [C] and the one "
        f"that unrelated proxies and policies exceed in {100 * LEVEL:g} % of prompts "
        f"(K = {RELEASED_SAMPLES}). Dotted: share wrong among all prompts. {seeds_in_words(rows)}, "
        f"{len(rows):,} prompts, 95 % intervals over seeds and prompts.",
        alt="Two lines with bands a task: "
        + " ".join(
            f"{row.task}, threshold {number(row.t)}: {row.measure} {number(row.value)}."
            for row in at.itertuples()
        ),
    )


def threshold_table(profile: str, *, label: str) -> Markdown:
    """What each marked threshold selects and finds, by task."""
    table, shown = threshold_table_rows(profile), []
    for task, part in table.groupby("task", sort=False):
        for name, t in released_marks(profile).items():
            own = part[part["t"] == t].set_index("measure")
            texts = {
                measure: with_interval(
                    *(100 * own.loc[measure, ["value", "low", "high"]]), 1
                ).replace(" [", "<br>[")
                for measure in ("selected", "precision", "recall", "lift")
            }
            shown.append({"task": task, "threshold": name} | texts)
    return show_table(
        pd.DataFrame(shown),
        label=label,
        caption="What a threshold of mean |PACS| selects, in per cent of prompts; the share of "
        "wrong proxies among the selected (precision), of the wrong that are selected (recall), "
        "and precision less the share wrong among all (lift, in points). "
        f"{seeds_in_words(measured(profile, 'prompts'))}, [95 % interval over seeds and prompts].",
        text=("task", "threshold"),
    )


def threshold_sentence(profile: str) -> Markdown:
    """Whether any marked threshold beats taking prompts at random."""
    table = threshold_table_rows(profile)
    marks = {value: name for name, value in released_marks(profile).items()}
    lifts = table[(table["measure"] == "lift") & table["t"].isin(marks)]
    lifts = judged(lifts.reset_index(drop=True))
    names = lifts["task"] + " at " + lifts["t"].map(marks)
    what = "Precision against that of prompts taken at random, in points"
    return Markdown(verdicts_in_words(lifts, names, what=what, scale=100))
