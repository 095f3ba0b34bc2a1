"""The enumeration against single forward passes, and the optimum against its closed form."""

import dataclasses

import numpy as np
import pytest
from proxylab.alignment.finite import CANDIDATES, PROMPTS, finite_problem
from proxylab.policies import optimal_weights


@pytest.fixture(scope="module")
def reference(problem):
    return problem.probabilities(problem.reference)


def test_every_completion_of_two_tokens_is_enumerated_once(problem, reference):
    # 13 tokens: padding, end, unknown, 8 words, 2 turn markers. The end alone, or one of 12 others
    # followed by any of 13
    assert len(problem.completions) == 1 + 12 * 13 == len(set(problem.completions))
    assert reference.sum(1) == pytest.approx([1, 1], abs=1e-12)


def test_candidates_come_first_with_the_policys_own_probabilities(problem, reference):
    for row, prompt in enumerate(PROMPTS):
        expected = problem.reference.logprob([prompt] * 5, CANDIDATES)
        assert np.log(reference[row, :5]) == pytest.approx(expected, abs=1e-5)


def test_the_reference_answers_with_candidates(problem, reference):
    assert (problem.outside(reference) > 0).all()
    assert (problem.outside(reference) < 0.03).all()
    assert problem.outside(reference) == pytest.approx(reference[:, 5:].sum(1), abs=1e-12)


def test_a_completion_is_rewarded_by_its_text(problem):
    tokenizer = problem.reference.tokenizer
    red, end, unknown = (
        tokenizer.convert_tokens_to_ids("red"),
        tokenizer.eos_token_id,
        tokenizer.unk_token_id,
    )
    column = problem.completions.index
    assert problem.rewards[:, :5].tolist() == problem.reward.tolist()
    # "red" and an unknown token reads "red"; two words read otherwise, and so does silence
    assert problem.rewards[0, column((red, unknown))] == problem.reward[0, 0]
    assert problem.rewards[0, column((red, red))] == problem.outside_reward
    assert problem.rewards[0, column((end,))] == problem.outside_reward
    assert problem.outside_reward == problem.reward.min()


def test_the_optimum_is_the_closed_form(problem, reference):
    beta = 0.7
    tilted = reference * np.exp(problem.rewards / beta)
    expected = tilted / tilted.sum(1, keepdims=True)
    assert problem.optimum(beta) == pytest.approx(expected, abs=1e-12)
    weights = optimal_weights(problem.rewards, beta, reference_logprob=np.log(reference))
    assert problem.optimum(beta) == pytest.approx(weights, abs=1e-12)


def test_the_divergence_of_the_reference_by_hand(problem, reference):
    # KL(ref || ref exp(r/b)/Z) = log Z - E_ref r / b
    beta = 0.7
    log_z = np.log((reference * np.exp(problem.rewards / beta)).sum(1))
    expected = log_z - (reference * problem.rewards).sum(1) / beta
    assert problem.kl_to_optimum(reference, beta) == pytest.approx(expected, abs=1e-10)
    assert problem.kl_to_optimum(problem.optimum(beta), beta) == pytest.approx([0, 0], abs=1e-12)


def test_among_candidates_nothing_outside_counts(problem):
    beta = 0.7
    only = problem.optimum(beta)
    only[:, 5:] = 0
    only /= only.sum(1, keepdims=True)
    inside = problem.kl_to_optimum(only, beta, among_candidates=True)
    assert inside == pytest.approx([0, 0], abs=1e-12)
    # all mass on the candidates, in the right proportions: -log of their share of the optimum
    expected = -np.log(1 - problem.outside(problem.optimum(beta)))
    assert problem.kl_to_optimum(only, beta) == pytest.approx(expected, abs=1e-12)


def test_frequencies_of_samples_approach_the_probabilities(problem, reference):
    n = 4000
    drawn = problem.reference.sample(PROMPTS, n_samples=n, max_new_tokens=2, seed=0)
    found = problem.frequencies(drawn)
    assert found.sum(1) == pytest.approx([1, 1])
    error = np.sqrt(reference * (1 - reference) / n)
    assert (np.abs(found - reference)[:, :5] < 4 * error[:, :5]).all()


def test_pairs_are_labelled_by_the_gap_of_the_rewards(problem):
    pairs = problem.preference_pairs(40_000, np.random.default_rng(0))
    assert (pairs["chosen"] != pairs["rejected"]).all()
    asked = pairs[pairs["prompt"] == PROMPTS[1]]
    first = ((asked["chosen"] == "red") & (asked["rejected"] == "south")).sum()
    second = ((asked["chosen"] == "south") & (asked["rejected"] == "red")).sum()
    n = first + second
    expected = 1 / (1 + np.exp(problem.reward[1, 4] - problem.reward[1, 0]))
    assert n == pytest.approx(2000, abs=4 * np.sqrt(2000))  # 40,000 over 2 prompts and 10 pairs
    assert first / n == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


def test_a_seed_names_the_problem(problem, reference):
    again = finite_problem(seed=0)
    assert np.array_equal(again.reward, problem.reward)
    assert np.array_equal(again.probabilities(again.reference), reference)


def test_the_candidates_of_a_prompt_are_a_group_labelled_with_their_rewards(problem):
    groups = problem.groups()
    assert [group.prompt for group in groups] == list(PROMPTS)
    assert all(group.responses == CANDIDATES for group in groups)
    assert groups[1].label == tuple(problem.reward[1])


def test_a_candidate_of_two_words_is_an_error(problem):
    with pytest.raises(ValueError, match="candidate 'red blue' is 3 tokens"):
        dataclasses.replace(problem, candidates=("red blue", "red"), reward=np.zeros((2, 2)))
