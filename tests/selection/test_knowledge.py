"""Estimates of knowledge by hand, the rules weighted by them, and the ones that learn."""

from dataclasses import replace

import numpy as np
import pytest
from proxylab.selection import (
    Pool,
    confidence,
    ensemble_disagreement,
    features,
    proxy_wrong,
    rank_share,
    select,
    self_consistency,
)

NAN = np.nan
ORDER = np.array([1.0, 2.0, 3.0, 4.0])


def test_self_consistency_by_hand():
    # {a b}, {b c}, {b c}: Jaccard 1/3, 1/3, 1. Without any word: alike. One completion: undefined.
    responses = [["a b", "B, c!", "c b b"], ["", "?", "..."], ["a", "a", "a"]]
    reward = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, NAN], [1.0, NAN, NAN]])
    pool = Pool(reward, reward, responses=responses)
    found = self_consistency(pool)
    assert found[:2] == pytest.approx([5 / 9, 1.0])
    assert np.isnan(found[2])


def test_confidence_counts_each_completion_once():
    # -4 nats over 2 tokens and -3 over 3: means -2 and -1, together -1.5 (not -7/5).
    pool = Pool([[0.0, 1.0, NAN]], [[-4.0, -3.0, -9.0]], n_tokens=[[2, 3, 1]])
    assert confidence(pool) == pytest.approx([-1.5])


def test_disagreement_by_hand():
    # z-scores of ORDER are -+1.342, -+0.447. Members at +-z differ from their mean by |z|, whose
    # mean is 0.894; members that differ by scale do not disagree; one that is constant is left
    # out, and then a single member is none to disagree with.
    members = [
        [ORDER, ORDER, ORDER],
        [ORDER[::-1], ORDER * 5 + 1, np.zeros(4)],
    ]
    pool = Pool([ORDER] * 3, [ORDER] * 3, ensemble_reward=members)
    found = ensemble_disagreement(pool)
    assert found[:2] == pytest.approx([2 / np.sqrt(5), 0.0])
    assert np.isnan(found[2])


def test_disagreement_leaves_padding_out():
    reward = np.array([[1.0, 2.0, 3.0, NAN]])
    members = np.array([[[1.0, 2.0, 3.0, 50.0]], [[1.0, 2.0, 3.0, -50.0]]])
    assert ensemble_disagreement(Pool(reward, reward, ensemble_reward=members)) == pytest.approx(
        [0]
    )


def test_rank_share_by_hand():
    # 5 is the largest of four defined; the two 2s share ranks 2 and 3.
    found = rank_share(np.array([2.0, NAN, 5.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [2.5 / 4, NAN, 1.0, 0.25, 2.5 / 4])


def weighted_pool(**fields):
    """Four prompts: 0 and 1 conflict wholly, 2 and 3 not at all."""
    reward = np.array([ORDER] * 4)
    return Pool(reward, np.array([ORDER[::-1], ORDER[::-1], ORDER, ORDER]) - 10, **fields)


UNLIKE = ["a", "b", "c", "d"]
ALIKE = ["a", "a", "a", "a"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("conflict_x_consistency", {"responses": [UNLIKE, ALIKE, UNLIKE, ALIKE]}),
        ("conflict_x_confidence", {"n_tokens": [[1] * 4, [9] * 4, [1] * 4, [9] * 4]}),
        (
            "conflict_x_agreement",
            {"ensemble_reward": [[ORDER] * 4, [ORDER[::-1], ORDER, ORDER[::-1], ORDER]]},
        ),
        (
            "conflict_x_disagreement",
            {"ensemble_reward": [[ORDER] * 4, [ORDER, ORDER[::-1], ORDER, ORDER[::-1]]]},
        ),
    ],
)
def test_weighted_conflict_needs_both(name, fields):
    # Prompt 1 has conflict and the knowledge that the rule asks for, 2 has neither.
    pool = weighted_pool(**fields)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert select(name, pool, 4, rng=rng)[1].all()
        assert not select(name, pool, 12, rng=rng)[2].any()


def test_proxy_wrong_by_hand():
    labels = np.array(
        [
            [4.0, 3.0, NAN, NAN],  # reversed: wrong
            [1.0, 3.0, NAN, NAN],  # in order: right
            [NAN, 3.0, NAN, NAN],  # one label: undefined
            [2.0, 2.0, NAN, NAN],  # a tie alone: undefined
            [2.0, 1.0, 1.5, NAN],  # 2 of 3 pairs discordant: wrong
            [2.0, 1.0, 2.0, NAN],  # one of each and a tie, tau 0: no better than chance
        ]
    )
    pool = Pool([ORDER] * 6, [ORDER] * 6, labels=labels)
    np.testing.assert_array_equal(proxy_wrong(pool), [1, 0, NAN, NAN, 1, 1])


def test_a_proxy_is_judged_by_what_it_said_before_it_learnt_the_labels():
    labels = np.array([[4.0, 3.0, 2.0, 1.0]])
    pool = Pool(-np.array([ORDER]), [ORDER], labels=labels, reward_when_labelled=[ORDER])
    np.testing.assert_array_equal(proxy_wrong(pool), [1])  # it has learnt them since
    np.testing.assert_array_equal(proxy_wrong(replace(pool, reward_when_labelled=None)), [0])
    np.testing.assert_array_equal(pool.as_labelled.proxy_reward, [ORDER])


def test_nothing_is_known_without_labels():
    assert np.isnan(proxy_wrong(Pool([ORDER], [ORDER]))).all()


@pytest.mark.parametrize("name", ["learned", "learned_by_region"])
def test_without_labels_regions_take_turns_by_conflict(name):
    # Region a: prompts 0 (alike) and 1 (reversed); b: 2 (reversed), 3 (alike), 4 (undefined).
    reward = np.array([ORDER] * 4 + [[0.0] * 4])
    logprob = np.array([ORDER, ORDER[::-1], ORDER[::-1], ORDER, ORDER])
    pool = Pool(reward, logprob, region=["a", "a", "b", "b", "b"])
    for seed in range(5):
        masks = [select(name, pool, n, rng=np.random.default_rng(seed)) for n in (8, 16)]
        found = [np.flatnonzero(mask.any(axis=1)).tolist() for mask in masks]
        assert found == [[1, 2], [0, 1, 2, 3]]


def pool_with_a_bad_region(seed, bad="b"):
    """Conflict says nothing; the proxy follows the gold but in one region, where it reverses it."""
    rng = np.random.default_rng(seed)
    gold, logprob = rng.normal(size=(2, 200, 6))
    region = rng.permutation(np.repeat(["a", "b", "c", "d"], 50))
    sign = np.where(region == bad, -1.0, 1.0)[:, None]
    proxy = sign * gold + rng.normal(0, 0.5, gold.shape)
    pool = Pool(proxy, logprob, region=region, gold_reward=gold)
    first = select("random", pool, 20 * 6, rng=rng)  # twenty prompts are labelled at random
    return pool.with_labels(first, gold)


def share_in(pool, name, seed, bad="b"):
    mask = select(name, pool, 25 * 6, rng=np.random.default_rng(seed))
    return mask[pool.region == bad].sum() / mask.sum()


@pytest.mark.parametrize("name", ["learned", "learned_by_region"])
def test_learned_rules_find_the_region_where_the_proxy_is_wrong(name):
    pools = [pool_with_a_bad_region(seed) for seed in range(8)]
    learned = np.mean([share_in(pool, name, seed) for seed, pool in enumerate(pools)])
    control = np.mean([share_in(pool, "random", seed) for seed, pool in enumerate(pools)])
    assert control < 0.35  # a quarter of the prompts lie there
    assert learned > 0.7


def test_thompson_prefers_what_it_has_not_tried_to_what_was_right():
    # Region a was right 40 times; c has no label: its rate is still open.
    rng = np.random.default_rng(0)
    gold = rng.normal(size=(120, 4))
    region = np.repeat(["a", "c"], 60)
    pool = Pool(gold, rng.normal(size=gold.shape), region=region)
    tried = np.zeros(gold.shape, bool)
    tried[:40] = True
    pool = pool.with_labels(tried, gold)
    assert share_in(pool, "learned_by_region", 0, bad="c") > 0.8


def test_within_a_region_conflict_decides():
    # One region: whatever its rate, the prompts come by conflict, alike (0) after reversed (1).
    labels = [[NAN] * 4, [NAN] * 4, [*ORDER[:2], NAN, NAN]]
    logprob = [ORDER, ORDER[::-1], ORDER]
    pool = Pool([ORDER] * 3, logprob, region=["a"] * 3, labels=labels)
    for seed in range(5):
        mask = select("learned_by_region", pool, 4, rng=np.random.default_rng(seed))
        assert mask[1].all()


def test_learned_finds_what_its_features_show_without_regions():
    # The proxy is wrong where it hardly distinguishes the completions: the reward's sd says so.
    rng = np.random.default_rng(0)
    gold, logprob = rng.normal(size=(2, 200, 6))
    flat = rng.permutation(200) < 60
    proxy = np.where(flat[:, None], -0.1 * gold, gold)
    pool = Pool(proxy, logprob, gold_reward=gold)
    pool = pool.with_labels(select("random", pool, 40 * 6, rng=rng), gold)
    mask = select("learned", pool, 20 * 6, rng=rng)
    assert mask[flat].sum() / mask.sum() > 0.9  # 0.3 by chance


def test_features_grow_with_what_the_pool_knows(full_pool):
    # Four of proxy and policy; consistency and confidence, each twice; disagreement; three regions,
    # each twice. A bare pool is one region.
    assert features(full_pool).shape == (30, 15)
    bare = Pool(full_pool.proxy_reward, full_pool.policy_logprob)
    assert features(bare).shape == (30, 6)
    # Region and conflict within it alternate: each prompt is in one region, with its own conflict.
    regions = features(full_pool)[:, -6:]
    assert regions[:, 0::2].sum(axis=1).tolist() == [1.0] * 30
    assert regions[:, 1::2].sum(axis=1) == pytest.approx(full_pool.conflict, nan_ok=True)
