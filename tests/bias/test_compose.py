"""Several biases at once: their order, their draws, and a reward model that carries them."""

import json

import numpy as np
import pandas as pd
import pytest
from proxylab.bias import (
    BiasedReward,
    CoverageGap,
    LengthBias,
    Saturation,
    ScoreNoise,
    SignFlip,
    SycophancyPrefix,
    UniformFlips,
    compose,
    compose_scores,
)
from proxylab.rewards.cache import CachedReward
from proxylab.rewards.interface import CallableReward, Fingerprinted, RewardModel
from proxylab.rewards.nulls import LongestReward

FLIPS, PREFIX = UniformFlips(0.5), SycophancyPrefix(1.0)
GAP = CoverageGap(("kitchen",), 0.5)
REPLIES = ("chosen", "rejected")


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_biases_act_from_left_to_right(make_pairs):
    pairs = make_pairs(40)
    generator = rng()
    by_hand = PREFIX(FLIPS(pairs, generator), generator)
    pd.testing.assert_frame_equal(compose(FLIPS, PREFIX)(pairs, rng()), by_hand)


def test_a_prefix_after_flips_marks_the_label_and_before_them_the_reply(make_pairs):
    pairs = make_pairs(200)
    marked = {
        order: [frame[reply].str.startswith("you are right").sum() for reply in REPLIES]
        for order, frame in {
            "after": compose(FLIPS, PREFIX)(pairs, rng()),
            "before": compose(PREFIX, FLIPS)(pairs, rng()),
        }.items()
    }
    assert marked["after"] == [200, 0]
    assert sum(marked["before"]) == 200
    assert marked["before"][1] > 0  # swaps carried it to rejected replies


def test_composition_is_associative_and_nothing_composed_is_nothing(make_pairs):
    pairs = make_pairs(40)
    whole = compose(FLIPS, PREFIX, GAP)
    assert compose(compose(FLIPS, PREFIX), GAP) == whole == compose(FLIPS, compose(PREFIX, GAP))
    pd.testing.assert_frame_equal(compose()(pairs, rng()), pairs)
    np.testing.assert_array_equal(compose_scores().apply([1.0], ["a"]), [1.0])


def test_one_dose_does_not_change_what_another_bias_draws(make_pairs):
    pairs = make_pairs(200)
    flipped = [
        compose(SycophancyPrefix(dose), FLIPS)(pairs, rng())["rejected"].str.contains("good")
        for dose in (0.0, 0.4, 1.0)
    ]
    assert flipped[0].sum() > 0
    assert (flipped[0] == flipped[1]).all()
    assert (flipped[0] == flipped[2]).all()


def test_a_gap_put_last_leaves_the_draws_of_the_others_alone(make_pairs):
    pairs = make_pairs(40)
    alone = FLIPS(pairs, rng()).set_index("pair_id")
    with_gap = compose(FLIPS, GAP)(pairs, rng()).set_index("pair_id")
    assert len(with_gap) == 35  # half of the ten pairs of one topic are gone
    pd.testing.assert_frame_equal(with_gap, alone.loc[with_gap.index])


def test_score_biases_act_from_left_to_right():
    length, squash = LengthBias(1.0), Saturation(1.0)
    rewards, texts = np.array([0.5]), ["a b"]
    # squashed after two words: tanh(2.5); before: tanh(0.5) + 2
    assert compose_scores(length, squash).apply(rewards, texts) == pytest.approx(np.tanh(2.5))
    assert compose_scores(squash, length).apply(rewards, texts) == pytest.approx(np.tanh(0.5) + 2)
    assert compose_scores(length, compose_scores(squash)) == compose_scores(length, squash)


def test_the_two_kinds_do_not_mix():
    with pytest.raises(ValueError, match=r"LengthBias\(dose=1.0\) is no DataBias"):
        compose(FLIPS, LengthBias(1.0))
    with pytest.raises(ValueError, match=r"UniformFlips\(dose=0.5\) is no ScoreBias"):
        compose_scores(FLIPS)


def test_descriptions_keep_the_order_and_fit_into_json():
    described = compose(GAP, FLIPS).describe()
    assert [entry["name"] for entry in described] == ["coverage_gap", "uniform_flips"]
    assert json.loads(json.dumps(described))[0] == {
        "name": "coverage_gap",
        "topics": ["kitchen"],
        "dose": 0.5,
        "column": "topic",
    }


PROMPTS, RESPONSES = ["p", "q", "p"], ["a b", "abcd", ""]


def test_a_biased_model_scores_as_its_biases_say():
    biases = [LengthBias(10.0), SignFlip(1.0)]
    model = BiasedReward(LongestReward(), biases)
    # characters 3, 4, 0 and words 2, 1, 0, then turned
    assert model.score(PROMPTS, RESPONSES).tolist() == [-23, -14, 0]
    raw = LongestReward().score(PROMPTS, RESPONSES)
    injected = compose_scores(*biases).apply(raw, RESPONSES, prompts=PROMPTS)
    np.testing.assert_array_equal(model.score(PROMPTS, RESPONSES), injected)
    assert model.name == "longest+length_bias=10+sign_flip=1"
    assert isinstance(model, RewardModel)
    assert model.score([], []).shape == (0,)
    with pytest.raises(ValueError, match="1 prompts but 2 responses"):
        model.score(["p"], ["a", "b"])


def test_without_biases_or_at_dose_0_a_model_is_itself():
    raw = LongestReward().score(PROMPTS, RESPONSES)
    for biases in ([], [ScoreNoise(0.0), SignFlip(0.0)]):
        biased = BiasedReward(LongestReward(), biases).score(PROMPTS, RESPONSES)
        np.testing.assert_array_equal(biased, raw)


def test_fingerprints_tell_doses_options_and_orders_apart():
    length, noise = LengthBias(1.0), ScoreNoise(1.0)
    lists = [
        [],
        [length],
        [LengthBias(2.0)],
        [noise],
        [ScoreNoise(1.0, seed=1)],
        [length, noise],
        [noise, length],
    ]
    fingerprints = {BiasedReward(LongestReward(), biases).fingerprint for biases in lists}
    assert len(fingerprints) == len(lists)
    assert BiasedReward(LongestReward(), [length]).fingerprint in fingerprints


def test_a_model_that_cannot_be_stored_cannot_be_stored_biased():
    model = CallableReward("mine", lambda prompts, responses: np.zeros(len(prompts)))
    assert not isinstance(BiasedReward(model, [LengthBias(1.0)]), Fingerprinted)


def test_biased_scores_can_be_cached(tmp_path):
    model = BiasedReward(LongestReward(), [ScoreNoise(1.0)])
    cached = CachedReward(model, tmp_path)
    np.testing.assert_array_equal(cached.score(PROMPTS, RESPONSES), model.score(PROMPTS, RESPONSES))
    assert CachedReward(LongestReward(), tmp_path).score(["p"], ["a b"]).tolist() == [3]
