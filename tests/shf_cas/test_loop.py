"""The loop on models that train in a moment: what is bought, what is learned, what stays equal."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from proxylab.rewards.groups import (
    RankedGroup,
    groups_of_pairs,
    n_comparisons,
)
from proxylab.rewards.ranked import (
    refine_reward_model,
    score_groups,
)
from proxylab.selection import SELECTORS, Selector
from proxylab.shf_cas import (
    FAULTS,
    LoopSettings,
    PreferenceAnnotator,
    RewardAnnotator,
    evaluate,
    run_loop,
)
from pydantic import ValidationError

NAN = np.nan


@pytest.fixture
def run(proxy, pool, gold, original_pairs, settings):
    """Runs the loop to its end; settings and arguments may be changed."""

    def run_with(changes=None, **arguments):
        arguments = {"annotator": RewardAnnotator(gold), **arguments}
        changed = LoopSettings(**{**settings.model_dump(), **(changes or {})})
        place = arguments.pop("pool", pool)
        pairs = arguments.pop("original_pairs", original_pairs)
        return list(run_loop(proxy, place, settings=changed, original_pairs=pairs, **arguments))

    return run_with


class Spy:
    """Takes the first completions there are, and notes what it is shown."""

    def __init__(self, needs=()):
        self.pools, self.draws = [], []
        self.selector = Selector("spy", "looks", self.choose, needs=needs)

    def choose(self, pool, budget, rng):
        self.pools.append(pool)
        self.draws.append(rng.random())
        mask = np.zeros(pool.shape, bool)
        mask.flat[np.flatnonzero(pool.available)[:budget]] = True
        return mask


def weights(model):
    return model.model.state_dict()


def same_weights(first, second):
    first, second = weights(first), weights(second)
    return all(torch.equal(first[key], second[key]) for key in first)


def same_rounds(first, second):
    """Bit for bit: choices, labels, models and their rewards."""
    return all(
        np.array_equal(a.chosen, b.chosen)
        and np.array_equal(a.labels, b.labels, equal_nan=True)
        and np.array_equal(a.pool_reward, b.pool_reward, equal_nan=True)
        and same_weights(a.reward_model, b.reward_model)
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize(
    ("budget", "rounds", "expected"),
    [(10, 3, [4, 3, 3]), (11, 3, [4, 4, 3]), (12, 3, [4, 4, 4]), (7, 1, [7]), (2, 2, [1, 1])],
)
def test_budgets_are_even_and_first_rounds_take_the_rest(budget, rounds, expected):
    settings = LoopSettings(selector="random", budget=budget, rounds=rounds, seed=0)
    assert settings.budgets == expected


@pytest.mark.parametrize("selector", ["random", "conflict", "learned_by_region"])
def test_each_round_buys_its_budget_and_keeps_what_it_has(run, pool, selector):
    states = run({"selector": selector, "rounds": 3, "budget": 23})
    assert [state.index for state in states] == [0, 1, 2, 3]
    assert [state.n_labels for state in states] == [0, 8, 16, 23]
    for before, after in pairwise(states):
        assert (after.chosen | before.chosen == after.chosen).all()
    for state in states:
        assert state.chosen.sum() == state.n_labels
        np.testing.assert_array_equal(state.labels, np.where(state.chosen, pool.gold_reward, NAN))


def test_a_round_holds_what_it_says(run, proxy, pool, original_pairs):
    start, first, _ = run()
    assert start.reward_model is proxy
    assert start.n_comparisons == 0
    np.testing.assert_array_equal(
        start.pool_reward, score_groups(proxy, pool.prompts, pool.responses)
    )
    np.testing.assert_array_equal(
        first.pool_reward, score_groups(first.reward_model, pool.prompts, pool.responses)
    )
    labelled = first.trained_on[10:]  # after ten replayed pairs
    assert [group.prompt for group in labelled] == [
        prompt for prompt, row in zip(pool.prompts, first.chosen, strict=True) if row.any()
    ]
    assert first.n_comparisons == n_comparisons(labelled) > 0
    replayed = {(g.prompt, *g.responses) for g in first.trained_on[:10]}
    original = original_pairs[["prompt", "chosen", "rejected"]]
    assert replayed <= set(original.itertuples(index=False, name=None))
    assert first.reward_model.name == "proxy, round 1"
    assert set(start.seconds) == set(first.seconds) == {"score", "select", "label", "refine"}
    assert start.seconds["refine"] == 0 < first.seconds["refine"]


def test_the_proxy_is_left_as_it_was(run, proxy):
    before = {key: value.clone() for key, value in weights(proxy).items()}
    last = run()[-1].reward_model
    assert all(torch.equal(before[key], value) for key, value in weights(proxy).items())
    assert not same_weights(proxy, last)


def test_a_run_repeats_bit_for_bit_and_another_seed_does_not(run):
    assert same_rounds(run(), run())
    assert not same_rounds(run({"seed": 8}), run())


def test_the_model_depends_on_the_labels_and_not_on_how_they_came(run, pool):
    every = pool.defined.sum()
    finals = [
        run({"selector": selector, "rounds": rounds, "budget": every})[-1].reward_model
        for selector, rounds in (("random", 1), ("conflict", 3), ("learned", 2))
    ]
    assert same_weights(finals[0], finals[1])
    assert same_weights(finals[0], finals[2])


def test_every_refit_starts_from_the_original_proxy(run, proxy, settings):
    last = run()[-1]
    training = settings.training.model_copy(update={"seed": settings.seed})
    expected, _ = refine_reward_model(proxy, last.trained_on, training)
    assert same_weights(last.reward_model, expected)


def test_selectors_share_the_replay_and_another_seed_has_its_own(run):
    replays = [
        run(changes)[2].trained_on[:10]
        for changes in ({"selector": "random"}, {"selector": "conflict"}, {"seed": 8})
    ]
    assert replays[0] == replays[1] != replays[2]
    assert len(set(replays[0])) > 1  # not one pair ten times


def test_a_selector_sees_the_current_rewards_the_base_policy_and_no_gold(run, pool):
    spy = Spy()
    states = run(selector=spy.selector)
    for seen, before in zip(spy.pools, states, strict=False):
        np.testing.assert_array_equal(seen.proxy_reward, before.pool_reward)
        np.testing.assert_array_equal(seen.policy_logprob, pool.policy_logprob)
        np.testing.assert_array_equal(seen.labels, before.labels)
        assert seen.region.tolist() == pool.region.tolist()
        assert seen.gold_reward is None
        assert seen.logprob_kind == "sum"
    assert not np.array_equal(spy.pools[0].proxy_reward, spy.pools[1].proxy_reward)


def test_a_selector_sees_what_the_proxy_said_before_it_learnt_the_labels(run, pool):
    spy = Spy()
    rounds = run({"rounds": 3}, selector=spy.selector)
    first, second, third = (state.pool_reward for state in rounds[:3])
    bought = [state.chosen.any(axis=1) for state in rounds]
    assert (bought[2] & ~bought[1]).any()  # prompts of the second round
    then = spy.pools[2].reward_when_labelled
    np.testing.assert_array_equal(then[bought[1]], first[bought[1]])
    new = bought[2] & ~bought[1]
    np.testing.assert_array_equal(then[new], second[new])
    np.testing.assert_array_equal(then[~bought[2]], third[~bought[2]])


def test_what_a_selector_declares_it_is_shown(run, pool):
    spy = Spy(needs=("gold_reward", "ensemble_reward"))
    ensemble = np.random.default_rng(0).normal(size=(2, *pool.shape))
    run({"logprob_kind": "per_token"}, selector=spy.selector, ensemble_reward=ensemble)
    np.testing.assert_array_equal(spy.pools[0].gold_reward, pool.gold_reward)
    np.testing.assert_array_equal(spy.pools[1].ensemble_reward, ensemble)
    assert spy.pools[0].logprob_kind == "per_token"


def test_chance_in_selection_comes_from_seed_and_round_alone(run):
    spies = [Spy(), Spy(), Spy()]
    run(selector=spies[0].selector)
    run({"rounds": 1, "n_replay": 3}, selector=spies[1].selector)
    run({"seed": 8}, selector=spies[2].selector)
    assert spies[0].draws[0] == spies[1].draws[0]
    assert len({*spies[0].draws, *spies[2].draws}) == 4


def test_from_scratch_is_the_backbone_on_all_pairs_and_labels(
    run, backbone, original_pairs, settings
):
    start, _, last = run({"refit": "scratch", "n_replay": 0}, backbone=backbone)
    assert start.reward_model.name == "proxy"
    assert last.trained_on[:40] == groups_of_pairs(original_pairs)
    training = settings.training.model_copy(update={"seed": settings.seed})
    expected, _ = refine_reward_model(backbone, last.trained_on, training)
    assert same_weights(last.reward_model, expected)
    assert last.reward_model.name == "backbone, round 2"


class HalfSilent:
    """Answers for even samples only."""

    name, n_asked = "half silent", 0

    def __init__(self, gold):
        self.gold = RewardAnnotator(gold)

    def label(self, prompts, responses, chosen):
        answered = chosen & (np.arange(chosen.shape[1]) % 2 == 0)
        return self.gold.label(prompts, responses, answered)


def test_who_was_asked_in_vain_is_paid_for_and_not_asked_again(run, gold, pool):
    spy = Spy()
    states = run({"budget": 16}, selector=spy.selector, annotator=HalfSilent(gold))
    assert [state.chosen.sum() for state in states] == [0, 8, 16]
    assert [state.n_labels for state in states] == [0, 4, 8]
    assert (spy.pools[1].available == (pool.defined & ~states[1].chosen)).all()
    everything = run({"budget": pool.defined.sum()}, annotator=HalfSilent(gold))
    assert everything[-1].chosen.all()


def test_later_comparisons_of_a_judge_reach_earlier_labels(run, pool, gold):
    def prefer(prompt, first, second):
        one, other = gold.score([prompt] * 2, [first, second])
        return 0.5 + 0.5 * np.sign(one - other)

    once = run(
        {"selector": "random_pairs", "rounds": 1, "budget": 64},
        annotator=PreferenceAnnotator(prefer),
    )
    twice = run(
        {"selector": "random_pairs", "rounds": 2, "budget": 64},
        annotator=PreferenceAnnotator(prefer),
    )
    np.testing.assert_array_equal(once[-1].labels, twice[-1].labels)
    # A first pair alone has shares of 0, 1/2 and 1; with the others come thirds.
    assert set(np.unique(twice[1].labels[twice[1].chosen])) <= {0, 0.5, 1}
    assert (twice[2].labels != twice[1].labels)[twice[1].chosen].any()


def test_padding_is_neither_bought_nor_scored(run, candidates):
    full = candidates(6, 4, seed=2)
    responses, logprob = full.responses.copy(), full.policy_logprob.copy()
    responses[0, 2:], logprob[0, 2:] = None, NAN
    ragged = replace(full, responses=responses, policy_logprob=logprob)
    last = run({"budget": 22, "selector": "random"}, pool=ragged)[-1]
    assert (last.chosen == ragged.defined).all()
    assert (np.isnan(last.pool_reward) == ~ragged.defined).all()


def test_inverted_selection_turns_what_conflict_sees_and_nothing_else(run):
    spy = Spy()
    plain = run(selector=spy.selector)
    turned = run({"faults": ["inverted_selection"]}, selector=spy.selector)
    np.testing.assert_array_equal(spy.pools[2].proxy_reward, -spy.pools[0].proxy_reward)
    assert same_rounds(plain, turned)  # the spy's choice does not depend on rewards
    by_conflict = run(), run({"faults": ["inverted_selection"]})
    assert (by_conflict[0][1].chosen != by_conflict[1][1].chosen).any()


def test_reversed_labels_turn_what_is_learned_and_not_what_was_said(run):
    plain, turned = run(), run({"faults": ["reversed_labels"]})
    assert (plain[1].chosen == turned[1].chosen).all()
    np.testing.assert_array_equal(plain[1].labels, turned[1].labels)
    assert plain[1].trained_on[:10] == turned[1].trained_on[:10]
    for one, other in zip(plain[1].trained_on[10:], turned[1].trained_on[10:], strict=True):
        assert other == RankedGroup(one.prompt, one.responses, tuple(-x for x in one.label))
    assert not same_weights(plain[1].reward_model, turned[1].reward_model)


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"inverted_selection", "reversed_labels"}))
def test_faults_that_act_elsewhere_leave_the_loop_alone(run, fault):
    assert same_rounds(run(), run({"faults": [fault]}))


def test_more_labels_make_a_better_reward_model(run, candidates, held_out):
    pool, accuracy = candidates(60, 4, seed=5), {}
    for budget in (16, 200):
        found = []
        for seed in range(3):
            changes = {"selector": "random", "rounds": 1, "budget": budget, "seed": seed}
            start, last = run(changes, pool=pool)
            before, after = (
                evaluate(
                    score_groups(state.reward_model, held_out.prompts, held_out.responses),
                    held_out,
                    kl=0.3,
                )
                for state in (start, last)
            )
            found.append((after["accuracy"].mean(), after["gold"].mean()))
        accuracy[budget] = np.mean(found, axis=0)
        accuracy["before"] = before["accuracy"].mean(), before["gold"].mean()
    assert (accuracy[16] > accuracy["before"]).all()
    assert (accuracy[200] > accuracy[16]).all()
    assert accuracy[200][0] > 0.8


def test_progress_tells_each_round(run):
    lines = []
    run(progress=lines.append)
    assert len(lines) == 2
    assert lines[1].startswith("round 2/2: 22 labels, ")


def test_what_cannot_be_run_is_told_before_any_work(
    proxy, pool, gold, settings, original_pairs, backbone
):
    def start(changes, **arguments):
        run_loop(
            proxy,
            pool,
            annotator=RewardAnnotator(gold),
            settings=settings.model_copy(update=changes),
            original_pairs=original_pairs,
            **arguments,
        )

    with pytest.raises(ValueError, match=r"no selector `conflit` \(did you mean `conflict`\?\)"):
        start({"selector": "conflit"})
    start({"selector": "mine"}, selector=SELECTORS["random"])  # its own needs no known name
    with pytest.raises(ValueError, match="budget 65 exceeds the 64 completions"):
        start({"budget": 65})
    with pytest.raises(ValueError, match='refit="scratch" needs `backbone`'):
        start({"refit": "scratch"})
    start({"refit": "scratch", "n_replay": 500}, backbone=backbone)  # replay is not asked for
    with pytest.raises(ValueError, match="n_replay 41 exceeds the 40 original pairs"):
        start({"n_replay": 41})


def test_settings_are_checked():
    with pytest.raises(ValidationError, match="budget 2 leaves one of 3 rounds without one"):
        LoopSettings(selector="random", rounds=3, budget=2, seed=0)
    with pytest.raises(ValidationError, match="did you mean `overlapping_prompts`"):
        LoopSettings(selector="random", budget=9, seed=0, faults=["overlapping_prompt"])
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        LoopSettings(selector="random", budget=9, seed=0, replay=5)
    settings = LoopSettings(selector="random", budget=9, seed=0, faults=["reversed_labels"])
    assert LoopSettings(**json.loads(settings.model_dump_json())) == settings
