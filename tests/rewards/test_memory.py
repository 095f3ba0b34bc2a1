"""Reward models in parts, through adapters, and with labels of safety."""

import copy

import numpy as np
import pytest
import torch
from proxylab.policies.lora import LoraSettings
from proxylab.rewards import pair_trainer
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.pair_trainer import PairTrainer
from proxylab.rewards.ranked import RankedTraining, fresh_reward_model, refine_reward_model
from proxylab.rewards.ranked_loss import filled, ranking_loss
from proxylab.rewards.training import RewardTraining
from pydantic import ValidationError
from safetensors.numpy import load_file
from torch.nn.functional import logsigmoid

LORA = LoraSettings(rank=2, alpha=4)


@pytest.fixture
def settings(settings):
    """In float32, so that what is done in parts can be held against the whole."""
    return settings.model_copy(update={"dtype": "float32"})


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.fixture
def first_gradients(monkeypatch):
    """The gradient of the first step of every training by pairs, in order."""
    found, step = [], torch.optim.AdamW.step

    def watched(optimiser, *given):
        grads = [p.grad.clone() for group in optimiser.param_groups for p in group["params"]]
        found.append(grads)
        return step(optimiser, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    return found


@pytest.mark.parametrize("saving", [{"micro_batch_size": 8}, {"gradient_checkpointing": True}])
def test_pairs_in_parts_give_the_gradient_of_the_whole(train, tmp_path, first_gradients, saving):
    whole = train(tmp_path / "whole")
    parts = train(tmp_path / "parts", **saving)
    assert whole["n_steps"] == parts["n_steps"] == 8  # 256 pairs in batches of 32
    first, second = first_gradients[0], first_gradients[8]
    assert max(float(g.norm()) for g in first) > 0.01
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    for name, loss in whole["history"][0].items():
        assert parts["history"][0][name] == pytest.approx(loss, rel=1e-2)


def test_through_adapters_the_head_and_the_linear_layers_learn(
    train, tmp_path, language_model, tokenizer, pairs
):
    facts = train(tmp_path / "out", lora=LORA, epochs=4, gradient_checkpointing=True)
    assert facts["history"][-1]["accuracy"] > 0.9  # one word decides these pairs
    reward = SequenceClassifierReward.load(tmp_path / "out")
    assert type(reward.model).__name__ == "GPTNeoXForSequenceClassification"
    before, after = weights(language_model), weights(tmp_path / "out")
    frozen = {name for name in before if np.array_equal(before[name], after.get(name))}
    assert "gpt_neox.embed_in.weight" in frozen
    linear = {name for name in before if "dense" in name or "query_key_value" in name}
    assert linear - frozen == {name for name in linear if name.endswith("weight")}
    assert reward.card.training["settings"]["lora"]["rank"] == 2


def test_adapters_over_a_coarse_base_are_merged_in_float32(train, tmp_path, language_model):
    facts = train(tmp_path / "out", lora=LORA.model_copy(update={"base_precision": "bfloat16"}))
    assert facts["bfloat16"]  # or the head could not read its hidden states
    before, after = weights(language_model), weights(tmp_path / "out")
    assert {array.dtype for array in after.values()} == {np.dtype("float32")}
    name = "gpt_neox.embed_in.weight"
    coarse = torch.from_numpy(before[name]).bfloat16().float().numpy()
    np.testing.assert_array_equal(after[name], coarse)


def test_parts_must_divide_the_batch():
    with pytest.raises(ValidationError, match="micro_batch_size=5 must divide batch_size=16"):
        RewardTraining(micro_batch_size=5)


# Safety


def test_the_loss_of_safety_by_hand(monkeypatch):
    # rewards of two chosen and two rejected replies; safe, unsafe | safe, unsafe
    logits = torch.tensor([[2.0], [0.5], [1.0], [-3.0]])
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
    plain = torch.tensor(0.25)
    output = type("Output", (), {"logits": logits})
    monkeypatch.setattr(
        pair_trainer.RewardTrainer, "compute_loss", lambda *_, **__: (plain, output)
    )
    loss = PairTrainer.compute_loss(object.__new__(PairTrainer), None, {"safety": signs})
    # of each reply -log sigmoid(sign x reward); a pair's two are added, pairs are averaged
    each = -logsigmoid(torch.tensor([2.0, -0.5, 1.0, 3.0]))
    assert loss.item() == pytest.approx(0.25 + (each[0] + each[1] + each[2] + each[3]).item() / 2)
    without = PairTrainer.compute_loss(object.__new__(PairTrainer), None, {})
    assert without.item() == 0.25


def test_zero_comes_to_part_safe_from_unsafe(train, tmp_path, pairs):
    # Of every four pairs one has two safe replies and one two unsafe ones: order alone says
    # nothing of where 0 is.
    rows = np.arange(len(pairs))
    chosen_safe, rejected_safe = rows % 4 != 0, rows % 4 == 1
    words = {True: "w0", False: "w15"}
    labelled = pairs.assign(
        chosen=[f"good {words[safe]}" for safe in chosen_safe],
        rejected=[f"bad {words[safe]}" for safe in rejected_safe],
        chosen_safe=chosen_safe,
        rejected_safe=rejected_safe,
    )
    train(
        tmp_path / "out",
        pairs=labelled,
        epochs=6,
        safety_loss=True,
        center_rewards_coefficient=None,
    )
    reward = SequenceClassifierReward.load(tmp_path / "out")
    prompts = ["\n\nHuman: please tell w1\n\nAssistant:"] * 4
    scores = reward.score(prompts, ["good w0", "bad w0", "good w15", "bad w15"])
    assert (scores[:2] > 0).all()
    assert (scores[2:] < 0).all()
    assert scores[0] > scores[1]
    assert scores[2] > scores[3]


def test_safety_needs_its_columns_and_its_zero(train, tmp_path, pairs):
    with pytest.raises(ValueError, match="no column 'chosen_safe'"):
        train(tmp_path / "out", safety_loss=True, center_rewards_coefficient=None)
    with pytest.raises(ValidationError, match="set center_rewards_coefficient to null"):
        RewardTraining(safety_loss=True)


# Groups

PROMPT = "\n\nHuman: please tell w1\n\nAssistant:"
GROUPS = [
    RankedGroup(PROMPT, ("good", "bad w1 w2", "w3", "w4 w5"), (3.0, 0.0, 1.0, 1.0)),
    RankedGroup(PROMPT, ("good good", "bad"), (1.0, 0.0)),
    RankedGroup(PROMPT, ("w7", "w8 good", "bad w9"), (1.0, 2.0, 0.0)),
]


@pytest.fixture
def reward(language_model, tokenizer):
    model = fresh_reward_model(language_model, tokenizer, max_length=32, seed=0)
    with torch.no_grad():  # far from 0, so that gradients are no rounding
        for parameter in model.model.parameters():
            if parameter.ndim > 1:
                parameter *= 4
    return model


@pytest.mark.parametrize("size", [2, 5, 7, 9])
def test_groups_in_parts_give_the_gradient_of_the_whole(reward, first_gradients, size):
    settings = RankedTraining(epochs=1, batch_size=9, warmup_steps=0)
    facts = [
        refine_reward_model(reward, GROUPS, settings.model_copy(update=changes))[1]
        for changes in ({}, {"micro_batch_size": size})
    ]
    assert facts[0]["first_loss"] == pytest.approx(facts[1]["first_loss"], rel=1e-5)
    whole, parts = first_gradients
    assert max(float(g.norm()) for g in whole) > 0.01
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_groups_stay_whole_in_their_order():
    sizes = [3, 2, 6, 1, 1, 4]
    assert filled(range(6), sizes, 5) == [[0, 1], [2], [3, 4], [5]]  # 5; 6 alone; 2, and 4 more
    assert filled([5, 0, 1], sizes, None) == [[5, 0, 1]]
    assert filled([], sizes, 5) == []


def test_a_part_weighs_by_its_share_of_the_comparisons():
    scores, labels = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])
    alone = ranking_loss(scores, labels, torch.zeros(2, dtype=torch.long))
    assert alone.item() == pytest.approx(-logsigmoid(torch.tensor(1.0)).item())
    part = ranking_loss(scores, labels, torch.zeros(2, dtype=torch.long), n_comparisons=4)
    assert part.item() == pytest.approx(alone.item() / 4)


@pytest.mark.parametrize("base_precision", ["float32", "bfloat16"])
def test_refining_through_adapters(reward, base_precision):
    lora = LORA.model_copy(update={"base_precision": base_precision})
    before = copy.deepcopy(reward.model.state_dict())
    settings = RankedTraining(epochs=30, batch_size=9, learning_rate=1e-2, lora=lora)
    refined, facts = refine_reward_model(reward, GROUPS, settings)
    assert facts["last_loss"] < 0.7 * facts["first_loss"]
    after = refined.model.state_dict()
    assert after.keys() == before.keys()
    assert {value.dtype for value in after.values()} == {torch.float32}
    assert not refined.autocast
    name = "gpt_neox.embed_in.weight"
    assert torch.equal(after[name], before[name].to(getattr(torch, base_precision)).float())
    assert not torch.equal(after["score.weight"], before["score.weight"])
    assert all(torch.equal(value, before[key]) for key, value in reward.model.state_dict().items())


def test_refining_in_bfloat16_is_coarser_and_ends_with_the_training(reward, monkeypatch):
    losses = {}
    for precision in ("float32", "bfloat16"):
        settings = RankedTraining(epochs=1, batch_size=9, precision=precision)
        refined, facts = refine_reward_model(reward, GROUPS, settings)
        losses[precision] = facts["first_loss"]
        assert not refined.autocast
    assert 0 < abs(losses["bfloat16"] - losses["float32"]) < 0.05 * losses["float32"]
