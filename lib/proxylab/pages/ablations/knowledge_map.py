"""The map of when conflict helps: what the policy knows across, what the proxy knows down.

Theory is that of Gaussian proxies and policies (`studies.conflict_theory`); the points are topics
of the controlled world. Then what conflict-aware labels bought in each quadrant.
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.ablations.detection import (
    POLICY_TAUGHT,
    PROXY_TAUGHT,
    detection,
    few_seeds,
    in_task_order,
    measured,
)
from proxylab.pages.ablations.variants import CONFLICT as BY_CONFLICT
from proxylab.pages.ablations.variants import MEASURES, RANDOM, USUAL, gains, mean_gains
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.usual import usual
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOT_AFTER_HOLM,
    judged,
    signed,
    verdicts_in_words,
)
from proxylab.plots import publish
from proxylab.plots.maps import points_over_curves, square_map
from proxylab.results import load_runs
from proxylab.tables import joined, number, with_interval

SIMULATION = "simulate_conflict"
N_BINS = 4  # of topics by what the policy knows
CHANCE = 0.5
IN_CELL = {HIGHER: "clear", LOWER: "clear", NOT_AFTER_HOLM: "clear alone"}
KNOWS, KNOWS_NOT = "taught", "not taught"


@cache
def theory(profile: str) -> pd.DataFrame:
    """Area by policy knowledge, one curve a proxy knowledge: policy_knowledge, curve, value."""
    run = load_runs(SIMULATION, profile=profile, where=usual(SIMULATION, profile))[0]
    table = run.table("theory")
    names = [f"theory, proxy knows {b:.1f}" for b in table["proxy_knowledge"]]
    return table.assign(curve=names, value=table["auroc"])


def binned(rows: pd.DataFrame) -> pd.DataFrame:
    """Prompts with the bin of their topic by what the policy knows of it, of one task.

    A topic's prompts are halved; each half is put into a bin by the mean within-prompt correlation
    of log-probability and gold of the other half, so that what is measured on a prompt does not
    decide where it lies. Prompts whose other half is undefined are left out.
    """
    half = rows.groupby(["seed", "topic"]).cumcount() % 2
    rows = rows.assign(half=half, other=1 - half)
    known = rows.groupby(["seed", "topic", "half"], as_index=False)["policy_gold"].mean()
    known = known.rename(columns={"half": "other", "policy_gold": "knowledge"}).dropna()
    known["bin"] = pd.qcut(known["knowledge"], N_BINS, labels=False, duplicates="drop")
    return rows.merge(known, on=["seed", "topic", "other"], how="inner")


@cache
def map_points(profile: str) -> pd.DataFrame:
    """Area in each bin of each task's topics, at the mean of what the policy knows there.

    Columns: task, bin, policy_knowledge (mean policy_gold of the bin's prompts), value, low, high,
    n, wrong. A bin without both right and wrong proxies in any seed has no area and no row.
    """
    rows = measured(profile, "prompts")
    rows = pd.concat([binned(part) for _, part in rows.groupby("task", sort=False)])
    areas = detection(rows, ["task", "bin"]).dropna(subset="value")
    areas = in_task_order(areas.sort_values("bin"))
    known = rows.groupby(["task", "bin"])["policy_gold"].mean()
    at = [known[row.task, row.bin] for row in areas.itertuples()]
    return areas.assign(policy_knowledge=at)


def map_figure(profile: str, *, label: str) -> Markdown:
    """Theory curves of what conflict finds, with the measured points over them."""
    curves, points = theory(profile), map_points(profile)
    rows = measured(profile, "prompts")

    def draw(figure) -> None:
        points_over_curves(
            figure.subplots(),
            curves,
            points,
            x="policy_knowledge",
            curve="curve",
            series="task",
            xlabel="what the policy knows: within-prompt correlation of\n"
            "log-probability and gold reward",
            ylabel="AUROC of mean |PACS|\nfor a wrong proxy",
            reference=CHANCE,
        )

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.6, 3.9),
        caption="What conflict finds, by what the policy knows. Grey: Gaussian theory, where the "
        "proxy knows the stated correlation on half of the prompts and nothing on the others. "
        f"Points: topics of all seeds in {N_BINS} bins a task by what the policy knows of them, "
        "the bins made on other prompts than those measured; "
        f"{seeds_in_words(rows)}, {points['n'].sum():,} prompts, 95 % intervals over seeds and "
        "prompts. Dashed: chance.",
        alt="Three rising curves that cross chance where the policy knows nothing, and points. "
        + " ".join(
            f"{row.task}, policy knowledge {number(row.policy_knowledge)}: {text}."
            for row, text in zip(points.itertuples(), joined(points), strict=True)
        ),
    )


def map_sentence(profile: str) -> Markdown:
    """How many of the measured points lie within reach of the theory."""
    points, curves = map_points(profile), theory(profile)
    inside = [_reaches(row, curves) for row in points.itertuples()]
    away = [
        f"{row.task} at {number(row.policy_knowledge)}, "
        f"{with_interval(row.value, row.low, row.high)}"
        for row, near in zip(points.itertuples(), inside, strict=True)
        if not near
    ]
    text = (
        f"The interval of {sum(inside)} of {len(points)} measured points reaches the band between "
        "the lowest and the highest curve at its place."
    )
    return Markdown(text + (f" The others: {'; '.join(away)}." if away else ""))


def _reaches(point, curves: pd.DataFrame) -> bool:
    """Whether a point's interval meets the range of the curves where it stands."""
    heights = [
        np.interp(point.policy_knowledge, part["policy_knowledge"], part["value"])
        for _, part in curves.sort_values("policy_knowledge").groupby("curve")
    ]
    return bool(point.low <= max(heights) and point.high >= min(heights))


@cache
def quadrant_gains(profile: str) -> pd.DataFrame:
    """Gain of conflict over random labels by task and quadrant, with verdicts over all of them."""
    rows = gains(profile)
    rows = rows[(rows["variant"] == USUAL) & (rows["selector"] == BY_CONFLICT)]
    table = mean_gains(rows, ["task", "quadrant"])
    table["policy"] = np.where(table["quadrant"].isin(POLICY_TAUGHT), KNOWS, KNOWS_NOT)
    table["proxy"] = np.where(table["quadrant"].isin(PROXY_TAUGHT), KNOWS, KNOWS_NOT)
    return judged(table)


def gain_map(profile: str, *, label: str) -> Markdown:
    """The 2 x 2 map of what conflict-aware labels bought, one panel a task and measure."""
    table = quadrant_gains(profile)
    table = table.assign(text=[_cell_text(row) for row in table.itertuples()])
    tasks, rows = list(dict.fromkeys(table["task"])), gains(profile)

    def draw(figure) -> None:
        axes = figure.subplots(len(MEASURES), len(tasks), sharex=True, sharey=True, squeeze=False)
        for line, (measure, _) in zip(axes, MEASURES.values(), strict=True):
            of_measure = table[table["measure"] == measure]
            for ax, task in zip(line, tasks, strict=True):
                square_map(
                    ax,
                    of_measure[of_measure["task"] == task],
                    row="policy",
                    column="proxy",
                    text="text",
                    rows=(KNOWS, KNOWS_NOT),
                    columns=(KNOWS, KNOWS_NOT),
                    limit=of_measure[["low", "high"]].abs().max(axis=None),
                    title=f"{task}: {measure}",
                    empty="not in the task",
                )
            line[0].set_ylabel("policy")
        for ax in axes[-1]:
            ax.set_xlabel("proxy")

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.8, 4.6),
        caption="Gain over random labels, at the same budget, from labelling the most conflicted "
        "prompts, by who was taught the topic: accuracy of the reward model (points) and gold "
        "reward of the policy. Blue gains, orange loses, in full colour at the farthest limit of "
        "an interval, so that what is small against the noise is pale; below each interval "
        "whether it is clear after Holm's correction over all cells, clear alone, or noise. "
        f"{seeds_in_words(rows)}, 95 % intervals over seeds and prompts, paired.",
        alt="Maps of two rows and two columns. "
        + " ".join(
            f"{row.task}, topics known to {row.quadrant}, {row.measure}: {text}."
            for row, text in zip(table.itertuples(), joined(table), strict=True)
        ),
    )


def _cell_text(row) -> str:
    verdict = IN_CELL.get(row.verdict, row.verdict)
    return f"{signed(row.value)}\n[{number(row.low)}, {number(row.high)}]\n{verdict}"


def gain_sentence(profile: str) -> Markdown:
    """In which quadrants conflict buys more than random labels, and where it is noise."""
    table = quadrant_gains(profile)
    names = table["task"] + ", known to " + table["quadrant"]
    said = [
        verdicts_in_words(
            part,
            names,
            what=f"Gain of {BY_CONFLICT} over {RANDOM} in {measure} by quadrant",
            n_family=len(table),
        )
        for measure, part in table.groupby("measure", sort=False)
    ]
    return Markdown("\n\n".join([*said, *few_seeds(gains(profile))]))
