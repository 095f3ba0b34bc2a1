"""Implicit rewards: equal to what DPO computes, to a loop over texts, and honest about length."""

import copy
import math

import numpy as np
import pytest
import torch
from proxylab.alignment.dpo import DPOObjective, DPOSettings
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.training import encoded, summed_logprobs
from proxylab.policies.tokenizers import encode_dialogues
from proxylab.rewards.cache import CachedReward
from proxylab.rewards.implicit import ImplicitReward
from proxylab.rewards.interface import Fingerprinted, RewardModel

CHAT = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos> {% endfor %}"
CHAT += "{% if add_generation_prompt %}<assistant> {% endif %}"


@pytest.fixture(scope="module")
def reference(language_model):
    return LanguageModelPolicy.load(language_model, name="reference")


@pytest.fixture(scope="module")
def policy(reference):
    """The reference with its weights moved a little: any other model would serve."""
    model = copy.deepcopy(reference.model)
    with torch.no_grad():
        torch.manual_seed(1)
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return LanguageModelPolicy(model, reference.tokenizer, "policy")


def texts(pairs):
    return pairs.prompt.tolist(), pairs.chosen.tolist()


def test_equal_to_the_rewards_of_the_dpo_objective(policy, reference, held_out):
    settings = DPOSettings(beta=0.3)
    prompts = held_out.prompt.tolist()
    sides = [
        encoded(policy, prompts, held_out[s].tolist(), settings) for s in ("chosen", "rejected")
    ]
    with torch.no_grad():
        known = [summed_logprobs(reference.model, side) for side in sides]
        rows = np.arange(len(prompts))
        values = DPOObjective(*sides, *known, settings)(policy.model, rows, rows)
    reward = ImplicitReward(policy, reference, 0.3)
    scores = [reward.score(prompts, held_out[s].tolist()) for s in ("chosen", "rejected")]
    assert scores[0].mean() == pytest.approx(values["reward_chosen"].item(), abs=1e-5)
    assert scores[1].mean() == pytest.approx(values["reward_rejected"].item(), abs=1e-5)
    assert (scores[0] - scores[1]).mean() == pytest.approx(values["margin"].item(), abs=1e-5)
    assert np.mean(scores[0] > scores[1]) == pytest.approx(values["accuracy"].item())


def one_logprob(model, prompt, reply):
    with torch.inference_mode():
        logprobs = model(torch.tensor([prompt + reply])).logits[0].double().log_softmax(-1)
    places = range(len(prompt), len(prompt) + len(reply))
    return sum(logprobs[t - 1, token].item() for t, token in zip(places, reply, strict=True))


@pytest.mark.parametrize("count_eos", [True, False])
def test_equal_to_a_loop_over_texts(policy, reference, held_out, tokenizer, count_eos):
    prompts, chosen = texts(held_out)
    reward = ImplicitReward(policy, reference, 0.5, count_eos=count_eos)
    expected = []
    for prompt, response in zip(prompts, chosen, strict=True):
        ids = [tokenizer(text)["input_ids"] for text in (prompt, f" {response}")]
        reply = ids[1] + [tokenizer.eos_token_id] * count_eos
        ratio = one_logprob(policy.model, ids[0], reply) - one_logprob(
            reference.model, ids[0], reply
        )
        expected.append(0.5 * ratio)
    scores = reward.score(prompts, chosen)
    assert scores.dtype == np.float64
    assert scores == pytest.approx(expected, abs=1e-5)


def test_an_empty_response_is_its_end_token_alone(policy, reference, held_out, tokenizer):
    prompt = held_out.prompt[0]
    ids = tokenizer(prompt)["input_ids"]
    expected = [
        one_logprob(side.model, ids, [tokenizer.eos_token_id]) for side in (policy, reference)
    ]
    reward = ImplicitReward(policy, reference)
    assert np.concatenate(reward.logprobs([prompt], [""])) == pytest.approx(expected, abs=1e-5)
    without = ImplicitReward(policy, reference, count_eos=False)
    assert without.score([prompt, prompt], ["", "good"])[0] == 0  # nothing to predict


def test_nothing_to_score(policy, reference):
    assert ImplicitReward(policy, reference).score([], []).shape == (0,)


def test_scores_scale_with_beta_and_turn_with_the_models(policy, reference, held_out):
    one = ImplicitReward(policy, reference, 1.0).score(*texts(held_out))
    assert ImplicitReward(policy, reference, 0.1).score(*texts(held_out)) == pytest.approx(one / 10)
    assert ImplicitReward(reference, policy, 1.0).score(*texts(held_out)) == pytest.approx(-one)


def test_batches_do_not_matter(policy, reference, held_out, monkeypatch):
    whole = ImplicitReward(policy, reference).score(*texts(held_out))
    monkeypatch.setattr("proxylab.rewards.implicit.BATCH_LOGITS", 60 * len(policy.tokenizer))
    assert ImplicitReward(policy, reference)._batch_tokens == 60  # so that the next is in parts
    assert ImplicitReward(policy, reference).score(*texts(held_out)) == pytest.approx(
        whole, abs=1e-6
    )


def test_long_dialogues_are_cut_as_in_training_and_counted(policy, reference, tokenizer):
    prompts = ["\n\nHuman: " + "w1 " * n + "\n\nAssistant:" for n in (2, 20, 3)]
    replies = ["good", "good", "w2 " * 20]
    reward = ImplicitReward(policy, reference, max_length=8)
    expected = encode_dialogues(tokenizer, prompts, replies, max_length=8)
    assert reward.encode(prompts, replies) == expected
    # 1 + 2 + 1 prompt tokens and 2 of the reply fit; 22 + 2 and 5 + 21 do not.
    assert reward.n_truncated == 2
    assert [len(part) for part in expected[2]] == [0, 8]
    assert np.isfinite(reward.score(prompts, replies)).all()


def with_template(side, template):
    tokenizer = copy.deepcopy(side.tokenizer)
    tokenizer.chat_template = template
    return LanguageModelPolicy(side.model, tokenizer, side.name)


def test_a_chat_reply_runs_to_its_end_token(policy, reference, tokenizer):
    reward = ImplicitReward(with_template(policy, CHAT), reference, template="chat")
    [(prompt, reply)] = reward.encode(
        ["\n\nHuman: w1\n\nAssistant: w2\n\nHuman: w3\n\nAssistant:"], ["good"]
    )
    assert " ".join(tokenizer.convert_ids_to_tokens(prompt)) == (
        "<user> w1 <eos> <assistant> w2 <eos> <user> w3 <eos> <assistant>"
    )
    assert tokenizer.convert_ids_to_tokens(reply) == ["good", "<eos>"]


def test_a_chat_template_whose_opening_changes_is_refused(policy, reference):
    other = CHAT.replace("<assistant> {% endif %}", "<user> {% endif %}")
    reward = ImplicitReward(with_template(policy, other), reference, template="chat")
    with pytest.raises(ValueError, match="another opening"):
        reward.score(["w1"], ["good"])


def test_bos_begins_a_plain_text_only_where_asked(policy, reference):
    marked = with_template(policy, None)
    marked.tokenizer.bos_token = "<user>"
    ids = [
        ImplicitReward(marked, reference, add_bos=b).encode(["w1"], ["w2"]) for b in (False, True)
    ]
    assert ids[1][0][0] == [marked.tokenizer.bos_token_id, *ids[0][0][0]]
    assert ids[1][0][1] == ids[0][0][1]
    with pytest.raises(ValueError, match="no BOS token"):
        ImplicitReward(policy, reference, add_bos=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0}, "beta must be positive"),
        ({"beta": math.nan}, "beta must be positive"),
        ({"template": "chta"}, "'plain' or 'chat'"),
    ],
)
def test_wrong_options_are_named(policy, reference, options, message):
    with pytest.raises(ValueError, match=message):
        ImplicitReward(policy, reference, **options)


def test_a_tokenizer_without_an_end_token_needs_count_eos_false(policy, reference, held_out):
    bare = with_template(policy, None)
    bare.tokenizer.eos_token = None
    with pytest.raises(ValueError, match="set count_eos=False"):
        ImplicitReward(bare, reference)
    expected = ImplicitReward(policy, reference, count_eos=False).score(*texts(held_out))
    found = ImplicitReward(bare, reference, count_eos=False).score(*texts(held_out))
    np.testing.assert_array_equal(found, expected)


def test_loaded_from_folders_it_gives_the_same(
    policy, reference, language_model, held_out, tmp_path
):
    policy.save(tmp_path / "mine")
    loaded = ImplicitReward.load(tmp_path / "mine", language_model, beta=0.2, device="cpu")
    assert (loaded.name, loaded.missing_keys) == ("dpo:mine", ())
    expected = ImplicitReward(policy, reference, 0.2)
    np.testing.assert_array_equal(loaded.score(*texts(held_out)), expected.score(*texts(held_out)))
    assert loaded.fingerprint == expected.fingerprint


def test_fingerprint_follows_what_changes_a_score(policy, reference, held_out, tmp_path):
    reward = ImplicitReward(policy, reference)
    others = [
        ImplicitReward(reference, policy),
        ImplicitReward(policy, reference, 0.2),
        ImplicitReward(policy, reference, count_eos=False),
        ImplicitReward(policy, reference, max_length=9),
    ]
    assert len({model.fingerprint for model in (reward, *others)}) == 5
    assert isinstance(reward, RewardModel)
    assert isinstance(reward, Fingerprinted)
    cached = CachedReward(reward, tmp_path)
    np.testing.assert_array_equal(cached.score(*texts(held_out)), reward.score(*texts(held_out)))


def test_a_reward_model_as_policy_has_no_language_head(trained, language_model):
    loaded = ImplicitReward.load(trained[0], language_model, device="cpu")
    assert any("policy: " in key for key in loaded.missing_keys)
