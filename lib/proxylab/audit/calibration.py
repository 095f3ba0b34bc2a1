"""Is sigmoid(gap) the probability that it claims to be? Reliability on labelled pairs.

A Bradley-Terry reward says with which probability its preferred reply is the one people chose. The
reliability curve sets that beside how often it was (Guo et al. 2017, arXiv 1706.04599); one
temperature is the least repair. A pair has no first reply, so all is over the preferred one:
confidence in [0.5, 1]. Left out: repairs with more than one parameter.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from proxylab.audit.probes import HARMLESS, HELPFUL
from proxylab.stats import Interval, bootstrap, wilson

EDGES = np.linspace(0.5, 1.0, 11)
ALL = "all"
N_SIMULATED = 200  # draws of the error that a calibrated proxy would show
STEEPEST = 1e6  # the largest slope, per root mean square of the gaps


def kind_of_subset(subset: pd.Series) -> np.ndarray:
    """ "harmless" or "helpful" for each pair `(n,)`, from the names that HH-RLHF gives subsets."""
    return np.where(subset.str.contains(HARMLESS).to_numpy(bool), HARMLESS, HELPFUL)


def parts_of(scores: pd.DataFrame, kinds: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The gaps chosen - rejected of all pairs, then of each kind where there are two; no NaN.

    Arguments: `scores` as `score_pairs` gives them; `kinds` `(n,)`.
    """
    gap = (scores["score_chosen"] - scores["score_rejected"]).to_numpy(float)
    defined = np.isfinite(gap)
    yield ALL, gap[defined]
    present = np.unique(kinds)
    for kind in present if len(present) > 1 else ():
        yield str(kind), gap[defined & (kinds == kind)]


def reliability(gaps: np.ndarray) -> pd.DataFrame:
    """The reliability curve: one row a bin of confidence that holds a pair; ties are left out.

    Arguments: `gaps` `(n,)`, score of the chosen reply less that of the rejected one, no NaN.
    Columns: bin_low, bin_high, n, confidence (mean of sigmoid|gap|), right (share of pairs whose
    preferred reply is the chosen one), low, high (Wilson).
    """
    gaps = gaps[gaps != 0]
    confidence, right = expit(np.abs(gaps)), gaps > 0
    rows = []
    bins = np.clip(np.searchsorted(EDGES, confidence, side="right") - 1, 0, len(EDGES) - 2)
    for b in np.unique(bins):
        at = bins == b
        found = wilson(int(right[at].sum()), int(at.sum()))
        edges = {"bin_low": EDGES[b], "bin_high": EDGES[b + 1], "n": found.n}
        limits = {"right": found.estimate, "low": found.low, "high": found.high}
        rows.append({**edges, "confidence": float(confidence[at].mean()), **limits})
    columns = ["bin_low", "bin_high", "n", "confidence", "right", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: mean distance of confidence and share right, over equal bins.

    Arguments: `confidence` in [0.5, 1] and `right` (1, 0, or 0.5 for a tie), both `(n,)`.
    Source: Naeini et al. (2015). NaN without pairs.
    """
    if not len(confidence):
        return np.nan
    bins = np.clip(np.searchsorted(EDGES, confidence, side="right") - 1, 0, len(EDGES) - 2)
    sums = np.bincount(bins, weights=confidence - right, minlength=len(EDGES) - 1)
    return float(np.abs(sums).sum() / len(confidence))


def brier(gaps: np.ndarray) -> float:
    """Mean squared distance of sigmoid(gap) from 1, the chosen reply's label; 0.25 knows nothing.

    Source: Brier (1950). NaN without pairs.
    """
    return float(np.mean((1 - expit(gaps)) ** 2)) if len(gaps) else np.nan


def calibrating_slope(gaps: np.ndarray) -> float:
    """The b for which sigmoid(b gap) fits the labels best; below 1, the proxy is too sure.

    1 / b is the calibrating temperature. Maximum likelihood of a logistic regression of one slope,
    which may not be negative: 0 where none beats tossing a coin. Where every untied pair is right,
    a million divided by the typical gap, in place of infinity; NaN where all are tied.
    """
    gaps = gaps[gaps != 0]
    if not len(gaps):
        return np.nan
    unit = float(np.sqrt(np.mean(gaps**2)))
    scaled = gaps / unit

    def rise(slope: float) -> float:
        """Slope of the mean log-likelihood, which falls throughout."""
        return float(np.mean(scaled * expit(-slope * scaled)))

    if rise(0.0) <= 0:
        return 0.0
    return STEEPEST / unit if rise(STEEPEST) >= 0 else brentq(rise, 0.0, STEEPEST) / unit


def calibration_table(
    scores: pd.DataFrame,
    kinds: np.ndarray,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> pd.DataFrame:
    """Calibration in numbers: one row a kind and measure, with bootstrap intervals over pairs.

    Arguments: `scores` as `score_pairs` gives them; `kinds` `(n,)`, "helpful" or "harmless".
    measure: "accuracy" (Wilson; a tie is wrong), "ece" (no interval: redraws of it lie above the
    truth), "brier", "temperature" (above 1: too sure; infinite: of no use) and "brier calibrated",
    after dividing by that temperature. null: for ece the mean error that a perfectly calibrated
    proxy of the same confidences shows by chance; for brier 0.25. n counts pairs.
    """
    rows = []
    for kind, gaps in parts_of(scores, kinds):
        for measure, found, null in _measures(gaps, rng, n_resamples):
            limits = {"value": found.estimate, "low": found.low, "high": found.high, "n": found.n}
            rows.append({"kind": kind, "measure": measure, **limits, "null": null})
    return pd.DataFrame(rows)


def _measures(
    gaps: np.ndarray, rng: np.random.Generator, n_resamples: int
) -> Iterator[tuple[str, Interval, float]]:
    confidence, right = expit(np.abs(gaps)), (np.sign(gaps) + 1) / 2
    draws = {"rng": rng, "n_resamples": n_resamples}
    n = len(gaps)
    yield "accuracy", wilson(int((gaps > 0).sum()), n), 0.5
    # Never below 0 and raised by chance, so that redraws of it lie above the truth: no interval.
    ece = Interval(calibration_error(confidence, right), np.nan, np.nan, n)
    yield "ece", ece, _error_by_chance(confidence, rng)
    yield "brier", bootstrap(lambda rows: brier(gaps[rows]), n, **draws), 0.25
    slope = bootstrap(lambda rows: calibrating_slope(gaps[rows]), n, **draws)
    yield "temperature", _inverse(slope), np.nan
    repaired = slope.estimate * gaps
    yield "brier calibrated", bootstrap(lambda rows: brier(repaired[rows]), n, **draws), 0.25


def _inverse(slope: Interval) -> Interval:
    """Temperature from slope: infinite where the slope is 0, its limits in the other order."""
    turned = [1 / x if x else np.inf for x in (slope.estimate, slope.high, slope.low)]
    return Interval(*turned, slope.n, slope.level)


def _error_by_chance(confidence: np.ndarray, rng: np.random.Generator) -> float:
    """Mean calibration error of labels drawn at the confidences themselves."""
    if not len(confidence):
        return np.nan
    drawn = rng.random((N_SIMULATED, len(confidence))) < confidence
    return float(np.mean([calibration_error(confidence, row) for row in drawn]))


def reliability_table(scores: pd.DataFrame, kinds: np.ndarray) -> pd.DataFrame:
    """The reliability curve of each kind; columns kind and those of `reliability`."""
    parts = [reliability(g).assign(kind=kind) for kind, g in parts_of(scores, kinds)]
    table = pd.concat(parts, ignore_index=True)
    return table[["kind", *table.columns.drop("kind")]]
