"""PACS: cases by hand, the paper file's identities, scipy on every prompt, and refusals."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from proxylab.conflict import MIN_SD, corpus_conflict, pacs, prompt_conflict
from scipy.stats import zscore

NAN = np.nan


@st.composite
def two_arrays(draw, max_samples: int = 9, padded: bool = False):
    """Rewards and log-probabilities of a few prompts: small whole numbers, so that ties occur."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(2, max_samples)))
    values = arrays(np.float64, shape, elements=st.integers(-6, 6).map(float))
    reward, logprob = draw(values), draw(values)
    if padded:
        reward[draw(arrays(bool, shape))] = NAN
        logprob[draw(arrays(bool, shape))] = NAN
    return reward, logprob


def correlations(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Pearson correlation of each prompt `(n_prompts,)`, by numpy, one prompt at a time."""
    return np.array([np.corrcoef(r, p)[0, 1] for r, p in zip(reward, logprob, strict=True)])


def varied(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Which prompts have a spread in both."""
    return (np.ptp(reward, axis=1) > 0) & (np.ptp(logprob, axis=1) > 0)


def test_pacs_by_hand():
    # z of (1, 2, 3): sd sqrt(2/3), so (-1.5, 0, 1.5) * sqrt(2/3); z of (-4, -4, -1) is
    # (-1, -1, 2) / sqrt(2).
    scores = pacs([[1, 2, 3]], [[-4, -4, -1]])
    reward_z, logprob_z = 1.5**0.5 * np.array([-1, 0, 1]), 0.5**0.5 * np.array([-1, -1, 2])
    np.testing.assert_allclose(scores, [reward_z - logprob_z], rtol=1e-14)
    # The policy's least likely but one, which the proxy puts second, is over-valued.
    assert scores[0, 1] == pytest.approx(0.5**0.5)


def test_agreement_is_0_and_reversal_is_twice_the_z_score():
    reward = np.array([[0.0, 1, 2, 3]])
    np.testing.assert_allclose(pacs(reward, 10 * reward - 70), 0, atol=1e-15)
    np.testing.assert_allclose(pacs(reward, -reward), 2 * zscore(reward, axis=1))


def test_two_samples_agree_or_conflict_fully():
    # Two values have z-scores -1 and 1 whatever they are: the difference is 0 or 2.
    assert prompt_conflict([[0, 5], [0, 5]], [[-3, -1], [-1, -3]]) == pytest.approx([0, 2])


def test_a_single_score_reaches_its_bound():
    # One of N values stands out by sqrt(N - 1) sds; in opposite directions, twice that.
    reward, logprob = np.zeros((1, 8)), np.zeros((1, 8))
    reward[0, 2], logprob[0, 2] = 1, -1
    assert pacs(reward, logprob)[0, 2] == pytest.approx(2 * 7**0.5)


def test_undefined_prompts_are_nan_throughout():
    reward = [[1, 1, 1], [1, 2, 3], [NAN, 2, NAN], [1, 2, NAN], [NAN] * 3, [0, 1e-7, 0]]
    logprob = [[-1, -2, -3], [-5, -5, -5], [-1, -2, -3], [NAN, -2, -3], [-1, -2, -3], [-1, -2, -3]]
    # Constant reward; constant log-probability; one sample; one sample defined in both; none;
    # a reward sd of 4.7e-8, below 1e-6.
    assert np.isnan(pacs(reward, logprob)).all()
    assert np.isnan(prompt_conflict(reward, logprob)).all()


@pytest.mark.parametrize(("sd", "defined"), [(1.01 * MIN_SD, True), (0.99 * MIN_SD, False)])
def test_the_bound_on_the_sd_is_1e_6(sd, defined):
    # Values -sd and sd have the population sd `sd`.
    assert np.isfinite(pacs([[-sd, sd]], [[-1, -2]])).all() == defined


def test_a_constant_prompt_far_from_0_is_undefined():
    # A mean of seven equal large numbers rounds; the distance from it would pass for a spread.
    assert np.isnan(pacs(np.full((1, 7), 123456789012.3), [range(7)])).all()


def test_an_undefined_prompt_leaves_its_neighbours_alone():
    both = prompt_conflict([[1, 1, 1], [1, 2, 4]], [[-1, -2, -3], [-3, -1, -2]])
    assert np.isnan(both[0])
    assert both[1] == prompt_conflict([[1, 2, 4]], [[-3, -1, -2]])[0]


def test_corpus_conflict_averages_completions_and_counts_the_undefined():
    # Prompt 0: full conflict of two samples, |PACS| 2, 2. Prompt 1: agreement of four, 0 each.
    # Prompt 2 is constant. Mean over completions (2 + 2) / 6, not over prompts (2 + 0) / 2.
    corpus = corpus_conflict(
        [[0, 1, NAN, NAN], [0, 1, 2, 3], [1, 1, 1, 1]],
        [[1, 0, NAN, NAN], [0, 1, 2, 3], [0, 1, 2, 3]],
    )
    assert corpus.mean == pytest.approx(4 / 6)
    assert (corpus.n_completions, corpus.n_prompts, corpus.n_undefined) == (6, 3, 1)
    assert corpus.share_undefined == pytest.approx(1 / 3)


def test_corpus_conflict_of_nothing_is_undefined():
    corpus = corpus_conflict(np.empty((0, 8)), np.empty((0, 8)))
    assert np.isnan([corpus.mean, corpus.share_undefined]).all()
    assert (corpus.n_completions, corpus.n_prompts, corpus.n_undefined) == (0, 0, 0)
    assert np.isnan(corpus_conflict([[1, 1]], [[1, 2]]).mean)


@given(two_arrays())
def test_every_prompt_agrees_with_scipy(data):
    reward, logprob = data
    scores, conflict = pacs(reward, logprob), prompt_conflict(reward, logprob)
    for i in range(len(reward)):
        if varied(reward, logprob)[i]:
            expected = zscore(reward[i], ddof=0) - zscore(logprob[i], ddof=0)
            np.testing.assert_allclose(scores[i], expected, atol=1e-12)
            assert conflict[i] == pytest.approx(np.abs(expected).mean(), abs=1e-12)
        else:
            assert np.isnan(scores[i]).all()
            assert np.isnan(conflict[i])


@given(two_arrays())
def test_identities_of_the_paper_file(data):
    reward, logprob = (array[varied(*data)] for array in data)
    scores, n_samples = pacs(reward, logprob), reward.shape[1]
    disagreement = 2 * (1 - correlations(reward, logprob))
    np.testing.assert_allclose(np.mean(scores**2, axis=1), disagreement, atol=1e-9)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-9)
    assert np.all(np.abs(scores) <= 2 * np.sqrt(n_samples - 1) + 1e-9)
    bound = np.sqrt(np.clip(disagreement, 0, None))
    assert np.all(prompt_conflict(reward, logprob) <= bound + 1e-7)
    assert np.all(bound <= 2 + 1e-9)


@given(
    two_arrays(padded=True),
    st.floats(-1e3, 1e3),
    st.floats(0.01, 1e3),
    st.floats(-1e3, 1e3),
    st.floats(0.01, 1e3),
)
def test_shift_and_positive_scale_change_nothing(data, shift, scale, other_shift, other_scale):
    reward, logprob = data
    moved = pacs(scale * reward + shift, other_scale * logprob + other_shift)
    np.testing.assert_allclose(moved, pacs(reward, logprob), atol=1e-6)


@given(two_arrays(padded=True))
def test_swapping_the_arguments_flips_the_sign(data):
    reward, logprob = data
    np.testing.assert_array_equal(pacs(logprob, reward), -pacs(reward, logprob))


@given(two_arrays(padded=True))
def test_padding_equals_the_unpadded_prompt(data):
    reward, logprob = data
    scores = pacs(reward, logprob)
    for i, keep in enumerate(~np.isnan(reward) & ~np.isnan(logprob)):
        alone = pacs(reward[[i]][:, keep], logprob[[i]][:, keep])
        np.testing.assert_allclose(scores[[i]][:, keep], alone, atol=1e-12)
        assert np.isnan(scores[i, ~keep]).all()


@given(two_arrays(padded=True), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(data, random):
    reward, logprob = data
    order = random.sample(range(reward.shape[1]), reward.shape[1])
    moved = pacs(reward[:, order], logprob[:, order])
    np.testing.assert_allclose(moved, pacs(reward, logprob)[:, order], atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64])
def test_tensors_give_what_arrays_give(dtype):
    reward, logprob = torch.tensor([[1, 2, 4]], dtype=dtype), torch.tensor([[-3, -1, -2]])
    scores = pacs(reward, logprob.to(dtype))
    assert isinstance(scores, np.ndarray)
    np.testing.assert_array_equal(scores, pacs([[1, 2, 4]], [[-3, -1, -2]]))


def test_a_tensor_with_a_gradient_is_detached():
    reward = torch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    np.testing.assert_array_equal(
        prompt_conflict(reward, [[-3, -1, -2]]), prompt_conflict([[1, 2, 4]], [[-3, -1, -2]])
    )


def test_arguments_are_left_as_they_were():
    reward, logprob = np.array([[1.0, NAN, 3]]), np.array([[1.0, 2, 1]])
    pacs(reward, logprob)
    np.testing.assert_array_equal(reward, [[1, NAN, 3]])
    np.testing.assert_array_equal(logprob, [[1, 2, 1]])


def test_an_infinity_is_named_by_its_cell():
    logprob = np.zeros((3, 4))
    logprob[1, 2] = logprob[2, 0] = -np.inf
    with pytest.raises(ValueError, match="policy_logprob is -inf at prompt 1, sample 2"):
        pacs(np.zeros((3, 4)), logprob)


@pytest.mark.parametrize(
    ("reward", "logprob", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), r"proxy_reward \(2, 3\) and policy_logprob \(3, 2\)"),
        (np.zeros(3), np.zeros(3), r"proxy_reward must be \(n_prompts, n_samples\), got .*\(3,\)"),
        ([[1, 2], [1]], [[1, 2], [1, 2]], "proxy_reward .*pad short rows with NaN"),
    ],
)
def test_shapes_are_checked(reward, logprob, message):
    with pytest.raises(ValueError, match=message):
        prompt_conflict(reward, logprob)


def test_the_public_names_load_without_torch():
    code = (
        "import sys, proxylab; assert 'numpy' not in sys.modules;"
        "from proxylab import independence_threshold, kendall_tau_distance, pacs, prompt_conflict;"
        "assert set(proxylab.__all__) <= set(dir(proxylab));"
        "print(prompt_conflict([[0, 1]], [[1, 0]])[0], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["2.0", "False"], done.stderr


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import proxylab

    with pytest.raises(AttributeError, match="'proxylab' has no attribute 'pcas'"):
        _ = proxylab.pcas
