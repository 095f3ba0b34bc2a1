"""The notes' simulation table beside ours, and what a threshold means at each number of samples.

Everything here is Gaussian: grade D, derived, not the authors'. Left out: models and text.
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.conflict import PAPER_COLUMNS, RELEASED_SAMPLES
from proxylab.pages.usual import usual
from proxylab.paper_values import GRADES, paper_table
from proxylab.plots import curves, publish
from proxylab.results import load_runs
from proxylab.tables import escaped, number, show_table

NOTEBOOK = "simulate_conflict"
NOTES_ROUNDING = 0.0005  # the notes' table has three decimals


def simulated(profile: str, table: str) -> pd.DataFrame:
    """A table of the simulation at the released number of samples a prompt."""
    where = usual(NOTEBOOK, profile, n_samples=RELEASED_SAMPLES)
    return load_runs(NOTEBOOK, profile=profile, where=where)[0].table(table)


def notes_and_ours(profile: str) -> pd.DataFrame:
    """Long form: correlation, metric, notes, ours, se, and z, their distance in standard errors.

    The notes' value was simulated too and rounded: the distance is less half a unit of its last
    decimal, over sqrt(2) of our standard error.
    """
    notes = paper_table("targeting", "gaussian").assign(
        correlation=lambda t: t["row"].astype(float)
    )
    ours = simulated(profile, "gaussian").set_index("correlation")
    rows = []
    for metric, column in PAPER_COLUMNS.items():
        for row in notes[notes["column"] == column].itertuples():
            if row.correlation in ours.index:
                value, se = ours.loc[row.correlation, [metric, f"{metric}_se"]]
                rows.append((row.correlation, column, row.value, value, se))
    frame = pd.DataFrame(rows, columns=["correlation", "metric", "notes", "ours", "se"])
    distance = ((frame["ours"] - frame["notes"]).abs() - NOTES_ROUNDING).clip(lower=0)
    safe = np.where(distance > 0, np.sqrt(2) * frame["se"], 1.0)
    return frame.assign(z=distance / safe)


def simulation_table(profile: str) -> Markdown:
    """The notes' simulation beside ours, all correlations and metrics."""
    frame = notes_and_ours(profile)
    texts = [
        f"{number(row.notes, 3)}<br>{number(row.ours, 3)}<br>± {number(row.se, 3)}"
        for row in frame.itertuples()
    ]
    wide = frame.assign(text=texts).pivot(index="correlation", columns="metric", values="text")
    wide = wide[list(PAPER_COLUMNS.values())].reset_index()
    wide["correlation"] = [number(rho, 1) for rho in wide["correlation"]]
    n = int(simulated(profile, "gaussian")["n_prompts"].min())
    return show_table(
        wide,
        label="conflict-simulation",
        caption="Gaussian rewards and log-probabilities of known correlation, "
        f"{RELEASED_SAMPLES} samples a prompt. Upper line: the notes on the paper (grade D, "
        f"{GRADES['D']}; P( > t): share of prompts above t; K-T: Kendall-Tau). Below: this "
        f"library's metrics ± one standard error, {n:,} prompts.",
        names={"correlation": "ρ", **{name: _shown(name) for name in PAPER_COLUMNS.values()}},
    )


def _shown(metric: str) -> str:
    """A heading without the bars of |PACS|, which would end a table's cell."""
    short = {"P(mean abs PACS": "P(", "mean abs PACS": "mean abs. PACS", "Kendall-Tau": "K-T"}
    for long, shown in short.items():
        metric = metric.replace(long, shown)
    return metric


def simulation_sentence(profile: str) -> Markdown:
    """Whether the notes' table is reproduced, and what it says of the lower threshold."""
    frame = notes_and_ours(profile)
    worst, n = frame.loc[frame["z"].idxmax()], len(frame)
    unrelated = simulated(profile, "released").query("k == @RELEASED_SAMPLES").sort_values("value")
    rates = " and ".join(
        f"{number(100 * row.level, 1)} % exceed {row.value:g}" for row in unrelated.itertuples()
    )
    return Markdown(
        f"Of {n} values, {int((frame['z'] <= 2).sum())} lie within two standard errors of the "
        f"notes' and {int((frame['z'] <= 3).sum())} within three; the farthest "
        f"({escaped(_shown(worst['metric']))} at ρ = {number(worst['correlation'], 1)}) is "
        f"{number(worst['z'], 1)} away. At ρ = 0 proxy and policy have nothing to do with one "
        f"another, and of such prompts {rates}."
    )


def threshold_table(profile: str) -> Markdown:
    """Mean |PACS| that unrelated proxy and policy exceed at each level, by samples a prompt."""
    table = simulated(profile, "thresholds")
    table = table.assign(
        text=[number(value, 3) for value in table["threshold"]],
        level_text=[f"{100 * level:g} %" for level in table["level"]],
    )
    order = list(dict.fromkeys(table.sort_values("level", ascending=False)["level_text"]))
    wide = table.pivot(index="k", columns="level_text", values="text")[order]
    error = table["level_se"].max()
    return show_table(
        wide.reset_index(),
        label="conflict-thresholds",
        caption="Thresholds by level: the mean |PACS| that an unrelated, Gaussian proxy and policy "
        "exceed with this probability. Grade D; Monte-Carlo standard error of a level at most "
        f"{number(100 * error, 2)} points.",
        names={"k": "samples a prompt"},
    )


def released_figure(profile: str) -> Markdown:
    """The level of the released thresholds at each number of samples."""
    table = simulated(profile, "released")
    shown = table.assign(
        value=100 * table["level"],
        low=100 * table["level"],
        high=100 * table["level"],
        name=[f"threshold {value:.1f}" for value in table["value"]],
    )

    def draw(figure) -> None:
        curves(
            figure.subplots(),
            shown,
            x="k",
            series="name",
            xlabel="samples a prompt",
            ylabel="unrelated prompts above it (%)",
            log_x=True,
            ylim=(-6, 104),
        )

    return publish(
        "conflict-released",
        draw,
        profile=profile,
        size=(6.4, 2.9),
        caption="What the released thresholds select where proxy and policy are unrelated, by the "
        "number of samples a prompt (exact up to simulation error): one number means another "
        "thing at each. A threshold is stated here by its level.",
        alt="Two lines. "
        + " ".join(
            f"{row.name}, {row.k} samples: {number(row.value, 1)} %."
            for row in shown.itertuples(index=False)
        ),
    )
