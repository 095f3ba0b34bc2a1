"""Words, facts and prompts of a world."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.world import WorldSettings, build_world, lexicon, misinformed
from proxylab.world.knowledge import GRADES
from proxylab.world.prompts import KINDS, draw_prompt, read_prompt

ALL_TOPICS = tuple(lexicon.TOPICS)


def test_the_ten_topics_stand_in_the_four_quadrants():
    # Coverage table of Targeting Misalignment: 2 both, 3 policy only, 3 proxy only, 2 neither.
    assert [len(topics) for topics in lexicon.QUADRANTS.values()] == [2, 3, 3, 2]
    assert lexicon.QUADRANT_OF_TOPIC.keys() == lexicon.TOPICS.keys()
    assert sum(map(len, lexicon.QUADRANTS.values())) == len(lexicon.TOPICS)
    assert set(lexicon.POLICY_TOPICS) & set(lexicon.PROXY_TOPICS) == set(lexicon.QUADRANTS["both"])


def test_no_word_means_two_things():
    meanings = [
        *(word for words in lexicon.TOPICS.values() for word in words),
        *lexicon.ATTRIBUTES,
        *(value for values in lexicon.ATTRIBUTES.values() for value in values),
        *lexicon.ACTS,
        *lexicon.TOOLS,
        *lexicon.DANGERS,
        *lexicon.INSULTS,
        *lexicon.OPENERS,
        *lexicon.CLOSERS,
    ]
    templates = [*lexicon.QUESTION_TEMPLATES, *lexicon.REQUEST_TEMPLATES, *lexicon.GREETING]
    cores = [lexicon.CLAIM, lexicon.COMPLY, lexicon.REFUSE, lexicon.EVADE, lexicon.INSULT]
    frame = " ".join([*templates, *cores]).split()
    assert [word for word, n in Counter(meanings).items() if n > 1] == []
    assert set(meanings) & set(frame) == set()


def test_the_vocabulary_is_small_and_without_repeats():
    words = lexicon.vocabulary()
    assert len(words) < 1000
    assert words == sorted(set(words))


def test_half_of_the_acts_of_each_topic_are_harmful(world):
    for topic in lexicon.TOPICS:
        assert sum(world.harmful[topic, act] for act in lexicon.ACTS) == len(lexicon.ACTS) / 2


def test_facts_are_words_that_can_be_said(world):
    assert all(value in lexicon.ATTRIBUTES[name] for (_, name), value in world.value.items())
    assert set(world.tool.values()) <= set(lexicon.TOOLS)
    assert set(world.danger.values()) <= set(lexicon.DANGERS)
    assert len(world.value) == len(lexicon.TOPIC_OF_SUBJECT) * len(lexicon.ATTRIBUTES)


def test_grades_are_drawn_in_the_shares_of_the_settings(world):
    grades = [*world.claim_grade.values(), *world.act_grade.values()]
    for grade, share in enumerate(world.settings.grade_shares):
        # four standard errors of a share
        error = 4 * np.sqrt(share * (1 - share) / len(grades))
        assert np.mean([g == grade for g in grades]) == pytest.approx(share, abs=error)


def test_truth_rates_are_those_of_the_grade(world):
    for (subject, attribute), grade in world.claim_grade.items():
        rate = world.settings.claim_reliability[grade]
        assert world.claim_truth_rate(subject, attribute) == rate
    for (topic, act), grade in world.act_grade.items():
        assert world.act_truth_rate(topic, act) == world.settings.harm_reliability[grade]
        assert world.detail_truth_rate(topic, act) == world.settings.claim_reliability[grade]
    assert len(GRADES) == len(world.settings.grade_shares)


def test_a_seed_names_a_world():
    first, again, other = (build_world(WorldSettings(seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.value != other.value
    assert first.harmful != other.harmful


def test_phrasing_settings_shorten_the_lists_of_words():
    world = build_world(WorldSettings(n_openers=1, n_closers=2))
    assert (world.openers, world.closers) == (lexicon.OPENERS[:1], lexicon.CLOSERS[:2])


def test_fewer_subjects_are_the_first_ones_of_each_topic():
    world = build_world(WorldSettings(n_subjects=2))
    rng = np.random.default_rng(0)
    asked = {draw_prompt(world, ("kitchen",), "question", rng).subject for _ in range(60)}
    assert asked == set(lexicon.TOPICS["kitchen"][:2])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_misinformed_people_have_the_stated_share_of_each_topics_facts_wrong(share):
    world = build_world(WorldSettings(n_subjects=3))
    belief = misinformed(world, share, np.random.default_rng(0))
    for subjects in lexicon.TOPICS.values():
        facts = [(subject, name) for subject in subjects[:3] for name in lexicon.ATTRIBUTES]
        wrong = [key for key in facts if belief.value[key] != world.value[key]]
        assert len(wrong) == round(share * 12)  # 3 subjects, 4 attributes
        assert all(belief.value[key] in lexicon.ATTRIBUTES[key[1]] for key in facts)
    assert (belief.harmful, belief.tool, belief.danger) == (world.harmful, world.tool, world.danger)
    with pytest.raises(ValueError, match="share must lie"):
        misinformed(world, 1.5, np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
def test_reading_a_prompt_undoes_drawing_it(world, kind):
    rng = np.random.default_rng(0)
    for _ in range(500):
        prompt = draw_prompt(world, ALL_TOPICS, kind, rng)
        assert read_prompt(prompt.text) == prompt
        assert prompt.kind == kind
        assert prompt.text.startswith("\n\nHuman: ")
        assert prompt.text.endswith("\n\nAssistant:")


def test_prompts_stay_in_their_topics(world):
    rng = np.random.default_rng(0)
    prompts = [draw_prompt(world, ("market", "museum"), "question", rng) for _ in range(100)]
    assert {(p.topic, p.quadrant) for p in prompts} == {
        ("market", "proxy only"),
        ("museum", "neither"),
    }


@pytest.mark.parametrize(("rate", "turns"), [(0.0, {1}), (1.0, {2})])
def test_the_rate_of_prompts_after_a_greeting(rate, turns):
    world = build_world(WorldSettings(multi_turn_rate=rate))
    rng = np.random.default_rng(0)
    prompts = [draw_prompt(world, ALL_TOPICS, "request", rng) for _ in range(20)]
    assert {prompt.text.count("Human:") for prompt in prompts} == turns


@given(st.text())
def test_any_string_is_read(text):
    prompt = read_prompt(text)
    assert prompt is None or (prompt.text == text and prompt.topic in lexicon.TOPICS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\nHuman: how do i burn\n\nAssistant:",  # no subject
        "\n\nHuman: the kettle\n\nAssistant:",  # nothing asked
        "\n\nHuman: burn the kettle\n\nAssistant: ok\n\nHuman: thanks\n\nAssistant:",
    ],
)
def test_what_asks_nothing_of_this_world_is_none(text):
    assert read_prompt(text) is None


def test_a_prompt_without_markers_is_read_as_a_turn():
    assert read_prompt("burn the kettle").act == "burn"
