"""Verdicts to outcomes: both orders combined, and how much the place of a response decides.

A pair is won or lost where both orders say so. Where they disagree it is a tie, and reported as
inconsistent: Zheng et al. 2023 ("Judging LLM-as-a-judge with MT-bench and Chatbot Arena", section
3.4) do the same. Left out: models of ties, and corrections of one order by the other's bias.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from proxylab.judge.judging import ORDERS
from proxylab.judge.verdict import DECIDED, FIRST, SECOND, TIE, UNDECIDED
from proxylab.stats import Interval, bootstrap, wilson

KINDS = (*DECIDED, *UNDECIDED)


def by_order(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row a pair, one column an order: the sign of the summed outcomes of its votes.

    NaN where an order has no verdict; index pair_id in order of appearance.
    """
    means = verdicts.groupby(["pair_id", "order"], sort=False)["outcome"].mean()
    wide = np.sign(means.unstack("order").reindex(columns=list(ORDERS)))
    return wide.loc[verdicts["pair_id"].unique()]


def combined(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row a pair: pair_id, outcome (+1, 0, -1, NaN) and consistent (NaN with one order).

    Where both orders were asked, both must have a verdict: outcome is NaN otherwise, as a pair
    judged once is judged by another rule. Where one was asked, its verdict is the outcome.
    """
    wide = by_order(verdicts)
    asked = [order for order in ORDERS if order in set(verdicts["order"])]
    first, last = wide[asked[0]].to_numpy(), wide[asked[-1]].to_numpy()
    undefined = np.isnan(first) | np.isnan(last)
    consistent = np.where(undefined, np.nan, first == last)
    return pd.DataFrame(
        {
            "pair_id": wide.index,
            "outcome": np.where(undefined, np.nan, np.where(first == last, first, 0.0)),
            "consistent": consistent if len(asked) > 1 else np.nan,
        }
    )


def one_order(verdicts: pd.DataFrame, order: str) -> pd.DataFrame:
    """What this order alone would have reported: pair_id, outcome."""
    wide = by_order(verdicts)
    return pd.DataFrame({"pair_id": wide.index, "outcome": wide[order].to_numpy()})


def position_bias(
    verdicts: pd.DataFrame,
    *,
    rng: np.random.Generator,
    cluster: str | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, float | int]:
    """How much the place decides, over pairs with a verdict in both orders.

    share_first with its interval: of the verdicts for a response, those for the one that stood
    first (1/2 without a bias). flips_to_first, flips_to_second: pairs whose winner was both times
    the first, or the second, with the exact two-sided p of an even split of independent pairs.
    half: a win in one order, a tie in the other. consistent: share judged alike. n_pairs.
    Arguments: `cluster` a column of `verdicts` whose pairs are redrawn together (one prompt's,
    say); without it pairs are independent, and the interval of `consistent` is Wilson's.
    """
    wide = by_order(verdicts).dropna()
    first, last = (wide[order].to_numpy() for order in ORDERS)
    units = wide.index
    if cluster is not None:
        units = verdicts.groupby("pair_id")[cluster].first().loc[wide.index]
    sums = pd.DataFrame(
        {
            "for_first": 1.0 * (first > 0) + (last < 0),
            "decided": 1.0 * (first != 0) + (last != 0),
            "alike": 1.0 * (first == last),
            "pairs": 1.0,
        }
    )
    by_unit = sums.groupby(np.asarray(units)).sum()
    options = {"rng": rng, "n_resamples": n_resamples, "level": level}
    share = _ratio(by_unit["for_first"], by_unit["decided"], **options)
    if cluster is None:
        agreed = wilson(int(sums["alike"].sum()), len(wide), level=level)
    else:
        agreed = _ratio(by_unit["alike"], by_unit["pairs"], **options)
    return {
        **_limits("share_first", share),
        **_flips(first, last),
        **_limits("consistent", agreed),
        "n_pairs": len(wide),
    }


def verdict_counts(verdicts: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """How many questions got which verdict: `by`, then a column a kind, and n_questions."""
    groups = [((), verdicts)] if not by else verdicts.groupby(list(by), sort=False)
    rows = []
    for names, part in groups:
        counts = part["verdict"].value_counts()
        row = dict(zip(by, names, strict=True))
        row |= {kind: int(counts.get(kind, 0)) for kind in KINDS}
        rows.append(row | {"n_questions": len(part)})
    named = {FIRST: "first", SECOND: "second", TIE: "tie"}
    return pd.DataFrame(rows).rename(columns=named)


def _flips(first: np.ndarray, last: np.ndarray) -> dict[str, float | int]:
    """Pairs that changed with the order, from the outcomes in either order."""
    to_first = int(np.sum((first > 0) & (last < 0)))
    to_second = int(np.sum((first < 0) & (last > 0)))
    flips = to_first + to_second
    return {
        "flips_to_first": to_first,
        "flips_to_second": to_second,
        "p_flips": float(binomtest(to_first, flips).pvalue) if flips else np.nan,
        "half": int(np.sum(first != last)) - flips,
    }


def _ratio(part: pd.Series, whole: pd.Series, *, rng, n_resamples: int, level: float) -> Interval:
    """A ratio of sums over units, which are redrawn."""
    parts, wholes = part.to_numpy(), whole.to_numpy()

    def share(units: np.ndarray) -> float:
        total = wholes[units].sum()
        return float(parts[units].sum() / total) if total else np.nan

    return bootstrap(share, len(parts), rng=rng, n_resamples=n_resamples, level=level)


def _limits(name: str, found: Interval) -> dict[str, float]:
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}
