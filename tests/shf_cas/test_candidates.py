"""Candidates: rows and samples stay together, and what does not fit is refused."""

import copy
import gc
from dataclasses import replace

import numpy as np
import pytest
from proxylab.rewards.ranked import score_groups
from proxylab.shf_cas import Candidates

NAN = np.nan


@pytest.fixture
def small():
    return Candidates(
        prompts=["p", "q", "r"],
        responses=np.array([["a", "b"], ["c", "d"], ["e", None]], dtype=object),
        policy_logprob=np.array([[-1.0, -2.0], [-3.0, -4.0], [-5.0, NAN]]),
        n_tokens=np.array([[1, 2], [3, 4], [5, 0]]),
        region=np.array(["x", "y", "x"]),
        quadrant=np.array(["both", "both", "neither"]),
        gold_reward=np.array([[0.1, 0.2], [0.3, 0.4], [0.5, NAN]]),
    )


@pytest.mark.parametrize(
    "rows", [[2, 0], np.array([2, 0]), np.array([2, 0], dtype=np.int32)], ids=str
)
def test_take_keeps_each_prompt_with_its_own(small, rows):
    taken = small.take(rows)
    assert taken.prompts == ["r", "p"]
    assert taken.responses.tolist() == [["e", None], ["a", "b"]]
    assert taken.region.tolist() == ["x", "x"]
    assert taken.quadrant.tolist() == ["neither", "both"]
    assert taken.gold_reward[1].tolist() == [0.1, 0.2]
    assert taken.n_tokens.tolist() == [[5, 0], [1, 2]]
    assert taken.defined.tolist() == [[True, False], [True, True]]


def test_take_by_mask_and_by_slice(small):
    assert small.take(np.array([False, True, True])).prompts == ["q", "r"]
    assert small.take(slice(2)).prompts == ["p", "q"]
    assert replace(small, gold_reward=None).take([0]).gold_reward is None


def test_take_samples_keeps_every_prompt(small):
    taken = small.take_samples(slice(1, 2))
    assert taken.prompts == small.prompts
    assert taken.responses.tolist() == [["b"], ["d"], [None]]
    assert taken.policy_logprob[:2, 0].tolist() == [-2.0, -4.0]
    assert taken.shape == (3, 1)
    assert replace(small, gold_reward=None).take_samples([0]).gold_reward is None


def test_what_does_not_fit_is_refused(small):
    with pytest.raises(ValueError, match=r"responses must be \(2, n_samples\).*\(3, 2\)"):
        replace(small, prompts=["p", "q"])
    with pytest.raises(ValueError, match=r"gold_reward must have shape \(3, 2\), got \(3, 1\)"):
        replace(small, gold_reward=np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"region must have shape \(3,\), got \(2,\)"):
        replace(small, region=np.array(["x", "y"]))
    with pytest.raises(ValueError, match="prompt 2, sample 1 has a log-probability but no resp"):
        replace(small, policy_logprob=np.zeros((3, 2)))


def test_a_model_scores_the_completions_once_for_as_long_as_it_lives(pool, proxy, backbone):
    drawn = pool.take(slice(4))
    rewards = drawn.scored_by(proxy)
    np.testing.assert_array_equal(
        rewards, score_groups(proxy, drawn.prompts, drawn.responses), strict=True
    )
    assert drawn.scored_by(proxy) is rewards
    with pytest.raises(ValueError, match="read-only"):  # whoever changed it would change it for all
        rewards[0, 0] = 0.0
    assert not np.array_equal(drawn.scored_by(backbone), rewards)
    another = copy.copy(proxy)
    np.testing.assert_array_equal(drawn.scored_by(another), rewards)
    assert len(drawn._rewards) == 3
    del another
    gc.collect()
    assert len(drawn._rewards) == 2
    assert len(drawn.take(slice(2))._rewards) == 0  # other completions, nothing scored yet


def test_the_fingerprint_is_of_texts_and_numbers(small):
    same = replace(small)
    assert same.fingerprint == small.fingerprint
    for changed in (
        {"gold_reward": small.gold_reward + 1},
        {"policy_logprob": small.policy_logprob - 1},
        {"prompts": [*small.prompts[:-1], "another"]},
    ):
        assert replace(small, **changed).fingerprint != small.fingerprint
