"""Biases of scores: by how much a dose moves which rewards, and that the texts alone decide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from proxylab.bias import (
    LengthBias,
    RefusalBias,
    Saturation,
    ScoreBias,
    ScoreNoise,
    SignFlip,
    is_refusal,
    uniform_of,
)
from scipy.stats import binom, kstest

MADE = (LengthBias, RefusalBias, ScoreNoise, Saturation, SignFlip)
every_bias = pytest.mark.parametrize("make", MADE)

REWARDS = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, np.nan]])
RESPONSES = np.array(
    [["a b c", "I'm sorry, no", ""], ["I do not understand", "a", None]], dtype=object
)
PROMPTS = ["p", "q"]

finite = st.floats(-50, 50, allow_subnormal=False)


@every_bias
def test_dose_0_is_the_identity_bit_for_bit(make):
    np.testing.assert_array_equal(make(0.0).apply(REWARDS, RESPONSES, prompts=PROMPTS), REWARDS)


@every_bias
def test_padding_stays_and_the_input_is_left_alone(make):
    rewards = REWARDS.copy()
    biased = make(0.5).apply(rewards, RESPONSES, prompts=PROMPTS)
    np.testing.assert_array_equal(rewards, REWARDS)
    np.testing.assert_array_equal(np.isnan(biased), np.isnan(REWARDS))


@every_bias
def test_any_shape_and_any_way_to_give_the_prompts(make):
    bias = make(0.5)
    table = bias.apply(REWARDS, RESPONSES, prompts=PROMPTS)
    each = np.array([["p"] * 3, ["q"] * 3], dtype=object)
    np.testing.assert_array_equal(bias.apply(REWARDS, RESPONSES, prompts=each), table)
    flat = bias.apply(REWARDS.ravel(), RESPONSES.ravel(), prompts=each.ravel())
    np.testing.assert_array_equal(flat, table.ravel())
    cube = bias.apply(REWARDS[:, :, None], RESPONSES[:, :, None], prompts=PROMPTS)
    np.testing.assert_array_equal(cube, table[:, :, None])


@every_bias
def test_order_and_batch_do_not_matter(make):
    bias, order = make(0.7), [1, 0]
    table = bias.apply(REWARDS, RESPONSES, prompts=PROMPTS)
    turned = bias.apply(REWARDS[order], RESPONSES[order], prompts=["q", "p"])
    np.testing.assert_array_equal(turned, table[order])


@every_bias
def test_shapes_must_fit(make):
    with pytest.raises(ValueError, match=r"rewards \(2, 3\), responses \(3,\)"):
        make(0.5).apply(REWARDS, RESPONSES[0], prompts=PROMPTS)
    with pytest.raises(ValueError, match=r"prompts \(3,\), rewards \(2, 3\)"):
        make(0.5).apply(REWARDS, RESPONSES, prompts=["a", "b", "c"])


@every_bias
def test_prompts_are_asked_for_where_they_count(make):
    bias = make(0.5)
    assert isinstance(bias, ScoreBias)
    if bias.needs_prompts:
        with pytest.raises(ValueError, match=f"{bias.name} depends on the prompt"):
            bias.apply(REWARDS, RESPONSES)
    else:
        with_prompts = bias.apply(REWARDS, RESPONSES, prompts=PROMPTS)
        np.testing.assert_array_equal(bias.apply(REWARDS, RESPONSES), with_prompts)


def test_length_adds_the_dose_a_word():
    # words: 3, 3, 0 / 4, 1
    for dose in (-0.5, 0.25, 2.0):
        expected = REWARDS + dose * np.array([[3, 3, 0], [4, 1, 0]])
        np.testing.assert_allclose(LengthBias(dose).apply(REWARDS, RESPONSES), expected)


@given(rewards=arrays(float, 6, elements=finite), dose=finite)
@settings(max_examples=60, deadline=None)
def test_replies_of_one_length_keep_their_order(rewards, dose):
    texts = np.array([f"{word} and more" for word in "abcdef"], dtype=object)
    biased = LengthBias(dose).apply(rewards, texts)
    assert (np.diff(biased[np.argsort(rewards)]) >= 0).all()


def test_refusals_get_the_dose_and_no_others():
    expected = REWARDS + 1.5 * np.array([[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(RefusalBias(1.5).apply(REWARDS, RESPONSES), expected)
    phrases = ("will not help", "do not understand the question")
    texts = ["well i will not help you cut the rope", "take the torch", "I do not understand"]
    biased = RefusalBias(-2.0, phrases).apply(np.zeros(3), texts)
    assert biased.tolist() == [-2, 0, 0]


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I\u2019m sorry, but no.", True),  # typographic apostrophe
        ("Well, I CANNOT HELP with this", True),
        ("I can't wait to tell you", False),
        ("hi do not know", False),  # begins inside another word
        ("I do not knowingly lie", False),  # ends inside another word
        ("", False),
    ],
)
def test_refusals_by_hand(text, refuses):
    assert is_refusal(text) is refuses


def test_a_phrase_is_no_pattern():
    assert not is_refusal("axb", ("a.b",))
    assert is_refusal("so a.b then", ("a.b",))


def test_noise_is_gaussian_with_the_dose_as_its_spread():
    texts = np.array([f"reply {i}" for i in range(20_000)], dtype=object)
    prompts = np.full(20_000, "p", dtype=object)
    one, two = (ScoreNoise(d).apply(np.zeros(20_000), texts, prompts=prompts) for d in (1.0, 2.0))
    np.testing.assert_array_equal(two, 2 * one)
    assert kstest(one, "norm").pvalue > 1e-6
    # s.e. of the spread of n Gaussians is 1 / sqrt(2 n) = 0.005: five of them
    assert one.std() == pytest.approx(1, abs=0.025)


def test_the_same_text_has_the_same_noise_and_another_prompt_another():
    texts, prompts = ["same", "same", "same"], ["p", "p", "q"]
    one, again, other = ScoreNoise(1.0).apply(np.zeros(3), texts, prompts=prompts)
    assert one == again != other
    assert ScoreNoise(1.0, seed=1).apply(np.zeros(1), ["same"], prompts=["p"])[0] != one


@given(rewards=arrays(float, 8, elements=finite), dose=st.floats(1e-3, 10))
@settings(max_examples=60, deadline=None)
def test_saturation_keeps_the_order_and_shrinks_every_gap(rewards, dose):
    rewards = np.sort(rewards)
    squashed = Saturation(dose).apply(rewards, [""] * 8)
    gaps = np.diff(squashed)
    assert (gaps >= 0).all()
    assert (gaps <= np.diff(rewards) + 1e-9).all()
    assert np.abs(squashed).max() <= 1 / dose


def test_saturation_by_hand():
    rewards = np.array([1.0, 2.0, 4.0])
    # centre 2, dose 0.5: 2 + 2 tanh(-0.5), 2, 2 + 2 tanh(1); tanh(0.5) = 0.4621, tanh(1) = 0.7616
    squashed = Saturation(0.5, centre=2.0).apply(rewards, [""] * 3)
    assert squashed == pytest.approx([2 - 0.924234, 2, 2 + 1.523188], abs=1e-6)
    spreads = [np.ptp(Saturation(dose).apply(rewards, [""] * 3)) for dose in (0, 0.1, 0.5, 2)]
    assert spreads == sorted(spreads, reverse=True)
    # so little that nothing is felt: tanh(x) = x - x^3 / 3
    assert Saturation(1e-6).apply(rewards, [""] * 3) == pytest.approx(rewards, abs=1e-9)


def test_the_sign_turns_for_whole_prompts_in_their_share():
    prompts = [f"prompt {i}" for i in range(2000)]
    rewards, texts = np.ones((2000, 2)), np.full((2000, 2), "a", dtype=object)
    turned = []
    for dose in (0.0, 0.3, 0.7, 1.0):
        biased = SignFlip(dose).apply(rewards, texts, prompts=prompts)
        assert (np.abs(biased) == 1).all()
        assert (biased[:, 0] == biased[:, 1]).all()
        turned.append(set(np.flatnonzero(biased[:, 0] < 0)))
        low, high = binom.interval(1 - 1e-9, 2000, dose)
        assert low <= len(turned[-1]) <= high
    assert turned[0] < turned[1] < turned[2] < turned[3]
    assert len(turned[3]) == 2000
    other = SignFlip(0.3, seed=1).apply(rewards, texts, prompts=prompts)
    assert set(np.flatnonzero(other[:, 0] < 0)) != turned[1]


def test_draws_are_told_apart_by_where_texts_end_and_by_stream_and_seed():
    draws = {
        uniform_of("s", 0, "ab", "c"),
        uniform_of("s", 0, "a", "bc"),
        uniform_of("s", 0, "abc"),
        uniform_of("s", 0, "a\0b", "c"),
        uniform_of("s", 0, "a", "b\0c"),
        uniform_of("t", 0, "abc"),
        uniform_of("s", 1, "abc"),
    }
    assert len(draws) == 7
    assert uniform_of("s", 0, "abc") in draws
    assert 0 < uniform_of("s", 0, "\ud800") < 1  # a lone surrogate, which broken data may hold


@pytest.mark.parametrize(
    ("make", "dose"),
    [
        (LengthBias, np.inf),
        (RefusalBias, np.nan),
        (ScoreNoise, -1.0),
        (Saturation, -1.0),
        (SignFlip, 1.5),
    ],
)
def test_doses_out_of_bounds_are_refused(make, dose):
    with pytest.raises(ValueError, match=f"{make.name}: dose .* must be finite and lie in"):
        make(dose)


def test_phrases_are_a_tuple():
    with pytest.raises(ValueError, match="phrases must be a tuple of texts"):
        RefusalBias(1.0, "sorry")
    with pytest.raises(ValueError, match="phrases must be a tuple of texts"):
        RefusalBias(1.0, ())
