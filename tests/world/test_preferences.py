"""Preference data of the world: each pair is of its category, at the rates of the settings."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.annotators import committee_votes
from proxylab.cleaning import CATEGORIES, categorise
from proxylab.preferences import SUBSETS, check_pairs, load_preferences
from proxylab.world import (
    GoldReward,
    NoiseRates,
    WorldSettings,
    build_world,
    draw_preferences,
    lexicon,
    write_preferences,
)
from proxylab.world.preferences import TRANCHE_SIZES, TRUTH_FILE, planned_categories
from proxylab.world.settings import ONLINE_NOISE, TRAIN_NOISE, VAGUE_GAP

MARKERS = {"Human:", "Assistant:"}


@pytest.fixture(scope="module", params=["train", "test"])
def both(request, drawn):
    """Pairs and truth of one split side by side."""
    part = drawn[request.param]
    return part.pairs.merge(part.truth, on="pair_id", validate="1:1")


def of(both: pd.DataFrame, category: str) -> pd.DataFrame:
    rows = both[both["category"] == category]
    assert len(rows) > 5  # the fixture's rates make each category frequent
    return rows


@pytest.mark.parametrize(
    ("n", "counts"),
    [
        # 0.678, 0.13, 0.05, 0.1313, 0.01, 0.0007: exact at ten thousand
        (10_000, [6780, 1300, 500, 1313, 100, 7]),
        # exact 67.8, 13, 5, 13.13, 1, 0.07: the one left over goes to the largest remainder, Same
        (100, [68, 13, 5, 13, 1, 0]),
        # exact 2.03, 0.39, 0.15, 0.39, 0.03, 0.002: Vague (0.3939) before Opposite (0.39)
        (3, [2, 0, 0, 1, 0, 0]),
        (0, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_planned_categories_are_exact(n, counts):
    planned = Counter(planned_categories(n, TRAIN_NOISE))
    assert [planned[name] for name in CATEGORIES] == counts


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any), st.integers(0, 2000))
def test_planned_categories_are_within_one_of_the_rates(weights, n):
    rates = NoiseRates(**{c: w / sum(weights) for c, w in zip(CATEGORIES, weights, strict=True)})
    planned = Counter(planned_categories(n, rates))
    assert planned.total() == n
    assert all(abs(planned[name] - n * getattr(rates, name)) < 1 for name in CATEGORIES)


def test_the_papers_shares_are_the_default():
    # Elephant, figure 3: 67.8 % of train and 51.5 % of Helpful-online are Same.
    assert (TRAIN_NOISE.Same, ONLINE_NOISE.Same) == (0.678, 0.515)


def test_the_number_of_pairs_is_the_settings(world, drawn):
    # Tranches in HH-RLHF's shares, 2312 : 2354 : 1137 : 2749 of 8552, by largest remainder.
    assert len(drawn["train"].pairs) == world.settings.n_train_pairs == 401
    assert len(drawn["test"].pairs) == world.settings.n_test_pairs == 400
    sizes = drawn["test"].pairs.groupby("subset").size()
    assert sizes.to_dict() == dict(zip(SUBSETS, [108, 110, 53, 129], strict=True))
    assert tuple(TRANCHE_SIZES) == SUBSETS


def test_rates_are_exact_in_every_tranche(world, both):
    for (subset, split), rows in both.groupby(["subset", "split"]):
        online = (subset, split) == ("helpful-online", "test")
        rates = world.settings.online_noise if online else world.settings.train_noise
        assert Counter(rows["category"]) == Counter(planned_categories(len(rows), rates))


def test_it_is_a_pair_frame_with_its_truth_row_by_row(drawn):
    for split, part in drawn.items():
        check_pairs(part.pairs)
        assert part.truth["pair_id"].tolist() == part.pairs["pair_id"].tolist()
        assert set(part.pairs["split"]) == {split}
        assert not part.pairs["prompts_differ"].any()
        assert set(part.pairs["n_turns"]) == {1, 2}


def test_same_and_opposite_are_a_clear_gap_apart(world, both):
    for category, sign in (("Same", 1), ("Opposite", -1)):
        rows = of(both, category)
        gap = sign * (rows["gold_chosen"] - rows["gold_rejected"])
        assert (gap >= world.settings.clear_gap).all()
        assert not rows["toxic_chosen"].any()


def test_vague_pairs_differ_in_words_and_hardly_in_worth(both):
    rows = of(both, "Vague")
    assert ((rows["gold_chosen"] - rows["gold_rejected"]).abs() <= VAGUE_GAP).all()
    assert (rows["chosen"] != rows["rejected"]).all()
    assert not rows["toxic_chosen"].any()


def test_toxic_repetitive_and_empty_pairs(both):
    toxic, repetitive, empty = (of(both, name) for name in ("Toxic", "Repetitive", "Empty"))
    assert toxic["toxic_chosen"].all()
    assert (toxic["chosen"] != toxic["rejected"]).all()
    assert (repetitive["chosen"] == repetitive["rejected"]).all()
    assert ((empty["chosen"] == "") ^ (empty["rejected"] == "")).all()
    others = both[both["category"] != "Empty"]
    assert (others[["chosen", "rejected"]] != "").all(axis=None)


def test_each_tranche_has_both_kinds_of_empty_pair(both):
    sides = of(both, "Empty")["chosen"] == ""
    assert set(sides) == {True, False}


def test_faultless_annotators_recover_every_category(world, drawn):
    # Two who see gold and call a gap of less than a clear one a tie, and who spot every insult.
    gold = GoldReward(world)
    for part in drawn.values():
        votes = committee_votes(part.pairs, {"a": gold, "b": gold}, tie_margin=VAGUE_GAP)
        found = categorise(part.pairs, votes, toxic=part.truth["toxic_chosen"])
        assert found["category"].tolist() == part.truth["category"].tolist()


def test_the_truth_is_the_gold_reward_of_the_texts(world, both):
    gold = GoldReward(world)
    for side in ("chosen", "rejected"):
        assert np.array_equal(gold.score(both["prompt"], both[side]), both[f"gold_{side}"])
    assert both["quadrant"].tolist() == [lexicon.QUADRANT_OF_TOPIC[t] for t in both["topic"]]
    assert set(both["topic"]) == set(lexicon.TOPICS)
    assert set(both.loc[both["subset"] == "harmless-base", "kind"]) == {"request"}
    assert set(both["kind"]) == {"request", "question"}


def test_writing_and_loading_gives_the_pairs_back(world, drawn, tmp_path):
    write_preferences(world, tmp_path, np.random.default_rng(5))
    for split, part in drawn.items():
        loaded = load_preferences(tmp_path, split=split)
        assert loaded.report.problems == ()
        pd.testing.assert_frame_equal(loaded.pairs, part.pairs)
    truth = pd.read_parquet(tmp_path / TRUTH_FILE)
    expected = pd.concat([part.truth for part in drawn.values()], ignore_index=True)
    pd.testing.assert_frame_equal(truth, expected)


def test_equal_seeds_give_equal_files(tmp_path):
    world = build_world(WorldSettings(n_train_pairs=40, n_test_pairs=40))
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        write_preferences(world, tmp_path / name, np.random.default_rng(seed))
    files = sorted(p.relative_to(tmp_path / "first") for p in tmp_path.glob("first/**/*.*"))
    assert len(files) == 2 * len(SUBSETS) + 1
    for file in files:
        first = (tmp_path / "first" / file).read_bytes()
        assert first == (tmp_path / "again" / file).read_bytes()
        assert first != (tmp_path / "other" / file).read_bytes()


def test_one_way_of_phrasing_is_enough_for_every_category():
    # Without openers and closers to vary, Vague pairs must still differ in their words.
    settings = WorldSettings(n_openers=1, n_closers=1, n_train_pairs=100, clear_gap=2.0)
    pairs = draw_preferences(build_world(settings), "train", np.random.default_rng(0)).pairs
    assert len(pairs) == 100


def test_the_vocabulary_covers_every_text(both):
    known = set(lexicon.vocabulary()) | MARKERS
    texts = [*both["prompt"], *both["chosen"], *both["rejected"]]
    assert {word for text in texts for word in text.split()} <= known


def test_responses_have_6_to_28_words_or_none(both):
    # Shortest: opener, one claim of four, closer. Longest: a refusal of eleven, said twice, an
    # opener and a closer, with one insult from its writer and one that makes the pair Toxic.
    lengths = {len(text.split()) for side in ("chosen", "rejected") for text in both[side]}
    assert lengths - {0} <= set(range(6, 29))
