"""PPO as a whole: it reaches the optimum that is known, steers its KL, and can be repeated."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.optimisation import OptimiserSettings
from proxylab.alignment.ppo import PPOSettings, train_ppo
from proxylab.policies.lora import LoraSettings
from proxylab.rewards.interface import CallableReward

PROMPTS = ["\n\nHuman: tell me\n\nAssistant:", "\n\nHuman: why north\n\nAssistant:"]
COUNT = CallableReward("count", lambda prompts, texts: [float(len(t.split())) for t in texts])


def settings(**options):
    small = {
        "n_steps": 2,
        "rollouts_per_step": 8,
        "minibatch_size": 4,
        "max_new_tokens": 4,
        "optimiser": OptimiserSettings(learning_rate=1e-3, warmup_steps=0, epsilon=1e-5),
    }
    return PPOSettings(**small | options)


def weights(policy):
    return {name: weight.clone() for name, weight in policy.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(weight, second[name]) for name, weight in first.items())


def for_finite(problem, **options):
    rate = OptimiserSettings(learning_rate=4e-3, schedule="linear", warmup_steps=0, epsilon=1e-5)
    common = {"rollouts_per_step": 128, "minibatch_size": 128, "inner_epochs": 2}
    short = {"n_steps": 30, "max_new_tokens": problem.max_new_tokens, "optimiser": rate}
    return PPOSettings(**common | short | options)


@pytest.mark.parametrize(("beta", "value"), [(0.5, "separate"), (1.0, "shared")])
def test_it_approaches_the_exact_optimum(problem, beta, value):
    aligned = train_ppo(
        problem.reference,
        problem.reward_model,
        for_finite(problem, beta=beta, value=value),
        prompts=problem.prompts,
    )
    start = problem.kl_to_optimum(problem.probabilities(problem.reference), beta)
    found = problem.kl_to_optimum(problem.probabilities(aligned.policy), beta)
    # the reference is 0.36 and 1.03 nats away at beta 0.5, 0.09 and 0.34 at beta 1, and the two
    # optima 0.077 or more from each other: which beta was asked for shows
    assert found.max() < 0.05
    assert (found < 0.1 * start).all()


def test_the_adaptive_coefficient_brings_the_kl_to_its_target(problem):
    aligned = train_ppo(
        problem.reference,
        problem.reward_model,
        for_finite(
            problem,
            beta=2.0,
            kl_control="adaptive",
            target_kl=0.3,
            kl_gain=0.5,
            # a rate that falls to 0 would leave the controller nothing to steer with
            optimiser=OptimiserSettings(learning_rate=4e-3, schedule="constant_with_warmup"),
        ),
        prompts=problem.prompts,
    )
    steps = aligned.history.steps
    # beta 2 holds the KL at 0.05; the last ten steps' mean is within a fifth of the target
    assert steps["kl"].iloc[-10:].mean() == pytest.approx(0.3, rel=0.2)
    assert steps["beta"].iloc[-1] < 1.5


def test_a_seed_names_the_run_and_the_given_policy_stays(policy):
    before, mode = weights(policy), policy.model.training
    runs = [train_ppo(policy, COUNT, settings(seed=seed), prompts=PROMPTS) for seed in (3, 3, 4)]
    first, again, other = (weights(run.policy) for run in runs)
    assert same(before, weights(policy))
    assert policy.model.training == mode
    assert all(parameter.grad is None for parameter in policy.model.parameters())
    assert same(first, again)
    assert not same(first, other)
    assert not same(first, before)
    timed = ["seconds", "seconds_rollouts"]
    steps = [run.history.steps.drop(columns=timed) for run in runs]
    pd.testing.assert_frame_equal(steps[0], steps[1], check_exact=True)


def test_watching_changes_nothing(policy):
    gold = CallableReward("gold", lambda prompts, texts: [float(len(p)) for p in prompts])
    lines = []
    monitor = Monitor(
        PROMPTS, proxy=COUNT, gold=gold, n_samples=2, max_new_tokens=4, n_checkpoints=2
    )
    own = settings(n_steps=3)
    watched = train_ppo(policy, COUNT, own, prompts=PROMPTS, monitor=monitor, progress=lines.append)
    plain = train_ppo(policy, COUNT, own, prompts=PROMPTS)
    assert same(weights(watched.policy), weights(plain.policy))
    assert watched.history.measured["step"].tolist() == [0, 0, 2, 2, 3, 3]  # halves of three steps
    assert plain.history.measured.empty
    # each of the two prompts is asked four times a step, and gold is its length
    assert (watched.history.steps["gold"] == np.mean([len(p) for p in PROMPTS])).all()
    assert "gold" not in plain.history.steps
    assert len(lines) == 3
    assert lines[-1].startswith("step 3/3, reward ")


def test_the_history_says_what_the_rollouts_were(policy):
    steps = train_ppo(policy, COUNT, settings(beta=0.25), prompts=PROMPTS).history.steps
    assert steps["step"].tolist() == [1, 2]
    first, second = steps.iloc[0], steps.iloc[1]
    assert first["kl"] == pytest.approx(0, abs=1e-6)  # the policy is still the reference
    assert first["kl_log_ratio"] == pytest.approx(0, abs=1e-5)
    assert second["kl"] > 0
    assert second["objective"] == pytest.approx(second["reward"] - 0.25 * second["kl"], abs=1e-5)
    assert steps["n_tokens"].between(1, 4).all()
    assert steps["share_finished"].between(0, 1).all()
    assert first["explained_variance"] == pytest.approx(0, abs=1e-6)  # all values are 0
    assert (steps["gradient_norm"] > 0).all()
    assert (steps["seconds"] > steps["seconds_rollouts"]).all()


@pytest.mark.parametrize("value", ["separate", "shared"])
def test_adapters_are_merged_into_a_plain_model(policy, value, tmp_path):
    aligned = train_ppo(
        policy, COUNT, settings(lora=LoraSettings(rank=2), value=value), prompts=PROMPTS
    )
    assert type(aligned.policy.model) is type(policy.model)
    assert not same(weights(aligned.policy), weights(policy))
    aligned.policy.save(tmp_path)
    loaded = LanguageModelPolicy.load(tmp_path)
    assert loaded.logprob(PROMPTS, ["red", "no yes"]) == pytest.approx(
        aligned.policy.logprob(PROMPTS, ["red", "no yes"]), abs=1e-5
    )


def test_bfloat16_learns_much_the_same(policy):
    exact, rough = (
        train_ppo(policy, COUNT, settings(n_steps=1, precision=precision), prompts=PROMPTS)
        for precision in ("float32", "bfloat16")
    )
    assert {weight.dtype for weight in weights(rough.policy).values()} == {torch.float32}
    assert not same(weights(exact.policy), weights(rough.policy))
    facts = exact.history.steps.iloc[0], rough.history.steps.iloc[0]
    assert facts[0]["entropy"] == pytest.approx(facts[1]["entropy"], rel=0.02)


def test_it_needs_prompts(policy):
    with pytest.raises(ValueError, match="no prompts to answer"):
        train_ppo(policy, COUNT, settings(), prompts=[])


def test_the_given_policy_may_have_dropout(policy):
    dropping = copy.deepcopy(policy.model)
    for module in dropping.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    dropping.train()
    given = LanguageModelPolicy(dropping, policy.tokenizer)
    steps = train_ppo(given, COUNT, settings(n_steps=1), prompts=PROMPTS).history.steps
    assert steps["kl"].iloc[0] == pytest.approx(0, abs=1e-6)  # nothing is dropped on either side
