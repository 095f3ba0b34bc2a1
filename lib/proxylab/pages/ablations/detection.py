"""Areas under the ROC curve by setting: what the pages on ablations and on the map compute.

Conflict is mean |PACS| of the summed log-probability; what it is to find are prompts where the
proxy orders the completions no better than chance. Areas come from recorded rows of
`measure_conflict`, one row a held-out prompt.
"""

from functools import cache

import numpy as np
import pandas as pd

from proxylab.pages.areas import HIGHER, LOWER, NOT_AFTER_HOLM, with_verdicts
from proxylab.pages.redraws import Redraws, area_draws, limits
from proxylab.results import gather
from proxylab.tables import escaped, number, with_interval

NOTEBOOK = "measure_conflict"
CONFLICT, TAU = "conflict_sum", "tau_distance"
TASKS = ("safety", "helpfulness", "questions")
POLICY_TAUGHT, PROXY_TAUGHT = ("both", "policy only"), ("both", "proxy only")
ENOUGH_SEEDS = 5
ONE_SEED = "one seed"  # the verdict where nothing is known of how much seeds differ
TAUGHT = {True: "policy taught the topic", False: "policy not taught the topic"}


@cache
def measured(profile: str, table: str) -> pd.DataFrame:
    """One table of all runs in the world, tasks in order, with `taught` in words."""
    rows = gather(NOTEBOOK, table, profile=profile, where={"data": "world"})
    rows["taught"] = rows["quadrant"].isin(POLICY_TAUGHT).map(TAUGHT)
    return in_task_order(rows)


def in_task_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the tasks in their usual order, a task of another name last."""
    rank = {name: i for i, name in enumerate(TASKS)}
    return rows.sort_values("task", key=lambda names: names.map(rank), kind="stable")


def detection(rows: pd.DataFrame, keys: list[str], score: str = CONFLICT) -> pd.DataFrame:
    """Area for a wrong proxy in each group, mean over seeds; `task` is among the keys.

    Columns: the keys, value, low, high, n (prompts with both defined), n_prompts, n_seeds, wrong
    (share), and draws: the estimate and its redraws, with the same units for all groups of a task.
    """
    found = []
    for _, own in rows.groupby("task", sort=False):
        redraws = Redraws(own)
        for names, part in own.groupby(keys, sort=False):
            draws = area_draws(part, score, redraws.counts(part))
            n = int(part[[score, "wrong"]].notna().all(axis=1).sum())
            counted = {"n": n, "n_prompts": len(part), "n_seeds": part["seed"].nunique()}
            counted["wrong"] = float(part["wrong"].mean())
            named = dict(zip(keys, names, strict=True))
            found.append(named | limits(draws) | counted | {"draws": draws})
    columns = [*keys, "value", "low", "high", "n", "n_prompts", "n_seeds", "wrong", "draws"]
    return pd.DataFrame(found, columns=columns)


def changes(areas: pd.DataFrame, base: pd.Series, keys: list[str]) -> pd.DataFrame:
    """Each row of `areas` less the row with the label `base` gives, with verdicts after Holm.

    Arguments: `base` index labels of `areas`, one a row; a row that is its own base, or has none
    (NaN), is no comparison. Columns: the keys, value, low, high, n_seeds, base, p, verdict.
    """
    found = [
        {key: areas.loc[i, key] for key in keys}
        | limits(areas.loc[i, "draws"] - areas.loc[j, "draws"])
        | {"n_seeds": areas.loc[[i, j], "n_seeds"].min(), "base": j}
        for i, j in base.dropna().items()
        if i != j
    ]
    columns = [*keys, "value", "low", "high", "n_seeds", "base"]
    return verdicts(pd.DataFrame(found, columns=columns))


def verdicts(
    table: pd.DataFrame, *, null: float = 0.0, p_values: np.ndarray | None = None
) -> pd.DataFrame:
    """Rows (value, low, high, n_seeds) with Holm's correction over all, and what each comes to.

    A row of one seed is not judged: its verdict is ONE_SEED, whatever its interval.
    """
    limits = table.astype({"value": float, "low": float, "high": float})
    judged = with_verdicts(limits, null, p_values=p_values)
    judged.loc[judged["n_seeds"] < 2, "verdict"] = ONE_SEED
    return judged


def verdicts_in_words(
    table: pd.DataFrame,
    names: pd.Series,
    *,
    what: str,
    scale: int = 1,
    n_family: int | None = None,
) -> str:
    """Clear differences one by one; of those inside the noise their number and the largest.

    Arguments: `table` as `verdicts` gives it, or part of it; `names` one a row; `scale` 100 for
    points; `n_family` how many comparisons Holm's correction was over, if not the table's.
    """
    if table.empty:
        return f"{what}: nothing to compare yet."
    clear = table["verdict"].isin([HIGHER, LOWER])
    listed = [
        f"{escaped(names[i])}: {signed(scale * row.value)} "
        f"[{number(scale * row.low)}, {number(scale * row.high)}]"
        for i, row in zip(table.index[clear], table[clear].itertuples(), strict=True)
    ]
    said = f"{what}, clear differences: {'; '.join(listed)}. " if listed else f"{what}: "
    single = int((table["verdict"] == ONE_SEED).sum())
    if single:
        said += f"{single} of {len(table)} comparisons rest on one seed and are not judged. "
    rest = table[~clear & (table["verdict"] != ONE_SEED)].dropna(subset="value")
    if len(rest):
        widest = rest.loc[rest["value"].abs().idxmax()]
        text = with_interval(*(scale * widest[["value", "low", "high"]]))
        near = int((rest["verdict"] == NOT_AFTER_HOLM).sum())
        alone = f"; {near} of them would be clear alone" if near else ""
        said += (
            f"{len(rest)} of {len(table)} comparisons cannot be told from noise{alone} (the "
            f"largest: {escaped(names[widest.name])}: {text}). "
        )
    return f"{said}Holm's correction is over {n_family or len(table)}."


def signed(value: float) -> str:
    """A number with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def few_seeds(rows: pd.DataFrame) -> list[str]:
    """A warning, as no or one sentence, where a task or variant has too few seeds for intervals."""
    keys = [key for key in ("task", "variant") if key in rows]
    counts = rows.groupby(keys, sort=False)["seed"].nunique()
    few = counts[counts < ENOUGH_SEEDS]
    if few.empty:
        return []
    if few.min() > 1:
        what = "cover the truth less often than they say"
    else:
        what = "know nothing of how much seeds differ where there is one"
    places = (", ".join(np.atleast_1d(np.array(name, object))) for name in few.index)
    named = "; ".join(f"{place} ({n})" for place, n in zip(places, few, strict=True))
    return [f"Few seeds: {escaped(named)}. Intervals there {what}."]
