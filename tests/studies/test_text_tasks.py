"""Tasks of real text: gold learns from its own pairs, regions make the gap, prompts are apart."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from proxylab.preferences.facts import first_questions
from proxylab.preferences.safe_rlhf import HUB_FOLDER, KINDS_OF_HARM
from proxylab.preferences.topics import topic_coverage
from proxylab.profiles import RegionSettings
from proxylab.runs import MeasureConflict, ShfCas
from proxylab.studies.conflict_report import conflict_tables
from proxylab.studies.data import study_data
from proxylab.studies.shf_cas import run_selectors
from proxylab.studies.shf_cas_setting import prepare
from proxylab.studies.tasks import HELD_OUT, POOL, label_table, task_models
from proxylab.studies.tasks.regions import Regions, coverage
from proxylab.studies.tasks.text import _coverage, _drawn
from proxylab.studies.text_models import (
    gold_pairs,
    kept_for_gold,
    of_task,
    text_gold,
    without_gold,
)


@pytest.fixture(scope="module")
def data(profile, hh_folder):
    return study_data(str(hh_folder), profile, 0)


@pytest.fixture(scope="module")
def harmless(profile, hh_folder):
    return task_models(profile, "harmless", 0, data=str(hh_folder))


def test_gold_and_the_others_share_no_question(profile, data):
    settings = profile.text_gold.model_copy(update={"test_share": 0.5})
    sharing = profile.model_copy(update={"text_gold": settings})
    for chosen in (profile, sharing):
        rest, golds = without_gold(data, chosen), gold_pairs(data, chosen)
        for kept in (rest.train.pairs, rest.test.pairs):
            assert not set(first_questions(kept)) & set(first_questions(golds))
        n = len(rest.train.pairs) + len(rest.test.pairs) + len(golds)
        assert n == len(data.train.pairs) + len(data.test.pairs)
        assert (len(rest.test.pairs) < len(data.test.pairs)) == (chosen is sharing)
        assert rest.train.fingerprint != data.train.fingerprint


def test_a_tasks_gold_learns_from_its_own_pairs_where_the_data_is_divided(profile, data):
    assert set(gold_pairs(data, profile, "harmless")["subset"]) == {"harmless-base"}
    undivided = data.train.pairs.assign(subset="single-turn")
    assert len(of_task(undivided, "harmless")) == len(undivided)


def test_what_is_kept_for_gold_is_a_matter_of_the_question_alone(data):
    pairs = data.train.pairs
    mask = kept_for_gold(pairs, 0.5)
    turned = pairs.iloc[::-1].reset_index(drop=True)
    np.testing.assert_array_equal(kept_for_gold(turned, 0.5), mask[::-1])
    # A question that is kept at one share is kept at every larger one.
    assert (kept_for_gold(pairs, 0.9) >= mask).all()


def test_about_the_share_is_kept_for_gold():
    questions = [f"\n\nHuman: What is {i}?\n\nAssistant:" for i in range(4000)]
    kept = kept_for_gold(pd.DataFrame({"prompt": questions}), 0.3)
    # A binomial of 4,000 with 0.3 has a standard deviation of 0.0072.
    assert kept.mean() == pytest.approx(0.3, abs=0.03)


def test_a_released_gold_leaves_all_pairs_to_the_others(profile, data, harmless):
    released = profile.text_gold.model_copy(update={"model": str(harmless.proxy)})
    with_released = profile.model_copy(update={"text_gold": released})
    assert without_gold(data, with_released) is data
    prompts, replies = ["\n\nHuman: Why?\n\nAssistant:"] * 2, ["Thanks", "No idea"]
    ours = text_gold(with_released, data)
    turned = released.model_copy(update={"orientation": -1})
    cost = text_gold(profile.model_copy(update={"text_gold": turned}), data)
    scores = ours.model.score(prompts, replies)
    assert scores[0] != scores[1]
    np.testing.assert_allclose(cost.model.score(prompts, replies), -scores)
    assert cost.identity != ours.identity


def test_ten_regions_stand_as_in_the_papers_table():
    assert coverage(10) == ["both"] * 2 + ["policy only"] * 3 + ["proxy only"] * 3 + ["neither"] * 2
    assert sorted(coverage(4)) == ["both", "neither", "policy only", "proxy only"]
    assert len(coverage(7)) == 7
    with pytest.raises(ValueError, match="3 regions cannot stand in 4 quadrants"):
        coverage(3)


def test_regions_follow_what_a_question_is_about():
    about = {"bread": "bake dough flour oven", "boats": "sail mast harbour tide"}
    said = ("please tell me", "what of", "i wonder about", "why")
    questions = [f"{how} {words}" for words in about.values() for how in said for _ in range(3)]
    regions = Regions(RegionSettings(n_regions=4, n_components=4), tuple(questions))
    asked = [f"\n\nHuman: {words}\n\nAssistant:" for words in about.values()]
    bread, boats = regions.of(pd.DataFrame({"prompt": asked}))
    assert bread != boats
    assert set(regions.quadrants(0)) == {f"region {i}" for i in (1, 2, 3, 4)}
    assert len({tuple(sorted(regions.quadrants(seed).items())) for seed in range(8)}) > 1


def test_policy_and_proxy_are_taught_what_their_quadrants_say(profile, data, harmless):
    taught = without_gold(data, profile).train.pairs
    assert set(harmless.original_pairs["subset"]) == {"harmless-base"}
    assert set(harmless.original_pairs["pair_id"]) <= set(taught["pair_id"])
    regions = Regions(profile.text_regions, tuple(first_questions(data.train.pairs)))
    quadrants = regions.quadrants(0)
    known = {quadrants[name] for name in regions.of(harmless.original_pairs)}
    assert known <= {"both", "proxy only"}


def test_which_of_too_many_pairs_a_proxy_learns_from_depends_on_the_seed(harmless, data):
    pairs = data.train.pairs.iloc[:12]
    draws = [_drawn(pairs, 6, seed)["pair_id"].tolist() for seed in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]
    for draw in draws:
        assert len(draw) == 6
        assert draw == [name for name in pairs["pair_id"] if name in draw]  # in their order
    for n in (12, 13):
        pd.testing.assert_frame_equal(_drawn(pairs, n, 0), pairs)


def test_pool_and_held_out_prompts_are_test_prompts_and_share_none(harmless, data):
    pool, held_out = (harmless.draw(split, 100, 0) for split in (POOL, HELD_OUT))
    test = data.test.pairs
    own = set(test[test["subset"] == "harmless-base"]["prompt"])
    assert set(pool["prompt"]) | set(held_out["prompt"]) == own
    assert not set(pool["prompt"]) & set(held_out["prompt"])
    assert len(harmless.draw(POOL, 2, 0)) == 2


@pytest.fixture
def by_topics(tmp_path):
    """PKU-SafeRLHF's layout: 6 training and 2 test questions about each of ten topics."""
    table = topic_coverage()
    folder = tmp_path / "pku" / HUB_FOLDER
    folder.mkdir(parents=True)
    for split, n in (("train", 6), ("test", 2)):
        lines = [_row(f"{split} {t} {i}", t) for t in table["topic"] for i in range(n)]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "pku"


def _row(question: str, topic: str) -> dict:
    flags = {name: name == topic for name in KINDS_OF_HARM}
    harmless = dict.fromkeys(KINDS_OF_HARM, False)
    return {
        "prompt": question,
        "response_0": f"No, about {question}",
        "response_1": f"Yes, about {question}",
        "is_response_0_safe": True,
        "is_response_1_safe": False,
        "response_0_harm_category": harmless,
        "response_1_harm_category": flags,
        "better_response_id": 1,
        "safer_response_id": 0,
    }


def test_topics_that_the_data_names_stand_in_the_papers_quadrants(profile, by_topics):
    few = profile.conflict.model_copy(update={"n_pool": 10, "n_held_out": 10})
    released = profile.text_gold.model_copy(update={"model": "org/gold"})
    small = profile.model_copy(update={"conflict": few, "text_gold": released})
    coverage = _coverage(study_data(str(by_topics), small, 0), small, "harmless", 0)
    table = topic_coverage().set_index("topic")
    # 20 prompts of ten topics: two of the six questions of each are set aside.
    assert coverage.prompts["region"].value_counts().to_dict() == dict.fromkeys(table.index, 2)
    of_region = table["quadrant"][coverage.prompts["region"]].tolist()
    assert coverage.prompts["quadrant"].tolist() == of_region
    for side, pairs in (("policy", coverage.policy_pairs), ("proxy", coverage.proxy_pairs)):
        assert set(pairs["topics"]) == set(table.index[table[side]])
        assert len(pairs) == 4 * table[side].sum()
        assert not set(pairs["prompt"]) & set(coverage.prompts["prompt"])
    assert len(coverage.test) == 20


def test_pairs_labelled_by_safety_have_no_helpful_task(profile, by_topics):
    with pytest.raises(ValueError, match="their task is 'harmless', not 'helpful'"):
        task_models(profile, "helpful", 0, data=str(by_topics))


def test_gold_and_proxy_are_held_against_the_published_labels(harmless):
    table = label_table(harmless, 6, 0)
    assert len(table) == 6
    both = (table["gold_right"] == table["proxy_right"]).astype(float)
    # Without ties two models prefer the same reply exactly where both are right or both wrong.
    np.testing.assert_array_equal(table["agree"], both)


def test_where_a_model_has_no_score_nothing_is_said_of_agreement(harmless):
    class Silent:
        name = "silent"

        def score(self, prompts, responses):
            return np.where(np.arange(len(prompts)) % 2, 1.0, np.nan)

    table = label_table(replace(harmless, gold=Silent()), 6, 0)
    undefined = table["gold_right"].isna()
    assert undefined.any()
    np.testing.assert_array_equal(table["agree"].isna(), undefined)


def test_a_task_of_the_world_is_not_one_of_text(profile, hh_folder):
    with pytest.raises(ValueError, match="'safety'; there are: harmless, helpful"):
        task_models(profile, "safety", 0, data=str(hh_folder))


def test_conflict_and_the_loop_run_on_text_as_in_the_world(profile, hh_folder):
    # Of the 8 pairs to replay there are fewer: then all of them are.
    few = {"n_pool": 6, "n_held_out": 6, "budget": 6}
    few = profile.conflict.model_copy(update=few)
    small = profile.model_copy(update={"conflict": few})
    asked = {"data": str(hh_folder), "task": "harmless"}
    tables = conflict_tables(MeasureConflict(**asked), small)
    assert set(tables) == {"prompts", "labels"}
    assert tables["prompts"]["proxy_policy"].between(-1, 1).all()
    assert "misled" not in tables["prompts"]
    setting = prepare(ShfCas(**asked, selectors=("random", "conflict")), small)
    rounds = run_selectors(setting)["rounds"]
    assert rounds.groupby("selector")["n_labels"].max().tolist() == [6, 6]
