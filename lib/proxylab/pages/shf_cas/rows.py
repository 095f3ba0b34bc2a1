"""Rows of the SHF-CAS page, and the paired bootstrap that all of its intervals come from.

Within a seed every selector starts from the same proxy and is measured on the same held-out
prompts, so selectors are compared prompt by prompt. Left out: what the rows mean; the other
modules of the page say it.
"""

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from operator import eq

import numpy as np
import pandas as pd

from proxylab.pages.pooling import SEED, seed_spread
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOISE,
    NOT_AFTER_HOLM,
    ONE_SEED,
    UNDEFINED,
    seed_p_values,
    widened,
)
from proxylab.parameters import defaults_of
from proxylab.results import gather
from proxylab.runs import ShfCas
from proxylab.selection import SELECTORS
from proxylab.stats import holm

NOTEBOOK, RANDOM = "shf_cas", "random"
MEASURES = {"gold": "gold reward of the policy", "accuracy": "accuracy of the reward model"}
CONFLICTS = ("conflict_proxy", "conflict_gold")
TASKS = {"safety": "Safety", "helpfulness": "Helpfulness", "questions": "Questions"}
# Named before any result was seen: the control, the paper's rule, ours, its rival, the ceiling.
SHOWN = ("random", "conflict", "learned_by_region", "learned", "uncertainty", "oracle")

N_DRAWS = 4000  # enough for Holm's correction of the smallest p over a task's family
ALPHA = 0.05  # of the intervals and of a corrected p
SUMMARY = ("value", "low", "high", "p", "n", "above", "n_seeds", "spread")
# What a verdict of this page is called where a higher number is not always the better one.
DIRECTIONS = {
    "better": HIGHER,
    "worse": LOWER,
    "unclear": NOT_AFTER_HOLM,
    "noise": NOISE,
    "undefined": UNDEFINED,
    ONE_SEED: ONE_SEED,
}
FREE = ("profile", "seed", "task", "selectors")  # parameters in which the main runs may differ


def usual(*, but: Sequence[str] = ()) -> dict:
    """Conditions on the parameters of a run that changes nothing from the defaults, `but` these."""
    defaults = ShfCas().model_dump(mode="json")
    kept = [name for name in defaults_of(ShfCas) if name not in (*FREE, *but)]
    # As functions, so that the command shown for a missing run does not repeat every default.
    return {name: partial(eq, defaults[name]) for name in kept}


@cache
def main_rows(profile: str, table: str) -> pd.DataFrame:
    """A table of the main runs, each selector, seed and task once, selectors in their order."""
    rows = gather(NOTEBOOK, table, profile=profile, where=usual())
    return _once(rows)


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ("task", "seed", "selector", "round", "prompt", "quadrant")
    # A run of all selectors comes before one that named a few.
    rows = rows.assign(few=rows["selectors"].map(len) > 0).sort_values("few", kind="stable")
    rows = rows.drop_duplicates([name for name in keys if name in rows])
    order = {name: i for i, name in enumerate(SELECTORS)}
    place = rows["selector"].map(lambda name: order.get(name, len(order)))
    return rows.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def tasks_of(rows: pd.DataFrame) -> list[str]:
    """The tasks that were run, in the order of the page."""
    return [task for task in TASKS if task in set(rows["task"])]


def selectors_of(rows: pd.DataFrame, wanted: Sequence[str] | None = None) -> list[str]:
    """The selectors that were run, in the order of `wanted` or else as registered."""
    present = list(dict.fromkeys(rows["selector"]))
    return present if wanted is None else [name for name in wanted if name in present]


@cache
def cells(profile: str, task: str) -> pd.DataFrame:
    """One row a seed and held-out prompt; columns (measure, round, selector)."""
    rows = main_rows(profile, "held_out")
    rows = rows[rows["task"] == task]
    return rows.pivot(
        index=["seed", "prompt"],
        columns=["round", "selector"],
        values=[name for name in (*MEASURES, *CONFLICTS) if name in rows],
    ).astype(float)


def rounds_of(table: pd.DataFrame) -> list[int]:
    """The rounds in `cells`, from the proxy as it is to the last."""
    return sorted(set(table.columns.get_level_values("round")))


def redrawn_means(table: pd.DataFrame) -> np.ndarray:
    """Means of the columns `(N_DRAWS, n_columns)`: seeds redrawn, then prompts in each seed drawn.

    Arguments: `table` has an index (seed, prompt); NaN is left out. All columns share the draws.
    """
    parts = [part.to_numpy(float) for _, part in table.groupby(level="seed", sort=True)]
    weights, seeds, which = _redraws(tuple(map(len, parts)), N_DRAWS)
    both = list(zip(weights, parts, strict=True))
    sums = np.stack([own @ np.nan_to_num(values) for own, values in both])
    counts = np.stack([own @ (~np.isnan(values)).astype(float) for own, values in both])
    total, count = (part[seeds, which].sum(axis=0) for part in (sums, counts))
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


@lru_cache(maxsize=8)
def _redraws(sizes: tuple[int, ...], n_draws: int) -> tuple[list[np.ndarray], np.ndarray, ...]:
    """How often each prompt of a seed comes up, a table `(n_draws, size)` a seed; seeds; which.

    A seed that is drawn twice has its prompts redrawn twice: `which` picks another redraw.
    """
    rng = np.random.default_rng(SEED)
    weights = [_times_drawn(size, n_draws, rng) for size in sizes]
    seeds, which = (rng.integers(0, n, (len(sizes), n_draws)) for n in (len(sizes), n_draws))
    return weights, seeds, which


def _times_drawn(n: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `n` prompts comes up in `n` draws with replacement: `(n_draws, n)`."""
    drawn = rng.integers(0, n, (n_draws, n)) + n * np.arange(n_draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_draws * n).reshape(n_draws, n).astype(float)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row a column of `table`: its levels, value, low, high, p, n, above, n_seeds, spread.

    Arguments: `table` as in `redrawn_means`. `p` two-sided, that the mean is 0, from the same
    draws as the interval, neither surer than Student's t over fewer than ten seeds; `n` defined
    cells; `above` the seeds whose mean is above 0; `spread` the variance between seeds' means over
    what their prompts alone would make it, NaN for one seed.
    """
    seeds = table.groupby(level="seed")
    by_chance = (seeds.var() / seeds.count()).mean()
    means = seeds.mean()
    found = _limits(table.mean().to_numpy(), redrawn_means(table), means)
    return pd.concat([table.columns.to_frame(index=False), found], axis=1).assign(
        n=table.notna().sum().to_numpy(),
        above=(means > 0).sum().to_numpy(),
        spread=(means.var() / by_chance.where(by_chance > 0)).to_numpy(),
    )


def _limits(values: np.ndarray, draws: np.ndarray, seed_means: pd.DataFrame) -> pd.DataFrame:
    """Columns value, low, high, p, n_seeds; a column without any value is NaN in the first four.

    Arguments: `seed_means` a row a seed, of what `values` and `draws` are the mean of.
    """
    edges = np.full((2, draws.shape[1]), np.nan)
    defined = ~np.isnan(draws).any(axis=0)
    edges[:, defined] = np.quantile(draws[:, defined], [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    smaller = np.minimum((draws <= 0).sum(axis=0), (draws >= 0).sum(axis=0))
    p = np.where(defined, np.minimum(2 * (smaller + 1) / (len(draws) + 1), 1.0), np.nan)
    spread = pd.DataFrame([seed_spread(column) for _, column in seed_means.items()])
    found = pd.DataFrame({"value": values, "low": edges[0], "high": edges[1], **spread})
    p = np.maximum(p, seed_p_values(found, 0.0))
    return widened(found).assign(p=p).drop(columns="seed_se")


def difference_of_means(a: pd.Series, b: pd.Series) -> dict:
    """mean(a) - mean(b) with its interval, for two measurements on different prompts.

    Arguments: both have an index (seed, prompt), whose prompts need not be the same. Seeds are
    redrawn together, prompts apart. Returns value, low, high, p, n_seeds.
    """
    a, b = (part.rename_axis(["seed", "prompt"]) for part in (a, b))
    table = pd.concat({"a": a.to_frame("a"), "b": b.to_frame("b")}, names=["side"])
    table = table.reset_index("side", drop=True)
    draws, by_seed = redrawn_means(table), table.groupby(level="seed").mean()
    less = (by_seed["a"] - by_seed["b"]).to_frame()
    value = np.array([a.mean() - b.mean()])
    return _limits(value, draws[:, [0]] - draws[:, [1]], less).iloc[0].to_dict()


@cache
def against_random(profile: str, task: str) -> pd.DataFrame:
    """Every selector less random at the full budget, paired, with Holm's correction.

    Columns measure, selector, those of `summary`, p_holm and verdict (a direction). The family is
    every comparison of the task: all selectors, both measures. Empty where random was not run.
    """
    return with_directions(compared(profile, task, RANDOM))


def compared(
    profile: str, task: str, baseline: str, wanted: Sequence[str] | None = None
) -> pd.DataFrame:
    """As `against_random`, but for a baseline and, on request, for some selectors; not judged."""
    table = cells(profile, task).xs(rounds_of(cells(profile, task))[-1], level="round", axis=1)
    table = table[[column for column in table if column[0] in MEASURES]]
    names = set(table.columns.get_level_values("selector"))
    others = [s for s in (wanted or names) if s in names and s != baseline]
    if baseline not in names or not others:
        return pd.DataFrame(columns=["measure", "selector", *SUMMARY])
    parts = {
        (measure, name): table[measure, name] - table[measure, baseline]
        for measure in MEASURES
        for name in selectors_of(main_rows(profile, "rounds"))
        if name in others
    }
    wide = pd.DataFrame(parts)
    wide.columns = wide.columns.set_names(["measure", "selector"])
    return summary(wide)


def verdict(row) -> str:
    """'better', 'worse', 'unclear' (not after the correction), 'noise', ONE_SEED or 'undefined'."""
    if np.isnan(row.low):
        return "undefined"
    if row.n_seeds < 2:
        return ONE_SEED
    if row.low <= 0 <= row.high:
        return "noise"
    if row.p_holm >= ALPHA:
        return "unclear"
    return "better" if row.value > 0 else "worse"


def with_directions(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `summary` as one family: Holm-adjusted `p_holm`, and `verdict` as a direction."""
    found = found.assign(p_holm=holm(found["p"].to_numpy(float)))
    return found.assign(verdict=[DIRECTIONS[verdict(row)] for row in found.itertuples()])


def doubt(direction: str) -> str:
    """What is to be said behind a difference that is not clear: ' (noise)'; else nothing."""
    return "" if direction in (HIGHER, LOWER) else f" ({direction})"
