"""Rows of the alignment study, for the pages on DPO, PRO, PPO and over-optimisation.

A run of `align` makes several arms: policies, each by one algorithm from one set of labels or one
proxy. Within a seed all arms start from one policy and answer the same prompts, so they are
compared prompt by prompt; between seeds everything differs, the world too. Intervals redraw seeds,
then the prompts of each. Left out: what the rows mean.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd

from proxylab.accuracy import MIXED
from proxylab.pages.pooling import seed_error
from proxylab.pages.redraws import UNIT, limits, mean_draws, nested_counts
from proxylab.pages.reward_models import SHORT, SUBSETS
from proxylab.results import MissingResults, load_runs
from proxylab.stats.intervals import ENOUGH_SEEDS
from proxylab.studies.data import WORLD

NOTEBOOK, START = "align", "start"
ALGORITHMS = {
    START: "start policy",
    "sft": "SFT",
    "dpo": "DPO",
    "pro": "PRO",
    "ppo": "PPO",
    "best_of_n": "best-of-n",
    "reweighting": "exact optimum",
}
PROXIES = {
    "raw@0.1": "a tenth of raw",
    "raw": "raw",
    "raw-small": "raw, a small model",
    "cleaned": "cleaned",
    "strong": "strong",
    "gold": "gold itself",
    "task": "as it is",
    "shf_cas:random": "after random feedback",
    "shf_cas:conflict": "after conflict-aware feedback",
    "shf_cas:oracle": "after the oracle's feedback",
}
POOR, GOOD = "raw@0.1", "strong"
ARM = ("arm", "size", "pairs", "proxy", "bias", "set_beta")
PARAMETERS = ("algorithm", "task", "seed")


@cache
def align_table(
    profile: str, table: str, algorithm: str, *, task: str = MIXED, left_out: bool = False, **where
) -> pd.DataFrame:
    """One table of an algorithm's runs in the world, each arm once a seed; not to be written to.

    Columns: run_id, algorithm ("start" in rows of the start policy), task, seed, topics_left_out
    (names joined), then the table's own.
    Arguments: `left_out`: of the runs that left topics out of training, or of those that did not;
    `where` further parameters of the runs, as `load_runs` takes them.
    Raises MissingResults where no run has such a table.
    """
    wanted = {"algorithm": algorithm, "task": task, "data": WORLD}
    wanted |= {"leave_out": partial(_leaves_out, left_out), **where}
    runs = load_runs(NOTEBOOK, profile=profile, where=wanted)
    frames = [_with_run(run, table) for run in runs if table in run.record["tables"]]
    if not frames:
        raise MissingResults(NOTEBOOK, profile=profile, where=wanted)
    return _once(pd.concat(frames, ignore_index=True))


def _leaves_out(wanted: bool, topics: Sequence[str]) -> bool:
    return bool(topics) == wanted


def _with_run(run, table: str) -> pd.DataFrame:
    own = run.table(table)
    known = {name: run.parameters[name] for name in PARAMETERS}
    known["topics_left_out"] = ", ".join(run.parameters["leave_out"])
    rows = own.assign(run_id=run.run_id, **known)
    started = (rows["pairs"] == "") & (rows["proxy"] == "")
    return rows.assign(algorithm=rows["algorithm"].mask(started, START))


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which an arm that several runs of a seed made is of one: the first by its name."""
    keys = [*ARM, "algorithm", "task", "seed", "topics_left_out"]
    first = rows.groupby(keys, dropna=False)["run_id"].transform("min")
    return rows[rows["run_id"] == first].reset_index(drop=True)


def proxy_label(rows: pd.DataFrame) -> pd.Series:
    """Each row's proxy as readers see it, with the bias that was added to it, if any."""
    names = rows["proxy"].map(lambda name: PROXIES.get(name, name))
    return names.where(rows["bias"].isin(["", "none"]), names + ", " + rows["bias"])


def in_proxy_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows from the poorest proxy to the ceiling, others last; stable."""
    rank = {name: i for i, name in enumerate(PROXIES)}
    return rows.sort_values(
        "proxy", key=lambda names: names.map(lambda name: rank.get(name, len(rank))), kind="stable"
    )


def with_mixed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of every test set, and all of them once more as the set `mixed`."""
    return pd.concat([rows, rows.assign(subset=MIXED)], ignore_index=True)


def subsets_of(rows: pd.DataFrame) -> list[str]:
    """The test sets among the rows in the paper's order, others after them."""
    present = list(dict.fromkeys(rows["subset"]))
    known = [name for name in SUBSETS if name in present]
    return known + [name for name in present if name not in known]


def mixed_first(rows: pd.DataFrame) -> list[str]:
    """As `subsets_of`, `mixed` before its parts: wide tables scroll, and this is the answer."""
    return sorted(subsets_of(rows), key=lambda name: name != MIXED)


def short_subset(name: str) -> str:
    """A test set as tables head it."""
    return SHORT.get(name, name)


def cells(rows: pd.DataFrame, value: str, by: str = "arm") -> pd.DataFrame:
    """Values by seed and prompt: index (seed, prompt), one column a name in `by`.

    A prompt that has several rows under a name (completions, say) counts with their mean.
    """
    means = rows.groupby([*UNIT, by], sort=True)[value].mean().unstack(by)
    return means.reindex(columns=list(dict.fromkeys(rows[by])))


def estimates(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of every column of `cells`: name, value, low, high, n (prompts), n_seeds."""
    rows = [{"name": name, **_limits(table[name])} for name in table]
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "n", "n_seeds"])


def differences(table: pd.DataFrame, pairs: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Mean of one column less another, prompt by prompt, for every pair whose columns exist.

    Arguments: `table` as `cells` gives it; `pairs` names (column, less column). Columns:
    comparison, value, low, high, n (prompts with both), n_seeds, n_above (seeds whose mean
    difference is above 0), seed_se (`seed_error`).
    """
    rows = []
    for name, (a, b) in pairs.items():
        if a in table and b in table:
            difference = table[a] - table[b]
            # Beyond rounding: the mean of equal values may come out at 1e-17.
            above = int((difference.groupby(level="seed").mean() > 1e-9).sum())
            error = seed_error(difference.dropna())
            row = {"comparison": name, **_limits(difference), "n_above": above, "seed_se": error}
            rows.append(row)
    columns = ["comparison", "value", "low", "high", "n", "n_seeds", "n_above", "seed_se"]
    return pd.DataFrame(rows, columns=columns)


def by_set(
    rows: pd.DataFrame, what: Callable[[pd.DataFrame], pd.DataFrame], value: str, by: str
) -> pd.DataFrame:
    """What `what` makes of the cells of every test set and of `mixed`, with the column subset.

    Arguments: `what` is `estimates`, or `differences` with its pairs; the rest as for `cells`.
    """
    rows = with_mixed(rows)
    frames = [
        what(cells(rows[rows["subset"] == subset], value, by)).assign(subset=subset)
        for subset in subsets_of(rows)
    ]
    return pd.concat(frames, ignore_index=True)


def _limits(values: pd.Series) -> dict[str, float]:
    defined = values.dropna().sort_index(level="seed", kind="stable")
    if defined.empty:
        return {"value": np.nan, "low": np.nan, "high": np.nan, "n": 0, "n_seeds": 0}
    sizes = defined.groupby(level="seed", sort=True).size()
    draws = mean_draws(defined.to_numpy(float), nested_counts(tuple(sizes)))
    return limits(draws) | {"n": len(defined), "n_seeds": len(sizes)}


def checkpoints(rows: pd.DataFrame, value: str, by: str) -> pd.DataFrame:
    """A measurement over training: columns `by`, step, value, low, high, n; steps of all seeds.

    Seeds can differ in how many steps they took; their last measurements are taken together, at
    the mean of their last steps.
    Arguments: `rows` of the table "measured".
    """
    frames = []
    for name, part in rows.groupby(by, sort=False):
        last = part.groupby("seed")["step"].transform("max")
        ends = part.assign(last=last).groupby("seed")["last"].first().mean()
        step = part["step"].astype(float).where(part["step"] < last, ends)
        part = part.assign(step=step)
        seeds = part.groupby("step")["seed"].transform("nunique")
        table = cells(part[seeds == part["seed"].nunique()], value, "step")
        found = estimates(table).rename(columns={"name": "step"}).sort_values("step")
        frames.append(found.assign(**{by: name}))
    return pd.concat(frames, ignore_index=True)[[by, "step", "value", "low", "high", "n"]]


def seeds_caution(rows: pd.DataFrame) -> str:
    """What so many seeds can say, in a sentence or two; empty where there are enough."""
    n = rows["seed"].nunique()
    if n >= ENOUGH_SEEDS:
        return ""
    if n == 1:
        return (
            "There is one seed: intervals are over its prompts alone, say nothing of another "
            "training run, and no difference is judged."
        )
    return (
        f"There are {n} seeds. Intervals of differences are no narrower than Student's t over "
        "seeds makes them; those of single values may cover the truth less often than they say."
    )
