"""What 350 pairs can say of five published reward models: who can be told from whom, and why not.

JudgeBench (Tan et al. 2025) publishes their raw scores and ranks them by accuracy alone. Here: the
differences they could have shown at all, tasks apart, how far their errors coincide, whether their
gaps say how sure they are, and what a committee of them would get. Left out: the models themselves.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from proxylab.accuracy import compare, outcomes
from proxylab.stats import (
    Interval,
    auroc,
    bootstrap,
    holm,
    mcnemar_exact,
    paired_difference,
    wilson,
)
from proxylab.stats.power import detectable_difference, pairs_needed

N_FOLDS = 10
MAJORITY, MEAN_GAP, STACKED, BEST_SINGLE = (
    "majority of the five",
    "mean standardised gap",
    "weighted gaps",
    "best single model",
)
Scores = Mapping[str, pd.DataFrame]


def judgebench_tables(
    scores: Scores, pairs: pd.DataFrame, comparisons: pd.DataFrame, *, seed: int, n_resamples: int
) -> dict[str, pd.DataFrame]:
    """Tables by_task, power, errors, certainty and committees.

    Arguments: `scores` by model as `score_pairs` gives them, in the order of `pairs`;
    `comparisons` of all pairs, as `accuracy.compare` gives them.
    """
    rng = np.random.default_rng([seed, 66])
    return {
        "by_task": by_task(scores, pairs, rng=rng, n_resamples=n_resamples),
        "power": power_table(comparisons),
        "errors": error_table(scores, rng=rng, n_resamples=n_resamples),
        "certainty": certainty_table(scores, rng=rng, n_resamples=n_resamples),
        "committees": committee_table(scores, seed=seed, rng=rng, n_resamples=n_resamples),
    }


def by_task(scores: Scores, pairs: pd.DataFrame, *, rng, n_resamples: int) -> pd.DataFrame:
    """`accuracy.compare` within each subset; Holm's correction over all rows of the table."""
    frames = []
    for subset in pairs["subset"].unique():
        own = (pairs["subset"] == subset).to_numpy()
        part = {name: frame[own].reset_index(drop=True) for name, frame in scores.items()}
        found = compare(part, rng=rng, n_resamples=n_resamples)
        frames.append(found.assign(subset=subset))
    table = pd.concat(frames, ignore_index=True)
    adjusted = holm(table["p"].to_numpy(float))
    return table.assign(p_holm=adjusted, distinguishable=adjusted < 0.05)


def power_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """What each comparison could have shown: `comparisons` with, added,

    discordant (share); detectable, the smallest difference told with 80 % power at 0.05, and
    detectable_holm at the first step of Holm's correction over the table; needed and needed_holm,
    the pairs that would tell the observed gap so.
    """
    rows = []
    for row in comparisons.itertuples():
        discordant, found = (row.only_a + row.only_b) / row.n, {}
        for name, alpha in (("", 0.05), ("_holm", 0.05 / len(comparisons))):
            found[f"detectable{name}"] = detectable_difference(row.n, discordant, alpha=alpha)
            gap = min(abs(row.difference), discordant)  # equal but for rounding when all go one way
            found[f"needed{name}"] = pairs_needed(gap, discordant, alpha=alpha)
        rows.append({"discordant": discordant, **found})
    return pd.concat([comparisons.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def error_table(scores: Scores, *, rng, n_resamples: int) -> pd.DataFrame:
    """How far the errors of every two models coincide.

    Columns model_a, model_b, both_wrong, wrong_a, wrong_b (counts), n, agree (share of pairs on
    which both are right or both wrong), by_chance (that share were they independent), kappa
    (Cohen 1960) with low and high, a bootstrap over pairs.
    """
    right = {name: outcomes(frame) for name, frame in scores.items()}
    rows = []
    for a, b in combinations(scores, 2):
        both = np.stack([right[a], right[b]])
        both = both[:, ~np.isnan(both).any(axis=0)]
        kappa = bootstrap(
            lambda places, both=both: cohen_kappa(*both[:, places]),
            both.shape[1],
            rng=rng,
            n_resamples=n_resamples,
        )
        rows.append({"model_a": a, "model_b": b, **_errors(*both), **_limits(kappa, "kappa")})
    return pd.DataFrame(rows)


def cohen_kappa(a: np.ndarray, b: np.ndarray) -> float:
    """Agreement of two columns of 0 and 1 beyond chance; NaN where chance alone gives all of it.

    Source: Cohen (1960).
    """
    chance = _chance(a, b)
    return float(((a == b).mean() - chance) / (1 - chance)) if chance < 1 else np.nan


def certainty_table(scores: Scores, *, rng, n_resamples: int) -> pd.DataFrame:
    """Whether a larger gap is more often right: area under the ROC curve of |gap| for being right.

    Columns model, value, low, high (bootstrap over pairs; 0.5: the gap says nothing), n.
    """
    rows = []
    for name, frame in scores.items():
        right, size = outcomes(frame), np.abs(gaps({name: frame})[name])
        kept = ~np.isnan(right)
        right, size = right[kept], size[kept]
        found = bootstrap(
            lambda places, right=right, size=size: auroc(size[places], right[places]),
            len(right),
            rng=rng,
            n_resamples=n_resamples,
        )
        rows.append({"model": name, **_limits(found, "value"), "n": found.n})
    return pd.DataFrame(rows)


def gaps(scores: Scores) -> pd.DataFrame:
    """The chosen response's score less the rejected one's, one column a model."""
    return pd.DataFrame(
        {name: frame["score_chosen"] - frame["score_rejected"] for name, frame in scores.items()}
    )


def committee_table(scores: Scores, *, seed: int, rng, n_resamples: int) -> pd.DataFrame:
    """What the models get together, against the single model that has most right.

    MAJORITY counts signs. Fitted on nine tenths of the pairs and measured on the tenth left out,
    ten times: MEAN_GAP (each gap over its standard deviation), STACKED (a logistic regression on
    those), BEST_SINGLE (the model that has most right). Columns committee, accuracy, low, high
    (Wilson), n, difference, difference_low, difference_high (bootstrap over pairs), p (exact
    McNemar), the last four against the model that has most right of all pairs, `best`: it was
    chosen on the very pairs it is measured on, which favours it.
    Pairs that a model has not scored are left out; a tie counts as wrong.
    """
    table = gaps(scores).dropna()
    wins = committee_outcomes(table, seed=seed)
    best = (table > 0).mean().idxmax()
    rows = []
    for name, right in wins.items():
        own, single = wilson(int(right.sum()), len(right)), (table[best] > 0).to_numpy()
        less = paired_difference(
            right.astype(float), single.astype(float), rng=rng, n_resamples=n_resamples
        )
        p = mcnemar_exact(right, single).p_value
        rows.append(
            {
                "committee": name,
                "best": best,
                **_limits(own, "accuracy"),
                "n": own.n,
                "difference": less.estimate,
                "difference_low": less.low,
                "difference_high": less.high,
                "p": p,
            }
        )
    return pd.DataFrame(rows)


def committee_outcomes(table: pd.DataFrame, *, seed: int) -> dict[str, np.ndarray]:
    """Whether each committee is right on each pair `(n_pairs,)` bool; see `committee_table`.

    Arguments: `table` gaps, one column a model, no NaN.
    """
    values = table.to_numpy(float)
    wins = {name: np.zeros(len(values), bool) for name in (MEAN_GAP, STACKED, BEST_SINGLE)}
    folds = KFold(min(N_FOLDS, len(values)), shuffle=True, random_state=seed)
    for train, test in folds.split(values):
        scale = np.sqrt((values[train] ** 2).mean(axis=0))  # about 0: no side is first
        known, held_out = values[train] / scale, values[test] / scale
        wins[MEAN_GAP][test] = held_out.mean(axis=1) > 0
        wins[STACKED][test] = held_out @ _weights(known) > 0
        wins[BEST_SINGLE][test] = held_out[:, (known > 0).mean(axis=0).argmax()] > 0
    return {MAJORITY: np.sign(values).sum(axis=1) > 0, **wins}


def _weights(known: np.ndarray) -> np.ndarray:
    """A logistic regression without intercept on each pair both ways round."""
    both_ways = np.vstack([known, -known])
    labels = np.repeat([1, 0], len(known))
    return LogisticRegression(fit_intercept=False).fit(both_ways, labels).coef_[0]


def _errors(a: np.ndarray, b: np.ndarray) -> dict[str, float | int]:
    counts = {
        "both_wrong": (a + b == 0).sum(),
        "wrong_a": (a == 0).sum(),
        "wrong_b": (b == 0).sum(),
    }
    shares = {"agree": float((a == b).mean()), "by_chance": _chance(a, b)}
    return {**{name: int(count) for name, count in counts.items()}, "n": len(a), **shares}


def _chance(a: np.ndarray, b: np.ndarray) -> float:
    return float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))


def _limits(found: Interval, name: str) -> dict[str, float]:
    return {name: found.estimate, "low": found.low, "high": found.high}
