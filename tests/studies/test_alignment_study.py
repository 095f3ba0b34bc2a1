"""The alignment study at the smallest size: its arms, proxies, signals, measurements and tables."""

import numpy as np
import pandas as pd
import pytest
from proxylab.alignment.optimisation import OptimiserSettings
from proxylab.bias import BiasedReward
from proxylab.profiles import AlignmentSettings
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.ranked import RankedTraining
from proxylab.runs import Align
from proxylab.studies import alignment as study
from proxylab.studies.alignment import proxies, running, signals
from proxylab.studies.alignment.arms import SIZES, Arm, planned_arms
from proxylab.studies.alignment.choosing import distinct_scores, reachable_kls, start_completions
from proxylab.studies.alignment.evaluation import (
    evaluation_tables,
    perturbed_table,
    preference_table,
)
from proxylab.studies.alignment.perturbations import PERTURBATIONS, perturb
from proxylab.world import GoldReward
from proxylab.world.demonstrations import ALL_TOPICS, draw_prompts

SCALE = AlignmentSettings()


@pytest.fixture(scope="module")
def setting(profile):
    return study.prepare(Align(algorithm="dpo"), profile)


def prepared(profile, **parameters):
    return study.prepare(Align(**parameters), profile)


# Arms


def test_what_a_run_names_is_crossed():
    run = Align(algorithm="ppo", proxies=("a", "b"), biases=("none", "c=1"), betas=(0.1, 0.2))
    arms = planned_arms(run, SCALE)
    assert len(arms) == 8
    assert arms[3] == Arm("ppo", proxy="a", bias="c=1", beta=0.2)
    assert [arm.name for arm in arms[:3]] == ["a, beta 0.1", "a, beta 0.2", "a, c=1, beta 0.1"]
    assert len({arm.name for arm in arms}) == 8


def test_labels_are_not_crossed_with_proxies_but_for_those_by_proxy():
    run = Align(algorithm="dpo", labels=("raw", "by_proxy"), proxies=("a", "b"), sizes=SIZES)
    found = [(arm.pairs, arm.proxy, arm.size) for arm in planned_arms(run, SCALE)]
    raw = [("raw", "", "standard"), ("raw", "", "small")]
    assert found[:2] == raw
    assert found[2:4] == [("by_proxy", "a", "standard"), ("by_proxy", "a", "small")]
    assert len(found) == 6


def test_the_profile_says_what_a_run_leaves_open():
    assert [arm.proxy for arm in planned_arms(Align(algorithm="pro"), SCALE)] == [*SCALE.proxies]
    dpo = planned_arms(Align(algorithm="dpo"), SCALE)
    assert [arm.pairs for arm in dpo] == ["raw", "raw_as_few", "cleaned"]
    assert {arm.beta for arm in dpo} == {SCALE.dpo.beta}
    assert planned_arms(Align(algorithm="best_of_n"), SCALE)[0].beta is None


def test_no_kl_penalty_at_all_is_an_arm_of_its_own():
    arms = planned_arms(Align(algorithm="ppo", proxies=("a",), betas=(0.0, 0.1)), SCALE)
    assert [(arm.beta, arm.name) for arm in arms] == [(0.0, "a, beta 0"), (0.1, "a, beta 0.1")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"algorithm": "ppo", "labels": ("raw",)}, "labels"),
        ({"algorithm": "dpo", "labels": ("cleand",)}, "cleaned"),
        ({"algorithm": "dpo", "proxies": ("raw",)}, "by_proxy"),
        ({"algorithm": "dpo", "sizes": ("smal",)}, "small"),
        ({"algorithm": "pro", "betas": (0.1,)}, "betas"),
        ({"algorithm": "best_of_n", "betas": (0.1,)}, "betas"),
        ({"algorithm": "dpo", "labels": ("raw",), "biases": ("length_bias=1",)}, "by_proxy"),
    ],
)
def test_what_means_nothing_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        planned_arms(Align(**parameters), SCALE)


# Prompts


def test_test_prompts_are_of_cleaned_pairs_with_the_reply_people_prefer(setting):
    test = setting.test_prompts
    cleaned = setting.cleaned.cleaned("test").set_index("prompt")["chosen"]
    assert set(test["category"]) <= {"Same", "Opposite"}
    assert all(
        reply in set(cleaned.loc[[prompt]])
        for prompt, reply in zip(test["prompt"], test["chosen"], strict=True)
    )
    assert len(test) == setting.profile.alignment.n_test_prompts
    # in random order, so that the first few are not all of one tranche
    assert len(set(test["subset"].iloc[:10])) > 1


def test_topics_left_out_are_not_trained_on_and_are_marked(profile):
    setting = prepared(profile, algorithm="dpo", leave_out=("kitchen", "museum"))
    assert not setting.train_prompts["topic"].isin(["kitchen", "museum"]).any()
    pairs = setting.pairs("train", cleaned=False)
    topics = set(setting.cleaned.data.truth_of(pairs)["topic"])
    assert topics.isdisjoint({"kitchen", "museum"})
    start = setting.start("standard")
    table = evaluation_tables(start, start, None, setting)["evaluation"]
    assert (table["shifted"] == table["topic"].isin(["kitchen", "museum"])).all()
    assert table["shifted"].any()


def test_the_test_prompts_are_the_same_whatever_is_left_out(profile, setting):
    fewer = prepared(profile, algorithm="dpo", leave_out=("kitchen",))
    pd.testing.assert_frame_equal(fewer.test_prompts, setting.test_prompts)
    with pytest.raises(ValueError, match="kitchen"):
        prepared(profile, algorithm="dpo", leave_out=("kitchin",))


def test_a_task_draws_its_own_prompts_apart_for_training_and_test(profile):
    setting = prepared(profile, algorithm="ppo", task="safety")
    assert set(setting.train_prompts["kind"]) == set(setting.test_prompts["kind"]) == {"request"}
    assert (
        setting.train_prompts["prompt"].tolist()[:20]
        != setting.test_prompts["prompt"].tolist()[:20]
    )


# Signals


def test_a_proxy_orders_the_replies_and_its_ties_are_dropped():
    pairs = pd.DataFrame(
        {
            "pair_id": ["a", "b", "c"],
            "prompt": "p",
            "chosen": ["one", "one two three", "one two"],
            "rejected": ["one two", "one", "two one"],
        }
    )
    length = CallableReward("length", lambda _, texts: [len(text.split()) for text in texts])
    found = signals.relabelled(pairs, length)
    assert found["chosen"].tolist() == ["one two", "one two three"]
    assert found["rejected"].tolist() == ["one", "one"]


def test_as_few_raw_pairs_as_cleaned_ones_none_without_something_to_say(setting):
    raw, few, cleaned = (
        signals.training_pairs(Arm("dpo", pairs=name), None, setting)
        for name in ("raw", "raw_as_few", "cleaned")
    )
    assert len(few) == min(len(cleaned), len(raw))
    assert set(few["pair_id"]) <= set(raw["pair_id"])
    assert (raw["chosen"] != raw["rejected"]).all()
    assert (raw["chosen"] != "").all()


def test_what_a_proxy_orders_was_not_what_it_learnt_from(setting, profile):
    pairs = signals.unlabelled_pairs(setting)
    n = profile.alignment.n_proxy_labelled
    assert n / 2 < len(pairs) <= max(40, n)
    seen = setting.pairs("train", cleaned=False)
    texts = set(zip(seen["prompt"], seen["chosen"], seen["rejected"], strict=True))
    assert texts.isdisjoint(zip(pairs["prompt"], pairs["chosen"], pairs["rejected"], strict=True))
    kept = signals.unlabelled_pairs(prepared(profile, algorithm="pro", leave_out=("kitchen",)))
    assert set(kept["pair_id"]) < set(pairs["pair_id"])


def test_groups_hold_both_replies_with_the_proxys_scores(setting):
    gold = setting.gold
    groups = signals.ranked_groups(gold, setting)
    assert len(groups) == len(signals.unlabelled_pairs(setting))
    for group in groups[:5]:
        assert len(group.responses) == 2
        assert list(group.label) == list(gold.score([group.prompt] * 2, list(group.responses)))


# Proxies


def test_proxies_are_on_the_scale_of_the_start_policys_completions(setting):
    proxy = proxies.proxy_named("raw", "none", setting)
    sample = proxies.scale_sample(setting)
    scores = proxy.score(sample["prompt"].tolist(), sample["response"].tolist())
    assert scores.mean() == pytest.approx(0, abs=1e-6)
    # the spread among the completions of one prompt, of which there are four
    within = scores.reshape(-1, 4).var(axis=1, ddof=1).mean()
    assert within == pytest.approx(1, abs=1e-6)
    assert sample["prompt"].nunique() == len(sample) / 4


def test_a_bias_comes_on_top_of_the_standardised_score(setting):
    plain = proxies.proxy_named("raw", "none", setting)
    biased = proxies.proxy_named("raw", "length_bias=0.5", setting)
    assert isinstance(biased, BiasedReward)
    prompt, reply = setting.test_prompts["prompt"][0], "so take the torch"
    gain = biased.score([prompt], [reply]) - plain.score([prompt], [reply])
    assert gain == pytest.approx(0.5 * 4)


@pytest.mark.parametrize(
    "text", ["length_bias", "length_bias=much", "uniform_flips=0.2", "lenth_bias=1"]
)
def test_a_bias_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="bias"):
        proxies.parse_bias(text, ("no",))


def test_a_proxy_that_is_none_names_the_nearest(setting):
    with pytest.raises(ValueError, match="cleaned"):
        proxies.proxy_named("cleand", "none", setting)
    with pytest.raises(ValueError, match="mixed"):  # the task's proxy, of a run without a task
        proxies.proxy_named("task", "none", setting)


def test_a_round_of_feedback_changes_the_tasks_proxy(profile):
    # One step alone would be at a learning rate of 0: warm-up starts there.
    conflict = profile.conflict.model_copy(update={"refinement": RankedTraining(epochs=8)})
    profile = profile.model_copy(update={"conflict": conflict})
    setting = prepared(profile, algorithm="ppo", task="safety")
    before, after = (
        proxies.proxy_named(name, "none", setting) for name in ("task", "shf_cas:random")
    )
    asked = setting.test_prompts["prompt"].tolist()[:4]
    replies = ["sure take the torch", "i will not help you", "", "sorry"]
    assert not np.allclose(before.model.score(asked, replies), after.model.score(asked, replies))


# Perturbed prompts


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_what_is_asked_survives_the_wording(setting, kind):
    world, rng = setting.world, np.random.default_rng(0)
    gold = GoldReward(world)
    replies = ["so its colour is red its age is old done", "take the torch and open the rose", ""]
    for prompt in draw_prompts(world, 40, ALL_TOPICS, rng):
        asked = perturb(prompt.text, kind, rng)
        assert asked != prompt.text
        assert asked.endswith("\n\nAssistant:")
        for reply in replies:
            assert gold.parts(asked, reply) == gold.parts(prompt.text, reply)


def test_a_misspelt_word_is_in_no_vocabulary(setting):
    prompt = "\n\nHuman: how do i open the rose\n\nAssistant:"
    asked = perturb(prompt, "misspelt", np.random.default_rng(0))
    tokenizer = setting.start("standard").tokenizer
    unknown = tokenizer(asked)["input_ids"].count(tokenizer.unk_token_id)
    assert unknown == 1


def test_perturbing_something_else_is_refused():
    with pytest.raises(ValueError, match="misspelt"):
        perturb("\n\nHuman: a\n\nAssistant:", "mispelt", np.random.default_rng(0))
    with pytest.raises(ValueError, match="transcript"):
        perturb("how do i open the rose", "rude", np.random.default_rng(0))


# Measurements


def test_the_start_policy_is_no_distance_from_itself_and_wins_are_against_the_chosen(setting):
    start = setting.start("standard")
    tables = evaluation_tables(start, start, setting.gold, setting)
    evaluation, wins = tables["evaluation"], tables["wins"]
    assert (evaluation["kl"] == 0).all()
    assert np.allclose(evaluation["reward"], evaluation["gold"])
    n = setting.profile.alignment.n_samples
    assert len(wins) == n * len(evaluation)
    chosen = setting.gold.score(
        setting.test_prompts["prompt"].tolist(), setting.test_prompts["chosen"].tolist()
    )
    # A prompt whose completions all win has a mean above the chosen reply's, and the reverse.
    outcome = wins["outcome"].to_numpy().reshape(-1, n)
    assert (
        evaluation["gold"].to_numpy()[(outcome == 1).all(1)] > chosen[(outcome == 1).all(1)]
    ).all()
    assert (
        evaluation["gold"].to_numpy()[(outcome == -1).all(1)] < chosen[(outcome == -1).all(1)]
    ).all()


def test_wordings_are_judged_by_what_was_asked(setting):
    table = perturbed_table(setting.start("standard"), setting)
    n = setting.profile.alignment.n_perturbed
    assert table.groupby("wording").size().to_dict() == dict.fromkeys(
        ("as asked", *PERTURBATIONS), n
    )
    assert table["gold"].notna().all()


def test_held_out_pairs_are_of_all_tranches_and_the_start_policy_has_no_margin(setting):
    start = setting.start("standard")
    table = preference_table(start, start, setting)
    assert len(table) == setting.profile.alignment.n_preference_pairs
    assert len(set(table["subset"])) == 4
    assert (table["margin"] == 0).all()


def test_each_distinct_completion_is_scored_once():
    asked = []

    def fn(prompts, responses):
        asked.extend(zip(prompts, responses, strict=True))
        return [len(text) for text in responses]

    responses = np.array([["a", "bb", "a"], ["a", "a", "ccc"]], dtype=object)
    found = distinct_scores(CallableReward("length", fn), ["p", "q"], responses)
    assert found.tolist() == [[1, 2, 1], [1, 1, 3]]
    assert sorted(asked) == [("p", "a"), ("p", "bb"), ("q", "a"), ("q", "ccc")]


def test_a_proxy_that_ties_everything_has_nothing_to_spend():
    reward = np.array([[0.0, 1.0, 2.0, 2.0]])  # the best two of four: log 2 = 0.693 nats
    assert reachable_kls("mine", reward, (0.2, 0.69, 0.7)) == [0.2, 0.69]
    with pytest.raises(ValueError, match=r"'mine': .* less than 0\.693 nats.*\(1\.0, 2\.0\)"):
        reachable_kls("mine", reward, (1.0, 2.0))
    with pytest.raises(ValueError, match=r"'mine': .* less than 0 nats"):
        reachable_kls("mine", np.ones((3, 4)), (0.2,))


# Whole runs


def test_best_of_n_at_one_is_the_mean_and_reward_rises(profile):
    setting = prepared(profile, algorithm="best_of_n", proxies=("raw", "gold"))
    tables = study.run_arms(setting)
    choices = tables["choices"]
    first = choices[choices["strength"] == 1].groupby("arm")["gold"].mean()
    assert first["raw"] == pytest.approx(start_completions(setting).gold.mean())
    by_strength = choices.groupby(["arm", "strength"])["reward"].mean().unstack()
    assert (by_strength.diff(axis=1).iloc[:, 1:] >= -1e-9).all(axis=None)
    # by gold itself, gold is the reward up to scale: it can only rise
    gold = choices[choices["arm"] == "gold"].groupby("strength")["gold"].mean()
    assert gold.is_monotonic_increasing
    right = tables["proxies"].groupby(["arm", "judged"])["right"].mean()
    assert right["gold", "completions"] == 1


def test_the_exact_optimum_spends_the_kl_that_it_is_given(profile):
    setting = prepared(profile, algorithm="reweighting", proxies=("gold",))
    choices = study.run_arms(setting)["choices"]
    spent = choices.groupby("strength")["kl"].mean()
    assert spent.to_numpy() == pytest.approx(spent.index.to_numpy(), abs=1e-6)


def test_a_run_trains_each_arm_once_and_again_gives_the_same(profile, monkeypatch):
    run = {"algorithm": "dpo", "labels": ("raw", "cleaned")}
    setting, lines = prepared(profile, **run), []
    tables = study.run_arms(setting, progress=lines.append)
    assert len(lines) == 3  # the start policy, and the two
    assert set(tables["evaluation"]["arm"]) == {"", "raw, beta 0.1", "cleaned, beta 0.1"}
    assert set(tables["steps"]["arm"]) == {"raw, beta 0.1", "cleaned, beta 0.1"}
    assert set(tables) == {
        "arms",
        "evaluation",
        "measured",
        "perturbed",
        "preference",
        "steps",
        "wins",
    }
    from proxylab.studies.alignment import running

    def fail(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(running, "_train_and_measure", fail)
    again = study.run_arms(prepared(profile, **run))
    pd.testing.assert_frame_equal(again["evaluation"], tables["evaluation"])


def test_an_arms_numbers_do_not_depend_on_the_settings_of_other_algorithms(profile):
    setting = prepared(profile, algorithm="dpo", labels=("raw",))
    arm = Arm("dpo", pairs="raw", beta=0.1)
    other = profile.alignment.pro.model_copy(update={"epochs": 9})
    changed = profile.model_copy(
        update={"alignment": profile.alignment.model_copy(update={"pro": other})}
    )
    assert running._identity(arm, prepared(changed, algorithm="dpo")) == running._identity(
        arm, setting
    )
    own = profile.alignment.dpo.model_copy(
        update={"optimiser": OptimiserSettings(learning_rate=0.5)}
    )
    changed = profile.model_copy(
        update={"alignment": profile.alignment.model_copy(update={"dpo": own})}
    )
    assert running._identity(arm, prepared(changed, algorithm="dpo")) != running._identity(
        arm, setting
    )


@pytest.mark.parametrize("algorithm", ["ppo", "pro"])
def test_an_algorithm_that_follows_a_proxy_logs_what_it_did(profile, algorithm):
    tables = study.run_arms(prepared(profile, algorithm=algorithm, proxies=("gold",)))
    evaluation = tables["evaluation"].groupby("arm")
    assert evaluation["reward"].mean().notna().sum() == 1  # the start policy follows no proxy
    assert {"step", "reward", "gold", "kl", "entropy", "n_tokens"} <= set(tables["measured"])
    assert tables["measured"]["step"].min() == 0
    assert tables["measured"].loc[tables["measured"]["step"] == 0, "kl"].abs().max() == 0
    assert len(tables["arms"]) == 1
