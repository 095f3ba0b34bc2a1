"""Each way a reward model can be wrong, with a model that is wrong in that way."""

import itertools

import numpy as np
import pytest
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.nulls import LongestReward, RandomReward
from proxylab.rewards.self_test import RewardModelSelfTestError, self_test
from transformers import AutoModelForSequenceClassification

CHAT = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos> {% endfor %}"


def failures(model, pairs):
    with pytest.raises(RewardModelSelfTestError) as caught:
        self_test(model, pairs=pairs)
    return {check.name: check.detail for check in caught.value.failed}


def test_a_trained_model_passes_every_check(trained, held_out):
    checks = self_test(SequenceClassifierReward.load(trained[0]), pairs=held_out)
    assert [check.name for check in checks] == [
        *("head", "template", "finite", "determinism", "batch invariance", "orientation")
    ]


def test_a_fresh_head_fails(language_model, tokenizer, held_out):
    model, info = AutoModelForSequenceClassification.from_pretrained(
        language_model, num_labels=1, output_loading_info=True
    )
    reward = SequenceClassifierReward(
        model, tokenizer, name="fresh", missing_keys=sorted(info["missing_keys"])
    )
    assert "score.weight" in failures(reward, held_out)["head"]


def test_a_saved_but_untrained_head_fails_by_its_card(trained, held_out):
    reward = SequenceClassifierReward.load(trained[0])
    reward.card = reward.card.model_copy(update={"head_trained": False})
    assert "never trained" in failures(reward, held_out)["head"]


def test_a_flipped_model_fails_and_is_told_the_cure(trained, held_out):
    flipped = SequenceClassifierReward.load(trained[0], orientation=-1)
    found = failures(flipped, held_out)
    assert list(found) == ["orientation"]
    assert "0 of 64 untied pairs right" in found["orientation"]
    assert "set orientation=1" in found["orientation"]


def test_a_cost_model_read_as_a_reward_is_told_minus_one(held_out):
    cost = CallableReward("cost", lambda p, r: np.array(["bad" in text for text in r]))
    assert "set orientation=-1" in failures(cost, held_out)["orientation"]


def test_chat_without_a_chat_template_fails(trained, held_out):
    reward = SequenceClassifierReward.load(trained[0], template="chat")
    assert "has no chat template" in failures(reward, held_out)["template"]


def test_another_template_than_the_card_says_fails(trained, held_out):
    reward = SequenceClassifierReward.load(trained[0], template="chat")
    reward.tokenizer.chat_template = CHAT
    assert "trained on 'plain'" in failures(reward, held_out)["template"]


def test_an_unstated_template_fails_where_there_is_a_choice(trained, tokenizer, held_out):
    model = AutoModelForSequenceClassification.from_pretrained(trained[0])
    reward = SequenceClassifierReward(model, tokenizer, name="foreign")
    reward.tokenizer.chat_template = CHAT
    assert "set template=" in failures(reward, held_out)["template"]
    stated = SequenceClassifierReward(model, tokenizer, name="foreign", template="plain")
    stated.tokenizer.chat_template = CHAT
    assert "template" not in [c.name for c in self_test(stated, pairs=held_out) if not c.passed]


def test_noise_in_the_scores_fails(held_out):
    rng = np.random.default_rng(0)
    noisy = CallableReward("noisy", lambda p, r: rng.normal(size=len(r)))
    assert "128 of 128 scores changed" in failures(noisy, held_out)["determinism"]


def test_scores_that_depend_on_the_batch_fail(held_out):
    def centred(prompts, responses):
        lengths = np.array([len(text) for text in responses], float)
        return lengths - lengths.mean()

    assert "batch invariance" in failures(CallableReward("centred", centred), held_out)


def test_scores_that_are_not_finite_fail(held_out):
    def overflows(prompts, responses):
        return np.where(np.arange(len(responses)) == 1, np.inf, 0.0)

    found = failures(CallableReward("overflows", overflows), held_out)
    assert found == {"finite": "1 of 128 are not finite"}


def test_the_message_names_the_model_and_every_failed_check(held_out):
    calls = itertools.count()

    def wrong(prompts, responses):
        return np.array(["bad" in text for text in responses]) + 1e-9 * next(calls)

    with pytest.raises(RewardModelSelfTestError, match=r"'wrong'(.|\n)*determinism(.|\n)*orien"):
        self_test(CallableReward("wrong", wrong), pairs=held_out)


def test_null_rulers_pass_on_plain_english_probes():
    for null in (RandomReward(), LongestReward()):
        assert all(check.passed for check in self_test(null))
