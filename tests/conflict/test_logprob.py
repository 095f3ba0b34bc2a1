"""Normalisations of log-probability: by hand, against numpy's least squares, and refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from proxylab.conflict import (
    LOGPROB_NORMALISATIONS,
    kendall_tau_distance,
    normalised_logprob,
    prompt_conflict,
)

NAN = np.nan


@st.composite
def completions(draw):
    """Log-probabilities and token counts of a few prompts, some padded."""
    n_prompts, n_samples = draw(st.tuples(st.integers(1, 4), st.integers(2, 8)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logprob = rng.normal(-20, 5, (n_prompts, n_samples))
    n_tokens = rng.integers(1, 12, (n_prompts, n_samples)).astype(float)
    logprob[rng.random(logprob.shape) < 0.2] = NAN
    return logprob, n_tokens


def test_sum_is_the_paper_s_and_needs_no_lengths():
    logprob = np.array([[-3.0, NAN]])
    same = normalised_logprob(logprob)
    np.testing.assert_array_equal(same, logprob)
    assert same is not logprob


def test_per_token_by_hand():
    per_token = normalised_logprob([[-6, -6, NAN]], [[2, 3, NAN]], "per_token")
    np.testing.assert_array_equal(per_token, [[-3, -2, NAN]])


def test_length_residual_by_hand():
    # Lengths 1, 2, 3 and -1, -5, -3: the line through the means (2, -3) has slope
    # (-1 * 2 + 0 + 1 * 0) / 2 = -1, so the fits are -2, -3, -4.
    residual = normalised_logprob([[-1, -5, -3]], [[1, 2, 3]], "length_residual")
    np.testing.assert_allclose(residual, [[1, -2, 1]], atol=1e-12)


def test_without_variation_in_length_the_residual_is_the_centred_sum():
    residual = normalised_logprob([[-1, -5, NAN]], [[7, 7, NAN]], "length_residual")
    np.testing.assert_array_equal(residual, [[2, -2, NAN]])


def test_a_perfect_line_leaves_exact_ties_and_not_rounding():
    # -0.1 n + 0.3 over thirds: any residual is rounding, which Kendall-Tau would rank.
    n_tokens = np.array([[3.0, 4, 6, 9, 11]])
    residual = normalised_logprob(-n_tokens / 3 + 0.3, n_tokens, "length_residual")
    np.testing.assert_array_equal(residual, np.zeros((1, 5)))
    assert kendall_tau_distance([[1, 2, 3, 4, 5]], residual) == [0]
    assert np.isnan(prompt_conflict([[1, 2, 3, 4, 5]], residual)).all()


@given(completions())
def test_length_residual_agrees_with_numpy_least_squares(data):
    logprob, n_tokens = data
    residual = normalised_logprob(logprob, n_tokens, "length_residual")
    for i, keep in enumerate(~np.isnan(logprob)):
        assert np.isnan(residual[i, ~keep]).all()
        if len(set(n_tokens[i, keep])) > 1:
            line = np.polynomial.Polynomial.fit(n_tokens[i, keep], logprob[i, keep], 1)
            expected = logprob[i, keep] - line(n_tokens[i, keep])
            np.testing.assert_allclose(residual[i, keep], expected, atol=1e-8)


@given(completions(), st.floats(-5, 5))
def test_length_residual_does_not_see_a_price_per_token(data, price):
    logprob, n_tokens = data
    moved = normalised_logprob(logprob + price * n_tokens, n_tokens, "length_residual")
    plain = normalised_logprob(logprob, n_tokens, "length_residual")
    varies = np.array(
        [len(set(n[~np.isnan(p)])) > 1 for n, p in zip(n_tokens, logprob, strict=True)]
    )
    np.testing.assert_allclose(moved[varies], plain[varies], atol=1e-8)


def test_what_length_hides_the_residual_shows():
    # At equal length the policy ranks replies as the reward does, but each token costs it a nat:
    # on the sum the prompt is in conflict, on the residual not at all.
    n_tokens, content = np.array([[10.0, 20, 30, 40]]), np.array([[1.0, -3, 3, -1]])
    logprob = content - n_tokens
    assert prompt_conflict(content, normalised_logprob(logprob)) > 1
    residual = normalised_logprob(logprob, n_tokens, "length_residual")
    assert prompt_conflict(content, residual) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", LOGPROB_NORMALISATIONS)
def test_prompts_do_not_see_each_other_and_tensors_are_taken(kind):
    logprob, n_tokens = np.array([[-1.0, -5, -3], [-2, -7, -4]]), np.array([[1, 2, 3], [5, 2, 2]])
    both = normalised_logprob(torch.tensor(logprob), torch.tensor(n_tokens), kind)
    np.testing.assert_array_equal(both[[1]], normalised_logprob(logprob[[1]], n_tokens[[1]], kind))


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(ValueError, match=r"`per-token` .did you mean `per_token`"):
        normalised_logprob([[-1, -2]], [[1, 2]], "per-token")


@pytest.mark.parametrize(
    ("n_tokens", "message"),
    [
        (None, "`per_token` needs n_tokens"),
        ([[1, 2, 3]], r"policy_logprob \(1, 2\) and n_tokens \(1, 3\)"),
        ([[1, 0]], "n_tokens is 0.0 at prompt 0, sample 1"),
        ([[1, NAN]], "n_tokens is nan at prompt 0, sample 1"),
    ],
)
def test_lengths_are_checked(n_tokens, message):
    with pytest.raises(ValueError, match=message):
        normalised_logprob([[-1, -2]], n_tokens, "per_token")
