"""Areas under the ROC curve by setting: what the pages on ablations and on the map compute.

Conflict is mean |PACS| of the summed log-probability; what it is to find are prompts where the
proxy orders the completions no better than chance. Areas come from recorded rows of
`measure_conflict`, one row a held-out prompt.
"""

from functools import cache

import numpy as np
import pandas as pd

from proxylab.pages.pooling import seed_spread
from proxylab.pages.redraws import Redraws, area_draws, areas_by_seed, limits
from proxylab.pages.verdicts import judged
from proxylab.results import gather
from proxylab.stats.intervals import ENOUGH_SEEDS
from proxylab.tables import escaped

NOTEBOOK = "measure_conflict"
CONFLICT, TAU = "conflict_sum", "tau_distance"
TASKS = ("safety", "helpfulness", "questions")
POLICY_TAUGHT, PROXY_TAUGHT = ("both", "policy only"), ("both", "proxy only")
AREA_COLUMNS = (
    *("value", "low", "high", "n", "n_prompts", "n_seeds", "seed_se", "wrong"),
    *("draws", "by_seed"),
)
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

    Columns: the keys, value, low, high, n (prompts with both defined), n_prompts, n_seeds and
    seed_se (of the seeds that have an area), wrong (share), draws: the estimate and its redraws,
    with the same units for all groups of a task, and by_seed: each seed's area.
    """
    found = []
    for _, own in rows.groupby("task", sort=False):
        redraws = Redraws(own)
        for names, part in own.groupby(keys, sort=False):
            draws = area_draws(part, score, redraws.counts(part))
            by_seed = areas_by_seed(part, score)
            counted = {
                "n": int(part[[score, "wrong"]].notna().all(axis=1).sum()),
                "n_prompts": len(part),
                "wrong": float(part["wrong"].mean()),
            }
            named = dict(zip(keys, names, strict=True)) | limits(draws) | seed_spread(by_seed)
            found.append(named | counted | {"draws": draws, "by_seed": by_seed})
    return pd.DataFrame(found, columns=[*keys, *AREA_COLUMNS])


def changes(areas: pd.DataFrame, base: pd.Series, keys: list[str]) -> pd.DataFrame:
    """Each row of `areas` less the row with the label `base` gives, with verdicts after Holm.

    Arguments: `base` index labels of `areas`, one a row; a row that is its own base, or has none
    (NaN), is no comparison. Columns: the keys, value, low, high, n_seeds, base, p, verdict.
    """
    found = [
        {key: areas.loc[i, key] for key in keys}
        | limits(areas.loc[i, "draws"] - areas.loc[j, "draws"])
        | seed_spread(areas.loc[i, "by_seed"] - areas.loc[j, "by_seed"])
        | {"base": j}
        for i, j in base.dropna().items()
        if i != j
    ]
    columns = [*keys, "value", "low", "high", "n_seeds", "seed_se", "base"]
    return judged(pd.DataFrame(found, columns=columns))


def few_seeds(rows: pd.DataFrame) -> list[str]:
    """A warning, as no or one sentence, where a task or variant has too few seeds for intervals."""
    keys = [key for key in ("task", "variant") if key in rows]
    counts = rows.groupby(keys, sort=False)["seed"].nunique()
    few = counts[counts < ENOUGH_SEEDS]
    if few.empty:
        return []
    if few.min() > 1:
        what = (
            "of differences are no narrower than Student's t over seeds makes them; those of "
            "single values cover the truth less often than they say"
        )
    else:
        what = "know nothing of how much seeds differ where there is one"
    places = (", ".join(np.atleast_1d(np.array(name, object))) for name in few.index)
    named = "; ".join(f"{place} ({n})" for place, n in zip(places, few, strict=True))
    return [f"Few seeds: {escaped(named)}. Intervals there {what}."]
