"""JudgeBench's five published reward models: who can be told from whom, and what it would take."""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.plots import forest, publish
from proxylab.plots.maps import forest_panels
from proxylab.plots.style import GREY
from proxylab.results import gather
from proxylab.studies.correlation.judgebench import BEST_SINGLE
from proxylab.tables import joined, number, show_table

NOTEBOOK = "measure_scores"
TASKS = {"knowledge": "knowledge", "reasoning": "reasoning", "math": "maths", "coding": "coding"}


def short(name: str) -> str:
    """A model's name without its owner and what all of them share."""
    own = name.split("/")[-1]
    for part in ("Skywork-Reward-", "-rewardmodel-ft", "-reward"):
        own = own.replace(part, "" if part.startswith("-") else "Skywork-")
    return own


def comparison_rows(profile: str) -> pd.DataFrame:
    """Every two models, the better one named first, largest difference first, in points."""
    table = gather(NOTEBOOK, "power", profile=profile)
    turned = table["difference"] < 0
    first = table["model_a"].mask(turned, table["model_b"]).map(short)
    second = table["model_b"].mask(turned, table["model_a"]).map(short)
    sign = np.where(turned, -1, 1)
    limits = np.sort(np.stack([sign * table["low"], sign * table["high"]]), axis=0)
    shown = table.assign(
        names=[f"{a} less {b}" for a, b in zip(first, second, strict=True)],
        value=100 * table["difference"].abs(),
        low=100 * limits[0],
        high=100 * limits[1],
    )
    return shown.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)


def told_apart_figure(profile: str) -> Markdown:
    """All differences with their intervals, and what 350 pairs could have told."""
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
        caption=f"Differences in accuracy of every two of five published reward models on {n} "
        "pairs, with paired 95 % intervals (bootstrap over pairs). Grey: the smallest differences "
        f"that {n} pairs tell from none with 80 % power at 5 %, given how often the two disagree "
        f"[@connor1987sample], before any correction for {len(table)} tests.",
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
    table, tasks = comparison_rows(profile), gather(NOTEBOOK, "by_task", profile=profile)
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
    """Accuracy of the five models, a panel a task."""
    table = gather(NOTEBOOK, "accuracy", profile=profile)
    table = table[table["subset"] != MIXED]
    table = table.assign(
        model=table["model"].map(short),
        task=[TASKS[name.removeprefix("judgebench-")] for name in table["subset"]],
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
        alt=f"Four panels of dots with intervals. {' '.join(words)}",
    )


def error_table(profile: str) -> Markdown:
    """How far the errors of every two models coincide."""
    table = gather(NOTEBOOK, "errors", profile=profile)
    table = table.sort_values("kappa", ascending=False, kind="stable")
    shown = pd.DataFrame(
        {
            "model": table["model_a"].map(short),
            "and": table["model_b"].map(short),
            "agree": [number(100 * share, 0) for share in table["agree"]],
            "chance": [number(100 * share, 0) for share in table["by_chance"]],
            "kappa": joined(table, value="kappa"),
            "both": [
                f"{row.both_wrong} of {row.wrong_a} and {row.wrong_b}" for row in table.itertuples()
            ],
        }
    )
    return show_table(
        shown,
        label="judgebench-errors",
        caption="How far two models err on the same pairs: the share (%) on which both are right "
        "or both wrong, what independent errors would give, Cohen's kappa [95 % interval, "
        "bootstrap over pairs], and the errors that they share.",
        names={"chance": "by chance", "both": "both wrong"},
        text=("model", "and"),
    )


def committee_table(profile: str) -> Markdown:
    """What the five get together, beside the best of them."""
    table = gather(NOTEBOOK, "committees", profile=profile)
    limits = table.rename(columns={"difference_low": "less_low", "difference_high": "less_high"})
    shown = pd.DataFrame(
        {
            "committee": table["committee"],
            "accuracy": joined(table, value="accuracy", digits=1, percent=True),
            "difference": joined(
                limits, value="difference", low="less_low", high="less_high", digits=1, percent=True
            ),
            "p": [number(p, 3) for p in table["p"]],
        }
    )
    return show_table(
        shown,
        label="judgebench-committees",
        caption=f"The five together on {int(table['n'].iloc[0])} pairs: accuracy (%, Wilson), and "
        f"the difference in points to {short(table['best'].iloc[0])}, the most accurate on these "
        "very pairs [bootstrap over pairs], with exact McNemar p. What is fitted, or chosen, is "
        "so on nine tenths of the pairs and measured on the rest, ten times.",
        names={"difference": "less the best of all"},
        text=("committee",),
    )


def committee_sentence(profile: str) -> Markdown:
    """Whether a committee gains anything, and whether gaps say how sure a model is."""
    table, errors = (gather(NOTEBOOK, name, profile=profile) for name in ("committees", "errors"))
    sure = gather(NOTEBOOK, "certainty", profile=profile)
    picked = table[table["committee"] == BEST_SINGLE]
    kappa = f"{number(errors['kappa'].min())} to {number(errors['kappa'].max())}"
    texts = joined(picked, value="accuracy", digits=1, percent=True)
    areas = f"{number(sure['value'].min())} to {number(sure['value'].max())}"
    clear = int((sure["low"] > 0.5).sum())
    return Markdown(
        f"{_gain(table[table['committee'] != BEST_SINGLE])} The errors of two models agree with a "
        f"kappa of {kappa}. Choosing the best model on nine tenths of the pairs and measuring it "
        f"on the rest gives {texts[0]} %{_doubt(profile)}. A larger gap is clearly more often "
        f"right for {clear} of {len(sure)} models (area under the ROC curve {areas}; 0.5 would be "
        "nothing)."
    )


def _gain(committees: pd.DataFrame) -> str:
    """Which committees are clearly better than the best single model, or which comes closest."""
    order = committees.sort_values("difference", ascending=False, kind="stable")
    limits = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    texts = joined(order, **limits, digits=1, percent=True)
    named = [f"{name} {text}" for name, text in zip(order["committee"], texts, strict=True)]
    better = [text for text, low in zip(named, order["difference_low"], strict=True) if low > 0]
    single = "the best single model, whose lead was found on the same pairs"
    if better:
        return f"Clearly better than {single}: {'; '.join(better)} points."
    return f"No committee is clearly better than {single} (closest: {named[0]} points)."


def _doubt(profile: str) -> str:
    """What the paired tests say of the choice of a best model."""
    told = comparison_rows(profile)["distinguishable"].any()
    return "" if told else ": with no two models told apart, which one is best is itself in doubt"
