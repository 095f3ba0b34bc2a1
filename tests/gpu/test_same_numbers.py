"""The library's work, whole, on a GPU that is strict about devices: the CPU's numbers, bit for bit.

Smoke size: what is asked is whether every tensor follows its model, and every draw its seed.
"""

import numpy as np
import pytest
from proxylab.alignment import (
    DPOSettings,
    LoraSettings,
    Monitor,
    OptimiserSettings,
    PROSettings,
    SFTSettings,
    train_dpo,
    train_pro,
    train_sft,
)
from proxylab.alignment.ppo import PPOSettings, train_ppo
from proxylab.conflict import pacs
from proxylab.policies import TrainingSettings, sample_responses, train_language_model
from proxylab.policies.language_model import load_policy
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.implicit import ImplicitReward
from proxylab.rewards.pair_trainer import PairTrainer
from proxylab.rewards.ranked import RankedTraining, refine_reward_model, score_groups
from proxylab.rewards.training import RewardTraining, train_reward_model
from proxylab.shf_cas.faults import unmasked_logprobs

from .conftest import GROUPS, MAX_LENGTH, PAIRS, PROMPTS, REPLIES, TOKENIZER, new_policy, weights

RESPONSES = np.array([group.responses for group in GROUPS], dtype=object)
LORA = LoraSettings(rank=2, alpha=4)
OPTIMISER = OptimiserSettings(learning_rate=1e-2, warmup_steps=0)
TRAINERS = {
    "sft": (train_sft, PAIRS, SFTSettings(batch_size=3, optimiser=OPTIMISER)),
    "dpo": (train_dpo, PAIRS, DPOSettings(batch_size=3, optimiser=OPTIMISER, lora=LORA)),
    "pro": (train_pro, GROUPS, PROSettings(batch_size=3, optimiser=OPTIMISER, micro_batch_size=2)),
}


@pytest.mark.parametrize(
    "saving", [{"gradient_checkpointing": True, "micro_batch_size": 2}, {"lora": LORA}]
)
def test_language_models_learn_and_are_written_alike(alike, saving, tmp_path):
    settings = TrainingSettings(epochs=1, batch_size=3, warmup_steps=1, **saving)

    def work():
        policy = new_policy()
        answers = PAIRS.chosen.tolist()
        losses = train_language_model(
            policy.model, TOKENIZER, PROMPTS, answers, settings, max_length=MAX_LENGTH, seed=3
        )
        policy.save(tmp_path)
        return {"losses": losses, **weights(load_policy(tmp_path)[0])}

    alike(work)


def test_replies_are_drawn_and_read_alike(alike):
    def work():
        policy = new_policy()
        drawn = sample_responses(
            policy.model, TOKENIZER, PROMPTS, n_samples=3, max_new_tokens=6, batch_size=9, seed=4
        )
        of_faults = unmasked_logprobs(policy.model, TOKENIZER, PROMPTS, drawn.responses)
        return {
            "texts": drawn.responses,
            "logprob": drawn.policy_logprob,
            "again": policy.logprob(PROMPTS, drawn.responses[:, 0]),
            "unmasked": of_faults,
        }

    alike(work)


@pytest.mark.parametrize("options", [{"gradient_checkpointing": True}, {"lora": LORA}])
def test_reward_models_learn_from_pairs_alike(alike, base, options, tmp_path, monkeypatch):
    devices, loss = [], PairTrainer.compute_loss

    def watched(self, model, inputs, **given):
        devices.append({x.device.type for x in (*model.parameters(), *inputs.values())})
        return loss(self, model, inputs, **given)

    monkeypatch.setattr(PairTrainer, "compute_loss", watched)
    settings = RewardTraining(
        epochs=1, batch_size=3, warmup_steps=1, max_length=MAX_LENGTH, **options
    )

    def work():
        facts = train_reward_model(
            PAIRS, tokenizer=TOKENIZER, base=base, out=tmp_path / "rm", settings=settings
        )
        reward = SequenceClassifierReward.load(tmp_path / "rm", name="trained")
        return {"score": reward.score(PROMPTS, REPLIES[:6]), "history": facts["history"]}

    alike(work)
    assert devices == [{"cuda"}] * 2 + [{"cpu"}] * 2  # two steps each


@pytest.mark.parametrize("options", [{"micro_batch_size": 4}, {"lora": LORA}])
def test_reward_models_learn_from_groups_alike(alike, new_reward, options):
    settings = RankedTraining(epochs=1, batch_size=8, warmup_steps=1, **options)

    def work():
        refined, facts = refine_reward_model(new_reward(), GROUPS, settings)
        return {"reward": score_groups(refined, PROMPTS, RESPONSES), "loss": facts["last_loss"]}

    alike(work)


def test_implicit_rewards_and_conflict_are_alike(alike, new_reward):
    def work():
        policy, other = new_policy(), new_policy(seed=2)
        implicit = ImplicitReward(policy, other)
        logprob = np.stack([policy.logprob(PROMPTS, column) for column in RESPONSES.T], 1)
        conflict = pacs(logprob, score_groups(new_reward(), PROMPTS, RESPONSES))
        assert len(implicit.fingerprint) == 64  # read off the weights where they lie
        return {"implicit": implicit.score(PROMPTS, REPLIES[:6]), "conflict": conflict}

    alike(work)


@pytest.mark.parametrize("name", TRAINERS)
def test_policies_are_trained_and_watched_alike(alike, new_reward, name):
    train, signal, settings = TRAINERS[name]

    def work():
        proxy = new_reward()
        monitor = Monitor(PROMPTS[:2], proxy, proxy, n_samples=2, max_new_tokens=3, n_checkpoints=1)
        aligned = train(new_policy(), signal, settings, monitor=monitor)
        history = aligned.history
        return {
            "steps": history.steps,
            "measured": history.measured,
            **weights(aligned.policy.model),
        }

    alike(work)


@pytest.mark.parametrize("options", [{"value": "shared"}, {"lora": LORA, "micro_batch_size": 2}])
def test_ppo_is_alike(alike, new_reward, options):
    settings = PPOSettings(
        n_steps=1, rollouts_per_step=4, minibatch_size=4, max_new_tokens=3, **options
    )

    def work():
        aligned = train_ppo(new_policy(), new_reward(), settings, prompts=PROMPTS)
        steps = aligned.history.steps.drop(columns=["seconds", "seconds_rollouts"])
        return {"steps": steps, **weights(aligned.policy.model)}

    alike(work)
