"""The best-of-n curve: by hand, against all subsets, and without bias on a known distribution."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate import best_of_n_curve

NAN = np.nan


def best_over_subsets(proxy, values, n):
    """The mean over all subsets of n of the best one's value, fair among those that tie."""
    bests = []
    for subset in combinations(range(len(proxy)), n):
        top = max(proxy[i] for i in subset)
        bests.append(np.mean([values[i] for i in subset if proxy[i] == top]))
    return np.mean(bests)


def test_hand_computed_case():
    # Ascending by proxy the values are 5, 1, 3. n = 2: C(1,1)/C(3,2) = 1/3 and C(2,1)/3 = 2/3 on
    # the upper two: (1 + 2 * 3) / 3. n = 1 is the mean 9/3; n = 3 takes the highest, 3.
    curve = best_of_n_curve([[0.1, 0.9, 0.5]], [[5.0, 3.0, 1.0]], [1, 2, 3])
    np.testing.assert_allclose(curve, [[3.0, 7 / 3, 3.0]], atol=1e-15)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=7),
    st.data(),
)
def test_equals_the_mean_over_all_subsets_ties_included(samples, data):
    proxy, values = zip(*samples, strict=True)
    n = data.draw(st.integers(1, len(samples)))
    found = best_of_n_curve([list(proxy)], [list(values)], n)
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(best_over_subsets(proxy, values, n), abs=1e-12)


def test_padding_and_order_change_nothing():
    proxy = np.array([[NAN, 3.0, 1.0, 2.0], [4.0, 3.0, 2.0, 1.0]])
    values = np.array([[7.0, 1.0, 2.0, 4.0], [1.0, 0.0, 5.0, 2.0]])
    curve = best_of_n_curve(proxy, values, [1, 2, 3])
    plain = best_of_n_curve([[1.0, 2.0, 3.0]], [[2.0, 4.0, 1.0]], [1, 2, 3])
    np.testing.assert_allclose(curve[:1], plain, atol=1e-15)
    assert curve[1, 0] == 2.0  # the mean of four: the first row's three did not set its length


def test_a_completion_without_a_value_is_left_out():
    # Without the best by proxy, whose value is not known, two samples of mean 3 are left.
    curve = best_of_n_curve([[1.0, 2.0, 3.0]], [[4.0, 2.0, NAN]], [1, 2])
    np.testing.assert_allclose(curve, [[3.0, 2.0]])


def test_unbiased_on_a_known_distribution():
    # Proxy values 0, 1, 2 with p = .5, .3, .2 and gold 1, 4, -2: best of 4 takes the largest, so
    # E = 1 * .5^4 + 4 * (.8^4 - .5^4) - 2 * (1 - .8^4) = 0.2701. Taking the best of the first 4
    # would be right too; the curve uses all ten and is less noisy.
    rng, gold = np.random.default_rng(0), np.array([1.0, 4.0, -2.0])
    proxy = rng.choice(3, size=(20_000, 10), p=[0.5, 0.3, 0.2])
    found = best_of_n_curve(proxy, gold[proxy], 4)[:, 0]
    first = gold[proxy[:, :4].max(axis=1)]
    error = found.std() / np.sqrt(len(found))
    assert found.mean() == pytest.approx(0.2701, abs=3 * error)
    assert error < 0.02
    assert found.std() < 0.7 * first.std()


def test_stable_for_ten_thousand_samples():
    # With values 1..N in the proxy's order the best of n is at n (N + 1) / (n + 1) on average.
    n_samples = 10_000
    ranks = np.arange(1.0, n_samples + 1)[None]
    sizes = [1, 2, 100, 5000, 9999, 10_000]
    expected = [n * (n_samples + 1) / (n + 1) for n in sizes]
    np.testing.assert_allclose(best_of_n_curve(ranks, ranks, sizes)[0], expected, rtol=1e-11)


def test_the_highest_rank_has_weight_n_over_all():
    # Only the best by proxy has a value: C(N-1, n-1) / C(N, n) = n / N.
    proxy, values = np.arange(12.0)[None], np.eye(12)[-1:]
    for n in (1, 5, 12):
        exact = comb(11, n - 1) / comb(12, n)
        assert best_of_n_curve(proxy, values, n)[0, 0] == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("n", [0, [1, -2], 1.5, [[1]]])
def test_n_must_be_a_whole_number_of_at_least_one(n):
    with pytest.raises(ValueError, match="whole numbers of 1 or more"):
        best_of_n_curve([[1.0, 2.0]], [[1.0, 2.0]], n)


def test_too_few_completions_are_named():
    proxy = [[1.0, 2.0, 3.0], [1.0, NAN, NAN], [NAN] * 3]
    with pytest.raises(ValueError, match=r"prompt 1 has 1 \(2 such prompts\)"):
        best_of_n_curve(proxy, proxy, [1, 2])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"proxy_reward \(1, 2\) and values \(1, 3\)"):
        best_of_n_curve([[1.0, 2.0]], [[1.0, 2.0, 3.0]], 1)
