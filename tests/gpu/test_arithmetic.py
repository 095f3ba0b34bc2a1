"""What only a GPU does: TF32, bfloat16 where replies are drawn, a device that a process is on."""

import numpy as np
import pytest
import torch
from proxylab.alignment import DPOSettings, Monitor, SFTSettings, train_dpo, train_sft
from proxylab.alignment.training import summed_logprobs
from proxylab.policies import shared_prompt
from proxylab.rewards.ranked import score_groups
from proxylab.rewards.shared_prefix import plain_scores, shares_prefixes

from .conftest import PAIRS, PROMPTS, TOKENIZER, new_policy

TOKENS = [[[5, 6, 7, 8 + i, 9, 3 + j] for j in range(4)] for i in range(4)]


def test_prefixes_are_shared_in_tf32_too(gpu, new_reward):
    padding = {"pad_token_id": TOKENIZER.pad_token_id}
    with gpu(tf32=True):
        model = new_reward().model
        with torch.no_grad():
            model.score.weight *= 5  # to scores as a trained head gives them, whose rounding shows
            assert 0.5 < float(plain_scores(model, TOKENS, **padding).std()) < 5
        assert shares_prefixes(model, TOKENS, **padding)


def test_replies_are_drawn_in_bfloat16_and_read_in_float32(gpu, monkeypatch):
    drawn, logits = [], shared_prompt._next_logits

    def watched(model, *given):
        drawn.append(torch.is_autocast_enabled("cuda"))
        return logits(model, *given)

    monkeypatch.setattr(shared_prompt, "_next_logits", watched)
    with gpu(bfloat16=True), torch.inference_mode():
        policy = new_policy()
        samples = policy.sample(PROMPTS[:2], n_samples=2, max_new_tokens=4, seed=0)
        assert drawn
        assert all(drawn)
        again = summed_logprobs(policy.model, samples.dialogues).tolist()
        np.testing.assert_allclose(samples.policy_logprob.ravel(), again, atol=1e-5)


def test_judges_are_read_in_full_whatever_the_policy_is_trained_in(gpu, new_reward, monkeypatch):
    found = []

    def watched(self, judge, samples):
        found.append(score_groups(judge, samples.prompts, samples.responses))
        return found[-1].mean(1)

    with gpu(bfloat16=True):
        proxy = new_reward()
        monitor = Monitor(PROMPTS[:2], proxy, proxy, n_samples=2, max_new_tokens=3, n_checkpoints=1)
        monkeypatch.setattr(Monitor, "_mean_score", watched)
        train_dpo(new_policy(), PAIRS, DPOSettings(precision="bfloat16"), monitor=monitor)
    assert len(found) == 4
    for rewards in found:  # bfloat16 has none of these numbers
        assert (rewards != torch.tensor(rewards).bfloat16().double().numpy()).all()


@pytest.mark.parametrize("order", [("cuda:0", "cpu"), ("cpu", "cuda:0"), ("cuda:0", "cuda:1")])
def test_each_policy_is_trained_where_it_is_and_watched_beside_its_reference(gpu, order):
    with gpu(2):
        for device in order:
            policy = new_policy()
            policy.model.to(device)
            monitor = Monitor(PROMPTS[:1], n_samples=1, max_new_tokens=2, n_checkpoints=1)
            aligned = train_sft(policy, PAIRS, SFTSettings(), monitor=monitor)
            assert str(aligned.policy.model.device) == device
