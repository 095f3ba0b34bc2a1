"""The closed-form optimum: by hand, against a numerical optimiser, in its limits, when it errs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from proxylab.conflict import pacs
from proxylab.policies import (
    beta_for_kl,
    kl_from_reference,
    optimal_weights,
    reweighted_logprob,
    weights_at_kl,
)
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

NAN = np.nan
REWARD = np.array([[0.0, 1.0, 3.0, 2.0], [5.0, 5.0, -1.0, 0.5], [0.2, 0.1, 0.0, 0.4]])
LOGPROB = np.array([[-1.0, -2.0, -9.0, -3.0], [-4.0, -1.0, -2.0, -0.5], [-1.0, -1.0, -2.0, -3.0]])
PADDED = np.array([[0.0, 1.0, NAN, 3.0], [NAN] * 4, [2.0, NAN, NAN, NAN]])

rewards = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(2, 6)),
    elements=st.integers(-20, 20).map(lambda tenths: tenths / 10),
)


def numerical_optimum(reward, reference, beta):
    """The maximum of E[r] - beta KL over the simplex, found without the closed form."""

    def loss(logits):
        log_p = logits - logsumexp(logits)
        return -np.sum(np.exp(log_p) * (reward - beta * (log_p - np.log(reference))))

    found = minimize(loss, np.zeros(len(reward)), method="BFGS")
    return softmax(found.x)


def test_weights_by_hand():
    # beta = 1 / log 2 makes exp(r / beta) = 2^r: 1 : 2 : 8.
    weights = optimal_weights([[0.0, 1.0, 3.0]], 1 / np.log(2))
    assert weights == pytest.approx(np.array([[1, 2, 8]]) / 11)
    # With probabilities 0.5, 0.25, 0.25 before: 0.5 : 0.5 : 2.
    prior = np.log([[0.5, 0.25, 0.25]])
    weights = optimal_weights([[0.0, 1.0, 3.0]], 1 / np.log(2), reference_logprob=prior)
    assert weights == pytest.approx(np.array([[0.5, 0.5, 2]]) / 3)


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
def test_weights_are_what_an_optimiser_finds(beta):
    weights = optimal_weights(REWARD, beta)
    known = optimal_weights(REWARD, beta, reference_logprob=LOGPROB)
    for i, reward in enumerate(REWARD):
        assert weights[i] == pytest.approx(
            numerical_optimum(reward, np.full(4, 0.25), beta), abs=2e-4
        )
        assert known[i] == pytest.approx(
            numerical_optimum(reward, softmax(LOGPROB[i]), beta), abs=2e-4
        )


def test_equal_reference_probabilities_are_samples():
    equal = np.full(REWARD.shape, -7.0)
    assert optimal_weights(REWARD, 0.5, reference_logprob=equal) == pytest.approx(
        optimal_weights(REWARD, 0.5)
    )


def test_an_infinite_beta_changes_nothing_and_a_tiny_one_takes_the_best():
    assert optimal_weights(REWARD, np.inf) == pytest.approx(np.full((3, 4), 0.25))
    best = [[0, 0, 1, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]]  # two best completions share
    for beta in (1e-4, 1e-300):
        assert optimal_weights(REWARD, beta) == pytest.approx(np.array(best))


def test_a_best_completion_of_vanishing_probability_still_takes_all():
    # exp(-2000) is 0 in floats; its logarithm is not.
    weights = optimal_weights([[0.0, 1.0]], 1e-4, reference_logprob=[[0.0, -2000.0]])
    assert weights.tolist() == [[0.0, 1.0]]
    assert kl_from_reference(weights, reference_logprob=[[0.0, -2000.0]]) == pytest.approx([2000])


@given(rewards, st.floats(0.05, 20), st.floats(-5, 5))
def test_a_shift_of_a_prompt_and_a_common_scale_with_beta_leave_weights_alone(reward, beta, shift):
    weights = optimal_weights(reward, beta)
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(reward)))
    shifts = shift * np.arange(len(reward))[:, None]
    assert optimal_weights(reward + shifts, beta) == pytest.approx(weights, abs=1e-9)
    assert optimal_weights(3 * reward, 3 * beta) == pytest.approx(weights, abs=1e-9)


def test_padding_is_nan_and_changes_no_other_weight():
    weights = optimal_weights(PADDED, 0.7)
    assert (np.isnan(weights) == np.isnan(PADDED)).all()
    assert weights[0, [0, 1, 3]] == pytest.approx(optimal_weights([[0.0, 1.0, 3.0]], 0.7)[0])
    assert weights[2, 0] == 1.0
    kl = kl_from_reference(weights)
    alone = kl_from_reference(optimal_weights([[0.0, 1.0, 3.0]], 0.7))[0]
    assert kl == pytest.approx([alone, NAN, 0.0], nan_ok=True)


def test_a_completion_without_reference_probability_does_not_count():
    prior = np.array([[-1.0, NAN, -1.0]])
    weights = optimal_weights([[0.0, 9.0, 0.0]], 1.0, reference_logprob=prior)
    assert weights == pytest.approx(np.array([[0.5, NAN, 0.5]]), nan_ok=True)


def test_kl_by_hand():
    # Half on each of two of four: log(0.5 / 0.25) = log 2. All on one of probability 1/8: log 8.
    assert kl_from_reference([[0.5, 0.5, 0.0, 0.0]]) == pytest.approx([np.log(2)])
    prior = np.log([[0.5, 0.375, 0.125]])
    assert kl_from_reference([[0.0, 0.0, 1.0]], reference_logprob=prior) == pytest.approx(
        [np.log(8)]
    )


@given(rewards, st.floats(0.05, 20), st.floats(1.01, 10))
def test_kl_falls_as_beta_grows(reward, beta, factor):
    near, far = (kl_from_reference(optimal_weights(reward, b)) for b in (beta * factor, beta))
    assert (near <= far + 1e-12).all()


def test_kl_falls_strictly_where_rewards_differ():
    kl = [kl_from_reference(optimal_weights(REWARD, beta)) for beta in (0.1, 0.3, 1.0, 3.0, 10.0)]
    assert (np.diff(kl, axis=0) < 0).all()


@given(rewards, st.floats(0.01, 0.95))
def test_beta_spends_the_wanted_kl_on_average(reward, share):
    best = (reward == reward.max(axis=1, keepdims=True)).sum(axis=1)
    kl = share * np.log(reward.shape[1] / best).mean()  # log(K / number of best) is the most
    assume(kl > 0)
    spent = kl_from_reference(weights_at_kl(reward, kl))
    assert spent.mean() == pytest.approx(kl, rel=1e-6)


def test_beta_with_known_probabilities_and_with_padding():
    kl = kl_from_reference(
        weights_at_kl(REWARD, 0.4, reference_logprob=LOGPROB), reference_logprob=LOGPROB
    )
    assert kl.mean() == pytest.approx(0.4)
    # Prompts without a completion do not count; the third, with one, cannot move, and does.
    spent = kl_from_reference(weights_at_kl(PADDED, 0.3))
    assert spent == pytest.approx([0.6, NAN, 0.0], nan_ok=True)


def test_no_kl_means_an_infinite_beta():
    assert beta_for_kl(REWARD, 0.0) == np.inf
    assert beta_for_kl(np.zeros((2, 3)), 0.0) == np.inf


def test_a_kl_out_of_reach_is_an_error_that_names_the_largest():
    # One best of four twice, two best of four once: 1.155.
    largest = (2 * np.log(4) + np.log(2)) / 3
    for kl in (2.0, largest, largest - 1e-12):  # so near, rounding decides what a beta spends
        with pytest.raises(ValueError, match=r"below 1\.155, where the best of 4 completions"):
            beta_for_kl(REWARD, kl)
    assert beta_for_kl(REWARD, 1.155) > 0
    with pytest.raises(ValueError, match="0 or more"):
        beta_for_kl(REWARD, -0.1)
    with pytest.raises(ValueError, match="below 0,"):
        beta_for_kl(np.ones((2, 3)), 0.1)
    with pytest.raises(ValueError, match="mean KL of nan"):
        beta_for_kl(REWARD, NAN)


def test_reweighted_logprob_is_the_log_of_the_optimum_up_to_a_constant():
    beta = 0.8
    logprob = reweighted_logprob(LOGPROB, REWARD, beta)
    optimum = np.log(optimal_weights(REWARD, beta, reference_logprob=LOGPROB))
    gap = logprob - optimum
    assert gap == pytest.approx(np.repeat(gap[:, :1], 4, axis=1))
    assert pacs(REWARD, logprob) == pytest.approx(pacs(REWARD, optimum))
    assert reweighted_logprob(LOGPROB, REWARD, np.inf) == pytest.approx(LOGPROB)


def test_errors_say_what_is_wrong():
    for beta in (0.0, -1.0, NAN):
        for function in (optimal_weights, lambda r, b: reweighted_logprob(LOGPROB, r, b)):
            with pytest.raises(ValueError, match=f"beta must be positive.*{beta}"):
                function(REWARD, beta)
    with pytest.raises(ValueError, match=r"weights \(3, 4\) and reference_logprob \(3, 3\)"):
        kl_from_reference(REWARD, reference_logprob=LOGPROB[:, :3])
    with pytest.raises(ValueError, match="reward is inf at prompt 0, sample 1"):
        optimal_weights([[0.0, np.inf]], 1.0)
