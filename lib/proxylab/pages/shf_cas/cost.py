"""The SHF-CAS page on what the loop costs, and on conflict over its rounds."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.shf_cas.figures import lines
from proxylab.pages.shf_cas.overview import curve_rows, final_changes
from proxylab.pages.shf_cas.rows import (
    CONFLICTS,
    NOTEBOOK,
    SHOWN,
    TASKS,
    doubt,
    main_rows,
    selectors_of,
    tasks_of,
    usual,
)
from proxylab.plots import publish
from proxylab.results import load_runs
from proxylab.tables import joined, number, show_table

ONCE = ("sampling", "ensemble")  # stages whose result serves every round
STAGES = (*ONCE, "score", "select", "label", "refine")
PREFIX = "seconds_"
CONFLICT_NAMES = {
    "conflict_proxy": "reward model against\nbase policy (mean |PACS|)",
    "conflict_gold": "gold against\noptimised policy (mean |PACS|)",
}


def seconds(profile: str) -> pd.DataFrame:
    """Mean seconds by task, selector and stage: of a run where ONCE, else of a round."""
    rows = main_rows(profile, "rounds")
    stages = [PREFIX + name for name in STAGES if PREFIX + name in rows]
    spent = rows[rows["round"] > 0]
    found = spent.groupby(["task", "selector"], sort=False)[stages].mean()
    return found.rename(columns=lambda name: name.removeprefix(PREFIX)).reset_index()


def cost_table(profile: str, task: str) -> Markdown:
    """Seconds by stage beside the labels that a round buys."""
    rows = main_rows(profile, "rounds")
    table = seconds(profile)
    table = table[table["task"] == task].set_index("selector")
    table = table.loc[selectors_of(table.reset_index(), SHOWN)].reset_index()
    stages = [name for name in table if name not in ("task", "selector")]
    shown = table[["selector", *stages]].copy()
    for stage in stages:
        shown[stage] = [number(value, 1 if stage in ONCE else 2) for value in shown[stage]]
    own = rows[(rows["task"] == task) & (rows["round"] > 0)]
    per_round = own.groupby(["seed", "selector"])["n_labels"].max() / own["round"].max()
    return show_table(
        shown,
        label=f"shf-seconds-{task}",
        caption=f"{TASKS[task]}: wall-clock seconds on one thread, slowed by whatever else the "
        f"machine did, means over {seeds_in_words(own)}. Once for the whole run: "
        f"{', '.join(s for s in stages if s in ONCE)} (0 where a selector has no use for it). All "
        f"other stages: for each round, which buys {per_round.mean():,.0f} labels.",
        text=("selector",),
    )


def cost_sentence(profile: str) -> Markdown:
    """What conflict costs beyond random selection, in machine time a label."""
    table, rows = seconds(profile), main_rows(profile, "rounds")
    stages = [name for name in table if name not in ("task", "selector")]
    rounds = rows.groupby("task")["round"].max()
    labels = rows.groupby("task")["n_labels"].max()
    parts = []
    for task in tasks_of(table):
        own = table[table["task"] == task].set_index("selector")[stages].fillna(0.0)
        once = [stage for stage in stages if stage in ONCE]
        total = own[once].sum(axis=1) + rounds[task] * own.drop(columns=once).sum(axis=1)
        said = [
            f"{name} {number(total[name], 0)} s ({number(1000 * total[name] / labels[task], 0)} ms "
            "a label)"
            for name in ("random", "conflict", "uncertainty")
            if name in total
        ]
        parts.append(f"{TASKS[task]}: {', '.join(said)}.")
    return Markdown(
        "Machine time of the whole loop, once-only stages included. "
        f"{' '.join(parts)} Random selection needs the same sampling and refitting; it could do "
        "without scoring the pool."
    )


def conflict_figure(profile: str, which: str) -> Markdown:
    """Conflict over the rounds: of the reward model, or of gold, as the paper reports."""
    table = curve_rows(profile, CONFLICTS)
    table = table[table["measure"] == which]
    tasks = tasks_of(table)
    flat = CONFLICT_NAMES[which].replace("\n", " ")
    last = table[table["round"] == table["round"].max()]
    said = " ".join(
        f"{TASKS[row.task]}, {row.selector}: {number(row.value, 3)}." for row in last.itertuples()
    )
    return publish(
        f"shf-{which.replace('_', '-')}",
        lambda figure: lines(
            figure,
            table,
            panels=tasks,
            series=selectors_of(table, SHOWN),
            ylabel=CONFLICT_NAMES[which],
        ),
        profile=profile,
        size=(1.2 + 3.4 * len(tasks), 3.5),
        caption=f"Conflict of {flat} on held-out prompts over the rounds, "
        f"{seeds_in_words(main_rows(profile, 'rounds'))}, n = {table['n'].max():,} prompts where "
        "it is defined. Bars: 95 % intervals of the change since the proxy.",
        alt=f"Lines over labels, one a selector. At the full budget: {said}",
    )


def conflict_sentence(profile: str) -> Markdown:
    """How both conflicts changed by the full budget, for conflict and for random."""
    last, parts = final_changes(profile, CONFLICTS), []
    for task in tasks_of(last):
        for which in CONFLICTS:
            own = last[(last["task"] == task) & (last["measure"] == which)]
            own = own[own["selector"].isin(["random", "conflict"])]
            said = [
                f"{text} with {row.selector}{doubt(row.verdict)}"
                for row, text in zip(own.itertuples(), joined(own, digits=3), strict=True)
            ]
            flat = CONFLICT_NAMES[which].replace("\n", " ")
            parts.append(f"{TASKS[task]}, {flat}: {', '.join(said)}.")
    return Markdown(
        f"Change from the proxy to the full budget. {' '.join(parts)}{_two_temperatures(profile)}"
    )


def _two_temperatures(profile: str) -> str:
    """That the optimum is of the sampled policy and its log-probability is not; else nothing."""
    run = load_runs(NOTEBOOK, profile=profile, where=usual())[-1]
    sampled_at = run.record["resolved_profile"]["policy"]["temperature"]
    if sampled_at == 1:
        return ""
    return (
        " Two policies meet in the second: the log-probability that gold is compared with is the "
        "base policy's at temperature 1, plus the reward in nats (r / β); the optimum itself "
        "reweights completions sampled at temperature "
        f"{sampled_at:g}, and its distance is from that tempered policy."
    )
