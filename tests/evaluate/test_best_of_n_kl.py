"""KL of best-of-n: by hand, against enumeration and simulation, and below its bound."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate import best_of_n_kl, best_of_n_kl_bound, best_of_n_weights
from scipy.special import rel_entr

NAN = np.nan


def enumerated_weights(reward, probability, n):
    """Best-of-n over every sequence of n draws; those that tie for best share it fairly."""
    weights = np.zeros(len(reward))
    for draws in product(range(len(reward)), repeat=n):
        top = max(reward[i] for i in draws)
        best = [i for i in draws if reward[i] == top]
        for i in best:
            weights[i] += np.prod([probability[j] for j in draws]) / len(best)
    return weights


def test_weights_by_hand():
    # p = .5, .3, .2 in ascending reward, n = 2: .25, .8^2 - .25 = .39, 1 - .64 = .36.
    found = best_of_n_weights([[2.0, 0.0, 1.0]], [[0.2, 0.5, 0.3]], 2)
    np.testing.assert_allclose(found, [[0.36, 0.25, 0.39]], atol=1e-15)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_weights_equal_enumeration_ties_included(candidates, n):
    reward, parts = (np.array(column, float) for column in zip(*candidates, strict=True))
    probability = parts / parts.sum()
    found = best_of_n_weights(reward[None], probability[None], n)[0]
    np.testing.assert_allclose(found, enumerated_weights(reward, probability, n), atol=1e-12)


def test_padding_and_impossible_candidates():
    found = best_of_n_weights([[1.0, NAN, 2.0, 3.0]], [[0.4, NAN, 0.6, 0.0]], 3)
    np.testing.assert_allclose(found, [[0.064, NAN, 0.936, 0.0]], atol=1e-15)


def test_a_rare_candidate_amid_common_ones_keeps_its_digits():
    # Mass 1e-14 just above a half: n F^(n-1) times its mass, which F^n - F-^n would lose.
    tiny = 1e-14
    found = best_of_n_weights([[0.0, 1.0, 2.0]], [[0.5, tiny, 0.5 - tiny]], 8)[0, 1]
    assert found == pytest.approx(8 * 0.5**7 * tiny, rel=1e-9)


@pytest.mark.parametrize("probability", [[0.5, 0.4], [1.2, -0.2]])
def test_probabilities_must_be_probabilities(probability):
    with pytest.raises(ValueError, match="prompt 1: probabilities must be 0 or more and sum to 1"):
        best_of_n_weights([[0.0, 1.0]] * 2, [[0.5, 0.5], probability], 2)


def test_bound_by_hand():
    # log 4 - 3/4 = 1.386294 - 0.75; one sample goes nowhere.
    np.testing.assert_allclose(best_of_n_kl_bound([1, 4]), [0.0, 0.636294], atol=1e-6)


def test_measured_kl_by_hand():
    # a, a, b with b best: p = 2/3, 1/3; n = 2 puts 4/9 on a and 5/9 on b.
    # 4/9 log(2/3) + 5/9 log(5/3) = -0.180207 + 0.283792.
    found = best_of_n_kl([[0.0, 1.0, 0.0]], [["a", "b", "a"]], [1, 2])
    np.testing.assert_allclose(found, [[0.0, 0.103586]], atol=1e-6)


def test_one_response_over_and_over_goes_nowhere():
    assert best_of_n_kl([[1.0] * 6], [["same"] * 6], [2, 6]).tolist() == [[0.0, 0.0]]


def test_tied_responses_may_be_merged_or_told_apart():
    reward = [[0.0, 1.0, 1.0, 2.0, 2.0]]
    apart = best_of_n_kl(reward, [["a", "b", "c", "d", "e"]], [2, 5])
    merged = best_of_n_kl(reward, [["a", "b", "b", "d", "d"]], [2, 5])
    np.testing.assert_allclose(apart, merged, atol=1e-15)


def test_padding_is_no_response():
    padded = best_of_n_kl([[0.0, NAN, 1.0, 0.0]], [["a", None, "b", "a"]], 2)
    np.testing.assert_allclose(padded, best_of_n_kl([[0.0, 1.0, 0.0]], [[1, 2, 1]], 2))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_never_above_the_bound_nor_below_zero(ids, data):
    n = data.draw(st.integers(1, len(ids)))
    found = best_of_n_kl([[id % 3 for id in ids]], [ids], n)[0, 0]  # two ids a reward: ties
    assert 0 <= found <= best_of_n_kl_bound(n)[0] + 1e-12


def test_reaches_the_bound_as_responses_cease_to_repeat():
    # Many equally likely responses: below the bound by ((n-1)/K)^2 n / (24 (n-2)).
    gaps = []
    for k in (16, 64, 256):
        exact = rel_entr(best_of_n_weights([np.arange(k)], [np.full(k, 1 / k)], 4), 1 / k).sum()
        gaps.append(best_of_n_kl_bound(4)[0] - exact)
    expected = [(3 / k) ** 2 * 4 / 48 for k in (16, 64, 256)]
    np.testing.assert_allclose(gaps, expected, rtol=0.05)


def drawn_kl(p, n_samples, n, rng, n_runs=400):
    """Plug-in KLs of samples from p, whose responses are ranked by their number; and the truth."""
    ids = rng.choice(len(p), size=(n_runs, n_samples), p=p)
    reward = np.arange(len(p))[None]
    truth = rel_entr(best_of_n_weights(reward, p[None], n), p[None]).sum()
    return best_of_n_kl(ids, ids.tolist(), n)[:, 0], truth


def test_the_plug_in_is_what_simulated_best_of_n_gives():
    # Draw n of the N samples with repeats, keep the best, and compare frequencies: the KL of the
    # simulated policy from the empirical one is the plug-in, up to simulation noise of about
    # (distinct - 1) / (2 * 200,000).
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 6, 12)
    best = rng.choice(ids, size=(200_000, 3)).max(axis=1)
    simulated = rel_entr(np.bincount(best, minlength=6) / 200_000, np.bincount(ids) / 12).sum()
    assert best_of_n_kl(ids[None], [ids.tolist()], 3)[0, 0] == pytest.approx(simulated, abs=4e-3)


def test_the_plug_in_is_low_and_less_so_with_more_samples():
    # Twenty responses of unequal share: of 16 samples some responses are missing.
    rng = np.random.default_rng(1)
    p = np.arange(20, 0, -1) / 210  # the best response is the rarest
    few, truth = drawn_kl(p, 16, 4, rng)
    more, _ = drawn_kl(p, 128, 4, rng)
    bias_few, bias_more = few.mean() - truth, more.mean() - truth
    assert bias_few < -3 * few.std() / np.sqrt(len(few))
    assert -0.03 < bias_few < 3 * bias_more < 0


def test_the_plug_in_is_high_where_the_best_response_is_common():
    # n large: the KL is -log of the best response's share, convex: E is (1-p) / (2 p N) higher.
    rng = np.random.default_rng(2)
    found, truth = drawn_kl(np.array([0.2, 0.8]), 40, 20, rng, n_runs=4000)
    assert truth == pytest.approx(-np.log(0.8), abs=1e-6)
    error = found.std() / np.sqrt(len(found))
    assert found.mean() - truth == pytest.approx(0.2 / 0.8 / 80, abs=4 * error)
    assert error < 0.0016


def test_copies_must_have_one_score():
    with pytest.raises(ValueError, match=r"prompt 0: copies .* 0.5 apart"):
        best_of_n_kl([[0.0, 0.5]], [["a", "a"]], 1)
    nearly = best_of_n_kl([[0.0, 1e-7, 1.0]], [["a", "a", "b"]], 2)  # batching rounds
    assert nearly[0, 0] == pytest.approx(0.103586, abs=1e-6)


def test_copies_do_not_round_ties_apart():
    # Three scores of 0.1 sum to 0.30000000000000004: their mean would not tie with the fourth.
    assert best_of_n_kl([[0.1] * 4], [["a", "a", "a", "b"]], 4)[0, 0] == 0.0


def test_responses_must_be_one_a_reward():
    with pytest.raises(ValueError, match=r"1 prompts of 2; got 1 prompts of \[3\]"):
        best_of_n_kl([[0.0, 1.0]], [["a", "b", "c"]], 1)


def test_too_few_completions_are_named():
    with pytest.raises(ValueError, match="prompt 0 has 2"):
        best_of_n_kl([[0.0, 1.0]], [["a", "b"]], 3)
