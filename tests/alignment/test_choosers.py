"""Best-of-n and the reweighted policy: what they choose, and how they are measured."""

import numpy as np
import pytest
from proxylab.alignment import (
    BestOfNPolicy,
    BestOfNSettings,
    Monitor,
    ReweightedPolicy,
    ReweightingSettings,
    train_best_of_n,
    train_reweighted,
)
from proxylab.policies import beta_for_kl, kl_from_reference, optimal_weights
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.nulls import LongestReward
from proxylab.rewards.ranked import score_groups

PROMPTS = ["\n\nHuman: tell me\n\nAssistant:", "\n\nHuman: why why\n\nAssistant:"]
DRAW = {"n_samples": 3, "max_new_tokens": 5, "seed": 7}
FIELDS = ("responses", "policy_logprob", "n_tokens", "finished", "response_ids")
INDIFFERENT = CallableReward("indifferent", lambda prompts, responses: np.zeros(len(prompts)))


def test_each_answer_is_the_best_of_its_own_samples(policy):
    proxy = LongestReward()
    chosen = BestOfNPolicy(policy, proxy, 4).sample(PROMPTS, **DRAW)
    drawn = policy.sample(PROMPTS, **DRAW | {"n_samples": 12})
    reward = score_groups(proxy, PROMPTS, drawn.responses)
    for row in range(2):
        for k in range(3):
            best = 4 * k + int(np.argmax(reward[row, 4 * k : 4 * k + 4]))
            for name in FIELDS:
                assert getattr(chosen, name)[row, k] == getattr(drawn, name)[row, best]
    assert chosen.dialogues[4] == (drawn.prompt_ids[1], chosen.response_ids[1, 1])


@pytest.mark.parametrize("n", [1, 4])
def test_of_equal_samples_the_first_is_taken(policy, n):
    chosen = BestOfNPolicy(policy, INDIFFERENT, n).sample(PROMPTS, **DRAW)
    drawn = policy.sample(PROMPTS, **DRAW | {"n_samples": 3 * n})
    assert chosen.responses.tolist() == drawn.responses[:, ::n].tolist()


@pytest.mark.parametrize(("beta", "best"), [(1e-3, True), (1e6, False)])
def test_a_small_beta_takes_the_best_and_a_large_one_any(policy, beta, best):
    proxy = LongestReward()
    options = DRAW | {"n_samples": 40}
    chosen = ReweightedPolicy(policy, proxy, beta, 4).sample(PROMPTS, **options)
    drawn = policy.sample(PROMPTS, **options | {"n_samples": 160})
    reward = score_groups(proxy, PROMPTS, drawn.responses)
    found = score_groups(proxy, PROMPTS, chosen.responses)
    if best:
        assert found.tolist() == reward.reshape(2, 40, 4).max(-1).tolist()
    else:
        error = reward.std() / np.sqrt(80)
        assert found.mean() == pytest.approx(reward.mean(), abs=3 * error)
        assert found.mean() < reward.reshape(2, 40, 4).max(-1).mean() - 3 * error


def test_draws_follow_the_weights(policy):
    # the same four rewards every time: 0, 1, 2, 3
    reward = np.tile([0.0, 1.0, 2.0, 3.0], (1, 4000, 1))
    places = ReweightedPolicy(policy, INDIFFERENT, 1.5, 4)._draw(reward, np.random.default_rng(0))
    found = np.bincount(places.ravel(), minlength=4) / 4000
    expected = optimal_weights(reward[0, :1], 1.5)[0]
    assert (np.abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)).all()


def test_a_seed_names_the_draws(policy):
    chooser = ReweightedPolicy(policy, LongestReward(), 2.0, 4)
    first, again = chooser.sample(PROMPTS, **DRAW), chooser.sample(PROMPTS, **DRAW)
    other = chooser.sample(PROMPTS, **DRAW | {"seed": 8})
    assert first.responses.tolist() == again.responses.tolist() != other.responses.tolist()


def test_beta_is_found_for_a_kl(policy):
    settings = ReweightingSettings(kl=0.5, n_candidates=8, max_new_tokens=5, seed=2)
    facts = train_reweighted(policy, LongestReward(), settings, prompts=PROMPTS).history.facts
    drawn = policy.sample(PROMPTS, n_samples=8, max_new_tokens=5, seed=2)
    reward = score_groups(LongestReward(), PROMPTS, drawn.responses)
    assert facts["beta"] == beta_for_kl(reward, 0.5)
    spent = kl_from_reference(optimal_weights(reward, facts["beta"])).mean()
    assert spent == pytest.approx(0.5, abs=1e-6)


def test_both_are_measured_before_and_after(policy):
    monitor = Monitor(PROMPTS, proxy=LongestReward(), n_samples=4, max_new_tokens=5)
    lines = []
    for train, settings in (
        (train_best_of_n, BestOfNSettings(n=8)),
        (train_reweighted, ReweightingSettings(beta=0.5, n_candidates=8)),
    ):
        aligned = train(policy, LongestReward(), settings, monitor=monitor, progress=lines.append)
        measured = aligned.history.measured
        assert measured["step"].tolist() == [0, 0, 1, 1]
        reward = measured.groupby("step")["reward"].mean()
        assert reward[1] > reward[0] + 1
        assert measured["kl"].isna().tolist() == [False, False, True, True]
        assert aligned.policy.name == settings.algorithm
        assert aligned.history.steps.empty
    assert len(lines) == 2


def test_settings_that_contradict_are_errors(policy):
    for options in ({}, {"beta": 1.0, "kl": 1.0}):
        with pytest.raises(ValueError, match="give either beta or kl"):
            ReweightingSettings(**options)
    with pytest.raises(ValueError, match=r"KL of 0\.5 nats needs `prompts`"):
        train_reweighted(policy, INDIFFERENT, ReweightingSettings(kl=0.5))
