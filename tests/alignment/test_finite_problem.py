"""Optimisers against the exact optimum of a problem that can be enumerated."""

import numpy as np
import pytest
from proxylab.alignment import (
    BestOfNPolicy,
    DPOSettings,
    OptimiserSettings,
    PROSettings,
    ReweightedPolicy,
    train_dpo,
    train_pro,
)


@pytest.fixture(scope="module")
def reference(problem):
    return problem.probabilities(problem.reference)


def drawn_frequencies(problem, policy, n):
    drawn = policy.sample(problem.prompts, n_samples=n, max_new_tokens=2, seed=1)
    return problem.frequencies(drawn)


def assert_sampled_from(found, expected, n):
    error = np.sqrt(expected * (1 - expected) / n)
    # a fixed seed; 1 / n for completions so rare that one occurrence is many errors
    assert (np.abs(found - expected) < 4 * error + 2 / n).all()


@pytest.mark.parametrize(("beta", "near"), [(0.5, 0.01), (1.0, 0.0025)])
def test_dpo_with_enough_pairs_approaches_the_optimum(problem, reference, beta, near):
    pairs = problem.preference_pairs(4000, np.random.default_rng(1))
    optimiser = OptimiserSettings(learning_rate=3e-3, schedule="linear")
    settings = DPOSettings(beta=beta, epochs=3, batch_size=100, optimiser=optimiser)
    learned = problem.probabilities(train_dpo(problem.reference, pairs, settings).policy)
    start = problem.kl_to_optimum(reference, beta, among_candidates=True)
    end = problem.kl_to_optimum(learned, beta, among_candidates=True)
    # The pairs leave the rewards uncertain: their maximum-likelihood estimate is itself 0.004 and
    # 0.005 nats from the optimum at beta 0.5, and as errors are divided by beta, 0.001 at beta 1.
    assert (end < near).all()
    assert (end < 0.05 * start).all()
    # the optimum of the other beta is not what it went to
    other = problem.kl_to_optimum(learned, 1.5 - beta, among_candidates=True)
    assert (other > 5 * end).all()


def test_pro_puts_the_candidates_in_the_order_of_their_rewards(problem):
    settings = PROSettings(
        epochs=60, batch_size=2, optimiser=OptimiserSettings(learning_rate=5e-3), sft_weight=0.0
    )
    aligned = train_pro(problem.reference, problem.groups(), settings)
    learned = problem.logprobs(aligned.policy)[:, :5]
    assert (np.argsort(learned, axis=1) == np.argsort(problem.reward, axis=1)).all()


@pytest.mark.parametrize("n", [2, 4])
def test_best_of_n_is_its_enumeration(problem, reference, n):
    samples = 2000
    found = drawn_frequencies(
        problem, BestOfNPolicy(problem.reference, problem.reward_model, n), samples
    )
    for row in range(2):
        reward, p = problem.rewards[row], reference[row]
        # the best of n is no better than r with probability P(reward <= r)^n
        up_to = np.array([p[reward <= value].sum() for value in reward])
        below = np.array([p[reward < value].sum() for value in reward])
        # of equally good completions, each as often as the reference says it
        expected = (up_to**n - below**n) * p / (up_to - below)
        assert expected.sum() == pytest.approx(1)
        assert_sampled_from(found[row], expected, samples)


def test_reweighting_two_candidates_is_its_enumeration(problem, reference):
    samples, beta = 4000, 0.7
    policy = ReweightedPolicy(problem.reference, problem.reward_model, beta, 2)
    found = drawn_frequencies(problem, policy, samples)
    tilt = np.exp(problem.rewards / beta)
    for p, w, share in zip(reference, tilt, found, strict=True):
        # y is first or second of the two, and is taken over the other, z, by w_y / (w_y + w_z)
        expected = 2 * p * (p * w[:, None] / (w[:, None] + w)).sum(1)
        assert expected.sum() == pytest.approx(1)
        assert_sampled_from(share, expected, samples)


def test_reweighting_many_candidates_approaches_the_optimum(problem, reference):
    beta, samples = 0.7, 500
    policy = ReweightedPolicy(problem.reference, problem.reward_model, beta, 32)
    found = drawn_frequencies(problem, policy, samples)
    # Among the candidates, for one draw of a completion that is never seen otherwise costs as
    # much as all else. Frequencies of 500 draws over five are 4 / 1000 nats away by themselves.
    end = problem.kl_to_optimum(found, beta, among_candidates=True)
    start = problem.kl_to_optimum(reference, beta, among_candidates=True)
    assert (end < 0.015).all()
    assert (end < 0.1 * start).all()
