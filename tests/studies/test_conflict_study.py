"""The conflict study at the smallest size: its tasks, detection without labels, real text."""

import numpy as np
import pytest
from proxylab.conflict import prompt_conflict
from proxylab.policies import load_policy
from proxylab.profiles import ProfileError, load_profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.nulls import RandomReward
from proxylab.runs import Clean, MeasureConflict
from proxylab.studies import world_models
from proxylab.studies.cleaning import COMMITTEE, clean
from proxylab.studies.conflict_detection import (
    bias_sweep,
    detection_table,
    main_table,
    sampling_sweep,
)
from proxylab.studies.conflict_report import conflict_tables
from proxylab.studies.conflict_text import pair_table
from proxylab.studies.prompts_seen import demonstrated_prompts
from proxylab.studies.reward_models import backbone
from proxylab.studies.tasks import (
    HELD_OUT,
    POOL,
    candidates,
    n_misled,
    score_candidates,
    task_models,
)
from proxylab.studies.tasks.world import WORLD_TASKS, _read, prompts_of_split
from proxylab.world import build_world, lexicon


@pytest.fixture(scope="module")
def safety(profile):
    return task_models(profile, "safety", 0)


@pytest.fixture(scope="module")
def helpfulness(profile):
    return task_models(profile, "helpfulness", 0)


@pytest.fixture(scope="module")
def held_out(profile, safety):
    return candidates(safety, profile, 0, HELD_OUT)[0]


def test_a_task_that_does_not_exist_names_the_nearest(profile):
    with pytest.raises(ValueError, match="helpfulness"):
        task_models(profile, "helpfullness", 0)
    with pytest.raises(ValueError, match="no task of data='world' 'harmless'"):
        task_models(profile, "harmless", 0)


def test_safety_has_a_gap_and_labellers_who_know(safety, profile):
    topics = {_read(text).topic for text in safety.original_pairs["prompt"]}
    assert topics <= set(lexicon.PROXY_TOPICS)
    assert safety.labellers is safety.world
    assert n_misled(safety, candidates(safety, profile, 0)[0].prompts).sum() == 0


def test_helpfulness_has_no_gap_and_labellers_who_are_wrong(helpfulness, profile):
    drawn, _ = candidates(helpfulness, profile, 0)
    assert set(drawn.quadrant) <= {"both", "proxy only"}
    assert all(_read(text).kind == "question" for text in drawn.prompts)
    wrong = [
        helpfulness.world.value[key] != helpfulness.labellers.value[key]
        for key in helpfulness.world.value
    ]
    assert np.mean(wrong) == pytest.approx(0.4, abs=0.02)  # of 24 facts a topic, 10 are
    misled = n_misled(helpfulness, drawn.prompts)
    assert set(misled) <= {0, 1, 2}
    assert misled.sum() > 0


def test_pool_and_held_out_prompts_are_drawn_apart_and_found_again(profile, safety, held_out):
    pool, seconds = candidates(safety, profile, 0, POOL)
    assert len(pool.prompts) == 20
    assert len(held_out.prompts) == 18
    assert not set(pool.prompts) & set(held_out.prompts)
    assert seconds > 0
    again, same_seconds = candidates(safety, profile, 0, POOL)
    assert same_seconds == seconds  # read, not sampled again
    assert (again.responses == pool.responses).all()
    assert (again.policy_logprob == pool.policy_logprob).all()


@pytest.mark.parametrize("name", WORLD_TASKS)
def test_no_prompt_is_bought_and_held_out_or_counted_twice(name):
    usual = load_profile("cpu")
    world, task = build_world(usual.world_of(0)), WORLD_TASKS[name]
    halves = {}
    for split in (POOL, HELD_OUT):
        rng = np.random.default_rng(0)
        drawn = prompts_of_split(world, task, split, 300, rng, repeats=False)
        halves[split] = {prompt.text for prompt in drawn}
        assert len(halves[split]) == 300
    assert not halves[POOL] & halves[HELD_OUT]
    repeated = prompts_of_split(world, task, POOL, 2000, np.random.default_rng(1), repeats=True)
    assert len({prompt.text for prompt in repeated}) < 2000
    assert not {prompt.text for prompt in repeated} & halves[HELD_OUT]


def test_a_world_with_too_few_prompts_says_so(profile):
    world, task = build_world(load_profile("cpu").world_of(0)), WORLD_TASKS["helpfulness"]
    with pytest.raises(ValueError, match="prompts of the task 'helpfulness' to draw 900 from"):
        prompts_of_split(world, task, POOL, 900, np.random.default_rng(0), repeats=False)


def test_candidates_carry_their_gold_reward(safety, held_out):
    texts = [held_out.prompts[3]] * 4
    expected = safety.gold.score(texts, held_out.responses[3].tolist())
    assert held_out.gold_reward[3].tolist() == expected.tolist()


def test_detection_calls_a_proxy_that_is_gold_right_and_one_turned_round_wrong(held_out):
    gold = held_out.gold_reward
    varies = np.ptp(gold, axis=1) > 0
    right, wrong = (detection_table(held_out, sign * gold) for sign in (1, -1))
    assert (right["wrong"][varies] == 0).all()
    assert (wrong["wrong"][varies] == 1).all()
    assert right["wrong"][~varies].isna().all()
    assert (right["regret"] == 0).all()
    assert right["proxy_gold"][varies].to_numpy() == pytest.approx(1.0)


def test_the_main_table_uses_the_profiles_proxy_and_counts_misled_facts(profile, safety, held_out):
    table = main_table(safety, profile, 0)
    proxy = SequenceClassifierReward.load(safety.proxy)
    reward = score_candidates(proxy, held_out)
    expected = prompt_conflict(reward, held_out.policy_logprob)
    assert table["conflict_sum"].to_numpy() == pytest.approx(expected, nan_ok=True, abs=1e-4)
    assert table["uncertainty"].notna().any()
    assert (table["misled"] == 0).all()


def test_held_out_prompts_that_training_asked_are_told(profile, safety, held_out, monkeypatch):
    asked = {}
    monkeypatch.setattr(world_models, "load_policy", lambda base: (None, None))
    monkeypatch.setattr(world_models, "save_policy", lambda *_: None)
    monkeypatch.setattr(
        world_models,
        "train_language_model",
        lambda model, tokenizer, prompts, *_, **__: asked.update(prompts=prompts),
    )
    world_models._fine_tune(profile, 0, None, None)
    assert demonstrated_prompts(safety, profile, 0) == set(asked["prompts"])
    table = main_table(safety, profile, 0)
    pairs = set(safety.original_pairs["prompt"])
    assert table["in_demonstrations"].tolist() == [p in asked["prompts"] for p in held_out.prompts]
    assert table["in_proxy_pairs"].tolist() == [prompt in pairs for prompt in held_out.prompts]
    assert table["in_demonstrations"].any()
    untaught = table["quadrant"].isin(["proxy only", "neither"])
    assert not table.loc[untaught, "in_demonstrations"].any()


def test_the_sampling_sweep_goes_over_k_and_temperature(profile, safety):
    table = sampling_sweep(safety, profile, 0)
    settings = table[["sweep", "k", "sampled_at"]].drop_duplicates().to_numpy().tolist()
    assert settings == [
        ["samples", 3, 0.7],
        ["samples", 5, 0.7],
        ["temperature", 4, 0.7],
        ["temperature", 4, 1.4],
    ]
    assert (table.groupby(["sweep", "k", "sampled_at"]).size() == 18).all()


def test_over_k_the_truth_stays_that_of_all_completions(profile, safety):
    table = sampling_sweep(safety, profile, 0).query("sweep == 'samples'")
    few, all_of_them = (table[table["k"] == k].reset_index(drop=True) for k in (3, 5))
    drawn, _ = candidates(safety, profile, 0, HELD_OUT, n_samples=5)
    reward = score_candidates(SequenceClassifierReward.load(safety.proxy), drawn)
    assert all_of_them["wrong"].equals(detection_table(drawn, reward)["wrong"])
    assert few["wrong"].equals(all_of_them["wrong"])
    assert set(table["judged_on"]) == {5}
    first = detection_table(drawn.take_samples(slice(3)), reward[:, :3])
    assert not first["wrong"].equals(few["wrong"])  # judged on three the truth would be another
    assert few["conflict_sum"].equals(first["conflict_sum"])


def test_the_bias_sweep_has_the_unbiased_proxy_as_its_zero(profile, safety):
    table = bias_sweep(safety, profile, 0)
    doses = {(name, dose) for name, dose in zip(table["bias"], table["dose"], strict=True)}
    scores = {("length", 0.5), ("refusal", 0.5), ("noise", 0.5), ("saturation", 0.5), ("sign", 0.5)}
    data = {("flips", 0.5), ("ambiguity flips", 0.5), ("sycophancy", 0.5), ("retrained", 0.0)}
    assert doses == scores | data | {("none", 0.0)}
    none = table[table["bias"] == "none"].reset_index(drop=True)
    main = main_table(safety, profile, 0)
    assert none["conflict_sum"].to_numpy() == pytest.approx(
        main["conflict_sum"].to_numpy(), nan_ok=True
    )
    assert none["wrong"].equals(main["wrong"])
    # Turning the sign of half of the prompts changes conflict there and nowhere else.
    turned = table[table["bias"] == "sign"].reset_index(drop=True)
    same = np.isclose(turned["conflict_sum"], none["conflict_sum"], equal_nan=True)
    assert 0.2 < same.mean() < 0.8


def test_real_text_is_measured_by_pairs_and_by_samples(profile, hh_folder):
    settings = MeasureConflict(data=str(hh_folder))
    tables = conflict_tables(settings, profile)
    pairs, samples = tables["pairs"], tables["samples"]
    assert len(pairs) == 20
    assert len(samples) == profile.conflict.n_held_out
    assert set(pairs["subset"]) == {"helpful-base", "harmless-base"}
    assert pairs["wrong"].isin([0.0, 1.0]).all()
    # The chosen replies are written longer than the rejected ones, and cost more nats in all.
    assert (pairs["length_difference"] > 0).all()
    assert (pairs["logprob_difference"] < 0).all()
    assert (samples["conflict_sum"].dropna() <= 2).all()


@pytest.mark.parametrize("key", ["kl", "budget", "n_replay"])
def test_every_number_of_the_study_is_the_profiles(key):
    assert getattr(load_profile("cpu").conflict, key) > 0
    with pytest.raises(ProfileError, match="no profile"):
        load_profile("cpuu")


def test_a_reply_is_as_long_as_what_its_log_probability_is_of(profile, hh_folder):
    cleaned = clean(Clean(data=str(hh_folder), annotators=COMMITTEE), profile)
    policy, tokenizer = load_policy(backbone(profile, cleaned.data, 0))
    size = profile.text_backbone.size.model_copy(update={"max_length": 5})
    cut = profile.text_backbone.model_copy(update={"size": size})
    short = profile.model_copy(update={"text_backbone": cut})
    with np.errstate(divide="ignore", invalid="ignore"):  # so short, all differences are equal
        table = pair_table(policy, tokenizer, RandomReward(0), cleaned, short)
    assert (table["length_difference"] == 0).all()  # every reply is cut at five tokens
