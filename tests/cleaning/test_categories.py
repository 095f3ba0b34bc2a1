"""The six categories: the paper's rules on four votes, their generalisations, and precedence."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.annotators import CHOICES, votes_frame
from proxylab.cleaning import (
    LABELS,
    RULES,
    categorise,
    category_by_votes,
    category_counts,
    cleaned_set,
)
from proxylab.preferences import PreferenceError, check_pairs
from proxylab.preferences.swapping import swap_replies
from proxylab.stats import wilson

ALL_TRUE = [True] * 4


def pair_frame(replies: list[tuple[str, str]]) -> pd.DataFrame:
    n = len(replies)
    return check_pairs(
        pd.DataFrame(
            {
                "pair_id": [f"w/test/{i:06d}" for i in range(n)],
                "subset": "w",
                "split": "test",
                "prompt": [f"\n\nHuman: {i}\n\nAssistant:" for i in range(n)],
                "chosen": pd.array([chosen for chosen, _ in replies], dtype="str"),
                "rejected": pd.array([rejected for _, rejected in replies], dtype="str"),
                "prompts_differ": False,
                "n_turns": 1,
            }
        )
    )


def votes_on(pairs: pd.DataFrame, ballots: list[list], toxic: list[list] | None = None):
    """Ballots of each pair, one choice an annotator."""
    rows = [
        (pair_id, f"a{i}", choice, None if toxic is None else flags[i])
        for pair_id, choices, flags in zip(pairs["pair_id"], ballots, toxic or ballots, strict=True)
        for i, choice in enumerate(choices)
    ]
    return votes_frame(*zip(*rows, strict=True))


def category_of(ballots: list, *, rule="majority", min_votes=2, **texts) -> str:
    pairs = pair_frame([(texts.get("chosen", "good"), texts.get("rejected", "bad"))])
    flags = texts.get("toxic")
    votes = votes_on(pairs, [ballots], None if flags is None else [flags])
    found = categorise(pairs, votes, rule=rule, min_votes=min_votes)
    return found["category"].iloc[0]


@pytest.mark.parametrize("rule", RULES)
def test_all_patterns_of_four_votes_follow_the_paper(rule):
    for ballots in product(["chosen", "rejected"], repeat=4):
        n_rejected = ballots.count("rejected")
        # Section 3.1: at least three of four for the rejected response, or two against two.
        expected = "Opposite" if n_rejected >= 3 else "Vague" if n_rejected == 2 else "Same"
        assert category_of(list(ballots), rule=rule) == expected


C, R, T, NA = "chosen", "rejected", "tie", None


@pytest.mark.parametrize(
    ("ballots", "majority", "three_quarters"),
    [
        # five votes: a majority is 3, three quarters are 4 (3.75)
        ([C, C, C, R, R], "Same", "Vague"),
        ([C, C, C, C, R], "Same", "Same"),
        ([R, R, R, C, C], "Opposite", "Vague"),
        ([R, R, R, R, C], "Opposite", "Opposite"),
        # three votes: 2, and 3 (2.25)
        ([C, C, R], "Same", "Vague"),
        ([R, R, R], "Opposite", "Opposite"),
        # two votes: both must agree under either rule
        ([C, C], "Same", "Same"),
        ([C, R], "Vague", "Vague"),
        # a tie is a vote for neither, so it can deny a majority
        ([C, C, R, T], "Vague", "Vague"),
        ([C, C, C, T], "Same", "Same"),
        ([R, R, R, T], "Opposite", "Opposite"),
        ([C, C, T], "Same", "Vague"),
        ([T, T, T, T], "Vague", "Vague"),
        ([C, T], "Vague", "Vague"),
        # a missing vote is no vote
        ([C, C, C, NA], "Same", "Same"),
        ([C, C, R, NA], "Same", "Vague"),
        ([R, R, NA, NA], "Opposite", "Opposite"),
        ([C, NA, NA, NA], "Undecided", "Undecided"),
        ([NA, NA, NA, NA], "Undecided", "Undecided"),
    ],
)
def test_other_numbers_of_votes_ties_and_missing_votes(ballots, majority, three_quarters):
    assert category_of(ballots, rule="majority") == majority
    assert category_of(ballots, rule="three_quarters") == three_quarters


def test_min_votes_counts_valid_votes():
    assert category_of([C, C, C, NA], min_votes=3) == "Same"
    assert category_of([C, C, C, NA], min_votes=4) == "Undecided"
    assert category_of([R, NA], min_votes=1) == "Opposite"


@pytest.mark.parametrize(
    ("texts", "ballots", "expected"),
    [
        # Empty and Repetitive at once: two empty responses
        ({"chosen": "", "rejected": ""}, [C, C, C, C], "Empty"),
        ({"chosen": "", "rejected": "bad", "toxic": ALL_TRUE}, [C, C, C, C], "Empty"),
        ({"chosen": "good", "rejected": " "}, [R, R, R, R], "Empty"),
        ({"chosen": "same", "rejected": "same", "toxic": ALL_TRUE}, [C, C, C, C], "Repetitive"),
        ({"chosen": "same", "rejected": "same"}, [C, C, R, R], "Repetitive"),
        ({"toxic": ALL_TRUE}, [C, C, C, C], "Toxic"),
        ({"toxic": ALL_TRUE}, [R, R, R, R], "Toxic"),
        ({"toxic": ALL_TRUE}, [C, C, R, R], "Toxic"),
        # what the texts say needs no votes
        ({"chosen": "", "rejected": "bad"}, [NA, NA], "Empty"),
        ({"chosen": "same", "rejected": "same"}, [NA, NA], "Repetitive"),
    ],
)
def test_where_categories_clash_the_documented_one_wins(texts, ballots, expected):
    assert category_of(ballots, **texts) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([True, True, True, False], "Toxic"),
        ([True, True, False, False], "Same"),  # half is no majority
        ([True, True, None, None], "Toxic"),
        ([True, None, None, None], "Same"),  # one flag is fewer than min_votes
    ],
)
def test_toxic_needs_more_than_half_of_the_flags(flags, expected):
    assert category_of([C, C, C, C], toxic=flags) == expected


def test_given_flags_replace_those_of_the_annotators():
    pairs = pair_frame([("a", "b"), ("a", "b")])
    votes = votes_on(pairs, [[C, C]] * 2, [[True, True], [False, False]])
    found = categorise(pairs, votes, toxic=[False, True])["category"]
    assert found.tolist() == ["Same", "Toxic"]
    with pytest.raises(PreferenceError, match="one flag a pair, 2"):
        categorise(pairs, votes, toxic=[True])


def test_rows_keep_the_pairs_order_and_count_the_votes():
    pairs = pair_frame([("a", "b"), ("a", "b"), ("a", "b")])
    votes = votes_on(pairs, [[C, R, T], [NA, C, C], [R, R, R]]).iloc[::-1]
    found = categorise(pairs, votes)
    assert found["pair_id"].tolist() == pairs["pair_id"].tolist()
    assert found["n_votes"].tolist() == [3, 2, 3]
    assert found[["n_chosen", "n_rejected", "n_tie"]].to_numpy().tolist() == [
        [1, 1, 1],
        [2, 0, 0],
        [0, 3, 0],
    ]


def test_a_pair_that_nobody_was_asked_about_is_undecided():
    pairs = pair_frame([("a", "b"), ("a", "b")])
    votes = votes_on(pairs, [[C, C], [C, C]])
    found = categorise(pairs, votes[votes["pair_id"] == "w/test/000000"])
    assert found["category"].tolist() == ["Same", "Undecided"]


def test_unknown_rules_and_pairs_are_refused():
    pairs = pair_frame([("a", "b")])
    votes = votes_on(pairs, [[C, C]])
    with pytest.raises(PreferenceError, match=r"no rule 'majorty'; is 'majority' meant"):
        categorise(pairs, votes, rule="majorty")
    with pytest.raises(PreferenceError, match="min_votes must be at least 1"):
        categorise(pairs, votes, min_votes=0)
    with pytest.raises(PreferenceError, match="unknown pair 'w/test/000000'"):
        categorise(pairs.iloc[:0], votes)


texts = st.sampled_from(["", "x", "yes", "no"])
ballots = st.lists(st.sampled_from([*CHOICES, None]), min_size=3, max_size=3)
cases = st.lists(st.tuples(texts, texts, ballots), min_size=1, max_size=12)
EXCHANGED = {"Same": "Opposite", "Opposite": "Same"}


@given(cases=cases, rule=st.sampled_from(RULES))
@settings(max_examples=60, deadline=None)
def test_exchanging_the_responses_exchanges_same_and_opposite_and_nothing_else(cases, rule):
    # Without toxicity: it concerns the chosen response only, so it does not survive the exchange.
    pairs = pair_frame([(chosen, rejected) for chosen, rejected, _ in cases])
    votes = votes_on(pairs, [choices for _, _, choices in cases])
    swapped = swap_replies(pairs, pd.Series(True, index=pairs.index))
    exchanged = votes.assign(
        choice=votes["choice"].replace({"chosen": "rejected", "rejected": "chosen"})
    )
    found = categorise(pairs, votes, rule=rule)
    mirror = categorise(swapped, exchanged, rule=rule)
    assert mirror["category"].tolist() == [EXCHANGED.get(c, c) for c in found["category"]]
    # So the cleaned set does not know which response had been recorded as chosen.
    pd.testing.assert_frame_equal(cleaned_set(pairs, found), cleaned_set(swapped, mirror))


@given(cases=cases)
@settings(max_examples=30, deadline=None)
def test_cleaning_a_cleaned_set_with_the_same_people_changes_nothing(cases):
    pairs = pair_frame([(chosen, rejected) for chosen, rejected, _ in cases])
    votes = votes_on(pairs, [choices for _, _, choices in cases])
    found = categorise(pairs, votes)
    clean = cleaned_set(pairs, found)
    opposite = set(found.loc[found["category"] == "Opposite", "pair_id"])
    kept = votes[votes["pair_id"].isin(clean["pair_id"])]
    turned = kept["choice"].replace({"chosen": "rejected", "rejected": "chosen"})
    seen_again = kept.assign(choice=turned.where(kept["pair_id"].isin(opposite), kept["choice"]))
    again = categorise(clean, seen_again)
    assert (again["category"] == "Same").all()
    pd.testing.assert_frame_equal(cleaned_set(clean, again), clean)


def test_the_cleaned_set_keeps_same_swaps_opposite_and_drops_the_rest():
    pairs = pair_frame([("a", "b"), ("c", "d"), ("e", "f"), ("", "g"), ("h", "h"), ("i", "j")])
    votes = votes_on(pairs, [[C, C], [R, R], [C, R], [C, C], [C, C], [C, NA]])
    found = categorise(pairs, votes)
    assert found["category"].tolist() == [
        "Same",
        "Opposite",
        "Vague",
        "Empty",
        "Repetitive",
        "Undecided",
    ]
    clean = cleaned_set(pairs, found)
    assert clean[["chosen", "rejected"]].to_numpy().tolist() == [["a", "b"], ["d", "c"]]
    assert clean["pair_id"].tolist() == ["w/test/000000", "w/test/000001"]
    with pytest.raises(PreferenceError, match="'w/test/000000' has no category"):
        cleaned_set(pairs, found.iloc[1:])


def test_counts_hold_every_category_of_every_group_with_wilson_limits():
    categories = pd.DataFrame(
        {
            "pair_id": list("abcd"),
            "category": pd.array(["Same", "Same", "Undecided", "Vague"], dtype="str"),
        }
    )
    table = category_counts(categories, by=["y", "y", "y", "x"])
    assert table["group"].tolist() == ["y"] * len(LABELS) + ["x"] * len(LABELS)
    same = table[(table["group"] == "y") & (table["category"] == "Same")].iloc[0]
    limits = wilson(2, 3)
    assert (same["n"], same["total"]) == (2, 3)
    assert (same["share"], same["low"], same["high"]) == (2 / 3, limits.low, limits.high)
    assert np.allclose(table.groupby("group")["share"].sum(), 1)
    assert category_counts(categories)["group"].unique().tolist() == ["all"]


def test_a_hundred_thousand_pairs_take_no_loop():
    counts = pd.DataFrame(
        np.random.default_rng(0).integers(0, 5, (100_000, 3)),
        columns=["n_chosen", "n_rejected", "n_tie"],
    )
    found = category_by_votes(counts)
    carried = 2 * counts["n_chosen"] > counts.sum(axis=1)
    enough = counts.sum(axis=1) >= 2
    assert ((found == "Same") == (carried & enough)).all()


def test_what_is_said_of_a_reply_turns_with_it():
    pairs = pair_frame([("good", "bad"), ("kind", "rude")])
    pairs = pairs.assign(chosen_safe=[True, True], rejected_safe=[False, True])
    pairs = pairs.assign(gold_chosen=[-1.0, 2.0], gold_rejected=[1.0, 0.5])
    categories = pd.DataFrame({"pair_id": pairs["pair_id"], "category": ["Opposite", "Same"]})
    turned = cleaned_set(pairs, categories)
    assert turned["chosen"].tolist() == [pairs["rejected"][0], pairs["chosen"][1]]
    assert turned["chosen_safe"].tolist() == [False, True]
    assert turned["rejected_safe"].tolist() == [True, True]
    assert turned["gold_chosen"].tolist() == [1.0, 2.0]
    assert turned["gold_rejected"].tolist() == [-1.0, 0.5]
    assert turned["pair_id"].equals(pairs["pair_id"])


def test_what_is_said_of_one_reply_alone_cannot_be_turned():
    pairs = pair_frame([("good", "bad")]).assign(chosen_safe=True)
    categories = pd.DataFrame({"pair_id": pairs["pair_id"], "category": ["Opposite"]})
    with pytest.raises(ValueError, match="'chosen_safe' has no 'rejected_safe'"):
        cleaned_set(pairs, categories)
