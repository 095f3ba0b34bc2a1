"""Callables, null rulers and linear Bradley-Terry models."""

import numpy as np
import pandas as pd
import pytest
from proxylab.rewards.interface import CallableReward, Fingerprinted, RewardModel
from proxylab.rewards.linear import StyleBradleyTerry, TfidfBradleyTerry, style_features
from proxylab.rewards.nulls import LongestReward, RandomReward, ShortestReward


def test_all_share_the_interface(pairs):
    fitted = TfidfBradleyTerry.fit(pairs), StyleBradleyTerry.fit(pairs)
    for model in (*fitted, RandomReward(), LongestReward(), ShortestReward()):
        assert isinstance(model, RewardModel)
        assert isinstance(model, Fingerprinted)
        assert model.score(["a", "b"], ["x", "y z"]).shape == (2,)
        assert model.score([], []).shape == (0,)
        with pytest.raises(ValueError, match="2 prompts but 1 responses"):
            model.score(["a", "b"], ["x"])


def test_a_callable_must_return_one_number_a_response():
    model = CallableReward("mine", lambda p, r: np.zeros((len(r), 2)))
    with pytest.raises(ValueError, match=r"mine returned scores of shape \(1, 2\)"):
        model.score(["p"], ["r"])


def test_random_is_a_function_of_content_and_seed():
    prompts, responses = ["p"] * 2000, [str(i) for i in range(2000)]
    scores = RandomReward().score(prompts, responses)
    np.testing.assert_array_equal(RandomReward().score(prompts, responses), scores)
    assert RandomReward().score(["p"], ["7"])[0] == scores[7]
    assert np.all(RandomReward(1).score(prompts, responses) != scores)
    assert scores.mean() == pytest.approx(0.5, abs=0.03)  # 4.6 standard errors of a uniform mean
    assert scores.min() >= 0
    assert scores.max() < 1


def test_longest_and_shortest_count_characters():
    assert LongestReward().score(["", ""], ["ab", "a"]).tolist() == [2, 1]
    assert ShortestReward().score(["", ""], ["ab", "a"]).tolist() == [-2, -1]


@pytest.mark.parametrize("variant", ["word", "char"])
def test_tfidf_finds_the_word_that_decides(pairs, held_out, variant):
    model = TfidfBradleyTerry.fit(pairs, variant=variant)
    prompts = held_out.prompt.tolist()
    chosen = model.score(prompts, held_out.chosen.tolist())
    rejected = model.score(prompts, held_out.rejected.tolist())
    assert np.mean(chosen > rejected) == 1
    assert model.name == f"tfidf-{variant}"


def test_swapping_the_labels_flips_the_sign(pairs):
    swapped = pairs.rename(columns={"chosen": "rejected", "rejected": "chosen"})
    texts = ["w1 good w2", "bad w3", "w4"]
    for fit in (TfidfBradleyTerry.fit, StyleBradleyTerry.fit):
        scores = fit(pairs).score(texts, texts)
        assert fit(swapped).score(texts, texts) == pytest.approx(-scores, abs=1e-4)


def test_unknown_words_score_nothing(pairs):
    assert TfidfBradleyTerry.fit(pairs).score(["p"], ["unheard"]).tolist() == [0.0]


def test_fingerprint_follows_the_fit(pairs):
    first = TfidfBradleyTerry.fit(pairs)
    assert first.fingerprint == TfidfBradleyTerry.fit(pairs).fingerprint
    assert first.fingerprint != TfidfBradleyTerry.fit(pairs, c=1.0).fingerprint
    assert first.fingerprint != TfidfBradleyTerry.fit(pairs.head(100)).fingerprint
    assert StyleBradleyTerry.fit(pairs).fingerprint != first.fingerprint


def test_unknown_variant_is_named(pairs):
    with pytest.raises(ValueError, match=r"\['char', 'word'\], got 'chars'"):
        TfidfBradleyTerry.fit(pairs, variant="chars")


def test_style_features_by_hand():
    # Three words of 1 + 2 + 2 letters, all distinct; one "?", one "!", one line break, one list
    # item, "I" of three words, one capital of twelve characters.
    found = style_features(["I go?\n- no !", ""])
    expected = [3, np.log(4), 5 / 3, 1, 1, 1, 1, 1, 1 / 3, 1 / 12]
    assert found[0].tolist() == pytest.approx(expected)
    assert found[1].tolist() == [0] * 10


def test_style_learns_a_preference_for_length():
    texts = [("a " * n, "a " * (n + 3)) for n in range(1, 30)]
    pairs = pd.DataFrame(texts, columns=["rejected", "chosen"])
    short, long = StyleBradleyTerry.fit(pairs).score(["", ""], ["a a", "a a a a a a a a"])
    assert long > short


def test_a_function_of_another_form_is_told_what_a_proxy_takes():
    with pytest.raises(TypeError, match="mine: a proxy takes two lists, prompts and responses"):
        CallableReward("mine", lambda text: 1.0).score(["p"], ["r"])
