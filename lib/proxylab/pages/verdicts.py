"""What a contrast comes to: higher, lower or noise, after Holm's correction over its family.

A p-value is read off the width of an interval (normal approximation) unless it is given, so that it
is as coarse as the number of seeds behind the interval is small.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from proxylab.pages.pooling import LEVEL
from proxylab.stats import holm
from proxylab.stats.intervals import ENOUGH_SEEDS
from proxylab.tables import escaped, number, with_interval

HIGHER, LOWER, NOT_AFTER_HOLM, NOISE, UNDEFINED = (
    "higher",
    "lower",
    "clear alone, not after Holm",
    "noise",
    "undefined",
)
UPPER = (1 + LEVEL) / 2
SHARE = (0.0, 1.0)  # the bounds of a share and of an area under the ROC curve
LIMITS = ("value", "low", "high", "seed_se")
ONE_SEED = "one seed"  # the verdict where nothing is known of how much seeds differ


def standard_scores(rows: pd.DataFrame, null: float) -> np.ndarray:
    """How many standard errors each value lies from the null value `(n_rows,)`, never negative.

    The standard error is that of a normal with the interval's width; without width, 0 or infinite.
    """
    se = (rows["high"] - rows["low"]) / (2 * norm.ppf(UPPER))
    return _scores(rows, null, se)


def _scores(rows: pd.DataFrame, null: float, error: pd.Series) -> np.ndarray:
    distance = (rows["value"] - null).abs()
    return np.divide(distance, error, out=np.where(distance > 0, np.inf, 0.0), where=error > 0)


def with_verdicts(
    rows: pd.DataFrame, null: float, *, p_values: np.ndarray | None = None
) -> pd.DataFrame:
    """`rows` (value, low, high) with Holm-adjusted `p` and a `verdict` against the null value.

    The rows are one family. A row of no width at the null itself cannot differ from it: noise.
    Arguments: `p_values` `(n_rows,)` before the correction; by default of a normal distribution.
    """
    undefined = rows[["value", "low", "high"]].isna().any(axis=1)
    if p_values is None:
        p_values = 2 * norm.sf(standard_scores(rows, null))
    p = holm(np.where(undefined, np.nan, p_values))
    outside = ~undefined & ((rows["low"] > null) | (rows["high"] < null))
    kept = outside & (p < 1 - LEVEL)
    verdict = np.select(
        [undefined, kept & (rows["value"] > null), kept, outside],
        [UNDEFINED, HIGHER, LOWER, NOT_AFTER_HOLM],
        default=NOISE,
    )
    return rows.assign(p=p, verdict=verdict)


def p_text(p_values: pd.Series) -> list[str]:
    """P-values with three decimals; '< 0.001' below that, a dash where there was no test."""
    return ["< 0.001" if p < 0.001 else number(p, 3) for p in p_values]


def verdicts(
    table: pd.DataFrame, *, null: float = 0.0, p_values: np.ndarray | None = None
) -> pd.DataFrame:
    """Rows (value, low, high, n_seeds) with Holm's correction over all, and what each comes to.

    A row of one seed is not judged: its verdict is ONE_SEED, whatever its interval.
    """
    limits = table.astype({"value": float, "low": float, "high": float})
    judged = with_verdicts(limits, null, p_values=p_values)
    single = (judged["n_seeds"] < 2) & (judged["verdict"] != UNDEFINED)
    judged.loc[single, "verdict"] = ONE_SEED
    return judged


def judged(
    found: pd.DataFrame, *, null: float = 0.0, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> pd.DataFrame:
    """Estimates as one family: Holm-adjusted `p` and `verdict`; one seed is not judged.

    Redrawing fewer than ten seeds makes intervals too narrow where seeds differ more than prompts
    do: there limits are `widened`, and p is the larger of the redraws' and of Student's t.
    Arguments: `found` with value, low, high, n_seeds, and `seed_se` (`pooling.seed_spread`);
    `bounds` as for `widened`.
    """
    rows = found.astype(dict.fromkeys(LIMITS, float))
    p_values = np.maximum(2 * norm.sf(standard_scores(rows, null)), seed_p_values(rows, null))
    rows = widened(rows, bounds=bounds).drop(columns="seed_se")
    return verdicts(rows, null=null, p_values=p_values)


def widened(rows: pd.DataFrame, *, bounds: tuple[float, float] = (-np.inf, np.inf)) -> pd.DataFrame:
    """`rows` with limits no nearer than Student's t over the means of fewer than ten seeds.

    Arguments: `rows` with value, low, high, n_seeds and `seed_se` (`pooling.seed_spread`); `bounds`
    of what is estimated, which its limits do not leave.
    """
    few, freedom = _few(rows)
    half = np.where(few, t.ppf(UPPER, freedom) * rows["seed_se"].to_numpy(float), 0.0)
    low = np.minimum(rows["low"], rows["value"] - half).clip(lower=bounds[0])
    high = np.maximum(rows["high"], rows["value"] + half).clip(upper=bounds[1])
    return rows.assign(low=low, high=high)


def seed_p_values(rows: pd.DataFrame, null: float) -> np.ndarray:
    """Two-sided p `(n_rows,)` of Student's t over fewer than ten seeds' means; 0 for more or one.

    Arguments: `rows` with value, n_seeds and `seed_se`.
    """
    few, freedom = _few(rows)
    scores = _scores(rows, null, rows["seed_se"].astype(float))
    return np.where(few, 2 * t.sf(scores, freedom), 0.0)


def _few(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have two to nine seeds, and the degrees of freedom of their means."""
    n_seeds = rows["n_seeds"].to_numpy(float)
    few = (n_seeds > 1) & (n_seeds < ENOUGH_SEEDS)
    return few, np.where(few, n_seeds - 1, 1)


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
