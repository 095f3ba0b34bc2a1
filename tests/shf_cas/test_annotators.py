"""Annotators: what they say, that they remember it, and what they count."""

import numpy as np
import pytest
from proxylab.rewards.interface import CallableReward
from proxylab.shf_cas import (
    NoisyAnnotator,
    PreferenceAnnotator,
    RewardAnnotator,
    win_shares,
)

NAN = np.nan
PROMPTS = ["p", "q"]
RESPONSES = np.array([["a", "bb", "ccc", "a"], ["a", "dd", "e", None]], dtype=object)
ALL = np.array([[True] * 4, [True] * 3 + [False]])


def mask(*cells):
    chosen = np.zeros((2, 4), bool)
    for cell in cells:
        chosen[cell] = True
    return chosen


@pytest.fixture
def asked():
    return []


@pytest.fixture
def length(asked):
    """A reward model that rewards length, and 10 to prompt q; it notes what it is asked."""

    def fn(prompts, responses):
        asked.extend(zip(prompts, responses, strict=True))
        return [len(r) + 10 * (p == "q") for p, r in zip(prompts, responses, strict=True)]

    return CallableReward("length", fn)


@pytest.fixture
def judge(asked):
    """Prefers the longer text, and notes what it is asked."""

    def prefer(prompt, first, second):
        asked.append((prompt, first, second))
        return 0.5 + 0.5 * np.sign(len(first) - len(second))

    return PreferenceAnnotator(prefer)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)  # NaN equals NaN


def test_a_reward_is_given_where_chosen_and_nowhere_else(length, asked):
    annotator = RewardAnnotator(length)
    labels = annotator.label(PROMPTS, RESPONSES, mask((0, 1), (1, 0), (1, 1)))
    same(labels, [[NAN, 2, NAN, NAN], [11, 12, NAN, NAN]])
    assert asked == [("p", "bb"), ("q", "a"), ("q", "dd")]
    assert annotator.name == "length"


def test_each_text_is_rated_once_copies_and_later_rounds_included(length, asked):
    annotator = RewardAnnotator(length)
    same(annotator.label(PROMPTS, RESPONSES, mask((0, 0), (0, 3))), [[1, NAN, NAN, 1], [NAN] * 4])
    assert annotator.n_asked == 1  # both are "a"
    annotator.label(PROMPTS, RESPONSES, mask((0, 0), (0, 3), (0, 1), (1, 0)))
    assert asked == [("p", "a"), ("p", "bb"), ("q", "a")]  # the same words to q are another text
    assert annotator.n_asked == 3


def test_nothing_chosen_asks_nothing(length, judge, asked):
    for annotator in (RewardAnnotator(length), judge):
        same(annotator.label(PROMPTS, RESPONSES, mask()), np.full((2, 4), NAN))
        assert annotator.n_asked == 0
    assert asked == []


def test_noise_belongs_to_the_text(length):
    annotator = NoisyAnnotator(length, sd=2.0, rng=np.random.default_rng(0))
    labels = annotator.label(PROMPTS, RESPONSES, ALL)
    again = NoisyAnnotator(length, sd=2.0, rng=np.random.default_rng(0))
    again.label(PROMPTS, RESPONSES, mask((1, 2)))  # asked in another order
    same(again.label(PROMPTS, RESPONSES, ALL), labels)
    other = NoisyAnnotator(length, sd=2.0, rng=np.random.default_rng(1))
    assert (other.label(PROMPTS, RESPONSES, ALL) != labels)[ALL].all()
    assert labels[0, 0] == labels[0, 3]  # both are "a"
    assert labels[0, 0] - 1 != labels[1, 0] - 11  # the noise on "a" differs by prompt


def test_noise_is_gaussian_of_the_stated_size_and_none_is_none(length):
    prompts = [f"p{i}" for i in range(4000)]
    responses = np.full((4000, 1), "a", dtype=object)
    chosen = np.ones((4000, 1), bool)
    annotator = NoisyAnnotator(length, sd=2.0, rng=np.random.default_rng(0))
    noise = annotator.label(prompts, responses, chosen) - 1
    assert abs(noise.mean()) < 4 * 2 / np.sqrt(4000)  # four standard errors
    assert noise.std() == pytest.approx(2.0, abs=4 * 2 / np.sqrt(8000))
    none = NoisyAnnotator(length, sd=0.0, rng=np.random.default_rng(0))
    same(none.label(prompts, responses, chosen), np.ones((4000, 1)))


def test_a_judge_gives_the_share_of_comparisons_won(judge, asked):
    labels = judge.label(PROMPTS, RESPONSES, ALL)
    # p: a < bb < ccc, the copy of "a" is no opponent. q: "a" and "e" tie, both lose to "dd".
    same(labels, [[0, 0.5, 1, 0], [0.25, 1, 0.25, NAN]])
    pairs = [("a", "bb"), ("a", "ccc"), ("bb", "ccc")]
    assert asked[:3] == [("p", *pair) for pair in pairs]
    assert judge.n_asked == len(asked) == 6


def test_a_judge_is_asked_each_pair_once_through_all_rounds(judge, asked):
    labels = judge.label(PROMPTS, RESPONSES, mask((0, 1), (0, 2)))
    same(labels, [[NAN, 0, 1, NAN], [NAN] * 4])
    same(judge.label(PROMPTS, RESPONSES, ALL), [[0, 0.5, 1, 0], [0.25, 1, 0.25, NAN]])
    assert judge.n_asked == len(asked) == len(set(asked)) == 6
    # In another order of the samples, the answers are turned round, not asked for.
    turned = RESPONSES[:, ::-1]
    same(judge.label(PROMPTS, turned, ALL[:, ::-1]), [[0, 1, 0.5, 0], [NAN, 0.25, 1, 0.25]])
    assert len(asked) == 6


def test_a_lone_completion_has_no_label_from_a_judge(judge):
    labels = judge.label(PROMPTS, RESPONSES, mask((0, 1), (1, 0), (1, 1)))
    same(labels, [[NAN] * 4, [0, 1, NAN, NAN]])
    # Two copies of one text are one text.
    same(judge.label(PROMPTS, RESPONSES, mask((0, 0), (0, 3))), np.full((2, 4), NAN))


def test_no_answer_is_no_comparison():
    judge = PreferenceAnnotator(lambda prompt, first, second: NAN if "bb" in (first, second) else 0)
    same(judge.label(PROMPTS, RESPONSES, ALL)[0], [0, NAN, 1, 0])


def test_an_answer_out_of_range_is_an_error():
    judge = PreferenceAnnotator(lambda prompt, first, second: 2, name="odd")
    with pytest.raises(ValueError, match=r"odd answered 2\.0 for the prompt 'p'"):
        judge.label(PROMPTS, RESPONSES, ALL)


def test_win_shares_by_hand():
    # a beats b, ties with c; b against c was not asked; d was not compared.
    won = {("a", "b"): 1.0, ("c", "a"): 0.5, ("b", "c"): NAN}
    same(win_shares(["a", "b", "c", "d", "a"], won), [0.75, 0, 0.5, NAN, 0.75])
    same(win_shares(["b", "c"], won), [NAN, NAN])


@pytest.mark.parametrize("kind", ["reward", "noisy", "judge"])
def test_labels_do_not_depend_on_the_rounds_they_came_in(kind, length):
    def make():
        return {
            "reward": lambda: RewardAnnotator(length),
            "noisy": lambda: NoisyAnnotator(length, sd=1.0, rng=np.random.default_rng(4)),
            "judge": lambda: PreferenceAnnotator(lambda p, a, b: float(len(a) > len(b))),
        }[kind]()

    slow = make()
    for cells in ([(0, 2), (1, 0)], [(0, 2), (1, 0), (0, 0)]):
        slow.label(PROMPTS, RESPONSES, mask(*cells))
    once = make()
    same(slow.label(PROMPTS, RESPONSES, ALL), once.label(PROMPTS, RESPONSES, ALL))
    assert slow.n_asked == once.n_asked


def test_what_cannot_be_asked_is_refused(length, judge):
    for annotator in (RewardAnnotator(length), judge):
        with pytest.raises(ValueError, match="prompt 1, sample 3 is chosen but has no response"):
            annotator.label(PROMPTS, RESPONSES, np.ones((2, 4), bool))
        with pytest.raises(ValueError, match=r"chosen \(2, 3\) must both be \(2, n_samples\)"):
            annotator.label(PROMPTS, RESPONSES, ALL[:, :3])
        with pytest.raises(ValueError, match=r"must both be \(1, n_samples\)"):
            annotator.label(["p"], RESPONSES, ALL)
