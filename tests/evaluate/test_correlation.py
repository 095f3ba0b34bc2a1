"""Correlations with redraws: equal to scipy on what was redrawn, units together, by hand."""

from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate.correlation import (
    METHODS,
    correlation,
    correlation_draws,
    mean_draws,
    over_seeds,
    redraw_counts,
    row_correlations,
)
from scipy import stats

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
NAN = np.nan


def scipys(method, x, y):
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return NAN
    return SCIPY[method](x, y).statistic


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 12), levels=st.integers(1, 5))
def test_each_redraw_is_what_scipy_says_of_the_items_taken(method, seed, n, levels):
    # Few levels make ties; a unit taken k times stands k times in the sample.
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, n) * 1.5, rng.integers(0, levels, n) - 7.0
    units = rng.integers(0, 4, n)
    counts = rng.integers(0, 3, (5, 4)).astype(float)
    found = correlation_draws(x, y, counts, method=method, units=units)
    for own, draw in zip(counts, found, strict=True):
        taken = np.repeat(np.arange(n), own[units].astype(int))
        expected = scipys(method, x[taken], y[taken])
        assert draw == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("method", "expected"),
    # x = 1 2 3 4, y = 1 3 2 8: mean 3.5, sum xy about the means 10, of squares 5 and 29; ranks
    # 1 3 2 4: 1 - 6 * 2 / (4 * 15) = 0.8; one of six couples is discordant: (5 - 1) / 6.
    [("pearson", 10 / np.sqrt(5 * 29)), ("spearman", 0.8), ("kendall", 4 / 6)],
)
def test_by_hand(method, expected):
    rng = np.random.default_rng(0)
    x, y = np.array([1, 2, NAN, 3, 4, 5]), np.array([1, 3, 9, 2, 8, NAN])
    found = correlation(x, y, method=method, rng=rng, n_resamples=50)
    assert found.interval.estimate == pytest.approx(expected)
    assert (found.n_items, found.interval.n) == (4, 4)
    assert found.interval.low <= expected <= found.interval.high
    rows = row_correlations(x[None, [0, 1, 3, 4]], y[None, [0, 1, 3, 4]], method=method)
    assert rows == pytest.approx([expected])


@pytest.mark.parametrize("method", METHODS)
def test_a_large_offset_costs_no_digits(method):
    x, y = np.arange(20.0), np.sin(np.arange(20.0))
    plain = correlation_draws(x, y, np.ones((1, 20)), method=method)
    moved = correlation_draws(x + 1e7, 1e-3 * y - 1e4, np.ones((1, 20)), method=method)
    assert moved == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_constant_is_undefined_and_counted(method):
    rng = np.random.default_rng(0)
    x = np.array([0.0, 0.0, 0.0, 1.0])
    found = correlation(x, np.arange(4.0), method=method, rng=rng, n_resamples=2000)
    # The one item that differs is left out with chance (3/4)^4 = 0.316, or taken four times, 1/256.
    assert found.n_undefined / 2000 == pytest.approx(0.320, abs=0.03)
    assert np.isfinite([found.interval.low, found.interval.high]).all()
    flat = correlation(np.full(4, 0.1), np.arange(4.0), method=method, rng=rng, n_resamples=10)
    assert np.isnan([flat.interval.estimate, flat.interval.low]).all()
    assert flat.n_undefined == 10
    rows = row_correlations([[0.1, 0.1, 0.1], [1, 2, 3]], [[1, 2, 3], [3, 2, 1]], method=method)
    np.testing.assert_allclose(rows, [NAN, -1])


def test_without_items_nothing_is_defined():
    found = correlation(np.array([NAN]), np.array([1.0]), rng=np.random.default_rng(0))
    assert np.isnan(found.interval.estimate)
    assert (found.n_items, found.interval.n) == (0, 0)


def test_responses_to_one_prompt_are_redrawn_together():
    # 300 prompts of 10 equal responses: as items the interval would be about sqrt 10 too narrow.
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    y = x + 2 * rng.normal(size=300)
    prompts = np.repeat(np.arange(300), 10)
    options = {"rng": np.random.default_rng(2), "n_resamples": 1000}
    alone = correlation(x, y, **options).interval
    together = correlation(x[prompts], y[prompts], units=prompts, **options).interval
    naive = correlation(x[prompts], y[prompts], **options).interval
    assert (together.estimate, together.n) == (pytest.approx(alone.estimate), 300)
    width = [found.high - found.low for found in (alone, together, naive)]
    assert width[1] / width[0] == pytest.approx(1, abs=0.1)
    assert width[0] / width[2] == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_interval_covers():
    # 60 normal couples, correlation 0.5: a percentile bootstrap covers about 93 in 100.
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        x = rng.normal(size=60)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=60)
        hits += correlation(x, y, rng=rng, n_resamples=300).interval.contains(0.5)
    assert 0.87 <= hits / 200 <= 0.98


def test_a_correlation_between_prompts_is_none_within_them():
    # Harder prompts score lower on both sides; within a prompt the proxy is upside down.
    level = np.arange(5.0)[:, None]
    x, y = 10 * level + np.arange(3.0), 10 * level - np.arange(3.0)
    pooled = correlation_draws(x.ravel(), y.ravel(), np.ones((1, 15)))[0]
    assert pooled > 0.98
    assert row_correlations(x, y).tolist() == pytest.approx([-1] * 5)


def test_undefined_prompts_are_no_part_of_the_mean():
    counts = np.array([[1, 1, 1], [0, 2, 1], [0, 3, 0]])
    np.testing.assert_allclose(mean_draws([1.0, NAN, 0.0], counts), [0.5, 0.0, NAN])


def test_over_seeds_by_hand():
    # Two seeds without spread of their own: a redraw holds 0 or 1 of each, so 0.2, 0.4 or 0.6.
    draws = [np.full(1001, 0.2), np.full(1001, 0.6), np.full(1001, NAN)]
    found = over_seeds(draws, rng=np.random.default_rng(0), n=80)
    assert (found.estimate, found.low, found.high, found.n) == (pytest.approx(0.4), 0.2, 0.6, 80)
    one = over_seeds([np.r_[0.5, np.linspace(0, 1, 1001)]], rng=np.random.default_rng(0))
    assert (one.low, one.high) == (pytest.approx(0.025), pytest.approx(0.975))
    assert np.isnan(over_seeds([np.full(3, NAN)], rng=np.random.default_rng(0)).estimate)


def test_redraws_of_the_first_row_take_every_unit_once():
    counts = redraw_counts(7, 20, np.random.default_rng(0))
    assert counts.shape == (21, 7)
    assert counts[0].tolist() == [1] * 7
    assert (counts.sum(axis=1) == 7).all()


def test_wrong_questions_are_refused():
    with pytest.raises(ValueError, match="no method 'spearmann'; is 'spearman' meant"):
        correlation_draws(np.arange(3), np.arange(3), np.ones((1, 3)), method="spearmann")
    with pytest.raises(ValueError, match=r"one shape.*\(3,\), \(2,\)"):
        correlation(np.arange(3), np.arange(2), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="counts has 3 units, units names 3"):
        correlation_draws(np.arange(4), np.arange(4), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"\(n_rows, n_samples\)"):
        row_correlations(np.arange(3), np.arange(3))


def test_a_thousand_redraws_of_three_thousand_responses_take_seconds():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(400), 8)
    x, y = rng.normal(size=(2, 3200))
    counts = redraw_counts(400, 1000, rng)
    started = perf_counter()
    for method in METHODS:
        correlation_draws(x, y, counts, method=method, units=units)
    assert perf_counter() - started < 10  # one and a half on a quiet core
