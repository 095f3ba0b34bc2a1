"""Does conflict find wrong proxies? By task, and by who was taught the topic.

Left out: other scores than mean |PACS| (`scores`), and what labels would change (page
SHF-CAS).
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.areas import area, areas_by_seed, as_row
from proxylab.pages.conflict_metrics.scores import CONFLICT, prompts, tasks_of
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOISE,
    NOT_AFTER_HOLM,
    ONE_SEED,
    SHARE,
    UNDEFINED,
    judged,
    p_text,
)
from proxylab.plots import forest, publish
from proxylab.tables import joined, number, show_table
from proxylab.world import lexicon

ALL = "all prompts"
CHANCE = 0.5
MIN_OF_EACH = 10  # right and wrong proxies, below which a cell is not tested
TOO_THIN = "too thin"


@cache
def cells(profile: str) -> pd.DataFrame:
    """Area of mean |PACS| by task and quadrant: one family of tests against chance.

    A cell with fewer than MIN_OF_EACH right or wrong proxies, or with both in fewer than half of
    the seeds, is not tested: a bootstrap that redraws one or two wrong proxies is far too sure.
    Columns task, quadrant (or all prompts), value, low, high, n, n_prompts, n_wrong, n_seeds
    (with both right and wrong proxies), thin, p, verdict.
    """
    table, rows = prompts(profile), []
    for task in tasks_of(table):
        own = table[table["task"] == task]
        for quadrant in (ALL, *lexicon.QUADRANTS):
            part = own if quadrant == ALL else own[own["quadrant"] == quadrant]
            if len(part):
                rows.append({"task": task, "quadrant": quadrant} | _cell(part))
    found = pd.DataFrame(rows)
    thin = found["thin"].astype(bool)
    rest = found[thin].drop(columns="seed_se").assign(p=np.nan, verdict=TOO_THIN)
    return pd.concat([judged(found[~thin], null=CHANCE, bounds=SHARE), rest]).sort_index()


def _cell(part: pd.DataFrame) -> dict[str, float]:
    defined = part.dropna(subset=["wrong", CONFLICT])
    by_seed = areas_by_seed(part, CONFLICT)
    n_wrong = int(defined["wrong"].sum())
    fewest = min(n_wrong, len(defined) - n_wrong)
    return {
        **as_row(area(part, CONFLICT), by_seed),
        "n_prompts": len(part),
        "n_undefined": len(part) - len(defined),
        "n_wrong": n_wrong,
        "thin": fewest < MIN_OF_EACH
        or 2 * np.count_nonzero(~np.isnan(by_seed)) < part["seed"].nunique(),
    }


def cells_figure(profile: str) -> Markdown:
    """Forest of the areas of mean |PACS|, quadrants by tasks."""
    found = cells(profile)
    shown = found[~found["verdict"].isin([TOO_THIN, UNDEFINED])]
    rank = {name: i for i, name in enumerate((ALL, *lexicon.QUADRANTS))}
    shown = shown.sort_values("quadrant", key=lambda names: names.map(rank), kind="stable")
    shown = shown.assign(who=[_topics(name) for name in shown["quadrant"]])
    missing = found.drop(index=shown.index)
    if shown.empty:
        return Markdown("No cell has enough right and wrong proxies for a figure.")
    left_out = "; ".join(f"{row.task}, {row.quadrant}" for row in missing.itertuples())

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            shown,
            rows="who",
            series="task",
            xlabel="AUROC of mean |PACS| for “the proxy is wrong here”",
            reference=CHANCE,
            reference_label="chance",
        )

    return publish(
        "conflict-cells",
        draw,
        profile=profile,
        size=(7.4, 3.9),
        caption="How well mean |PACS| finds the prompts on which the proxy is wrong, by who was "
        f"taught the topic; {seeds_in_words(prompts(profile))}, 95 % intervals over seeds and "
        "prompts."
        + (f" Too few wrong or right proxies to be shown: {left_out}." if left_out else ""),
        alt="Dots with intervals, one row a quadrant, one mark a task. "
        + " ".join(f"{r.task}, {r.quadrant}: {number(r.value)}." for r in shown.itertuples()),
    )


def _topics(quadrant: str) -> str:
    return ALL if quadrant == ALL else f"taught to {quadrant}"


def cells_table(profile: str) -> Markdown:
    """The same areas with what they rest on: prompts, wrong proxies, seeds, p after Holm."""
    found = cells(profile)
    shown = pd.DataFrame(
        {
            "task": found["task"],
            "quadrant": found["quadrant"],
            "n": [
                f"{r.n_prompts - r.n_undefined:,}<br>of {r.n_prompts:,}" for r in found.itertuples()
            ],
            "wrong": found["n_wrong"],
            "area": joined(found, stacked=True),
            "seeds": found["n_seeds"],
            "p": p_text(found["p"]),
        }
    )
    return show_table(
        shown,
        label="conflict-cells",
        caption="AUROC of mean |PACS| by task and by who was taught the topic, interval no "
        "narrower than Student's t over fewer than ten seeds; prompts scored (on the others it or "
        "the truth is undefined), wrong proxies, seeds with both kinds; p "
        f"against chance, Holm over {int(found['p'].notna().sum())} cells, with fewer than "
        f"{MIN_OF_EACH} right or wrong proxies, or both in fewer than half of the seeds, no test. "
        f"{seeds_in_words(prompts(profile))}.",
        names={
            "quadrant": "taught to",
            "n": "prompts",
            "wrong": "proxy wrong",
            "area": "AUROC",
        },
        text=("task", "quadrant"),
    )


def cells_sentence(profile: str) -> Markdown:
    """Where conflict finds wrong proxies, where it misleads, and where it is noise."""
    found = cells(profile)
    rank = {name: i for i, name in enumerate((ALL, *lexicon.QUADRANTS))}
    found = found.sort_values("quadrant", key=lambda names: names.map(rank), kind="stable")
    found = found.assign(where=[_topics(name) for name in found["quadrant"]])
    said = {
        HIGHER: "Conflict finds wrong proxies",
        LOWER: "It points the wrong way",
        NOT_AFTER_HOLM: "Its interval leaves out chance, but not after Holm's correction",
        NOISE: "It cannot be told from chance",
        ONE_SEED: "One seed, not judged",
        TOO_THIN: "Too few wrong or too few right proxies to say anything",
    }
    lines = []
    for verdict, words in said.items():
        rows = found[found["verdict"] == verdict]
        names = [
            _with_tasks(quadrant, part) for quadrant, part in rows.groupby("where", sort=False)
        ]
        if names:
            lines.append(f"- {words}: {'; '.join(names)}.")
    return Markdown("\n".join(lines))


def _with_tasks(where: str, rows: pd.DataFrame) -> str:
    """'taught to both (safety 0.71, questions 0.80)'; of thin cells the number of wrong proxies."""
    texts = [
        f"{row.task} {f'{row.n_wrong} wrong' if row.thin else number(row.value)}"
        for row in rows.itertuples()
    ]
    return f"{where} ({', '.join(texts)})"
