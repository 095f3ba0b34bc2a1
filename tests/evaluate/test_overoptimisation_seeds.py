"""Intervals of the fitted parameters: what redrawing seeds gives, and how often it covers."""

import numpy as np
import pandas as pd
import pytest
from proxylab.evaluate import fit_over_seeds, fit_overoptimisation

DISTANCE = np.linspace(0.0, 3.0, 7)


def seed_curve(seed, alpha, beta, noise=0.0):
    gain = DISTANCE * (alpha - beta * DISTANCE) + noise
    return pd.DataFrame({"seed": seed, "distance": DISTANCE, "gain": gain})


def curves(*parameters):
    return pd.concat([seed_curve(seed, *pair) for seed, pair in enumerate(parameters)])


def fitted(frame, **options):
    return fit_over_seeds(frame, rng=np.random.default_rng(0), n_resamples=400, **options)


def test_seeds_that_agree_leave_no_doubt():
    found = fitted(curves((1.0, 0.25), (1.0, 0.25), (1.0, 0.25)))
    for interval, truth in ((found.alpha, 1.0), (found.beta, 0.25), (found.peak_distance, 2.0)):
        assert (interval.low, interval.estimate, interval.high) == pytest.approx((truth,) * 3)
        assert interval.n == 3
    assert found.share_without_peak == 0.0
    assert (found.fit.n, found.fit.n_at_zero) == (18, 3)


def test_with_the_same_distances_the_joint_fit_is_the_mean_of_the_seeds():
    # Least squares is linear in the gains. Of three seeds, 1 draw in 27 is three times the same,
    # more than 2.5 %: the limits are the lowest and the highest seed's own.
    found = fitted(curves((1.0, 0.2), (1.3, 0.25), (1.6, 0.45)))
    assert (found.fit.alpha, found.fit.beta) == pytest.approx((1.3, 0.3))
    assert (found.alpha.low, found.alpha.high) == pytest.approx((1.0, 1.6))
    assert (found.beta.low, found.beta.high) == pytest.approx((0.2, 0.45))
    assert found.by_seed["alpha"].tolist() == pytest.approx([1.0, 1.3, 1.6])
    assert found.by_seed["peak_distance"].tolist() == pytest.approx([2.5, 2.6, 1.6 / 0.9])


def test_a_peak_that_some_seeds_do_not_show_has_no_upper_limit():
    # The third seed only rises. Drawn seeds' mean beta is below 0 if it is drawn three times, or
    # twice with either other: 1 + 3 + 3 of the 27 draws, more than 2.5 %.
    found = fitted(curves((1.0, 0.3), (1.0, 0.2), (1.0, -0.2)))
    assert found.peak_distance.estimate == pytest.approx(1 / (2 * 0.1))
    assert found.peak_distance.high == np.inf
    assert found.share_without_peak == pytest.approx(7 / 27, abs=0.07)
    assert found.by_seed["peak_distance"].tolist() == pytest.approx([5 / 3, 2.5, np.inf])


def test_no_peak_at_all_has_nothing_to_estimate():
    found = fitted(curves((1.0, -0.3), (1.0, -0.2)))
    assert np.isnan(found.peak_distance.estimate)
    assert (found.peak_distance.low, found.share_without_peak) == (np.inf, 1.0)


def test_seeds_weigh_by_their_points():
    frame = pd.concat([curves((1.0, 0.2)), seed_curve(1, 1.3, 0.3), seed_curve(1, 1.3, 0.3)])
    plain = fit_overoptimisation(frame["distance"], frame["gain"])
    weights = frame[~frame.duplicated()].assign(weight=[1.0] * 7 + [2.0] * 7)
    assert fitted(frame).fit.alpha == pytest.approx(1.2)  # (1 + 2 * 1.3) / 3
    assert (fitted(weights).alpha.estimate, plain.alpha) == pytest.approx((1.2, 1.2))
    assert fitted(weights).beta.high == pytest.approx(fitted(frame).beta.high)


def test_resampled_curves_widen_the_interval():
    # One seed: without versions the limits have no width; with them they are their quantiles.
    own = curves((1.0, 0.25))
    versions = pd.concat(
        [seed_curve(0, alpha, 0.25).assign(draw=k) for k, alpha in enumerate((0.8, 1.0, 1.2))]
    )
    assert fitted(own).alpha.high == pytest.approx(1.0)
    found = fitted(own, resampled=versions)
    assert (found.alpha.low, found.alpha.estimate, found.alpha.high) == pytest.approx(
        (0.8, 1.0, 1.2)
    )


def test_versions_of_one_seed_never_stand_for_another():
    # Seed 0 has one version and seed 1 has nine, all alike: alpha is that of seed 0, seed 1 or
    # half-way, and half-way half of the time, as if each had one.
    versions = pd.concat(
        [seed_curve(0, 0.0, 0.25).assign(draw=7)]
        + [seed_curve(1, 1.0, 0.25).assign(draw=k) for k in range(9)]
    )
    found = fitted(curves((0.0, 0.25), (1.0, 0.25)), resampled=versions, level=0.4)
    assert (found.alpha.low, found.alpha.high) == pytest.approx((0.5, 0.5))  # quantiles .3 and .7


def coverage(n_seeds, n_trials=100):
    rng, hits = np.random.default_rng(3), np.zeros(3)
    for _ in range(n_trials):
        parameters = rng.normal((1.0, 0.25), (0.1, 0.02), (n_seeds, 2))
        frame = pd.concat(
            [seed_curve(s, *p, rng.normal(0, 0.02, 7)) for s, p in enumerate(parameters)]
        )
        found = fit_over_seeds(frame, rng=rng, n_resamples=150)
        truths = {"alpha": 1.0, "beta": 0.25, "peak_distance": 2.0}
        hits += [getattr(found, name).contains(truth) for name, truth in truths.items()]
    return hits / n_trials


def test_three_seeds_cover_three_times_in_four_and_ten_nearly_as_they_say():
    # The truth lies between three seeds with probability 1 - 2/8 (for ten: about 0.90, measured).
    assert np.all(np.abs(coverage(3) - 0.75) < 0.13)  # three standard errors
    assert np.all(coverage(10) > 0.82)


def test_few_seeds_come_with_a_caution():
    three = fitted(curves(*[(1.0, 0.2 + 0.01 * k) for k in range(3)]))
    assert "three times in four" in three.caution
    assert "one seed" in fitted(curves((1.0, 0.2))).caution
    assert fitted(curves(*[(1.0, 0.2)] * 10)).caution == ""


def test_a_missing_column_or_seed_is_named():
    with pytest.raises(ValueError, match="curves: no column 'gain'; is 'gains' meant"):
        fitted(curves((1.0, 0.2)).rename(columns={"gain": "gains"}))
    with pytest.raises(ValueError, match="resampled: no column 'draw'"):
        fitted(curves((1.0, 0.2)), resampled=curves((1.0, 0.2)))
    versions = curves((1.0, 0.2)).assign(draw=0)
    with pytest.raises(ValueError, match=r"curves of the seeds \[0, 1\], it has \[0\]"):
        fitted(curves((1.0, 0.2), (1.0, 0.2)), resampled=versions)
