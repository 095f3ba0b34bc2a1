"""From rankings to completions: ties, extremes, and where the budget runs out."""

import numpy as np
import pytest
from proxylab.selection import Pool, extreme_rank, in_rounds, random_rank, ranked, spend
from proxylab.selection.budget import whole_prompts

NAN = np.nan


def pool_of(pacs_order, **fields):
    """A pool whose PACS falls and rises with the given numbers, log-probabilities reversed."""
    values = np.asarray(pacs_order, float)
    return Pool(values, -values, **fields)


FOUR = np.array([[1.0, 2.0, 3.0, 4.0]] * 3)


def test_ranked_falls_and_puts_the_undefined_last(rng):
    assert ranked(np.array([NAN, 1.0, 3.0, 2.0]), rng=rng).tolist() == [2, 3, 1, 0]


def test_a_second_score_decides_only_ties(rng):
    first, second = np.array([1.0, 0.0, 1.0]), np.array([0.0, 9.0, 5.0])
    assert ranked(first, second, rng=rng).tolist() == [2, 0, 1]


def test_rounding_does_not_decide_and_ties_are_drawn():
    score = np.array([0.3 + 1e-13, 0.3]) * 1e-12  # all but equal, in small units
    firsts = {int(ranked(score, rng=np.random.default_rng(seed))[0]) for seed in range(20)}
    assert firsts == {0, 1}


def test_small_units_rank_like_large_ones(rng):
    assert ranked(np.array([1e-15, 3e-15, 2e-15]), rng=rng).tolist() == [1, 2, 0]


def test_extremes_come_first(rng):
    # PACS rises with the column: largest 3, smallest 0, then 2, then 1.
    assert extreme_rank(pool_of(FOUR), rng)[0].tolist() == [1, 3, 2, 0]


def test_extremes_are_of_what_is_left(rng):
    pool = pool_of(FOUR, labels=[[5.0, NAN, NAN, NAN]] + [[NAN] * 4] * 2)
    rank = extreme_rank(pool, rng)[0]
    assert rank[1:].tolist() == [1, 2, 0]
    assert rank[0] >= 4  # never within what a prompt can give


def test_a_random_order_is_one_and_is_random():
    rank = random_rank(Pool(np.zeros((400, 3)), np.zeros((400, 3))), np.random.default_rng(0))
    assert np.sort(rank, axis=1).tolist() == [[0, 1, 2]] * 400
    assert abs((rank[:, 0] == 0).mean() - 1 / 3) < 0.08  # over 3 standard errors (0.024)


def test_rounds_give_every_completion_once():
    prompts, sizes = in_rounds(np.array([2, 0, 1]), np.array([3, 1, 4]), 2)
    assert prompts.tolist() == [2, 0, 1, 2, 0, 1]
    assert sizes.tolist() == [2, 2, 1, 2, 1, 0]


def taken(pool, budget, order=(0, 1, 2)):
    mask = whole_prompts(
        np.array(order), pool, budget, extreme_rank(pool, np.random.default_rng(0))
    )
    return mask


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (0, [0, 0, 0]),
        (1, [1, 0, 0]),  # nothing to give up: a lone completion
        (2, [2, 0, 0]),
        (4, [4, 0, 0]),
        (5, [3, 2, 0]),  # 4 + 1 would leave a completion without a partner
        (6, [4, 2, 0]),
        (9, [4, 3, 2]),  # the last whole prompt gives one up
        (12, [4, 4, 4]),
    ],
)
def test_whole_prompts_then_the_rest(budget, expected):
    assert taken(pool_of(FOUR), budget).sum(axis=1).tolist() == expected


def test_the_part_bought_of_a_prompt_is_its_extremes():
    mask = taken(pool_of(FOUR), 6)
    assert mask[1].tolist() == [True, False, False, True]


def test_what_is_given_up_is_the_least_extreme():
    # From [1, 3, 2, 0], the order of extremes, the last is column 1.
    assert taken(pool_of(FOUR), 5)[0].tolist() == [True, False, True, True]


def test_a_single_completion_joins_an_earlier_label():
    pool = pool_of(FOUR, labels=[[NAN] * 4, [5.0, NAN, NAN, NAN], [NAN] * 4])
    assert taken(pool, 5).sum(axis=1).tolist() == [4, 1, 0]


def test_a_single_completion_joins_a_chosen_prompt_that_has_more():
    pool = pool_of(FOUR)
    units = in_rounds(np.array([0, 1, 2]), pool.available.sum(axis=1), 2)
    mask = spend(*units, pool, 5, extreme_rank(pool, np.random.default_rng(0)))
    assert mask.sum(axis=1).tolist() == [3, 2, 0]


def test_prompts_without_anything_left_are_passed_over():
    pool = pool_of(FOUR, labels=[[1.0] * 4, [NAN] * 4, [NAN] * 4])
    assert taken(pool, 4).sum(axis=1).tolist() == [0, 4, 0]
