"""The pool: what it refuses, what is available, and what labelling changes."""

import numpy as np
import pytest
from proxylab.conflict import normalised_logprob, pacs, prompt_conflict
from proxylab.selection import Pool

NAN = np.nan
REWARD = np.array([[1.0, 2.0, 3.0], [0.0, 5.0, NAN]])
LOGPROB = np.array([[-3.0, -1.0, -2.0], [-4.0, -9.0, NAN]])


def test_available_is_defined_and_not_labelled():
    pool = Pool(REWARD, LOGPROB, labels=[[NAN, 1.0, NAN], [NAN, NAN, NAN]])
    assert pool.available.tolist() == [[True, False, True], [True, True, False]]
    assert pool.n_available == 4


def test_a_completion_without_a_log_probability_is_padding():
    logprob = LOGPROB.copy()
    logprob[0, 0] = NAN
    assert Pool(REWARD, logprob).defined[0].tolist() == [False, True, True]


def test_conflict_is_that_of_the_conflict_room_on_the_named_normalisation():
    n_tokens = np.array([[2, 3, 5], [4, 1, 1]])
    pool = Pool(REWARD, LOGPROB, n_tokens=n_tokens, logprob_kind="per_token")
    score = normalised_logprob(LOGPROB, n_tokens, "per_token")
    np.testing.assert_array_equal(pool.conflict, prompt_conflict(REWARD, score))
    np.testing.assert_array_equal(pool.pacs, pacs(REWARD, score))
    assert pool.conflict[0] != Pool(REWARD, LOGPROB).conflict[0]


def test_labels_are_added_and_conflict_does_not_change():
    pool = Pool(REWARD, LOGPROB)
    chosen = np.array([[True, False, False], [False, True, False]])
    after = pool.with_labels(chosen, np.full((2, 3), 7.0))
    assert after.labels[chosen].tolist() == [7.0, 7.0]
    assert np.isnan(after.labels[~chosen]).all()
    assert after.n_available == pool.n_available - 2
    assert pool.labels is None
    np.testing.assert_array_equal(after.pacs, pool.pacs)  # over all completions, labelled or not


def test_earlier_labels_stay():
    pool = Pool(REWARD, LOGPROB, labels=[[1.0, NAN, NAN], [NAN, NAN, NAN]])
    chosen = np.zeros((2, 3), bool)
    chosen[0, 2] = True
    after = pool.with_labels(chosen, np.full((2, 3), 9.0))
    assert after.labels[0].tolist()[::2] == [1.0, 9.0]


@pytest.mark.parametrize(
    ("chosen", "reward", "message"),
    [
        ([[1, 0, 0], [0, 0, 0]], 0.0, "cannot be labelled at prompt 0, sample 0"),
        ([[0, 0, 0], [0, 0, 1]], 0.0, "cannot be labelled at prompt 1, sample 2"),
        ([[0, 1, 0], [0, 0, 0]], NAN, "reward is missing .* at prompt 0, sample 1"),
    ],
)
def test_labels_that_cannot_be_are_refused(chosen, reward, message):
    pool = Pool(REWARD, LOGPROB, labels=[[1.0, NAN, NAN], [NAN, NAN, NAN]])
    with pytest.raises(ValueError, match=message):
        pool.with_labels(np.array(chosen, bool), np.full((2, 3), reward))


def test_arrays_are_copied_and_read_only():
    reward = REWARD.copy()
    pool = Pool(reward, LOGPROB)
    reward[0, 0] = 100.0
    assert pool.proxy_reward[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        pool.proxy_reward[0, 0] = 2.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"proxy_reward": np.zeros(3)}, r"proxy_reward must be .* got shape \(3,\)"),
        ({"policy_logprob": np.zeros((2, 2))}, r"policy_logprob must have shape \(2, 3\)"),
        ({"labels": np.zeros((3, 2))}, r"labels must have shape \(2, 3\), got \(3, 2\)"),
        ({"labels": np.zeros((2, 3))}, "no completion at prompt 1, sample 2"),
        ({"gold_reward": np.full((2, 3), -np.inf)}, "gold_reward is -inf at prompt 0"),
        ({"responses": [["a", "b"], ["c", "d"]]}, r"responses must have shape \(2, 3\)"),
        ({"region": ["a", "b", "c"]}, r"region must have shape \(2,\), got \(3,\)"),
        ({"ensemble_reward": np.zeros((1, 2, 3))}, "at least two members, got 1"),
        ({"ensemble_reward": np.zeros((2, 2, 2))}, r"ensemble_reward must have shape \(2, 2, 3\)"),
        ({"logprob_kind": "per_tokens"}, "did you mean `per_token`"),
        ({"logprob_kind": "per_token"}, "needs n_tokens"),
    ],
)
def test_what_does_not_fit_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Pool(**{"proxy_reward": REWARD, "policy_logprob": LOGPROB, **fields})


def test_without_gold_hides_the_gold_and_nothing_else():
    pool = Pool(REWARD, LOGPROB, gold_reward=REWARD, region=["a", "b"])
    assert pool.without_gold.gold_reward is None
    assert pool.without_gold.region.tolist() == ["a", "b"]
    assert pool.gold_reward is not None
