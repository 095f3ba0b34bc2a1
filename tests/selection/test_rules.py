"""Each rule on pools where the right choice can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.conflict import kendall_tau_distance
from proxylab.selection import (
    SELECTORS,
    Pool,
    acceptance_rank,
    expected_regret,
    rso_selector,
    select,
    threshold_selector,
)
from proxylab.selection.conflict_rules import correlation_score

NAN = np.nan
ORDER = np.array([1.0, 2.0, 3.0, 4.0])
# Prompt 0: log-probabilities in the order of the rewards. 1: two neighbours swapped (distance
# 1/6). 2: reversed (distance 1). 3: constant reward, undefined.
REWARD = np.array([ORDER, ORDER, ORDER, [0.0] * 4])
LOGPROB = np.array([ORDER, [1.0, 2.0, 4.0, 3.0], ORDER[::-1], ORDER]) - 10
POOL = Pool(REWARD, LOGPROB, gold_reward=np.zeros((4, 4)))


def prompts_chosen(name, pool, budget, seed=0):
    mask = select(name, pool, budget, rng=np.random.default_rng(seed))
    return np.flatnonzero(mask.any(axis=1)).tolist()


@pytest.mark.parametrize("name", ["conflict", "kendall_tau", "gate_then_rank"])
def test_conflict_rules_go_from_reversed_to_alike_to_undefined(name):
    for seed in range(5):
        found = [prompts_chosen(name, POOL, 4 * n, seed) for n in (1, 2, 3)]
        assert found == [[2], [1, 2], [0, 1, 2]]


def test_low_conflict_is_the_reverse_and_leaves_the_undefined_last():
    for seed in range(5):
        found = [prompts_chosen("low_conflict", POOL, 4 * n, seed) for n in (1, 2, 3)]
        assert found == [[0], [0, 1], [0, 1, 2]]


def test_correlation_ranks_by_pearson_where_mean_abs_pacs_does_not():
    # z-scores of (0, 0, 0, 4) are (-1, -1, -1, 3) / sqrt 3 and of (1, 2, 3, 4) are
    # (-3, -1, 1, 3) / sqrt 5. Both prompts pair such a one with its like, one value moved: Pearson
    # puts the second further apart (numpy, below); the rule must follow it.
    reward = np.array([[0.0, 0.0, 0.0, 4.0], ORDER])
    logprob = np.array([[0.0, 0.0, 1.0, 4.0], [1.0, 4.0, 2.0, 3.0]])
    rho = [np.corrcoef(r, p)[0, 1] for r, p in zip(reward, logprob, strict=True)]
    assert rho[1] < rho[0]
    assert prompts_chosen("correlation", Pool(reward, logprob), 4) == [1]
    assert correlation_score(Pool(reward, logprob)) == pytest.approx(1 - np.array(rho))


def test_random_pairs_takes_two_completions_of_each_prompt_first():
    for seed in range(5):
        mask = select("random_pairs", POOL, 8, rng=np.random.default_rng(seed))
        assert mask.sum(axis=1).tolist() == [2, 2, 2, 2]
        mask = select("random_pairs", POOL, 10, rng=np.random.default_rng(seed))
        assert sorted(mask.sum(axis=1).tolist()) == [2, 2, 2, 4]


def test_random_takes_each_prompt_equally_often():
    found = [prompts_chosen("random", POOL, 4, seed)[0] for seed in range(400)]
    shares = np.bincount(found, minlength=4) / 400
    assert np.abs(shares - 0.25).max() < 0.08  # 3.7 standard errors (0.0217)


def test_random_does_not_use_conflict_within_a_prompt():
    masks = [select("random", POOL, 2, rng=np.random.default_rng(seed)) for seed in range(300)]
    columns = np.sum(masks, axis=(0, 1)) / 600
    assert np.abs(columns - 0.25).max() < 0.08  # conflict's remainder would take the ends only


def test_threshold_draws_above_it_and_ranks_below_it():
    # Conflict, in units of sd 1.118: reversed 8/4 = 2, twice; neighbours swapped 2/4; alike 0.
    reward = np.array([ORDER] * 4)
    logprob = np.array([ORDER[::-1], ORDER[::-1], [1.0, 2.0, 4.0, 3.0], ORDER])
    pool = Pool(reward, logprob)
    assert pool.conflict[2] < 1.0 < pool.conflict[0]
    firsts = [prompts_chosen("threshold", pool, 4, seed) for seed in range(40)]
    assert {tuple(first) for first in firsts} == {(0,), (1,)}
    for seed in range(5):
        assert prompts_chosen("threshold", pool, 12, seed) == [0, 1, 2]


def test_threshold_ignores_how_far_above():
    # At threshold 0.1 prompts 1 and 2 are both above, so that either comes first.
    rule = threshold_selector(0.1)
    firsts = {
        int(np.argmax(rule(POOL, 4, rng=np.random.default_rng(seed)).any(axis=1)))
        for seed in range(40)
    }
    assert firsts == {1, 2}


def test_per_pair_takes_the_ends_and_then_the_next_ends():
    pool = Pool(REWARD[:3], LOGPROB[:3])
    rng = np.random.default_rng(0)
    first = SELECTORS["per_pair"](pool, 2, rng=rng)
    assert np.argwhere(first).tolist() == [[2, 0], [2, 3]]  # the reversed prompt's ends
    each = SELECTORS["per_pair"](pool, 6, rng=rng)
    assert each.sum(axis=1).tolist() == [2, 2, 2]
    # In prompt 1 only the swapped columns have PACS other than 0, and opposite signs.
    assert each[1].tolist() == [False, False, True, True]
    again = SELECTORS["per_pair"](pool, 8, rng=rng)
    assert again.sum(axis=1).tolist() == [2, 2, 4]  # second gaps: 0, 0 and 2 / sd


def test_per_pair_leaves_the_undefined_to_the_end():
    assert prompts_chosen("per_pair", POOL, 12) == [0, 1, 2]


def test_positive_pacs_takes_what_the_proxy_over_values():
    # Prompt 2, sd 1.118: PACS -2.68, -0.89, 0.89, 2.68. Prompt 1: 0, 0, -0.89, 0.89.
    found = {n: select("positive_pacs", POOL, n, rng=np.random.default_rng(0)) for n in (2, 4)}
    assert np.argwhere(found[2]).tolist() == [[2, 2], [2, 3]]
    assert found[4][2].sum() == found[4][1].sum() == 2
    assert found[4][1, 3]


def test_positive_pacs_gives_a_labelled_prompt_no_partner():
    # Largest PACS 2.68 in both prompts; a second of 0.89 or 0 is bought only as a partner.
    reward, logprob = np.array([ORDER] * 2), np.array([ORDER[::-1], [4.0, 2.0, 3.0, 1.0]])
    labels = np.full((2, 4), NAN)
    labels[:, 0] = 1.0
    pool = Pool(reward, logprob, labels=labels)
    for seed in range(5):
        mask = select("positive_pacs", pool, 2, rng=np.random.default_rng(seed))
        assert np.argwhere(mask).tolist() == [[0, 3], [1, 3]]


def test_gate_then_rank_puts_the_order_before_the_size():
    # Prompt 0: distance 4/6 at conflict (3 + 1 + 0 + 2) / 4 / 1.118 = 1.34. Prompt 1: its one
    # outlier is swapped, conflict 1.73 at distance 3/6, not above that of unrelated rankings.
    reward = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.1, 0.2, 9.0]])
    logprob = np.array([[4.0, 1.0, 3.0, 2.0], [9.1, 9.2, 9.3, 0.0]])
    pool = Pool(reward, logprob)
    assert kendall_tau_distance(reward, logprob).tolist() == [4 / 6, 3 / 6]
    assert pool.conflict[1] > pool.conflict[0]
    assert prompts_chosen("gate_then_rank", pool, 4) == [0]
    assert prompts_chosen("conflict", pool, 4) == [1]


def test_highest_reward_looks_at_the_best_completion():
    reward = np.array([[9.0, 0.0, 0.0], [5.0, 5.0, 5.0], [NAN, NAN, NAN]])
    pool = Pool(reward, np.zeros((3, 3)))
    assert prompts_chosen("highest_reward", pool, 3) == [0]
    assert prompts_chosen("highest_reward", pool, 6) == [0, 1]


def test_uncertainty_finds_the_prompt_on_which_the_members_differ():
    agree = np.array([ORDER, ORDER, ORDER])
    differ = np.array([ORDER * 7 - 3, ORDER[::-1], ORDER])  # another scale is no disagreement
    pool = Pool(agree, agree, ensemble_reward=np.array([agree, differ]))
    assert prompts_chosen("uncertainty", pool, 4) == [1]


def test_expected_regret_by_hand():
    # Gold 0, 1, 3. Reversed: all three gaps 1, 3, 2 are lost, mean 2. Same order: none.
    # Proxy ties the last two: half of their gap 2, and the other pairs are right: 1 / 3.
    gold = np.array([[0.0, 1.0, 3.0]] * 4)
    proxy = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 2.0], [NAN, NAN, 1.0]])
    regret = expected_regret(proxy, gold)
    assert regret[:3] == pytest.approx([2.0, 0.0, 1 / 3])
    assert np.isnan(regret[3])


def test_expected_regret_of_unit_gaps_is_the_kendall_distance():
    rng = np.random.default_rng(0)
    proxy, gold = rng.normal(size=(50, 2)), np.tile([0.0, 1.0], (50, 1))
    np.testing.assert_allclose(expected_regret(proxy, gold), kendall_tau_distance(proxy, gold))


def test_the_oracle_weighs_the_mistake_by_what_it_costs():
    proxy = np.array([ORDER[::-1], ORDER[::-1], ORDER])
    gold = np.array([ORDER, ORDER * 10, ORDER * 100])
    pool = Pool(proxy, proxy, gold_reward=gold)
    assert prompts_chosen("oracle", pool, 4) == [1]
    assert prompts_chosen("oracle", pool, 8) == [0, 1]


def test_rso_with_a_small_beta_takes_the_best():
    pool = Pool(np.array([[1.0, 4.0, 2.0, 3.0]] * 5), np.zeros((5, 4)))
    mask = rso_selector(beta=1e-9, n_accepted=2)(pool, 10, rng=np.random.default_rng(0))
    assert mask.tolist() == [[False, True, False, True]] * 5


def test_rso_accepts_with_the_stated_probability():
    # Two candidates, the best first: the other is accepted in the first sweep with probability
    # exp(-1/1); then the order is drawn, so it comes first with exp(-1) / 2 = 0.184.
    pool = Pool(np.tile([1.0, 0.0], (4000, 1)), np.zeros((4000, 2)))
    rank = acceptance_rank(pool, 1.0, np.random.default_rng(0))
    assert (rank[:, 1] == 0).mean() == pytest.approx(np.exp(-1) / 2, abs=0.02)  # 3 s.e.: 0.018


def test_rso_goes_on_when_every_prompt_has_given_its_share():
    pool = Pool(np.tile(ORDER, (3, 1)), np.zeros((3, 4)))
    rule = rso_selector(n_accepted=2)
    counts = [rule(pool, n, rng=np.random.default_rng(0)).sum(axis=1) for n in (6, 8, 12)]
    assert [sorted(count.tolist()) for count in counts] == [[2, 2, 2], [2, 2, 4], [4, 4, 4]]


@pytest.mark.parametrize("options", [{"beta": 0.0}, {"beta": NAN}, {"n_accepted": 1}])
def test_rso_refuses_settings_without_meaning(options):
    with pytest.raises(ValueError, match="beta > 0 and n_accepted >= 2"):
        rso_selector(**options)


SCALE_FREE = ["conflict", "threshold", "per_pair", "kendall_tau", "gate_then_rank", "positive_pacs"]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), n_samples=st.integers(2, 6), budget=st.integers(0, 15))
def test_shift_and_scale_of_each_prompts_rewards_change_no_conflict_rule(seed, n_samples, budget):
    rng = np.random.default_rng(seed)  # few values: many ties, which rounding must not break
    reward, logprob = rng.integers(0, 4, (2, 10, n_samples)).astype(float)
    moved = reward * rng.uniform(0.1, 10, (10, 1)) + rng.normal(0, 10, (10, 1))
    for name in SCALE_FREE:
        masks = [
            select(name, Pool(values, logprob), budget, rng=np.random.default_rng(0))
            for values in (reward, moved)
        ]
        np.testing.assert_array_equal(*masks)


def test_more_budget_keeps_the_prompts_already_chosen():
    rng = np.random.default_rng(0)
    pool = Pool(*rng.normal(size=(2, 20, 4)))
    for name in ("conflict", "random", "kendall_tau", "threshold"):
        few, many = (set(prompts_chosen(name, pool, n)) for n in (20, 40))
        assert few < many
