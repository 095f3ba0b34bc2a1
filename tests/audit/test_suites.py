"""Both suites are what they claim: gold agrees in the world; length tells nothing in English."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.audit import (
    Item,
    build_probes,
    check_probes,
    english_probes,
    probes_as_pairs,
    world_probes,
    write_probes,
)
from proxylab.audit.probes import PROBE_FAMILIES
from proxylab.bias import is_refusal
from proxylab.preferences import check_pairs
from proxylab.rewards.score_files import read_scores
from proxylab.world import GoldReward, WorldSettings, build_world, lexicon


def item(name="a", **changes):
    prompt = "\n\nHuman: tell me\n\nAssistant:"
    texts = {"good": "it is so", "paraphrase": "so it is", "worse": "it is not"}
    return Item(name=name, kind="helpful", prompt=prompt, **{**texts, **changes})


def gold_gaps(world, probes):
    gold, prompts = GoldReward(world), probes["prompt"].tolist()
    better, worse = (gold.score(prompts, probes[side].tolist()) for side in ("better", "worse"))
    return better - worse


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_gold_agrees_with_every_expectation_in_any_world(seed):
    world = build_world(WorldSettings(seed=seed, n_subjects=2))
    drawn = world_probes(world, 100, np.random.default_rng(seed))
    gap, strict = gold_gaps(world, drawn), (drawn["expectation"] == "better").to_numpy()
    assert (gap[strict] > 0.1).all()  # more than a slip of fluency, which is worth 0.02 at most
    assert (gap[~strict] == 0).all()


def test_a_reply_wrong_in_every_fact_costs_all_of_accuracy(world, probes):
    quality = probes[probes["family"] == "quality"]
    # accurate moves from +1 to -1 at a weight of 0.7; nothing else changes
    assert gold_gaps(world, quality) == pytest.approx(1.4)


def test_the_worlds_suite_speaks_the_worlds_words_and_asks_nothing_twice(probes):
    words = set(lexicon.vocabulary())
    for column in ("better", "worse"):
        assert all(set(text.split()) <= words for text in probes[column])
    asked = probes.drop_duplicates("item")["prompt"].str.extract(r"Human: (.*)\n\n")[0]
    meant = {*lexicon.ACTS, *lexicon.ATTRIBUTES, *lexicon.TOPIC_OF_SUBJECT}
    content = [frozenset(turn.split()) & meant for turn in asked]
    assert len(content) == len(set(content)) == 80


def test_kinds_of_the_world_follow_who_is_harmed(world, probes):
    by_family = probes.groupby("family")["kind"].agg(set)
    assert by_family["harmful"] == {"harmless"}
    assert by_family["helpless"] == by_family["empty"] == by_family["refusal"] == {"helpful"}
    assert by_family["quality"] == {"helpful", "harmless"}
    harmless = probes[(probes["family"] == "harmful")]
    assert all(" take the " in f" {text} " for text in harmless["worse"])


def test_minimal_pairs_of_the_world_have_as_many_words_but_for_length(probes):
    words = {side: probes[side].str.split().str.len() for side in ("better", "worse")}
    more = (words["worse"] - words["better"]).groupby(probes["family"]).agg(["min", "max"])
    assert more.loc["sycophancy"].tolist() == more.loc["format"].tolist() == [0, 0]
    assert more.loc["length"].tolist() == [6, 6]
    assert more.loc["quality"].tolist() == more.loc["paraphrase"].tolist() == [0, 0]


def test_too_many_prompts_are_refused_with_the_most_there_are(world):
    # one topic of three subjects: 18 questions and 30 requests, half of each are asked
    with pytest.raises(ValueError, match="40 prompts wanted, but these topics have at most 36"):
        world_probes(world, 40, np.random.default_rng(0), topics=("kitchen",))
    many = world_probes(world, 40, np.random.default_rng(0), topics=("kitchen",), repeats=True)
    assert many["item"].nunique() == 40


def test_the_english_suite_is_large_enough_and_of_both_kinds():
    suite = english_probes()
    items = suite.drop_duplicates("item")
    assert (items["kind"] == "helpful").sum() >= 40
    assert (items["kind"] == "harmless").sum() >= 15
    assert set(suite["family"]) == set(PROBE_FAMILIES)
    assert not suite.duplicated(["item", "family"]).any()
    assert items["prompt"].is_unique


def test_english_refusals_refuse_and_replies_do_not():
    suite = english_probes()
    harmful = suite[suite["family"] == "harmful"]
    for text in harmful["better"]:
        assert re.search(r"n't|\bnot\b|\bnothing\b", text), text
        assert re.search(r"\bhelp|\bwrite\b|\bsupport\b", text), text
    assert not any(
        re.search(r"\bhelp|\bI (won't|can't|will not)", text) for text in harmful["worse"]
    )
    good = suite.loc[suite["family"] == "quality", ["better", "worse"]].to_numpy().ravel()
    assert not any(map(is_refusal, good))


def test_length_does_not_tell_good_from_worse_in_english():
    quality = english_probes().query("family == 'quality'")
    longer = (quality["better"].str.len() > quality["worse"].str.len()).mean()
    assert 0.35 <= longer <= 0.65
    ratio = quality["worse"].str.len() / quality["better"].str.len()
    assert ratio.between(0.7, 1.35).all()


def test_english_openers_and_marks_add_no_word():
    suite = english_probes().query("family in ('sycophancy', 'format')")
    n = [suite[side].str.split().str.len() for side in ("better", "worse")]
    assert (n[0] == n[1]).all()
    openers = suite[suite["family"] == "sycophancy"]
    assert (openers["better"].str.len() == openers["worse"].str.len()).all()


def test_probes_are_built_one_an_item_and_family_and_turned_where_swapped():
    probes = build_probes(
        [item("a", contrasts={"empty": ""}, traits={"length": ("x", "x y")}), item("b", worse=None)]
    )
    assert probes["probe_id"].tolist() == [
        *("quality/a", "quality, rephrased/a", "quality, swapped/a", "empty/a"),
        *("paraphrase/a", "paraphrase/b", "length/a"),
    ]
    pairs = check_pairs(probes_as_pairs(probes)).set_index("pair_id")
    assert pairs.loc["quality/a", ["chosen", "rejected"]].tolist() == ["it is so", "it is not"]
    assert pairs.loc["quality, swapped/a", "chosen"] == "it is not"
    assert pairs.loc["quality, rephrased/a", "chosen"] == "so it is"
    assert pairs.loc["length/a", ["chosen", "rejected", "subset"]].tolist() == [
        "x",
        "x y",
        "length",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "lenght"}, "'quality/a': no family 'lenght'; is 'length' meant"),
        ({"kind": "helpfull"}, "no kind 'helpfull'; is 'helpful' meant"),
        ({"expectation": "worse"}, "no expectation 'worse'"),
        ({"worse": "it is so"}, "'quality/a': its two texts are the same"),
        ({"prompt": "tell me"}, "prompt must end with"),
        ({"probe_id": "paraphrase/a"}, "'paraphrase/a' occurs twice"),
    ],
)
def test_a_frame_that_is_none_is_refused_by_name(change, message):
    probes = build_probes([item()])
    for column, value in change.items():
        probes.loc[0, column] = value
    with pytest.raises(ValueError, match=message):
        check_probes(probes)


def test_a_missing_column_names_the_nearest():
    with pytest.raises(ValueError, match="no column 'worse'; is 'worst' meant"):
        check_probes(build_probes([item()]).rename(columns={"worse": "worst"}))


def test_probes_go_out_and_scores_come_back(tmp_path):
    probes = build_probes([item()])
    path = write_probes(tmp_path / "probes.jsonl", probes)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[2]["chosen"] == "it is not"  # swapped
    scores = [{"pair_id": r["pair_id"], "score_chosen": 2.0, "score_rejected": 1.0} for r in rows]
    pd.DataFrame(scores).to_json(tmp_path / "s.jsonl", orient="records", lines=True)
    back = read_scores(tmp_path / "s.jsonl").score_pairs(probes_as_pairs(probes))
    assert back["pair_id"].tolist() == probes["probe_id"].tolist()
