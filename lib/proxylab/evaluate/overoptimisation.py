"""Over-optimisation: gold gain against the distance from the base policy, in Gao et al.'s forms.

Gao, Schulman, Hilton (2023), arXiv 2210.10760, section 3: with d = sqrt(KL(policy || base)), the
gold reward above the base policy's is d (alpha - beta d) for best-of-n and d (alpha - beta log d)
for reinforcement learning. Both are linear in alpha and beta, so least squares is exact. RL spends
far more KL than best-of-n for the same gain: curves of the two are not compared at equal d.
Left out: error in d itself (it is estimated too), and their scaling laws over proxy sizes.
"""

from dataclasses import dataclass

import numpy as np

from proxylab.names import did_you_mean

FORMS = ("best_of_n", "rl")


@dataclass(frozen=True)
class Fit:
    """A fitted form: alpha in gold reward a sqrt(nat), beta in the form's own units.

    `r_squared` is about the mean gain, so below 0 where the form is worse than a constant; NaN if
    the gain is constant. `n` counts the points used, `n_at_zero` and `n_undefined` those that were
    not: at distance 0, where both forms are 0 whatever their parameters, or NaN. The peak is NaN
    where there is none, and `no_peak` then says why; `is_peak_inside`: between `nearest` and
    `furthest`, the distances measured.
    """

    form: str
    alpha: float
    beta: float
    r_squared: float
    n: int
    n_at_zero: int
    n_undefined: int
    nearest: float
    furthest: float
    peak_distance: float
    peak_gain: float
    is_peak_inside: bool
    no_peak: str


def fit_overoptimisation(distance, gain, form: str = "best_of_n", *, weight=None) -> Fit:
    """Least-squares alpha and beta of one form, and where it peaks.

    Arguments: `distance` `(n_points,)` sqrt of nats, 0 or more; `gain` `(n_points,)` gold reward
    less that at distance 0; `weight` `(n_points,)`, 0 or more, in proportion to 1 / variance of
    the gain (none: all alike).
    Raises ValueError for an unknown form, shapes that differ, negative distances or weights, and
    fewer than two different distances above 0.
    """
    distance, gain, weight = checked_points(distance, gain, form, weight)
    defined = ~(np.isnan(distance) | np.isnan(gain) | np.isnan(weight))
    used = defined & (distance > 0) & (weight > 0)
    d, g, root = distance[used], gain[used], np.sqrt(weight[used])
    check_identified(d)
    design = columns(d, form)
    (alpha, beta), *_ = np.linalg.lstsq(design * root[:, None], g * root)
    return Fit(
        form=form,
        alpha=float(alpha),
        beta=float(beta),
        r_squared=_r_squared(g, design @ (alpha, beta), weight[used]),
        n=len(d),
        n_at_zero=int(np.sum(defined & (distance == 0))),
        n_undefined=int(np.sum(~defined)),
        nearest=float(d.min()),
        furthest=float(d.max()),
        **_peak(form, float(alpha), float(beta), d),
    )


def fitted_curve(fit: Fit, distance) -> np.ndarray:
    """Gain that a fit gives at each distance, of the same shape; 0 at distance 0.

    Raises ValueError for a negative distance.
    """
    distance = np.asarray(distance, float)
    _check_not_negative("distance", distance)
    return columns(distance, fit.form) @ (fit.alpha, fit.beta)


def peak_distance(form: str, alpha, beta) -> np.ndarray:
    """Where the form is highest, for arrays of alpha and beta of one shape.

    alpha / (2 beta) or exp(alpha / beta - 1) where beta > 0. Where there is no peak, what it tends
    to from there: 0 where best-of-n only falls (alpha <= 0 < beta), infinity where the gain goes
    on rising (beta <= 0 < alpha). NaN where neither parameter is positive.
    """
    alpha, beta = np.asarray(alpha, float), np.asarray(beta, float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if form == "best_of_n":
            turning = np.maximum(alpha / (2 * beta), 0.0)
        else:
            turning = np.exp(alpha / beta - 1)
    return np.where(beta > 0, turning, np.where(alpha > 0, np.inf, np.nan))


def columns(distance: np.ndarray, form: str) -> np.ndarray:
    """The two columns that alpha and beta multiply, on a new last axis."""
    if form == "best_of_n":
        return np.stack([distance, -(distance**2)], axis=-1)
    log = np.log(distance, out=np.zeros_like(distance), where=distance > 0)  # d log d -> 0
    return np.stack([distance, -distance * log], axis=-1)


def checked_points(distance, gain, form: str, weight=None) -> tuple[np.ndarray, ...]:
    """Distance, gain and weight as checked arrays `(n_points,)`; errors as in the fit."""
    if form not in FORMS:
        raise ValueError(f"there is no over-optimisation form {form!r}{did_you_mean(form, FORMS)}")
    distance, gain = np.asarray(distance, float), np.asarray(gain, float)
    weight = np.ones_like(distance) if weight is None else np.asarray(weight, float)
    if distance.ndim != 1 or not distance.shape == gain.shape == weight.shape:
        raise ValueError(
            "distance, gain and weight must have one shape (n_points,), got "
            f"{distance.shape}, {gain.shape}, {weight.shape}"
        )
    _check_not_negative("distance", distance)
    _check_not_negative("weight", weight)
    return distance, gain, weight


def check_identified(distance: np.ndarray) -> None:
    """Raise ValueError unless there are two different distances, all of them above 0."""
    if len(np.unique(distance)) < 2:
        raise ValueError(
            "alpha and beta need a gain at two different distances above 0 or more, got "
            f"{len(np.unique(distance))} ({len(distance)} points)"
        )


def _peak(form: str, alpha: float, beta: float, d: np.ndarray) -> dict[str, object]:
    where = float(peak_distance(form, alpha, beta))
    reason = _no_peak(alpha, beta, where)
    if reason:
        nothing = {"peak_distance": np.nan, "peak_gain": np.nan, "is_peak_inside": False}
        return {**nothing, "no_peak": reason}
    return {
        "peak_distance": where,
        "peak_gain": float(columns(np.array(where), form) @ (alpha, beta)),
        "is_peak_inside": bool(d.min() <= where <= d.max()),
        "no_peak": "",
    }


def _no_peak(alpha: float, beta: float, where: float) -> str:
    if beta <= 0:
        return f"beta is {beta:.3g}, not above 0: the gain bends up and does not turn down"
    if where == 0:
        return f"alpha is {alpha:.3g}, not above 0: the gain falls from the start"
    if np.isinf(where):
        return f"beta is {beta:.3g}, so near 0 that the peak lies beyond any distance"
    return ""


def _r_squared(gain: np.ndarray, fitted: np.ndarray, weight: np.ndarray) -> float:
    total = np.sum(weight * (gain - np.average(gain, weights=weight)) ** 2)
    return float(1 - np.sum(weight * (gain - fitted) ** 2) / total) if total > 0 else np.nan


def _check_not_negative(name: str, values: np.ndarray) -> None:
    if (wrong := np.flatnonzero(values < 0)).size:
        raise ValueError(
            f"{name} must be 0 or more, it is {values.flat[wrong[0]]} at point {wrong[0]}"
        )
