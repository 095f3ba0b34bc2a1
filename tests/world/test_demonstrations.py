"""What the world's models are trained on teaches what it says it teaches."""

import numpy as np
import pytest
from proxylab.world import GoldReward, WorldSettings, build_world, lexicon, misinformed
from proxylab.world.demonstrations import (
    ALL_TOPICS,
    draw_prompts,
    policy_demonstrations,
    pretraining_dialogues,
    proxy_preferences,
)
from proxylab.world.knowledge import GRADES
from proxylab.world.prompts import read_prompt
from proxylab.world.responses import Quality, insult, write_response

N = 3000


@pytest.fixture(scope="module")
def demonstrations(world):
    return policy_demonstrations(world, N, np.random.default_rng(0))


@pytest.fixture(scope="module")
def pretraining(world):
    return pretraining_dialogues(world, N, np.random.default_rng(1))


def claims_of(world, dialogues):
    """(grade, is it true) of every claim in answer to a question."""
    found = []
    for text, response in zip(dialogues.prompts, dialogues.responses, strict=True):
        prompt, words = read_prompt(text), response.split()
        if prompt.act is None:
            for name, verb, value in zip(words, words[1:], words[2:], strict=False):
                if verb == "is" and name in lexicon.ATTRIBUTES:
                    key = prompt.subject, name
                    found.append((world.claim_grade[key], value == world.value[key]))
    return np.array(found)


def acts_of(world, dialogues):
    """(grade, rightly helped or refused, right tool or danger) of every reply to a request."""
    found = []
    for text, response in zip(dialogues.prompts, dialogues.responses, strict=True):
        prompt, words = read_prompt(text), set(response.split())
        detail = words & {*lexicon.TOOLS, *lexicon.DANGERS}
        if prompt.act is not None and detail:
            key = prompt.topic, prompt.act
            refused = "not" in words
            truth = world.danger[key] if refused else world.tool[key]
            found.append((world.act_grade[key], refused == world.harmful[key], detail == {truth}))
    return np.array(found)


def assert_share(right: np.ndarray, expected: float) -> None:
    """The share of right ones is `expected` within four standard errors."""
    assert len(right) > 50
    error = 4 * np.sqrt(max(expected * (1 - expected), 1e-3) / len(right))
    assert right.mean() == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("grade", range(len(GRADES)))
def test_demonstrations_state_each_fact_as_often_truly_as_its_grade_says(
    world, demonstrations, grade
):
    claims, acts = claims_of(world, demonstrations), acts_of(world, demonstrations)
    assert_share(claims[claims[:, 0] == grade, 1], world.settings.claim_reliability[grade])
    acts = acts[acts[:, 0] == grade]
    assert_share(acts[:, 1], world.settings.harm_reliability[grade])
    assert_share(acts[:, 2], world.settings.claim_reliability[grade])


def test_demonstrations_are_complete_polite_and_in_the_policys_topics(world, demonstrations):
    gold = GoldReward(world)
    prompts = [read_prompt(text) for text in demonstrations.prompts]
    assert {prompt.topic for prompt in prompts} == set(lexicon.POLICY_TOPICS)
    assert not any(map(gold.is_toxic, demonstrations.responses))
    for prompt, response in zip(prompts, demonstrations.responses, strict=True):
        if prompt.act is None:
            assert gold.parts(prompt.text, response).complete == 1


def test_pretraining_text_covers_all_topics_and_teaches_no_fact(world, pretraining):
    prompts = [read_prompt(text) for text in pretraining.prompts]
    assert {prompt.topic for prompt in prompts} == set(ALL_TOPICS)
    # Chance: one value of four is true, one tool or danger of four, one act of two is harmful.
    assert_share(claims_of(world, pretraining)[:, 1], 0.25)
    assert_share(acts_of(world, pretraining)[:, 1], 0.5)
    assert_share(acts_of(world, pretraining)[:, 2], 0.25)


def test_pretraining_text_holds_every_kind_of_reply(world, pretraining):
    replies = pretraining.responses
    assert "" in replies
    assert any(lexicon.EVADE in reply for reply in replies)
    assert any(GoldReward(world).is_toxic(reply) for reply in replies)
    assert any(GoldReward(world).parts("", reply).fluent < 0.7 for reply in replies if reply)


def test_all_texts_are_of_the_vocabulary_and_of_6_to_26_words(demonstrations, pretraining):
    known = set(lexicon.vocabulary()) | {"Human:", "Assistant:"}
    for dialogues in (demonstrations, pretraining):
        texts = [*dialogues.prompts, *dialogues.responses]
        assert {word for text in texts for word in text.split()} <= known
        # Longest: opener, a refusal of eleven words said twice, an insult of two, closer.
        assert {len(text.split()) for text in dialogues.responses} - {0} <= set(range(6, 27))


def test_questions_and_requests_come_in_equal_shares(world):
    prompts = draw_prompts(world, 1000, ALL_TOPICS, np.random.default_rng(2))
    assert_share(np.array([prompt.kind == "request" for prompt in prompts]), 0.5)


def test_proxy_preferences_are_ordered_by_gold_in_the_proxys_topics(world):
    pairs = proxy_preferences(world, 300, np.random.default_rng(3))
    gold = GoldReward(world)
    chosen = gold.score(pairs["prompt"], pairs["chosen"])
    assert (chosen > gold.score(pairs["prompt"], pairs["rejected"])).all()
    assert len(pairs) == 300
    assert set(pairs["topic"]) == set(lexicon.PROXY_TOPICS)
    assert set(pairs["quadrant"]) == {"both", "proxy only"}
    for row in pairs.itertuples():
        assert read_prompt(row.prompt).topic == row.topic


def test_proxy_preferences_can_be_of_one_kind_and_labelled_by_the_misinformed(world):
    rng = np.random.default_rng(3)
    belief = misinformed(world, 1.0, rng)
    pairs = proxy_preferences(world, 200, rng, kinds=("question",), labelled_by=belief)
    assert set(pairs["kind"]) == {"question"}
    believed, gold = GoldReward(belief), GoldReward(world)
    chosen, rejected = (
        [model.score(pairs["prompt"].tolist(), pairs[side].tolist()) for model in (believed, gold)]
        for side in ("chosen", "rejected")
    )
    assert (chosen[0] > rejected[0]).all()
    # Every fact is believed wrongly, so what they prefer is less often what is true.
    assert 0 < np.mean(chosen[1] > rejected[1]) < 0.75


def test_proxy_preferences_can_be_of_other_topics(world):
    pairs = proxy_preferences(world, 20, np.random.default_rng(3), topics=("museum",))
    assert set(pairs["topic"]) == {"museum"}


def test_equal_seeds_give_equal_texts(world):
    first, again, other = (
        policy_demonstrations(world, 20, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


ALWAYS = {"truth": 1.0, "judgement": 1.0}


@pytest.mark.parametrize(
    ("quality", "check"),
    [
        (Quality(**ALWAYS), lambda parts: parts.reward == pytest.approx(1.8)),
        (Quality(**ALWAYS | {"truth": 0.0}), lambda parts: parts.accurate == -1),
        (Quality(**ALWAYS | {"judgement": 0.0}), lambda parts: parts.helpful == -1),
        (Quality(**ALWAYS, evasive=1), lambda parts: parts.helpful == -1),
        (Quality(**ALWAYS, toxic=1), lambda parts: parts.harmless == -1),
        (Quality(**ALWAYS, repetitive=1), lambda parts: parts.fluent < 0.7),
    ],
)
def test_a_reply_is_of_the_quality_asked_for(quality, check):
    world = build_world(WorldSettings(seed=1, multi_turn_rate=0))
    rng = np.random.default_rng(0)
    for prompt in draw_prompts(world, 100, ALL_TOPICS, rng):
        if quality.judgement == 1 or prompt.act is not None:
            reply = write_response(world, prompt, quality, rng)
            assert check(GoldReward(world).parts(prompt.text, reply)), reply


def test_short_replies_keep_one_claim_and_empty_ones_nothing(world):
    rng = np.random.default_rng(0)
    for prompt in draw_prompts(world, 50, ALL_TOPICS, rng):
        assert write_response(world, prompt, Quality(**ALWAYS, empty=1), rng) == ""
        short = write_response(world, prompt, Quality(**ALWAYS, short=1), rng)
        if prompt.act is None:
            assert short.split().count("its") == 1


def test_an_insult_is_appended(world):
    text = insult("well done", np.random.default_rng(0))
    assert text in {"well done you fool", "well done you dunce"}
    assert insult("", np.random.default_rng(0)).startswith("you ")
