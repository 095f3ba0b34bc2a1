"""The SHF-CAS page on the released code's faults: what each changes, switched on by itself.

Whether the published numbers had them is not known.
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.shf_cas.rows import (
    MEASURES,
    NOTEBOOK,
    TASKS,
    difference_of_means,
    main_rows,
    summary,
    usual,
    with_directions,
)
from proxylab.pages.verdicts import HIGHER, LOWER
from proxylab.results import MissingResults, gather
from proxylab.shf_cas import FAULTS
from proxylab.tables import DASH, escaped, joined, number, show_table


@cache
def _fault_rows(profile: str, table: str) -> pd.DataFrame:
    """Rows of the loops with a fault; `fault` names it, also where one run holds several loops."""
    where = usual(but=["faults"]) | {"faults": bool}
    rows = gather(NOTEBOOK, table, profile=profile, where=where)
    together = rows["faults"].map(" + ".join)
    return rows.assign(fault=rows["fault"].fillna(together) if "fault" in rows else together)


def _plain(fault: str) -> str:
    return fault.replace("_", " ")


@cache
def fault_effects(profile: str) -> pd.DataFrame:
    """Each fault's effect at the full budget: the loop with it less the corrected loop.

    Columns task, fault, selector, measure, value, low, high, p, p_holm, verdict, n_seeds, paired,
    plain, faulty. Paired by seed and prompt where both loops were measured on the same prompts,
    else by seed only. Holm's correction over all rows.
    """
    rows, plain = _fault_rows(profile, "held_out"), main_rows(profile, "held_out")
    keys = ["task", "selector"]
    found = []
    for (task, fault, selector), part in rows.groupby(["task", "fault", "selector"], sort=False):
        twin = plain[(plain[keys] == [task, selector]).all(axis=1)]
        both = set(part["seed"]) & set(twin["seed"])
        if both:
            name = {"task": task, "fault": fault, "selector": selector}
            sides = [_last(side[side["seed"].isin(both)]) for side in (part, twin)]
            found += [name | _effect(*sides, measure) for measure in MEASURES]
    if not found:  # no main run has the seed and the selectors of a run with a fault
        raise MissingResults(NOTEBOOK, profile=profile)
    return with_directions(pd.DataFrame(found))


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows["round"] == rows["round"].max()]
    return rows.drop_duplicates(["seed", "prompt"]).set_index(["seed", "prompt"]).sort_index()


def _effect(faulty: pd.DataFrame, plain: pd.DataFrame, measure: str) -> dict:
    same = faulty.index.equals(plain.index) and np.array_equal(
        faulty["base_gold"], plain["base_gold"], equal_nan=True
    )  # the mean gold of a prompt's samples: equal where the prompts and samples are
    means = {"plain": plain[measure].mean(), "faulty": faulty[measure].mean(), "paired": same}
    if same:
        difference = (faulty[measure] - plain[measure]).to_frame()
        found = summary(difference).iloc[0].to_dict()
    else:
        found = difference_of_means(faulty[measure], plain[measure])
    kept = {name: found[name] for name in ("value", "low", "high", "p", "n_seeds")}
    return {"measure": measure, **means, **kept}


def fault_list() -> Markdown:
    """Every fault that can be switched on, in a line each."""
    return Markdown(
        "\n".join(f"- *{_plain(name)}*: {escaped(what)}" for name, what in FAULTS.items())
    )


def fault_table(profile: str) -> Markdown:
    """What each fault does to gold reward and accuracy, by task and selector."""
    table, seeds = fault_effects(profile), seeds_in_words(_fault_rows(profile, "rounds"))
    shown = []
    for (task, fault, selector), part in table.groupby(["task", "fault", "selector"], sort=False):
        part = part.set_index("measure")
        texts = dict(zip(part.index, joined(part, digits=3, stacked=True), strict=True))
        row = {"task": TASKS[task], "fault": _plain(fault), "selector": selector}
        for measure in MEASURES:
            row[measure] = number(part.loc[measure, "plain"], 3)
            row[f"{measure} change"] = texts[measure]
        row["wrong"] = _wrong_where_bought(profile, task, fault, selector)
        row["paired"] = "prompts" if part["paired"].all() else "seeds"
        shown.append(row)
    shown = pd.DataFrame(shown)
    if len(set(shown["task"])) == 1:
        shown = shown.drop(columns="task")
    return show_table(
        shown,
        label="shf-faults",
        caption="Faults of the released code, switched on one at a time: the corrected loop's "
        "value, and what the fault changes at the full budget [95 % interval over seeds and "
        f"prompts, no narrower than Student's t over fewer than ten seeds], {seeds}; share of "
        "prompts bought in the first round where the proxy was wrong, with the fault (corrected); "
        "and whether the two loops were measured on the same prompts, hence compared prompt by "
        "prompt, or only seed by seed.",
        names={"gold": "gold reward", "wrong": "wrong where bought (%)", "paired": "paired by"},
        text=("task", "fault", "selector", "paired"),
    )


def _wrong_where_bought(profile: str, task: str, fault: str, selector: str) -> str:
    rows = _fault_rows(profile, "rounds")
    rows, plain = rows[rows["fault"] == fault], main_rows(profile, "rounds")
    shares = []
    for side in (rows, plain):
        own = side[(side["task"] == task) & (side["selector"] == selector) & (side["round"] == 1)]
        shares.append(own["share_wrong"].mean() if "share_wrong" in own else np.nan)
    texts = [number(100 * share, 0) for share in shares]
    return DASH if texts == [DASH, DASH] else f"{texts[0]} ({texts[1]})"


def fault_sentence(profile: str) -> Markdown:
    """Which faults change anything beyond the noise, in words."""
    table = fault_effects(profile)
    parts = []
    for measure, name in MEASURES.items():
        own = table[table["measure"] == measure]
        clear = own[own["verdict"].isin([HIGHER, LOWER])]
        said = [
            f"*{_plain(row.fault)}* with {row.selector} ({TASKS[row.task].lower()}) {text}"
            for row, text in zip(clear.itertuples(), joined(clear, digits=3), strict=True)
        ]
        rest = len(own) - len(clear)
        parts.append(f"In {name}: {'; '.join(said) or 'none'}; not told from zero: {rest}.")
    return Markdown(
        f"Effects that survive Holm's correction over {table['p'].notna().sum()} comparisons. "
        f"{' '.join(parts)}"
    )
