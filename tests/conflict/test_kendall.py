"""Kendall-Tau distance: cases by hand, scipy on every prompt, invariants, ties and padding."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from proxylab.conflict import (
    corpus_kendall,
    kendall,
    kendall_table,
    kendall_tau_distance,
    no_better_than_chance,
    share_ordered_rightly,
)
from scipy.stats import kendalltau

NAN = np.nan


@st.composite
def two_arrays(draw, tied: bool = True, padded: bool = False):
    """Rewards and log-probabilities of a few prompts; whole numbers, with or without ties."""
    n_prompts, n_samples = draw(st.tuples(st.integers(1, 4), st.integers(2, 9)))
    if tied:
        values = arrays(np.float64, (n_prompts, n_samples), elements=st.integers(-4, 4).map(float))
    else:
        order = st.permutations([float(i) for i in range(n_samples)])
        values = st.lists(order, min_size=n_prompts, max_size=n_prompts).map(np.array)
    reward, logprob = draw(values), draw(values)
    if padded:
        reward[draw(arrays(bool, reward.shape))] = NAN
    return reward, logprob


def test_distance_by_hand():
    # Of the pairs (0,1), (0,2), (1,2) the log-probability turns only the last round.
    assert kendall_tau_distance([[1, 2, 3]], [[-9, -2, -5]]) == pytest.approx([1 / 3])


def test_one_order_and_its_reverse():
    reward = np.arange(8.0)[None]
    assert kendall_tau_distance(reward, reward) == [0]
    assert kendall_tau_distance(reward, -reward) == [1]


def test_table_by_hand():
    # Reward 1, 1, 2, 3; log-probability 1, 2, 2, 0. Pairs: (0,1) ties in reward; (1,2) in
    # log-probability; (0,2) is concordant; (0,3), (1,3), (2,3) are discordant.
    # tau-b = (1 - 3) / sqrt((6 - 1) (6 - 1)) = -0.4.
    # Second prompt: one value in both, so its only pair ties twice, and is one tied pair.
    table = kendall_table([[1, 1, 2, 3], [1, 1, NAN, 5]], [[1, 2, 2, 0], [4, 4, 4, NAN]])
    expected = pd.DataFrame(
        {
            "n_pairs": [6, 1],
            "concordant": [1, 0],
            "discordant": [3, 0],
            "tied": [2, 1],
            "tied_reward": [1, 1],
            "tied_logprob": [1, 1],
            "distance": [0.5, 0.0],
            "tau_b": [-0.4, NAN],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


def test_a_constant_reward_is_at_distance_0_with_tau_b_undefined():
    table = kendall_table([[2, 2, 2]], [[1, 2, 3]])
    assert table["distance"].item() == 0
    assert np.isnan(table["tau_b"].item())
    assert table["tied_reward"].item() == table["n_pairs"].item() == 3


def test_fewer_than_two_samples_are_undefined():
    distance = kendall_tau_distance([[1, NAN], [NAN, 1], [NAN, NAN]], [[1, 2], [1, NAN], [1, 2]])
    assert np.isnan(distance).all()
    assert np.isnan(kendall_tau_distance([[1], [2]], [[1], [2]])).all()
    assert kendall_tau_distance(np.empty((0, 8)), np.empty((0, 8))).shape == (0,)


def test_corpus_counts_ties_and_undefined_prompts():
    # Distances 1, 0 (constant: tau-b undefined) and undefined: means 1/2 and -1 over those
    # defined; of 3 + 3 + 0 pairs, three tie.
    corpus = corpus_kendall(
        [[1, 2, 3], [2, 2, 2], [1, NAN, NAN]], [[3, 2, 1], [1, 2, 3], [1, 2, 3]]
    )
    assert (corpus.mean_distance, corpus.mean_tau_b, corpus.share_tied) == (0.5, -1, 0.5)
    assert (corpus.n_prompts, corpus.n_undefined, corpus.n_tau_b_undefined) == (3, 1, 2)


def test_corpus_of_nothing_is_undefined():
    corpus = corpus_kendall([[1.0]], [[1.0]])
    assert np.isnan([corpus.mean_distance, corpus.mean_tau_b, corpus.share_tied]).all()
    assert corpus.n_undefined == 1


@given(two_arrays())
def test_tau_b_agrees_with_scipy_on_every_prompt(data):
    reward, logprob = data
    expected = [kendalltau(r, p).statistic for r, p in zip(reward, logprob, strict=True)]
    np.testing.assert_allclose(kendall_table(reward, logprob)["tau_b"], expected, atol=1e-12)


@given(two_arrays(tied=False))
def test_without_ties_the_distance_is_half_of_1_less_tau(data):
    reward, logprob = data
    tau = [kendalltau(r, p).statistic for r, p in zip(reward, logprob, strict=True)]
    expected = (1 - np.array(tau)) / 2
    np.testing.assert_allclose(kendall_tau_distance(reward, logprob), expected, atol=1e-12)


@given(two_arrays(padded=True))
def test_every_pair_is_counted_once(data):
    reward, logprob = data
    table = kendall_table(reward, logprob)
    n = np.sum(~np.isnan(reward), axis=1)
    parts = table["concordant"] + table["discordant"] + table["tied"]
    np.testing.assert_array_equal(parts, n * (n - 1) // 2)
    assert (table["tied"] >= table[["tied_reward", "tied_logprob"]].max(axis=1)).all()
    assert (table["tied"] <= table["tied_reward"] + table["tied_logprob"]).all()
    assert table["distance"].dropna().between(0, 1).all()


@given(two_arrays(padded=True))
def test_a_monotone_map_of_either_changes_nothing(data):
    reward, logprob = data
    moved = kendall_table(np.exp(reward), logprob**3 - 7)
    pd.testing.assert_frame_equal(moved, kendall_table(reward, logprob))


@given(two_arrays(padded=True))
def test_it_is_symmetric_and_a_sign_turns_it_round(data):
    reward, logprob = data
    table, turned = kendall_table(reward, logprob), kendall_table(-reward, logprob)
    swapped = kendall_tau_distance(logprob, reward)
    np.testing.assert_array_equal(swapped, table["distance"])
    np.testing.assert_array_equal(turned["discordant"], table["concordant"])
    np.testing.assert_array_equal(turned["tau_b"], -table["tau_b"])


@given(two_arrays(padded=True))
def test_padding_equals_the_unpadded_prompt(data):
    reward, logprob = data
    table = kendall_table(reward, logprob)
    for i, keep in enumerate(~np.isnan(reward)):
        alone = kendall_table(reward[[i]][:, keep], logprob[[i]][:, keep])
        pd.testing.assert_frame_equal(alone, table.iloc[[i]].reset_index(drop=True))


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    reward, logprob = rng.integers(0, 5, (2, 23, 6)).astype(float)
    whole = kendall_table(reward, logprob)
    monkeypatch.setattr(kendall, "CHUNK", 6 * 5)  # five prompts at once, three in the last chunk
    pd.testing.assert_frame_equal(kendall_table(reward, logprob), whole)


def test_tensors_give_what_arrays_give():
    reward, logprob = torch.tensor([[1.0, 2, 3]]).bfloat16(), torch.tensor([[-9, -2, -5]])
    distance = kendall_tau_distance(reward.requires_grad_(), logprob)
    assert isinstance(distance, np.ndarray)
    assert distance == pytest.approx([1 / 3])


def test_infinities_and_shapes_are_refused():
    with pytest.raises(ValueError, match="proxy_reward is inf at prompt 0, sample 1"):
        kendall_tau_distance([[0, np.inf]], [[0, 1]])
    with pytest.raises(ValueError, match="must have one shape"):
        kendall_table([[0, 1]], [[0, 1, 2]])


def test_the_share_ordered_rightly_counts_a_judges_tie_as_wrong_and_the_truths_as_no_comparison():
    # Truth 1 < 2 < 3 = 3: five comparisons. The judge has 1 and 2 tied, the others right: four.
    table = kendall_table([[0.0, 0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0, 3.0]])
    assert share_ordered_rightly(table) == pytest.approx([4 / 5])
    assert np.isnan(share_ordered_rightly(kendall_table([[0.0, 1.0]], [[2.0, 2.0]]))).all()


def test_an_order_that_agrees_as_often_as_not_is_no_better_than_chance():
    judge = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 2.0], [1.0, 1.0, 1.0]]
    truth = [[1.0, 3.0, 2.0], [3.0, 1.0, 2.0], [2.0, 1.0, 3.0], [1.0, 2.0, 3.0]]
    # Concordant less discordant pairs: 2 - 1, 1 - 2, 1 - 1 (a tie is neither), undefined.
    found = no_better_than_chance(kendall_table(judge, truth))
    np.testing.assert_array_equal(found, [0.0, 1.0, 1.0, np.nan])
