"""The score cache: each text once, bits kept, nothing lost to a kill but the batch at hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.rewards.cache import CachedReward
from proxylab.rewards.interface import CallableReward


class Counting:
    """A reward model that remembers what it was asked."""

    name = "counting"

    def __init__(self, fingerprint="v1"):
        self.fingerprint, self.seen = fingerprint, []

    def score(self, prompts, responses):
        self.seen += list(zip(prompts, responses, strict=True))
        values = [len(p) / 3 + 7.1 * len(r) for p, r in zip(prompts, responses, strict=True)]
        return np.array(values)


def test_each_text_is_scored_once_also_by_the_next_run(tmp_path):
    first = Counting()
    cached = CachedReward(first, tmp_path)
    scores = cached.score(["p", "p", "q"], ["a", "a", "b"])
    assert first.seen == [("p", "a"), ("q", "b")]
    second = Counting()
    again = CachedReward(second, tmp_path)
    np.testing.assert_array_equal(again.score(["p", "q", "p"], ["a", "b", "a"]), scores)
    assert second.seen == []
    assert (again.n_scored, again.n_found, cached.n_scored) == (0, 2, 2)


def test_another_fingerprint_shares_nothing(tmp_path):
    CachedReward(Counting("v1"), tmp_path).score(["p"], ["a"])
    other = Counting("v2")
    CachedReward(other, tmp_path).score(["p"], ["a"])
    assert other.seen == [("p", "a")]


def test_where_the_prompt_ends_matters(tmp_path):
    model = Counting()
    CachedReward(model, tmp_path).score(["ab", "a"], ["c", "bc"])
    assert len(model.seen) == 2


@settings(max_examples=20, deadline=None)  # each example writes a file
@given(st.lists(st.floats(width=64), min_size=1, max_size=5))
def test_scores_come_back_bit_for_bit(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("cache")
    texts = [str(i) for i in range(len(values))]
    model = CallableReward("m", lambda p, r: np.array([values[int(x)] for x in r]), fingerprint="f")
    first = CachedReward(model, folder).score(texts, texts)
    second = CachedReward(model, folder).score(texts, texts)
    np.testing.assert_array_equal(first, np.array(values))
    np.testing.assert_array_equal(second, np.array(values))


def test_what_was_scored_before_an_interruption_is_kept(tmp_path):
    def stops(prompts, responses):
        if "3" in responses:
            raise KeyboardInterrupt
        return np.zeros(len(responses))

    model = CallableReward("stops", stops, fingerprint="f")
    texts = ["0", "1", "2", "3"]
    with pytest.raises(KeyboardInterrupt):
        CachedReward(model, tmp_path, chunk=2).score(texts, texts)
    left = []
    resumed = CallableReward("m", lambda p, r: left.extend(r) or np.ones(len(r)), fingerprint="f")
    scores = CachedReward(resumed, tmp_path).score(texts, texts)
    assert left == ["2", "3"]
    assert scores.tolist() == [0, 0, 1, 1]


def test_no_text_is_written(tmp_path):
    cached = CachedReward(Counting(), tmp_path)
    cached.score(["a secret prompt"], ["a secret reply"])
    assert b"secret" not in cached.path.read_bytes()


def test_a_model_without_a_fingerprint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="mine has no fingerprint"):
        CachedReward(CallableReward("mine", lambda p, r: np.zeros(len(r))), tmp_path)


def test_nothing_to_score(tmp_path):
    assert CachedReward(Counting(), tmp_path).score([], []).shape == (0,)
