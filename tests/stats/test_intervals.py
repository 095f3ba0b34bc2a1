"""Intervals: cases by hand, and coverage by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.stats import bootstrap, bootstrap_mean, seed_prompt_bootstrap, wilson
from scipy.stats import binom


def test_wilson_by_hand():
    # z = 1.959964, z^2 = 3.841459; centre (0.8 + z^2/20) / (1 + z^2/10) = 0.716740,
    # half width z sqrt(0.8*0.2/10 + z^2/400) / (1 + z^2/10) = 0.226578.
    interval = wilson(8, 10)
    assert interval.estimate == 0.8
    assert interval.low == pytest.approx(0.490162, abs=1e-6)
    assert interval.high == pytest.approx(0.943318, abs=1e-6)
    assert (interval.n, interval.level) == (10, 0.95)


def test_wilson_of_nothing_is_undefined():
    interval = wilson(0, 0)
    assert math.isnan(interval.estimate)
    assert interval.n == 0


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(k, n):
    with pytest.raises(ValueError, match=f"got {k} of {n}"):
        wilson(k, n)


def test_level_must_be_a_fraction():
    with pytest.raises(ValueError, match="level"):
        wilson(1, 2, level=95)


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_contains_its_estimate_and_mirrors(n, data):
    k = data.draw(st.integers(0, n))
    interval, mirror = wilson(k, n), wilson(n - k, n)
    assert 0 <= interval.low <= interval.estimate + 1e-12
    assert interval.estimate - 1e-12 <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirror.high, abs=1e-9)


@pytest.mark.parametrize("p", [0.02, 0.98])
def test_wilson_covers_near_0_and_1_where_the_normal_interval_does_not(p):
    # Exact coverage: the probability of each count, summed where the interval holds p.
    n = 60
    mass = binom.pmf(np.arange(n + 1), n, p)
    covered = sum(mass[k] for k in range(n + 1) if wilson(k, n).contains(p))
    share = np.arange(n + 1) / n
    wald = np.abs(share - p) <= 1.96 * np.sqrt(share * (1 - share) / n)
    assert 0.93 <= covered <= 0.99
    assert mass[wald].sum() < 0.75  # what the textbook interval would have covered


def coverage(interval_of, n_trials, seed=0):
    rng = np.random.default_rng(seed)
    return np.mean([interval_of(rng).contains(0.0) for _ in range(n_trials)])


def test_bootstrap_mean_covers():
    def one(rng):
        return bootstrap_mean(rng.normal(0, 1, 60), rng=rng, n_resamples=300)

    assert 0.91 <= coverage(one, 400) <= 0.975  # 3 standard errors are 0.033


def test_bootstrap_of_a_median_covers():
    def one(rng):
        values = rng.normal(0, 1, 60)
        return bootstrap(lambda i: np.median(values[i]), 60, rng=rng, n_resamples=150)

    assert 0.90 <= coverage(one, 150) <= 0.99


def seeds_by_prompts(rng, n_seeds, seed_sd, shared):
    prompts = rng.normal(0, 1, (1 if shared else n_seeds, 30))
    return rng.normal(0, seed_sd, (n_seeds, 1)) + prompts + rng.normal(0, 1, (n_seeds, 30))


@pytest.mark.parametrize("shared", [True, False])
def test_seed_prompt_bootstrap_covers_with_ten_seeds(shared):
    def one(rng):
        values = seeds_by_prompts(rng, 10, 0.3, shared)
        return seed_prompt_bootstrap(values, rng=rng, n_resamples=150, shared_prompts=shared)

    assert coverage(one, 150) >= 0.89


def test_three_unlike_seeds_are_too_few_for_95_percent():
    # Where seeds differ far more than prompts the limits are the lowest and highest seed, and
    # the truth lies between three seeds with probability 1 - 2/8 = 0.75.
    def one(rng):
        values = seeds_by_prompts(rng, 3, 30.0, True)
        return seed_prompt_bootstrap(values, rng=rng, n_resamples=150)

    assert 0.65 <= coverage(one, 150) <= 0.85


def test_seeds_widen_the_interval():
    values = np.repeat([[0.0], [1.0]], 50, axis=1)  # two seeds that disagree on every prompt
    interval = seed_prompt_bootstrap(values, rng=np.random.default_rng(0))
    pooled = bootstrap_mean(values.ravel(), rng=np.random.default_rng(0))
    assert (interval.low, interval.high) == (0.0, 1.0)
    assert pooled.high - pooled.low < 0.25


def test_nan_is_counted_out_not_averaged_in():
    values = np.array([1.0, np.nan, 1.0, np.nan])
    interval = bootstrap_mean(values, rng=np.random.default_rng(0))
    assert (interval.estimate, interval.low, interval.high, interval.n) == (1.0, 1.0, 1.0, 2)
    grid = seed_prompt_bootstrap(values[None], rng=np.random.default_rng(0))
    assert (grid.estimate, grid.low, grid.n) == (1.0, 1.0, 2)


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan, np.nan])])
def test_no_defined_value_gives_nan(values):
    interval = bootstrap_mean(values, rng=np.random.default_rng(0))
    assert math.isnan(interval.low)
    assert interval.n == 0


def test_bootstrap_counts_out_resamples_without_a_value():
    # The statistic is undefined whenever unit 0 is not drawn; the others all give 5.
    interval = bootstrap(
        lambda i: 5.0 if 0 in i else math.nan, 3, rng=np.random.default_rng(0), n_resamples=50
    )
    assert (interval.low, interval.high) == (5.0, 5.0)


def test_same_generator_same_interval():
    values = np.arange(20.0)
    first = bootstrap_mean(values, rng=np.random.default_rng(7))
    assert first == bootstrap_mean(values, rng=np.random.default_rng(7))
    assert first != bootstrap_mean(values, rng=np.random.default_rng(8))


def test_vectorised_mean_agrees_with_the_plain_bootstrap():
    values = np.random.default_rng(1).exponential(size=200)
    fast = bootstrap_mean(values, rng=np.random.default_rng(2), n_resamples=4000)
    slow = bootstrap(
        lambda i: values[i].mean(), 200, rng=np.random.default_rng(3), n_resamples=4000
    )
    assert fast.estimate == slow.estimate
    assert fast.low == pytest.approx(slow.low, abs=0.01)  # limits differ by resampling noise
    assert fast.high == pytest.approx(slow.high, abs=0.01)
