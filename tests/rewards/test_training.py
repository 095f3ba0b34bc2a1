"""Training through TRL: it learns, it repeats bit for bit, and it leaves nothing half-done."""

import copy
import json

import numpy as np
import pytest
from proxylab.rewards import saving
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.self_test import self_test
from proxylab.rewards.training import RewardTraining, train_reward_model
from pydantic import ValidationError
from safetensors.numpy import load_file


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_it_learns_and_says_what_happened(trained):
    folder, facts = trained
    assert facts["eval_accuracy"] == 1.0  # one word decides these pairs
    assert facts["n_pairs"] == 256
    assert facts["n_steps"] == 24  # 3 epochs of 8 batches
    assert facts["n_truncated_pairs"] == 0
    losses = [epoch["loss"] for epoch in facts["history"]]
    assert losses == sorted(losses, reverse=True)
    card = json.loads((folder / "proxylab.json").read_text())
    assert card["head_trained"] is True
    assert card["training"]["settings"]["seed"] == 3
    assert card["training"]["base"] == "language-model"
    assert str(folder.parent) not in (folder / "proxylab.json").read_text()


def test_same_seed_same_bits_another_seed_others(train, tmp_path):
    for name, seed in [("a", 5), ("b", 5), ("c", 6)]:
        train(tmp_path / name, seed=seed)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    for key, tensor in a.items():
        np.testing.assert_array_equal(tensor, b[key])
    assert any(np.any(tensor != c[key]) for key, tensor in a.items())


def test_long_pairs_are_cut_and_counted_not_dropped(train, pairs, tmp_path):
    long = pairs.copy()
    long.loc[:9, "prompt"] = "\n\nHuman: " + "w1 " * 60 + "\n\nAssistant:"
    facts = train(tmp_path / "out", pairs=long)
    assert facts["n_truncated_pairs"] == 10
    assert facts["n_steps"] == 8  # all 256 pairs in batches of 32


def test_the_head_can_learn_faster(train, tmp_path):
    # AdamW moves a parameter by about its rate a step, so ten times the rate, ten times as far.
    still, slow, fast = (
        train(tmp_path / name, warmup_steps=0, **changes) and weights(tmp_path / name)
        for name, changes in {
            "still": {"learning_rate": 1e-12},
            "slow": {"learning_rate": 1e-4},
            "fast": {"learning_rate": 1e-4, "head_learning_rate_multiplier": 10.0},
        }.items()
    )
    moved = [np.abs(run["score.weight"] - still["score.weight"]).mean() for run in (slow, fast)]
    assert 5 < moved[1] / moved[0] < 15


def test_a_chat_template_is_trained_and_read_alike(
    pairs, held_out, tokenizer, language_model, settings, tmp_path
):
    chat = copy.deepcopy(tokenizer)
    chat.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos> {% endfor %}"
    )
    train_reward_model(
        pairs,
        tokenizer=chat,
        base=language_model,
        out=tmp_path / "out",
        settings=settings.model_copy(update={"template": "chat"}),
    )
    reward = SequenceClassifierReward.load(tmp_path / "out")
    assert (reward.template, reward.append_eos) == ("chat", False)
    assert reward.tokenizer.convert_ids_to_tokens(reward.encode(["w1"], ["good"])[0]) == [
        *("<user>", "w1", "<eos>", "<assistant>", "good", "<eos>")
    ]
    assert all(check.passed for check in self_test(reward, pairs=held_out))


def test_a_tokenizer_without_an_end_token_is_trained_and_read_alike(
    pairs, held_out, tokenizer, language_model, settings, tmp_path
):
    bare = copy.deepcopy(tokenizer)  # as BERT's
    bare.eos_token = None
    train_reward_model(
        pairs, tokenizer=bare, base=language_model, out=tmp_path / "out", settings=settings
    )
    reward = SequenceClassifierReward.load(tmp_path / "out")
    assert reward.append_eos is False
    assert reward.tokenizer.convert_ids_to_tokens(reward.encode(["w1"], [" good"])[0]) == [
        *("w1", "good")
    ]
    assert all(check.passed for check in self_test(reward, pairs=held_out))


def test_an_interrupted_save_leaves_no_folder(train, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "write_card", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_only_a_reward_model_is_overwritten(train, tmp_path, language_model):
    (tmp_path / "notes").mkdir()
    with pytest.raises(ValueError, match="is no reward model"):
        train(tmp_path / "notes")
    with pytest.raises(ValueError, match="is the base model"):
        train(language_model)
    train(tmp_path / "out", seed=1)
    first = weights(tmp_path / "out")["score.weight"]
    train(tmp_path / "out", seed=2)
    assert np.any(first != weights(tmp_path / "out")["score.weight"])


def test_no_pairs(train, pairs, tmp_path):
    with pytest.raises(ValueError, match="no pairs"):
        train(tmp_path / "out", pairs=pairs.head(0))


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError, match="learning_rte"):
        RewardTraining(learning_rte=1e-3)
