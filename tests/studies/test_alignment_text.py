"""Alignment on real text at the smallest size: whose pairs, which prompts, whose gold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from proxylab.preferences.facts import first_questions
from proxylab.runs import Align
from proxylab.studies import alignment as study
from proxylab.studies.alignment import pair_proxies, proxies, signals
from proxylab.studies.alignment.choosing import start_completions
from proxylab.studies.alignment.evaluation import (
    evaluation_tables,
    perturbed_table,
    preference_table,
)
from proxylab.studies.alignment.perturbations import ENGLISH_WORDS, PERTURBATIONS, perturb
from proxylab.studies.tasks import HELD_OUT, POOL, TEXT_TASKS
from proxylab.studies.text_models import gold_pairs

# Of so few pairs not every draw of regions leaves both policy and proxy something to learn.
SEED_OF = {"harmless": 0, "helpful": 1}


@pytest.fixture
def prepared(profile, hh_folder):
    def make(**parameters):
        return study.prepare(Align(data=str(hh_folder), **parameters), profile)

    return make


@pytest.fixture(scope="module")
def mixed(profile, hh_folder):
    return study.prepare(Align(data=str(hh_folder), algorithm="dpo"), profile)


@pytest.fixture(scope="module")
def harmless(profile, hh_folder):
    return study.prepare(Align(data=str(hh_folder), algorithm="ppo", task="harmless"), profile)


# Pairs and prompts


def test_nobody_but_gold_learns_from_golds_pairs(mixed, profile):
    golds = set(gold_pairs(mixed.everything, profile)["pair_id"])
    assert golds
    for cleaned in (False, True):
        assert golds.isdisjoint(mixed.pairs("train", cleaned=cleaned)["pair_id"])
    of_proxy = set(mixed.cleaned.pairs("train")["pair_id"])
    assert of_proxy | golds == set(mixed.everything.train.pairs["pair_id"])
    asked = set(mixed.test_prompts["prompt"]) | set(mixed.train_prompts["prompt"])
    assert asked.isdisjoint(gold_pairs(mixed.everything, profile)["prompt"])


def test_mixed_prompts_come_from_cleaned_pairs_of_both_subsets(mixed):
    assert set(mixed.test_prompts["subset"]) == {"harmless-base", "helpful-base"}
    assert mixed.test_prompts["chosen"].notna().all()
    assert set(mixed.test_prompts["prompt"]) <= set(mixed.cleaned.pairs("test")["prompt"])
    assert set(mixed.train_prompts["prompt"]).isdisjoint(mixed.test_prompts["prompt"])


@pytest.mark.parametrize("task", TEXT_TASKS)
def test_a_tasks_prompts_are_of_its_subsets_and_pool_and_held_out_stay_apart(prepared, task):
    setting = prepared(algorithm="ppo", task=task, seed=SEED_OF[task])
    prompts = setting.text_task.coverage.prompts.set_index("prompt")["drawn_for"]
    assert (prompts[setting.train_prompts["prompt"]] == POOL).all()
    assert (prompts[setting.test_prompts["prompt"]] == HELD_OUT).all()
    assert set(setting.test_prompts["subset"]) <= set(TEXT_TASKS[task])
    for split in ("train", "test"):
        assert set(setting.pairs(split, cleaned=False)["subset"]) <= set(TEXT_TASKS[task])
    # a region stands for a topic, and each has a reply that people chose
    assert setting.test_prompts["topic"].str.startswith("region ").all()
    pairs = setting.cleaned.cleaned("test")
    known = set(zip(pairs["prompt"], pairs["chosen"], strict=True))
    assert set(zip(*(setting.test_prompts[n] for n in ("prompt", "chosen")), strict=True)) <= known


def test_no_training_pair_asks_a_test_question(mixed, harmless):
    for setting in (mixed, harmless):
        train = first_questions(setting.cleaned.pairs("train"))
        assert set(train).isdisjoint(first_questions(setting.test_prompts))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"task": "safety"}, "no task of data=.*'safety'"),
        ({"leave_out": ("kitchen",)}, "`leave_out` names topics of the world"),
    ],
)
def test_what_real_text_cannot_do_is_said(prepared, parameters, message):
    with pytest.raises(ValueError, match=message):
        prepared(algorithm="dpo", **parameters)


def test_a_task_of_text_is_not_the_worlds(profile):
    with pytest.raises(ValueError, match="no task of data='world' 'harmless'"):
        study.prepare(Align(algorithm="ppo", task="harmless"), profile)


# Models


def test_the_start_policy_of_a_task_is_the_tasks_own(harmless, mixed):
    assert harmless.start_folder("standard") == harmless.text_task.policy
    assert mixed.start_folder("standard") != harmless.text_task.policy


def test_a_small_policy_is_smaller_and_knows_the_same_tokens(mixed, profile):
    small, standard = (mixed.start(size) for size in ("small", "standard"))
    assert small.model.config.hidden_size == profile.alignment.small.hidden_size
    assert small.model.num_parameters() < standard.model.num_parameters()
    assert len(small.tokenizer) == len(standard.tokenizer)
    assert small.max_length == standard.max_length


def test_a_released_policy_has_one_size(mixed, profile, hh_folder):
    released = profile.text_policy.model_copy(update={"base": str(mixed.proxy_base())})
    changed = profile.model_copy(update={"text_policy": released})
    setting = study.prepare(Align(data=str(hh_folder), algorithm="dpo"), changed)
    with pytest.raises(ValueError, match="has one size"):
        setting.start_folder("small")


def test_proxies_and_policy_start_from_one_language_model(mixed, monkeypatch):
    seen, made = [], pair_proxies.trained_reward_model
    monkeypatch.setattr(
        pair_proxies,
        "trained_reward_model",
        lambda *given, base: seen.append(base) or made(*given, base=base),
    )
    proxies.proxy_named("raw", "none", mixed)
    assert seen == [mixed.proxy_base()]


def test_a_small_proxy_is_smaller_and_a_released_one_has_one_size(mixed):
    small, standard = (
        proxies._reward_model(name, mixed).model for name in ("raw@0.5-small", "raw@0.5")
    )
    assert small.num_parameters() < standard.num_parameters()
    released = mixed.profile.text_backbone.model_copy(update={"base": str(mixed.proxy_base())})
    changed = replace(mixed, profile=mixed.profile.model_copy(update={"text_backbone": released}))
    with pytest.raises(ValueError, match="has one size"):
        proxies.proxy_named("cleaned-small", "none", changed)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("raw", ("raw", 1.0, "standard")),
        ("cleaned@0.25", ("cleaned", 0.25, "standard")),
        ("raw@.5-small", ("raw", 0.5, "small")),
    ],
)
def test_names_of_proxies_trained_on_pairs(name, meaning):
    assert pair_proxies.pair_proxy(name) == pair_proxies.PairProxy(*meaning)


@pytest.mark.parametrize("name", ["raw-large", "strong", "shf_cas:random", "raw/model", "raw@"])
def test_other_names_are_not_those_of_proxies_trained_on_pairs(name):
    assert pair_proxies.pair_proxy(name) is None


def test_the_strong_proxy_learns_from_golds_opinion_of_the_others_pairs(mixed, monkeypatch):
    learnt = []
    monkeypatch.setattr(
        proxies,
        "pair_reward_model",
        lambda pairs, *_: learnt.append(pairs) or mixed.proxy_base(),
    )
    proxies._strong_on_text(mixed)
    [pairs] = learnt
    scores = [mixed.gold.score(pairs["prompt"], pairs[side]) for side in ("chosen", "rejected")]
    assert (scores[0] > scores[1]).all()
    assert set(pairs["pair_id"]) <= set(mixed.cleaned.pairs("train")["pair_id"])


def test_every_proxy_of_a_task_scores(profile, hh_folder):
    conflict = profile.conflict.model_copy(update={"n_replay": 4})  # the proxy saw seven pairs
    harmless = study.prepare(
        Align(data=str(hh_folder), algorithm="ppo", task="harmless"),
        profile.model_copy(update={"conflict": conflict}),
    )
    prompt, reply = harmless.test_prompts["prompt"][0], "Thanks for asking about this"
    for name in ("task", "shf_cas:random", "raw@0.5", "gold"):
        assert np.isfinite(proxies.proxy_named(name, "none", harmless).score([prompt], [reply]))


def test_a_refusal_is_one_of_english(mixed):
    plain = proxies.proxy_named("gold", "none", mixed)
    biased = proxies.proxy_named("gold", "refusal_bias=2", mixed)
    prompts = [mixed.test_prompts["prompt"][0]] * 2
    gain = biased.score(prompts, replies := ["I'm sorry, no", "will not help"])
    np.testing.assert_allclose(gain - plain.score(prompts, replies), [2, 0], atol=1e-6)


def test_a_proxy_that_is_none_names_those_of_text(mixed):
    with pytest.raises(ValueError, match="strong"):
        proxies.proxy_named("strnog", "none", mixed)


def test_another_gold_is_another_run(mixed, profile, hh_folder):
    share = profile.text_gold.model_copy(update={"share": 0.3})
    other = study.prepare(
        Align(data=str(hh_folder), algorithm="dpo"),
        profile.model_copy(update={"text_gold": share}),
    )
    assert other.gold_identity != mixed.gold_identity
    assert other.identity() != mixed.identity()


# Perturbed prompts

PROMPT = "\n\nHuman: hi\n\nAssistant: yes\n\nHuman: What is the point of\n\nit?\n\nAssistant:"


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_only_the_last_human_turn_is_said_otherwise(kind):
    asked = perturb(PROMPT, kind, np.random.default_rng(0), ENGLISH_WORDS)
    before = "\n\nHuman: hi\n\nAssistant: yes\n\nHuman:"
    assert asked.startswith(before)
    assert asked.endswith("\n\nAssistant:")
    assert asked != PROMPT
    said = asked.removeprefix(before).split()
    assert {"point"} <= set(said)  # what is asked about stays


@pytest.mark.parametrize("kind", ["misspelt", "shortened"])
def test_a_word_that_a_question_turns_on_is_left_alone(kind):
    prompt = "\n\nHuman: Who did not?\n\nAssistant:"  # no word of it is empty
    assert perturb(prompt, kind, np.random.default_rng(0), ENGLISH_WORDS) == prompt
    only = "\n\nHuman: Who did not the?\n\nAssistant:".replace("the?", "the cat?")
    changed = {perturb(only, kind, np.random.default_rng(seed), ENGLISH_WORDS) for seed in range(9)}
    expected = "hett cat?" if kind == "misspelt" else "cat?"
    assert changed == {f"\n\nHuman: Who did not {expected}\n\nAssistant:"}


# Measurements


def test_gold_is_the_held_out_models_opinion(mixed):
    start = mixed.start("standard")
    tables = evaluation_tables(start, start, None, mixed)
    assert tables["evaluation"]["gold"].notna().all()
    assert (tables["evaluation"]["kl"] == 0).all()
    n = mixed.profile.alignment.n_samples
    assert len(tables["wins"]) == n * len(mixed.test_prompts)
    table = perturbed_table(start, mixed)
    assert set(table["wording"]) == {"as asked", *PERTURBATIONS}
    assert table["gold"].notna().all()


def test_held_out_pairs_are_the_tasks(harmless):
    start = harmless.start("standard")
    table = preference_table(start, start, harmless)
    assert set(table["subset"]) == {"harmless-base"}
    assert (table["margin"] == 0).all()


def test_completions_are_kept_with_the_gold_that_judged_them(mixed):
    sample = start_completions(mixed)
    prompts = mixed.test_prompts["prompt"][: len(sample.gold)]
    again = mixed.gold.score([prompts[0]] * 3, sample.responses[0, :3].tolist())
    np.testing.assert_allclose(sample.gold[0, :3], again, atol=1e-5)


def test_what_a_proxy_orders_is_nobody_elses(mixed, profile):
    few = profile.alignment.model_copy(update={"n_proxy_labelled": 4})
    small = replace(mixed, profile=profile.model_copy(update={"alignment": few}))
    other = replace(small, settings=mixed.settings.model_copy(update={"seed": 1}))
    drawn = [set(signals.unlabelled_pairs(made)["pair_id"]) for made in (small, other)]
    assert drawn[0] != drawn[1]  # of each seed its own
    for pairs in drawn:
        assert len(pairs) == 4
        assert pairs <= set(mixed.cleaned.pairs("train")["pair_id"])


@pytest.mark.parametrize(
    ("algorithm", "parameters", "tables"),
    [
        ("sft", {"labels": ("cleaned",)}, {"evaluation", "wins", "perturbed", "preference"}),
        ("dpo", {"labels": ("raw", "by_proxy"), "proxies": ("strong",)}, {"evaluation", "proxies"}),
        ("pro", {"proxies": ("raw",)}, {"evaluation", "wins", "proxies"}),
        (
            "ppo",
            {"proxies": ("task",), "task": "helpful", "seed": SEED_OF["helpful"]},
            {"evaluation", "wins", "proxies"},
        ),
        ("best_of_n", {"proxies": ("raw", "gold")}, {"choices", "proxies"}),
        ("reweighting", {"proxies": ("task",), "task": "harmless"}, {"choices", "proxies"}),
    ],
)
def test_every_algorithm_runs_on_text(prepared, algorithm, parameters, tables):
    setting = prepared(algorithm=algorithm, **parameters)
    found = study.run_arms(setting)
    assert tables <= set(found)
    main = found.get("evaluation", found.get("choices"))
    assert np.isfinite(main["gold"].to_numpy(float)).all()
    assert isinstance(main, pd.DataFrame)
    assert study.cost(setting)
