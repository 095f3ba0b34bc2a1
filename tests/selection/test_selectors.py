"""What every selector promises: the budget, the pool it may see, its needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.selection import SELECTORS, Pool, Selector, by_prompt, select

NAMES = sorted(SELECTORS)
OPTIONAL = {"n_tokens", "responses", "region", "ensemble_reward", "gold_reward"}


def fields_of(pool):
    names = ["proxy_reward", "policy_logprob", "labels", *sorted(OPTIONAL)]
    return {name: getattr(pool, name) for name in names}


@st.composite
def pools(draw):
    """Small pools with ties, ragged padding, constant prompts and labels that are already there."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_values = draw(st.sampled_from([1, 2, 100]))  # 1: every prompt constant, and so undefined
    reward, logprob = rng.integers(0, n_values, (2, *shape)).astype(float)
    reward[rng.random(shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    labelled = (rng.random(shape) < draw(st.sampled_from([0.0, 0.5]))) & ~np.isnan(reward)
    return Pool(
        reward,
        logprob,
        n_tokens=rng.integers(1, 4, shape),
        responses=rng.choice(np.array(["a", "a b", ""], object), shape),
        region=rng.choice(["x", "y"], shape[0]),
        ensemble_reward=rng.integers(0, n_values, (2, *shape)),
        labels=np.where(labelled, rng.normal(size=shape), np.nan),
        gold_reward=rng.normal(size=shape),
    )


@settings(max_examples=60, deadline=None)
@given(pool=pools(), data=st.data())
def test_every_selector_spends_exactly_the_budget_on_what_is_available(pool, data):
    budget = data.draw(st.integers(0, pool.n_available))
    for name in NAMES:
        mask = SELECTORS[name].choose(pool, budget, np.random.default_rng(0))
        assert mask.dtype == bool
        assert mask.shape == pool.shape
        assert mask.sum() == budget, name
        assert not (mask & ~pool.available).any(), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [2, 3, 9, 17, 25, 40])
def test_no_completion_is_bought_without_a_partner(name, budget, full_pool, rng):
    counts = select(name, full_pool, budget, rng=rng).sum(axis=1)
    assert not (counts == 1).any()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_choice(name, full_pool):
    first, second = (select(name, full_pool, 21, rng=np.random.default_rng(5)) for _ in "ab")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"oracle"}))
def test_only_the_oracle_sees_the_gold_reward(name, full_pool):
    half = select("random", full_pool, 60, rng=np.random.default_rng(2))
    fields = fields_of(full_pool.with_labels(half, full_pool.gold_reward))
    found = [
        select(name, Pool(**{**fields, "gold_reward": gold}), 40, rng=np.random.default_rng(3))
        for gold in (fields["gold_reward"], -fields["gold_reward"], None)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_the_oracle_does_see_it(full_pool):
    other = Pool(**{**fields_of(full_pool), "gold_reward": full_pool.proxy_reward})
    found = [select("oracle", p, 40, rng=np.random.default_rng(3)) for p in (full_pool, other)]
    assert (found[0] != found[1]).any()


def test_a_rule_that_peeks_finds_nothing_to_see(full_pool, rng):
    peeking = Selector("peeking", "reads the gold", by_prompt(lambda pool: pool.gold_reward[:, 0]))
    with pytest.raises(TypeError, match="NoneType"):
        peeking(full_pool, 8, rng=rng)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in NAMES for field in SELECTORS[name].needs]
)
def test_a_need_that_is_missing_is_named(name, field, full_pool, rng):
    pool = Pool(**{**fields_of(full_pool), field: None})
    with pytest.raises(ValueError, match=f"selector '{name}' needs `{field}`"):
        select(name, pool, 4, rng=rng)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_used_that_is_not_declared(name, full_pool, rng):
    bare = dict.fromkeys(OPTIONAL - set(SELECTORS[name].needs))
    pool = Pool(**{**fields_of(full_pool), **bare})
    assert select(name, pool, 11, rng=rng).sum() == 11


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (-1, "from 0, got -1"),
        (2.5, "from 0, got 2.5"),
        (241, "budget 241 exceeds the 240 completions"),
    ],
)
def test_an_impossible_budget_is_refused(budget, message, full_pool, rng):
    with pytest.raises(ValueError, match=message):
        select("random", full_pool, budget, rng=rng)


def test_an_unknown_selector_is_answered_with_the_nearest(full_pool, rng):
    with pytest.raises(ValueError, match=r"no selector `conflicts` \(did you mean `conflict`\?\)"):
        select("conflicts", full_pool, 4, rng=rng)


def test_an_unknown_need_is_refused():
    with pytest.raises(ValueError, match="no field 'gold'"):
        Selector("mine", "", lambda *_: None, needs=("gold",))


def test_a_selector_of_your_own_must_keep_to_the_budget(full_pool, rng):
    greedy = Selector("greedy", "takes all", lambda pool, budget, rng: pool.available)
    with pytest.raises(ValueError, match="'greedy' must choose 5 available completions, chose 240"):
        greedy(full_pool, 5, rng=rng)


def test_every_selector_says_why_in_one_line():
    for name, selector in SELECTORS.items():
        assert selector.name == name
        assert 0 < len(selector.why) < 100
        assert "\n" not in selector.why
