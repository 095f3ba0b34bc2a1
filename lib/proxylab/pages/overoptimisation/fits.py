"""Gao et al.'s forms fitted to the curves, with what several seeds say of each parameter.

Gao, Schulman and Hilton (2023), arXiv 2210.10760: gold against d = sqrt(KL) follows
d (alpha - beta d) for best-of-n and d (alpha - beta log d) for reinforcement learning.
Limits of alpha, beta and of the gain at the peak are Student's t over seeds' own fits, those of the
peak's place, a ratio, redraw seeds and prompts; with one seed all redraw prompts.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from proxylab.accuracy import MIXED
from proxylab.evaluate import FORMS as ALL_FORMS
from proxylab.evaluate import SeedsFit, fit_over_seeds, fitted_curve
from proxylab.evaluate.overoptimisation import columns
from proxylab.pages.overoptimisation.curves import wide
from proxylab.pages.overoptimisation.rows import CURVE, FORMS, gains
from proxylab.pages.pooling import SEED
from proxylab.stats import Interval
from proxylab.tables import DASH, number, with_interval

LEVEL = 0.95
MIN_STRENGTHS = 3  # two parameters go through any two points
N_VERSIONS = 200  # redrawn versions of each seed's curve
FAR = 99.0  # a peak further out than this is a number without meaning


@dataclass(frozen=True)
class CurveFit:
    """The fit of one curve in its method's form, and how well the other form does.

    gain: of the fit at its peak, NaN where it has none.
    """

    found: SeedsFit
    alpha: Interval
    beta: Interval
    gain: Interval
    r_squared_other: float


@cache
def fits(profile: str, task: str = MIXED) -> dict[tuple[str, str, str], CurveFit]:
    """`fit_curve` of every (method, proxy, bias) that has enough strengths to be fitted."""
    groups = gains(profile, task).groupby(CURVE, sort=False)
    found = {names: fit_curve(part, FORMS[names[0]]) for names, part in groups}
    return {names: fit for names, fit in found.items() if fit is not None}


def fit_curve(rows: pd.DataFrame, form: str, *, kl: str = "kl") -> CurveFit | None:
    """One curve's fit; None with fewer than `MIN_STRENGTHS` strengths away from the start.

    Arguments: `rows` of `gains`; `kl` "kl", or "bound" to use best-of-n's bound as the distance.
    """
    table = wide(rows)[["gold", kl]]
    points = _points(table.groupby(level="seed").mean(), kl)
    away = points[(points["distance"] > 0) & points["gain"].notna()]
    if away["strength"].nunique() < MIN_STRENGTHS:
        return None
    versions = _versions(table, kl)
    found = _over_seeds(points, form, versions)
    (other,) = (name for name in ALL_FORMS if name != form)
    own = found.by_seed
    peak = found.fit.peak_distance
    at_peak = columns(np.array(peak), form) @ own[["alpha", "beta"]].to_numpy().T
    return CurveFit(
        found,
        alpha=_t_interval(found.alpha, own["alpha"]),
        beta=_t_interval(found.beta, own["beta"]),
        gain=_t_interval(Interval(found.fit.peak_gain, np.nan, np.nan, len(own), LEVEL), at_peak),
        r_squared_other=_over_seeds(points, other, None).fit.r_squared,
    )


def _over_seeds(points: pd.DataFrame, form: str, resampled: pd.DataFrame | None) -> SeedsFit:
    rng = np.random.default_rng(SEED)
    return fit_over_seeds(points, form, rng=rng, resampled=resampled, n_resamples=500)


def _points(means: pd.DataFrame, kl: str) -> pd.DataFrame:
    """Means with columns (value, strength) as one row a point: strength, distance, gain."""
    strengths = means.columns.unique("strength")
    parts = [means.xs(k, level="strength", axis=1).assign(strength=k) for k in strengths]
    long = pd.concat(parts).reset_index()
    distance = np.sqrt(long[kl].clip(lower=0))
    return long.assign(distance=distance).rename(columns={"gold": "gain"}).drop(columns=kl)


def _versions(table: pd.DataFrame, kl: str) -> pd.DataFrame:
    """`N_VERSIONS` curves of every seed, from redrawn prompts: `_points` with a column draw."""
    rng, frames = np.random.default_rng([SEED, 2]), []
    for seed, part in table.groupby(level="seed"):
        n, defined = len(part), part.notna().to_numpy(float)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=N_VERSIONS)
        total, sums = counts @ defined, counts @ np.nan_to_num(part.to_numpy(float))
        means = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
        index = pd.MultiIndex.from_product([[seed], range(N_VERSIONS)], names=["seed", "draw"])
        frames.append(pd.DataFrame(means, index=index, columns=part.columns))
    return _points(pd.concat(frames), kl)


def _t_interval(redrawn: Interval, by_seed) -> Interval:
    """The estimate with Student's t limits over the seeds' values; as it was with one seed."""
    values = np.asarray(by_seed, float)
    values = values[~np.isnan(values)]
    if len(values) < 2 or np.isnan(redrawn.estimate):
        return redrawn
    half = student_t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1)
    half /= np.sqrt(len(values))
    return Interval(
        redrawn.estimate, redrawn.estimate - half, redrawn.estimate + half, len(values), LEVEL
    )


def fitted_line(fit: CurveFit, n: int = 60) -> pd.DataFrame:
    """The fitted curve from the start to the furthest point measured: distance, gold."""
    distance = np.linspace(0, fit.found.fit.furthest, n)
    return pd.DataFrame({"distance": distance, "gold": fitted_curve(fit.found.fit, distance)})


def distance_text(value: float) -> str:
    """A distance with two decimals, '∞' without end, '> 99' where it is beyond all sense."""
    if np.isinf(value):
        return "∞"
    return f"> {FAR:.0f}" if value > FAR else number(value)


def peak_text(fit: CurveFit) -> str:
    """Where the fitted peak lies with its limits, or which way a fit without one goes."""
    one, around = fit.found.fit, fit.found.peak_distance
    if one.no_peak:
        return "none, only falls" if one.beta > 0 and one.alpha <= 0 else "none, bends up"
    if np.isnan(around.low):
        return distance_text(one.peak_distance)
    low, high = distance_text(around.low), distance_text(around.high)
    return f"{distance_text(one.peak_distance)} [{low}, {high}]"


def peak_place(fit: CurveFit) -> str:
    """Where the peak lies among the points away from the start: 'inside' them, 'beyond' the last or
    'before' the first; a dash where there is no peak."""
    one = fit.found.fit
    if one.no_peak:
        return DASH
    if one.is_peak_inside:
        return "inside"
    return "beyond" if one.peak_distance > one.furthest else "before"


def limits_text(interval: Interval, digits: int = 2) -> str:
    """An interval on two lines, for wide tables."""
    text = with_interval(interval.estimate, interval.low, interval.high, digits)
    return text.replace(" [", "<br>[")
