"""Gao et al.'s forms: planted parameters come back, peaks are where calculus puts them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate import fit_overoptimisation, fitted_curve, peak_distance

DISTANCE = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])


def best_of_n(d, alpha, beta):
    return d * (alpha - beta * d)


def rl(d, alpha, beta):
    return d * (alpha - beta * np.log(np.where(d > 0, d, 1.0)))  # d log d is 0 at 0


def test_best_of_n_by_hand():
    # Two points, two parameters: gains 3 at 1 and 4 at 2 need alpha - beta = 3 and
    # alpha - 2 beta = 2, so alpha = 4, beta = 1; the peak is at 4 / 2 and worth 2 (4 - 2).
    fit = fit_overoptimisation([0.0, 1.0, 2.0], [0.0, 3.0, 4.0])
    assert (fit.alpha, fit.beta) == pytest.approx((4.0, 1.0))
    assert (fit.peak_distance, fit.peak_gain) == pytest.approx((2.0, 4.0))
    assert (fit.n, fit.n_at_zero, fit.n_undefined) == (2, 1, 0)
    assert (fit.nearest, fit.furthest) == (1.0, 2.0)
    assert fit.r_squared == pytest.approx(1.0)
    assert fit.no_peak == ""


def test_rl_by_hand():
    # Gain 2 at d = 1 is alpha (log 1 = 0); 2 e (2 - 1) at d = e gives beta = 1. Peak e^(2 - 1).
    fit = fit_overoptimisation([1.0, np.e], [2.0, np.e], "rl")
    assert (fit.alpha, fit.beta) == pytest.approx((2.0, 1.0))
    assert fit.peak_distance == pytest.approx(np.e)
    assert fit.peak_gain == pytest.approx(np.e)  # beta d*


@pytest.mark.parametrize(("form", "curve"), [("best_of_n", best_of_n), ("rl", rl)])
@given(alpha=st.floats(-3, 3), beta=st.floats(-3, 3))
def test_planted_parameters_come_back(form, curve, alpha, beta):
    fit = fit_overoptimisation(DISTANCE, curve(DISTANCE, alpha, beta), form)
    assert fit.alpha == pytest.approx(alpha, abs=1e-10)
    assert fit.beta == pytest.approx(beta, abs=1e-10)
    np.testing.assert_allclose(fitted_curve(fit, DISTANCE), curve(DISTANCE, alpha, beta), atol=1e-9)


@pytest.mark.parametrize("form", ["best_of_n", "rl"])
@given(alpha=st.floats(0.2, 2), beta=st.floats(0.3, 2))
def test_nothing_on_the_fitted_curve_is_above_its_peak(form, alpha, beta):
    curve = {"best_of_n": best_of_n, "rl": rl}[form]
    fit = fit_overoptimisation(DISTANCE, curve(DISTANCE, alpha, beta), form)
    grid = np.linspace(0.0, 2 * fit.peak_distance, 4001)  # holds the peak itself, half-way
    gains = fitted_curve(fit, grid)
    assert gains.max() == pytest.approx(fit.peak_gain, rel=1e-9)
    assert grid[gains.argmax()] == pytest.approx(fit.peak_distance, rel=2e-3)


@pytest.mark.parametrize(("beta", "inside"), [(1 / 3, True), (1 / 8, False), (1.25, False)])
def test_a_peak_may_lie_outside_what_was_measured(beta, inside):
    # alpha = 1: the peak 1 / (2 beta) is at 1.5, at 4 (beyond 3) and at 0.4 (before 0.5).
    fit = fit_overoptimisation(DISTANCE, best_of_n(DISTANCE, 1.0, beta))
    assert fit.peak_distance == pytest.approx(1 / (2 * beta))
    assert fit.is_peak_inside is inside


@pytest.mark.parametrize(
    ("form", "alpha", "beta", "reason"),
    [
        ("best_of_n", 1.0, -0.2, "beta is -0.2, not above 0"),
        ("best_of_n", -1.0, 0.2, "alpha is -1, not above 0: the gain falls"),
        ("rl", 1.0, -0.2, "beta is -0.2, not above 0"),
        ("rl", 1.0, 1e-4, "so near 0 that the peak lies beyond"),  # e^9999
    ],
)
def test_no_peak_is_nan_with_the_reason(form, alpha, beta, reason):
    curve = {"best_of_n": best_of_n, "rl": rl}[form]
    fit = fit_overoptimisation(DISTANCE, curve(DISTANCE, alpha, beta), form)
    assert np.isnan(fit.peak_distance)
    assert np.isnan(fit.peak_gain)
    assert not fit.is_peak_inside
    assert reason in fit.no_peak


def test_limits_of_the_peak():
    alpha, beta = np.array([1.0, -1.0, 1.0, -1.0, 0.0]), np.array([0.0, 1.0, -1.0, -1.0, 0.0])
    expected = [np.inf, 0.0, np.inf, np.nan, np.nan]
    np.testing.assert_array_equal(peak_distance("best_of_n", alpha, beta), expected)
    expected[1] = np.exp(-2)  # RL rises before it falls, whatever alpha
    np.testing.assert_allclose(peak_distance("rl", alpha, beta), expected)


def test_r_squared_by_hand():
    # Gains 1, 1, 3 at distances 1, 1, 2: the fit passes through the means, 1 at 1 and 3 at 2.
    # With gains 0 and 2 at distance 1 in their place the residuals are -1, 1, 0 about it, and
    # about the mean 5/3 the sum of squares is 25/9 + 1/9 + 16/9 = 42/9: 1 - 2 / (42/9) = 4/7.
    fit = fit_overoptimisation([1.0, 1.0, 2.0], [0.0, 2.0, 3.0])
    assert fit.r_squared == pytest.approx(4 / 7)
    constant = fit_overoptimisation([1.0, 2.0], [1.0, 1.0])
    assert np.isnan(constant.r_squared)


def test_weight_counts_like_repeats():
    rng = np.random.default_rng(0)
    d, gain, repeats = np.array([0.5, 1.0, 2.0, 3.0]), rng.normal(size=4), np.array([1, 3, 0, 2])
    weighted = fit_overoptimisation(d, gain, "rl", weight=repeats)
    repeated = fit_overoptimisation(np.repeat(d, repeats), np.repeat(gain, repeats), "rl")
    assert (weighted.alpha, weighted.beta) == pytest.approx((repeated.alpha, repeated.beta))
    assert weighted.r_squared == pytest.approx(repeated.r_squared)
    assert weighted.n == 3  # the point of weight 0 is not used


def test_undefined_points_are_counted_out():
    gain = best_of_n(DISTANCE, 2.0, 0.5)
    gain[2] = np.nan
    fit = fit_overoptimisation(DISTANCE, gain)
    assert (fit.alpha, fit.beta) == pytest.approx((2.0, 0.5))
    assert (fit.n, fit.n_at_zero, fit.n_undefined) == (4, 1, 1)


def test_noise_averages_out():
    # Least squares is unbiased; the sd of alpha is 0.1 sqrt((X'X)^-1_11), 0.081 here.
    rng = np.random.default_rng(1)
    design = np.stack([DISTANCE, -(DISTANCE**2)], axis=1)
    sd = 0.1 * np.sqrt(np.linalg.inv(design.T @ design)[0, 0])
    truth = best_of_n(DISTANCE, 1.0, 0.3)
    alphas = np.array(
        [fit_overoptimisation(DISTANCE, truth + rng.normal(0, 0.1, 6)).alpha for _ in range(400)]
    )
    assert alphas.mean() == pytest.approx(1.0, abs=3 * sd / 20)
    assert alphas.std() == pytest.approx(sd, rel=0.12)


def test_one_distance_cannot_tell_alpha_from_beta():
    with pytest.raises(ValueError, match=r"two different distances .* got 1 \(2 points\)"):
        fit_overoptimisation([0.0, 2.0, 2.0], [0.0, 1.0, 1.1])


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="did you mean `best_of_n`"):
        fit_overoptimisation([1.0, 2.0], [1.0, 2.0], "best_of_m")
    with pytest.raises(ValueError, match=r"distance must be 0 or more, it is -1.0 at point 1"):
        fit_overoptimisation([1.0, -1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"weight must be 0 or more"):
        fit_overoptimisation([1.0, 2.0], [1.0, 2.0], weight=[1.0, -1.0])
    with pytest.raises(ValueError, match=r"one shape \(n_points,\)"):
        fit_overoptimisation([1.0, 2.0], [1.0])
