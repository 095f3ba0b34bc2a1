"""What a reward model is worth: columns by hand, the optimum's own property, faults one by one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.conflict import kendall_tau_distance, normalised_logprob, prompt_conflict
from proxylab.policies import beta_for_kl
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.ranked import (
    score_groups,
)
from proxylab.shf_cas import (
    Candidates,
    LoopSettings,
    RewardAnnotator,
    Round,
    evaluate,
    evaluate_round,
    mean_regret,
    run_loop,
    selected_prompts,
    share_wrong,
    training_accuracy,
)

NAN = np.nan
# Prompt 0: the reward has gold's order. 1: reversed. 2: gold is constant, nothing to order.
GOLD = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
REWARD = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
LOGPROB = np.array([[-3.0, -2.0, -1.0], [-1.0, -2.0, -5.0], [-1.0, -1.5, -3.0]])


def judged(gold=GOLD, logprob=LOGPROB):
    return Candidates(
        prompts=[f"p{i}" for i in range(len(gold))],
        responses=np.full(gold.shape, "a", dtype=object),
        policy_logprob=logprob,
        n_tokens=np.tile([1, 2, 4], (len(gold), 1)),
        region=np.array(list("xyz")[: len(gold)]),
        quadrant=np.full(len(gold), "both"),
        gold_reward=gold,
    )


def test_columns_by_hand():
    # All three prompts have rewards 0, 1, 2 in some order, so each spends the same KL; at
    # beta = 1 / log 2 the weights are 1/7, 2/7, 4/7.
    weights = np.array([1, 2, 4]) / 7
    kl = np.sum(weights * np.log(3 * weights))
    table = evaluate(REWARD, judged(), kl=kl)
    assert table["region"].tolist() == ["x", "y", "z"]
    assert table["gold"].to_numpy() == pytest.approx([10 / 7, 4 / 7, 1])  # (2 + 8) / 7, (2 + 2) / 7
    assert table["base_gold"].tolist() == [1, 1, 1]
    assert table["kl"].to_numpy() == pytest.approx([kl] * 3)
    assert table["accuracy"].to_numpy() == pytest.approx([1, 0, NAN], nan_ok=True)
    assert table["tau_gold"].to_numpy() == pytest.approx([1, -1, NAN], nan_ok=True)
    # Prompt 0: reward and log-probability are one line. The tilt adds log 2 a reward unit: prompt 0
    # stays gold's order; in prompt 1, log-probabilities fall as gold rises, and more so tilted.
    assert table["conflict_proxy"][0] == pytest.approx(0, abs=1e-12)
    assert table["conflict_gold"][0] == pytest.approx(0, abs=1e-12)
    tilted = LOGPROB + np.log(2) * REWARD
    assert table["conflict_gold"][1] == pytest.approx(prompt_conflict(GOLD, tilted)[1])
    assert table["conflict_gold"].isna().tolist() == [False, False, True]
    assert table["kt_gold"].tolist() == [0, 1, 0]


def test_a_tie_in_reward_is_not_ordered_rightly():
    reward = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
    gold = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
    # Prompt 0: of 0-1 and 0-2 (1-2 tie in gold) the second is right. 2: both of two.
    assert evaluate(reward, judged(gold), kl=0.1)["accuracy"].tolist() == [0.5, 0, 1]


def test_another_reward_may_be_optimised():
    table = evaluate(REWARD, judged(), kl=0.3)
    other = evaluate(REWARD, judged(), kl=0.3, optimisation_reward=GOLD + 0.01 * REWARD)
    assert other["gold"][1] > 1 > table["gold"][1]
    same = ["accuracy", "tau_gold", "conflict_proxy", "base_gold"]
    assert other[same].equals(table[same])


def test_conflict_is_measured_with_the_normalisation_asked_for():
    table = evaluate(REWARD, judged(), kl=0.3, logprob_kind="per_token")
    lengths = judged().n_tokens
    tilted = LOGPROB + REWARD / beta_for_kl(REWARD, 0.3)
    expected = prompt_conflict(REWARD, normalised_logprob(LOGPROB, lengths, "per_token"))
    assert table["conflict_proxy"].to_numpy() == pytest.approx(expected)
    assert table["kt_gold"].to_numpy() == pytest.approx(
        kendall_tau_distance(GOLD, tilted / lengths)
    )
    assert table["gold"].equals(evaluate(REWARD, judged(), kl=0.3)["gold"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.8))
def test_no_reward_leads_to_more_gold_than_gold_itself(seed, kl):
    rng = np.random.default_rng(seed)
    gold, reward = rng.normal(size=(2, 6, 4))
    held_out = judged_random(gold)
    best, other = (evaluate(r, held_out, kl=kl) for r in (gold, reward))
    assert best["gold"].mean() >= other["gold"].mean() - 1e-6
    assert best["gold"].mean() > best["base_gold"].mean()
    for table in (best, other):
        assert table["kl"].mean() == pytest.approx(kl, rel=1e-6)


def judged_random(gold):
    n, k = gold.shape
    return Candidates(
        prompts=["p"] * n,
        responses=np.full((n, k), "a", dtype=object),
        policy_logprob=np.zeros((n, k)),
        n_tokens=np.ones((n, k)),
        region=np.full(n, "x"),
        quadrant=np.full(n, "both"),
        gold_reward=gold,
    )


def test_padding_changes_nothing_and_an_empty_prompt_is_undefined():
    def padded(values):
        return np.pad(values, ((0, 1), (0, 1)), constant_values=NAN)

    held_out = Candidates(
        prompts=["p0", "p1", "p2", "p3"],
        responses=np.where(np.isnan(padded(GOLD)), None, "a").astype(object),
        policy_logprob=padded(LOGPROB),
        n_tokens=np.ones((4, 4)),
        region=np.array(list("xyzx")),
        quadrant=np.full(4, "both"),
        gold_reward=padded(GOLD),
    )
    columns = [c for c in evaluate(REWARD, judged(), kl=0.3) if c not in ("region", "quadrant")]
    table = evaluate(padded(REWARD), held_out, kl=0.3)[columns]
    whole = evaluate(REWARD, judged(), kl=0.3)[columns]
    np.testing.assert_allclose(table[:3], whole, rtol=1e-9, atol=1e-12)
    assert table.iloc[3].isna().all()


def test_what_cannot_be_evaluated_is_told():
    with pytest.raises(ValueError, match="no gold_reward"):
        evaluate(REWARD, replace(judged(), gold_reward=None), kl=0.3)
    with pytest.raises(ValueError, match=r"\(3, 2\) and .* \(3, 3\) must have one shape"):
        evaluate(REWARD[:, :2], judged(), kl=0.3)
    with pytest.raises(ValueError, match=r"below 1\.099"):  # log 3
        evaluate(REWARD, judged(), kl=1.1)


@pytest.fixture(scope="module")
def rounds(request):
    get = request.getfixturevalue
    loop = LoopSettings(
        selector="random",
        rounds=1,
        budget=24,
        n_replay=10,
        kl=0.3,
        seed=7,
        training={"epochs": 2, "learning_rate": 1e-2, "warmup_steps": 2},
    )
    start, last = run_loop(
        get("proxy"),
        get("pool"),
        annotator=RewardAnnotator(get("gold")),
        settings=loop,
        original_pairs=get("original_pairs"),
    )
    return loop, start, last


@pytest.fixture
def table_of(rounds, pool, held_out):
    """`evaluate_round` of the last round under faults."""
    loop, start, last = rounds

    def table(*faults):
        changed = loop.model_copy(update={"faults": faults})
        return evaluate_round(last, held_out, start=start, pool=pool, settings=changed)

    return table


def test_a_round_is_evaluated_on_held_out_prompts(table_of, rounds, held_out):
    reward = score_groups(rounds[2].reward_model, held_out.prompts, held_out.responses)
    assert table_of().equals(evaluate(reward, held_out, kl=0.3))


OPTIMISED = {"gold", "kl", "conflict_gold", "kt_gold"}


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        ("inverted_optimisation", OPTIMISED),
        ("unrefined_proxy", OPTIMISED),
        ("training_set_accuracy", {"accuracy"}),
        ("inverted_selection", set()),
        ("reversed_labels", set()),
        ("unmasked_logprob", set()),
    ],
)
def test_a_fault_changes_the_columns_it_names_alone(table_of, fault, changed):
    plain, faulty = table_of(), table_of(fault)
    assert {name for name in plain if not plain[name].equals(faulty[name])} == changed


def test_the_faults_of_optimisation_take_the_reward_they_name(table_of, rounds, held_out):
    _, start, last = rounds
    refined, unrefined = (
        score_groups(state.reward_model, held_out.prompts, held_out.responses)
        for state in (last, start)
    )
    for faults, reward in (
        (["unrefined_proxy"], unrefined),
        (["inverted_optimisation"], -refined),
        (["unrefined_proxy", "inverted_optimisation"], -unrefined),
    ):
        expected = evaluate(reward, held_out, kl=0.3)["gold"]
        assert table_of(*faults)["gold"].equals(expected)


def test_overlapping_prompts_are_the_pool(table_of, rounds, pool):
    expected = evaluate(rounds[2].pool_reward, pool, kl=0.3)
    assert table_of("overlapping_prompts").equals(expected)


def test_training_set_accuracy_is_one_number_of_the_training_set(table_of, rounds):
    found = table_of("training_set_accuracy")["accuracy"]
    assert found.unique().tolist() == [training_accuracy(rounds[2])]


def trained(groups):
    empty = np.zeros((0, 0))
    model = CallableReward("length", lambda prompts, responses: [len(r) for r in responses])
    return Round(1, 0, 0, empty, empty, model, empty, empty, groups, {})


def test_training_accuracy_by_hand():
    groups = [
        RankedGroup("p", ("aaa", "a"), (1.0, 0.0)),  # right
        RankedGroup("p", ("a", "bb", "ccc"), (0.5, 0.1, 0.9)),  # 2 of 3
        RankedGroup("p", ("a", "b"), (0.5, 0.5)),  # no comparison
        RankedGroup("p", ("a", "b"), (0.0, 1.0)),  # the model ties: wrong
    ]
    assert training_accuracy(trained(groups)) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert np.isnan(training_accuracy(trained(groups[2:3])))
    assert np.isnan(training_accuracy(trained([])))


def test_selected_prompts_by_hand():
    chosen = np.zeros((4, 3), bool)
    chosen[0, 0] = chosen[1, :] = chosen[2, 1] = True
    reward = np.vstack([REWARD, REWARD[1]])
    gold = np.vstack([GOLD, GOLD[1]])
    table = selected_prompts(chosen, reward, gold)
    assert table.index.tolist() == [0, 1, 2]  # the last was not selected
    assert table["n_chosen"].tolist() == [1, 3, 1]
    assert table["wrong"].to_numpy() == pytest.approx([0, 1, NAN], nan_ok=True)
    # Reversed: every pair loses its gap, (1 + 2 + 1) / 3. Constant gold: nothing to lose.
    assert table["regret"].to_numpy() == pytest.approx([0, 4 / 3, 0])
    assert share_wrong(chosen, reward, gold) == 0.5
    assert mean_regret(chosen, reward, gold) == pytest.approx(4 / 9)


def test_no_better_than_chance_is_wrong_and_nothing_selected_is_undefined():
    reward, gold = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[1.0, 0.0, 0.0, 1.0]])
    chosen = np.array([[True, False, False, False]])
    assert selected_prompts(chosen, reward, gold)["tau_b"].tolist() == [0]
    assert share_wrong(chosen, reward, gold) == 1
    assert np.isnan(share_wrong(~chosen & False, reward, gold))
    assert np.isnan(mean_regret(~chosen & False, reward, gold))
