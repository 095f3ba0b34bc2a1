"""Slopes over seeds and agreement of ranks: by hand, and why t rather than a bootstrap."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate import rank_agreement, rank_agreement_by_seed, slope_over_seeds
from proxylab.stats import bootstrap_mean

NAN = np.nan


def arms(seed, x, y):
    return pd.DataFrame({"seed": seed, "accuracy": x, "gold": y})


def slope(frame):
    return slope_over_seeds(frame, "accuracy", "gold")


def test_by_hand():
    # Slopes 2, 3 and 4: mean 3, sd 1, t(0.975, 2) = 4.302653, half width 4.302653 / sqrt 3.
    frame = pd.concat([arms(s, [0.5, 0.75], [s, s + 0.25 * k]) for s, k in enumerate((2, 3, 4))])
    found = slope(frame)
    assert found.by_seed["slope"].tolist() == pytest.approx([2.0, 3.0, 4.0])
    assert found.interval.estimate == pytest.approx(3.0)
    assert found.interval.high - 3.0 == pytest.approx(2.484138, abs=1e-6)
    assert 3.0 - found.interval.low == pytest.approx(2.484138, abs=1e-6)
    assert found.interval.n == 3


def test_least_squares_by_hand():
    # x = 0, 1, 2, y = 0, 3, 3: sum (x - 1) y / sum (x - 1)^2 = 3 / 2.
    assert slope(arms(0, [0, 1, 2], [0, 3, 3])).interval.estimate == 1.5


def test_seeds_may_lie_at_different_heights():
    # Slope 1 within both seeds; pooled, the seed with lower x lies higher and the slope is < 0.
    frame = pd.concat([arms(0, [0.0, 1.0], [10.0, 11.0]), arms(1, [5.0, 6.0], [0.0, 1.0])])
    assert slope(frame).interval.estimate == pytest.approx(1.0)
    assert np.polyfit(frame["accuracy"], frame["gold"], 1)[0] < 0


def test_undefined_arms_and_seeds_are_counted_out():
    frame = pd.concat(
        [arms(0, [0, 1, 2], [0, 2, NAN]), arms(1, [1, 1], [0, 5]), arms(2, [0, 1], [0, 4])]
    )
    found = slope(frame)
    np.testing.assert_array_equal(found.by_seed["slope"], [2.0, NAN, 4.0])
    assert found.by_seed["n"].tolist() == [2, 2, 2]
    assert (found.interval.estimate, found.interval.n) == (3.0, 2)


def test_one_seed_has_no_limits():
    found = slope(arms(0, [0, 1], [0, 1])).interval
    assert (found.estimate, found.n) == (1.0, 1)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(slope(arms(0, [1, 1], [0, 1])).interval.estimate)


def simulated(rng, n_seeds):
    """Four arms whose accuracy and gold vary by seed; seeds also differ in height. Slope 2."""
    accuracy = np.array([0.55, 0.65, 0.75, 0.85]) + rng.normal(0, 0.02, (n_seeds, 4))
    gold = 2 * accuracy + rng.normal(0, 1, (n_seeds, 1)) + rng.normal(0, 0.1, (n_seeds, 4))
    seeds = np.repeat(np.arange(n_seeds), 4)
    return arms(seeds, accuracy.ravel(), gold.ravel())


@pytest.mark.parametrize(("n_seeds", "bootstrap_covers"), [(3, 0.73), (5, 0.83)])
def test_t_covers_as_it_says_where_a_bootstrap_of_few_seeds_does_not(n_seeds, bootstrap_covers):
    # 200 trials: a standard error is 0.015 at 0.95 and 0.031 at 0.73.
    rng, by_t, by_bootstrap = np.random.default_rng(n_seeds), 0, 0
    for _ in range(200):
        found = slope(simulated(rng, n_seeds))
        redrawn = bootstrap_mean(found.by_seed["slope"].to_numpy(), rng=rng, n_resamples=200)
        by_t += found.interval.contains(2.0)
        by_bootstrap += redrawn.contains(2.0)
    assert by_t / 200 == pytest.approx(0.95, abs=0.046)
    assert by_bootstrap / 200 == pytest.approx(bootstrap_covers, abs=0.09)


def test_ranks_by_hand():
    # Ranks 1234 against 2143: differences of 1 four times, 1 - 6 * 4 / (4 * 15) = 0.6.
    found = rank_agreement([1.0, 2.0, 3.0, 4.0], [20.0, 10.0, 40.0, 30.0])
    assert (found.rho, found.n) == (pytest.approx(0.6), 4)


def test_ties_take_their_mean_rank():
    # Ranks 1, 2.5, 2.5 against 1, 2, 3: the covariance 1.5 / 2 over sd sqrt(0.75) * 1.
    found = rank_agreement([1.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    assert found.rho == pytest.approx(0.75 / np.sqrt(0.75))


def test_no_order_no_agreement():
    assert np.isnan(rank_agreement([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).rho)
    lonely = rank_agreement([1.0, NAN], [1.0, 2.0])
    assert np.isnan(lonely.rho)
    assert lonely.n == 1


@given(st.permutations(list(range(5))))
def test_only_the_order_counts(order):
    x, y = np.arange(5.0), np.array(order, float)
    found = rank_agreement(x, y).rho
    assert rank_agreement(np.exp(x), y**3).rho == pytest.approx(found)
    assert rank_agreement(-x, y).rho == pytest.approx(-found)


def test_by_seed():
    frame = pd.concat([arms(1, [0, 1, 2], [3, 2, 1]), arms(0, [0, 1, 2], [1, NAN, 3])])
    found = rank_agreement_by_seed(frame, "accuracy", "gold")
    assert found["seed"].tolist() == [0, 1]
    assert found["rho"].tolist() == pytest.approx([1.0, -1.0])
    assert found["n"].tolist() == [2, 3]


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="no column 'acuracy'; is 'accuracy' meant"):
        slope_over_seeds(simulated(np.random.default_rng(0), 2), "acuracy", "gold")
    with pytest.raises(ValueError, match=r"one shape \(n_arms,\)"):
        rank_agreement([1.0], [1.0, 2.0])
