"""Shards: exact on small cases, and the formulas against drawing the shards again and again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate.correlation import row_correlations
from proxylab.evaluate.correlation_shards import (
    expected_shard_correlation,
    null_limit,
    redrawn_shard_means,
    shard_correlation,
    shard_means,
    shards_in_order,
    variance_between,
)

SUBSETS = np.repeat(["a", "b", "c", "d"], 50)


def scores(rng, item_correlation, offsets):
    """Human scores and a proxy's: so correlated within a subset, with these subset means."""
    people = rng.normal(size=len(SUBSETS))
    noise = rng.normal(size=len(SUBSETS))
    proxy = item_correlation * people + np.sqrt(1 - item_correlation**2) * noise
    above = np.repeat(offsets, 50)
    return proxy + above, people + above


def test_shards_in_order_by_hand():
    subsets = np.array(["b", "a", "b", "a", "b"])
    shards = shards_in_order(subsets, n_shards=2)
    # b is named first: its three items make shards 0 (two of them) and 1, a's two make 2 and 3.
    assert shards.tolist() == [0, 2, 0, 3, 1]
    assert shard_means([1, 10, 3, 20, 5], shards).tolist() == [2, 5, 10, 20]
    with pytest.raises(ValueError, match="subset 'b' has 3 items: need 5 or more"):
        shards_in_order(subsets)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_every_assignment_keeps_the_subset_mean(seed, n_shards):
    rng = np.random.default_rng(seed)
    subsets = np.repeat(["a", "b"], [n_shards * 2, n_shards * 3])
    x, y = rng.normal(size=(2, len(subsets)))
    options = {"n_shards": n_shards, "n_assignments": 4, "rng": rng}
    means_x, means_y = redrawn_shard_means(x, y, subsets, **options)
    assert means_x.shape == (4, 2, n_shards)
    for means, side in ((means_x, x), (means_y, y)):
        expected = [side[subsets == name].mean() for name in ("a", "b")]
        np.testing.assert_allclose(means.mean(axis=2), np.tile(expected, (4, 1)))


def test_related_items_stay_together_and_unrelated_ones_do_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    options = {"n_assignments": 50, "rng": rng}
    together, same = redrawn_shard_means(x, 2 * x, SUBSETS, **options)
    np.testing.assert_allclose(same, 2 * together)
    apart = redrawn_shard_means(x, 2 * x, SUBSETS, related=False, **options)
    within = row_correlations(*(side.reshape(-1, 5) for side in apart))
    assert abs(within.mean()) < 0.1


@pytest.mark.parametrize("offsets", [(0, 0, 0, 0), (0, 0.2, 0.5, 1), (-3, 0, 0, 3)])
def test_the_expectation_is_what_drawing_the_shards_again_gives(offsets):
    rng = np.random.default_rng(5)
    x, y = scores(rng, 0.4, offsets)
    means = redrawn_shard_means(x, y, SUBSETS, n_assignments=4000, rng=rng)
    flat = [side.reshape(4000, 20) - side.mean(axis=(1, 2))[:, None] for side in means]
    moments = [
        (a * b).sum(axis=1).mean()
        for a, b in ((0, 1), (0, 0), (1, 1))
        for a, b in [(flat[a], flat[b])]
    ]
    simulated = moments[0] / np.sqrt(moments[1] * moments[2])
    assert expected_shard_correlation(x, y, SUBSETS) == pytest.approx(simulated, abs=0.01)


def test_a_proxy_that_knows_only_the_subset_has_a_high_shard_correlation():
    rng = np.random.default_rng(6)
    x, y = scores(rng, 0.0, (0, 1, 2, 3))
    assert expected_shard_correlation(x, y, SUBSETS) > 0.9
    per_item = np.corrcoef(x, y)[0, 1]
    assert per_item < 0.7
    blind = redrawn_shard_means(x, y, SUBSETS, related=False, n_assignments=200, rng=rng)
    drawn = row_correlations(*(side.reshape(200, 20) for side in blind))
    assert np.quantile(drawn, 0.025) > 0.85


def test_averaging_alone_changes_nothing():
    options = {"between_x": 0, "between_y": 0, "between_correlation": 1}
    sizes = np.array([1, 10, 1000])
    assert shard_correlation(0.3, shard_size=sizes, **options) == pytest.approx([0.3] * 3)


def test_shard_correlation_by_hand():
    # Half of both variances lies between subsets, whose means agree fully; within, nothing agrees.
    # Items: 0.5 / 1. Shards of 4: 0.5 / (0.5 + 0.5 / 4) = 0.8. Of endless size: 1.
    options = {"between_x": 0.5, "between_y": 0.5, "between_correlation": 1.0}
    found = shard_correlation(0.0, shard_size=np.array([1, 4, 1e12]), **options)
    assert found == pytest.approx([0.5, 0.8, 1.0])
    assert shard_correlation(1.0, shard_size=4, **options) == pytest.approx(1.0)


def test_the_share_between_subsets_by_hand():
    # Means 1 and 3 about 2: variance 1 between; within each +-1: variance 1. Half and half.
    assert variance_between([0, 2, 2, 4], ["a", "a", "b", "b"]) == pytest.approx(0.5)
    assert np.isnan(variance_between([1, 1], ["a", "b"]))


@pytest.mark.parametrize(("n_points", "limit"), [(5, 0.878), (20, 0.444)])
def test_the_null_limit_is_the_tables(n_points, limit):
    # Critical values of r at 0.05, two-sided, of any table (df = 3 and 18).
    assert null_limit(n_points) == pytest.approx(limit, abs=5e-4)
    drawn = np.random.default_rng(7).normal(size=(2, 20_000, n_points))
    below = np.abs(row_correlations(*drawn)) < limit
    assert below.mean() == pytest.approx(0.95, abs=0.006)


def test_two_points_have_no_null_limit():
    assert np.isnan(null_limit(2))
