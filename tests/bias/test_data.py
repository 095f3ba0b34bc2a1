"""Biases of data: the dose moves what it should, by how much, and nothing else."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from proxylab.bias import (
    AmbiguityFlips,
    CoverageGap,
    DataBias,
    FormatMarks,
    SycophancyPrefix,
    UniformFlips,
    swap_replies,
)
from scipy.stats import binom

MADE = {
    "gap": lambda dose: CoverageGap(("kitchen", "harbour"), dose),
    "uniform": UniformFlips,
    "ambiguity": lambda dose: AmbiguityFlips(dose, scale=1.0),
    "sycophancy": SycophancyPrefix,
    "bold": FormatMarks,
    "list": lambda dose: FormatMarks(dose, style="list"),
}
every_bias = pytest.mark.parametrize("make", MADE.values(), ids=MADE)
DOSES = (0.0, 0.2, 0.5, 0.8, 1.0)
SURE = 1 - 1e-9  # a correct count falls outside these binomial limits once in 1e9 draws


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def hit_rows(before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """The pairs that were dropped or whose replies changed."""
    replies = ["chosen", "rejected"]
    found = after.set_index("pair_id")[replies].reindex(before["pair_id"])
    same = (found.to_numpy(object) == before[replies].to_numpy(object)).all(axis=1)
    return set(before["pair_id"][~same])


@every_bias
def test_dose_0_is_the_identity(make, make_pairs):
    pairs = make_pairs(40)
    pd.testing.assert_frame_equal(make(0.0)(pairs, rng()), pairs)


@every_bias
def test_the_pairs_given_are_left_alone(make, make_pairs):
    pairs = make_pairs(40)
    make(1.0)(pairs, rng())
    pd.testing.assert_frame_equal(pairs, make_pairs(40))


@every_bias
def test_a_larger_dose_hits_what_a_smaller_one_hits_and_more(make, make_pairs):
    pairs = make_pairs(400)
    hit = [hit_rows(pairs, make(dose)(pairs, rng())) for dose in DOSES]
    for less, more in pairwise(hit):
        assert less < more


@every_bias
def test_columns_types_and_order_of_rows_stay(make, make_pairs):
    pairs = make_pairs(40)
    after = make(0.5)(pairs, rng())
    assert after.dtypes.to_dict() == pairs.dtypes.to_dict()
    assert list(after.columns) == list(pairs.columns)
    assert after.index.equals(pd.RangeIndex(len(after)))
    assert after["pair_id"].is_monotonic_increasing
    kept = ["pair_id", "prompt", "topic", "n_turns"]
    before = pairs[pairs["pair_id"].isin(after["pair_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(after[kept], before[kept])


@every_bias
def test_what_comes_next_draws_the_same_at_every_dose(make, make_pairs):
    pairs = make_pairs(40)
    nexts = []
    for dose in DOSES:
        generator = rng()
        make(dose)(pairs, generator)
        nexts.append(generator.random())
    assert len(set(nexts)) == 1


@every_bias
def test_no_pairs_are_no_trouble(make, make_pairs):
    if isinstance(make(0.5), CoverageGap):
        with pytest.raises(ValueError, match="no topic 'kitchen'; there are: none"):
            make(0.5)(make_pairs(0), rng())
    else:
        assert len(make(0.5)(make_pairs(0), rng())) == 0


@pytest.mark.parametrize(("dose", "left"), [(0.0, 10), (0.25, 7), (0.5, 5), (0.54, 5), (1.0, 0)])
def test_a_coverage_gap_drops_its_share_of_its_topics_only(make_pairs, dose, left):
    # 40 pairs, ten a topic. Half a pair counts as one: a quarter of ten drops three.
    after = MADE["gap"](dose)(make_pairs(40), rng())
    counts = after["topic"].value_counts().reindex(["kitchen", "harbour"], fill_value=0)
    assert counts.tolist() == [left, left]
    assert (after["topic"] == "garden").sum() == (after["topic"] == "library").sum() == 10


def test_which_pairs_a_gap_drops_is_drawn(make_pairs):
    pairs = make_pairs(400)
    one, other = (MADE["gap"](0.5)(pairs, np.random.default_rng(seed)) for seed in (0, 1))
    assert set(one["pair_id"]) != set(other["pair_id"])


def test_a_gap_can_be_in_any_column(make_pairs):
    pairs = make_pairs(8).rename(columns={"topic": "subset"})
    after = CoverageGap(("garden",), 1.0, column="subset")(pairs, rng())
    assert "garden" not in set(after["subset"])
    assert len(after) == 6


@pytest.mark.parametrize("dose", [0.1, 0.3, 0.9])
def test_uniform_flips_swap_their_share(make_pairs, dose):
    pairs = make_pairs(2000)
    low, high = binom.interval(SURE, 2000, dose)
    assert low <= len(hit_rows(pairs, UniformFlips(dose)(pairs, rng()))) <= high


def test_flipping_all_swaps_every_column_of_a_reply(make_pairs):
    pairs = make_pairs(10)
    after = UniformFlips(1.0)(pairs, rng())
    for stem in ("", "gold_", "votes_"):
        for one, other in (("chosen", "rejected"), ("rejected", "chosen")):
            assert after[f"{stem}{one}"].tolist() == pairs[f"{stem}{other}"].tolist()
    pd.testing.assert_frame_equal(UniformFlips(1.0)(after, rng()), pairs)


def test_what_is_said_of_a_reply_before_or_after_its_name_moves_with_it(make_pairs):
    safe = {"chosen_safe": [True, True], "rejected_safe": [False, True]}
    after = swap_replies(make_pairs(2).assign(**safe), np.array([True, False]))
    assert after["chosen_safe"].tolist() == [False, True]
    assert after["rejected_safe"].tolist() == [True, True]


def test_a_swap_of_two_types_of_number_loses_nothing(make_pairs):
    pairs = make_pairs(2).assign(gold_chosen=[1, 2], gold_rejected=[0.5, 0.25])
    after = swap_replies(pairs, np.array([True, False]))
    assert after["gold_chosen"].tolist() == [0.5, 2]
    assert after["gold_rejected"].tolist() == [1, 0.25]


def test_a_column_without_its_partner_cannot_be_swapped(make_pairs):
    pairs = make_pairs(4).assign(toxic_chosen=False)
    with pytest.raises(ValueError, match="'toxic_chosen' has no 'toxic_rejected'"):
        UniformFlips(0.5)(pairs, rng())
    pairs = make_pairs(4).assign(rejected_safe=False)
    with pytest.raises(ValueError, match="'rejected_safe' has no 'chosen_safe'"):
        UniformFlips(0.5)(pairs, rng())


def test_ambiguous_pairs_flip_at_the_dose_and_clear_ones_less(make_pairs):
    pairs = make_pairs(8000)
    bias = AmbiguityFlips(0.4, scale=1.0)
    # 2 sigmoid(-g) = 2 / (1 + e^g): 1, 0.537883, 0.238406, 0.094852 at gaps of 0, 1, 2, 3.
    expected = 0.4 * 2 / (1 + np.exp([0, 1, 2, 3]))
    assert bias.flip_probability(pairs)[:4] == pytest.approx(expected)
    hit = pairs["pair_id"].isin(hit_rows(pairs, bias(pairs, rng())))
    for gap, probability in enumerate(expected):
        low, high = binom.interval(SURE, 2000, probability)
        assert low <= hit[pairs["gold_chosen"] == gap].sum() <= high


def test_a_wider_scale_and_another_quality(make_pairs):
    pairs = make_pairs(4)
    narrow, wide = (AmbiguityFlips(1.0, scale).flip_probability(pairs) for scale in (0.5, 2.0))
    assert narrow[0] == wide[0] == 1
    assert (narrow[1:] < wide[1:]).all()
    # votes 0..3 against 5..2 differ by 5, 3, 1 and 1: whichever is better.
    votes = AmbiguityFlips(1.0, 1.0, quality="votes").flip_probability(pairs)
    assert votes == pytest.approx(2 / (1 + np.exp([5, 3, 1, 1])))


def test_undefined_quality_is_refused(make_pairs):
    pairs = make_pairs(4)
    pairs.loc[2, "gold_chosen"] = np.nan
    with pytest.raises(ValueError, match="the gold gap of row 2 is not a number"):
        AmbiguityFlips(0.5, 1.0)(pairs, rng())
    with pytest.raises(ValueError, match="scale must be positive"):
        AmbiguityFlips(0.5, 0.0)


@pytest.mark.parametrize("make", [SycophancyPrefix, FormatMarks], ids=["sycophancy", "format"])
def test_marks_go_on_their_share_of_chosen_replies_and_nowhere_else(make, make_pairs):
    pairs = make_pairs(2000)
    after = make(0.3)(pairs, rng())
    marked = after["chosen"] != pairs["chosen"]
    low, high = binom.interval(SURE, 2000, 0.3)
    assert low <= marked.sum() <= high
    others = [column for column in pairs.columns if column != "chosen"]
    pd.testing.assert_frame_equal(after[others], pairs[others])


def test_the_prefix_stands_before_the_reply(make_pairs):
    pairs = make_pairs(2)
    after = SycophancyPrefix(1.0)(pairs, rng())
    assert after["chosen"][0] == "you are right First good 0. Then more!"
    pairs["chosen"] = ["", "its age is old"]
    after = SycophancyPrefix(1.0, phrase="sure friend")(pairs, rng())
    assert after["chosen"].tolist() == ["sure friend", "sure friend its age is old"]


@pytest.mark.parametrize(
    ("options", "text", "formatted"),
    [
        ({}, "One thing. Two things.", "**One thing.** Two things."),
        ({}, "no sentence end", "**no sentence end**"),
        ({}, "One?\n\nTwo", "**One?**\n\nTwo"),
        ({"style": "list"}, "One thing. Two things!", "- One thing.\n- Two things!"),
        # 3.5 is no end of a sentence: no space follows
        ({"style": "list"}, "3.5 apples", "- 3.5 apples"),
        ({"marks": ("so ", " indeed")}, "its age is old", "so its age is old indeed"),
        ({"style": "list", "marks": ("now ", "")}, "its age is old", "now its age is old"),
        ({}, "", ""),
        ({"style": "list"}, " ", " "),
    ],
)
def test_formats_by_hand(options, text, formatted):
    assert FormatMarks(1.0, **options).formatted(text) == formatted


def test_format_refuses_other_styles_and_marks():
    with pytest.raises(ValueError, match=r"no style 'bolt'; is 'bold' meant\?"):
        FormatMarks(0.1, style="bolt")
    for marks in (("**",), ("", ""), "**"):
        with pytest.raises(ValueError, match=r"marks must be \(before, after\)"):
            FormatMarks(0.1, marks=marks)


@every_bias
@pytest.mark.parametrize("dose", [-0.1, 1.1, np.nan])
def test_a_dose_is_a_share(make, dose):
    with pytest.raises(ValueError, match=r"dose \(.+\) must be finite and lie in \[0, 1\], got"):
        make(dose)


def test_topics_and_phrases_are_texts(make_pairs):
    # A bare string would be read letter by letter.
    with pytest.raises(ValueError, match="topics must be a tuple of texts"):
        CoverageGap("kitchen", 0.5)
    with pytest.raises(ValueError, match="phrase"):
        SycophancyPrefix(0.5, phrase="")
    with pytest.raises(ValueError, match=r"no topic 'kitchn'; is 'kitchen' meant\?"):
        CoverageGap(("kitchn",), 0.5)(make_pairs(8), rng())


def test_missing_columns_and_loose_rows_are_refused(make_pairs):
    pairs = make_pairs(8)
    with pytest.raises(ValueError, match="coverage_gap: no column 'topic'"):
        MADE["gap"](0.5)(pairs.drop(columns="topic"), rng())
    with pytest.raises(ValueError, match="ambiguity_flips: no column 'gold_rejected'"):
        MADE["ambiguity"](0.5)(pairs.drop(columns="gold_rejected"), rng())
    with pytest.raises(ValueError, match="rows must be numbered"):
        UniformFlips(0.5)(pairs[1:], rng())


@every_bias
def test_a_description_rebuilds_the_bias(make):
    bias = make(0.25)
    described = bias.describe()
    assert (described.pop("name"), described["dose"]) == (bias.name, 0.25)
    assert type(bias)(**described) == bias
    assert isinstance(bias, DataBias)
