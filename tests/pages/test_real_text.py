"""The page on real text, on small made-up tables of a temporary results folder."""

import gc
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from proxylab.pages import areas as shared_areas
from proxylab.pages import pooling
from proxylab.pages.ablations import detection as ablations
from proxylab.pages.conflict_metrics.cells import TOO_THIN
from proxylab.pages.real_text import (
    alignment,
    best_of_n,
    detection,
    feedback,
    gains,
    gap,
    gold,
    gpu,
    hardware,
    learning,
    pairs,
    rows,
    statement,
)
from proxylab.pages.shf_cas import rows as loop
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, ONE_SEED
from proxylab.profiles import load_profile
from proxylab.results import MissingResults, start_run
from proxylab.runs import Align, Benchmark, Clean, MeasureConflict, ShfCas
from proxylab.selection import SELECTORS
from proxylab.studies.tasks import TEXT_TASKS

PROFILE = load_profile("smoke", root=Path(__file__).parents[2])
PAGE = (alignment, best_of_n, detection, feedback, gains, gap, gold, rows, ablations)
QUADRANTS = ("both", "policy only", "proxy only", "neither")
TEXT = {"data": "hh-rlhf"}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Fewer draws than a page."""
    monkeypatch.setattr(shared_areas, "N_RESAMPLES", 100)
    monkeypatch.setattr(pooling, "N_RESAMPLES", 100)
    monkeypatch.setattr(loop, "N_DRAWS", 1000)


@pytest.fixture(scope="module", autouse=True)
def little_garbage():
    """Nothing imported is looked at again when statsmodels collects garbage at a correction."""
    gc.freeze()
    yield
    gc.unfreeze()


def record(model, tables, *, resolved=PROFILE, **parameters):
    """Write one finished run of a made-up result and return its folder."""
    settings = model(**{"profile": "smoke"} | parameters)
    run = start_run(model.notebook, settings, profile=resolved)
    for name, table in tables.items():
        run.save_table(name, table)
    return run.finish()


def rewrite(folder, **changes):
    """Write over parts of a record, as if the run had been made elsewhere."""
    file = folder / "result.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | changes))


def on_device(folder, name, **changes):
    """Write the accelerator's name, or None, into a record."""
    hardware = json.loads((folder / "result.json").read_text())["hardware"]
    rewrite(folder, hardware=hardware | {"accelerator": name}, **changes)


def prompts_table(seed, *, n=80, signal=3.0):
    """Models that know what they were taught, conflict that informs where the policy was."""
    rng = np.random.default_rng([seed, 1])
    quadrant, wrong = np.resize(QUADRANTS, n), (np.arange(n) // 4) % 2  # half of each quadrant
    policy, proxy = (np.isin(quadrant, ("both", f"{who} only")) for who in ("policy", "proxy"))
    noise = rng.normal(size=(7, n))
    return pd.DataFrame(
        {
            "prompt": np.arange(n),
            "quadrant": quadrant,
            "wrong": wrong.astype(float),
            "policy_gold": 0.3 * policy + 0.1 * noise[0],
            "proxy_gold": 0.5 * proxy + 0.1 * noise[1],
            "length_logprob": -0.8,
            "conflict_sum": noise[2] + signal * wrong * policy,
            "conflict_per_token": noise[3],
            "conflict_length_residual": noise[3],
            "tau_distance": noise[4],
            "uncertainty": noise[5],
            "consistency": noise[6],
            "confidence": noise[6],
        }
    )


def labels_table(gold_right=0.8, proxy_right=0.5, n=100):
    """Gold right on the first pairs, the proxy on every other or as asked; quadrants in turn."""
    place = np.arange(n)
    right = place < gold_right * n
    proxy = (place * 37) % n < proxy_right * n
    table = {"subset": "s", "region": "region 1", "quadrant": np.resize(QUADRANTS, n)}
    values = {"gold_right": right, "proxy_right": proxy, "agree": right == proxy}
    return pd.DataFrame(table | {name: value.astype(float) for name, value in values.items()})


def measured(*, seeds=range(5), tasks=rows.TASKS, **labels):
    """Runs of measure_conflict on text."""
    for seed in seeds:
        for task in tasks:
            tables = {"prompts": prompts_table(seed), "labels": labels_table(**labels)}
            record(MeasureConflict, tables, seed=seed, task=task, **TEXT)


def loop_tables(gained, seed, *, n=30):
    """The tables of a feedback run whose selectors gain `gained` by the end."""
    level = np.random.default_rng([seed, 9]).normal(size=n)  # of a prompt, shared by selectors
    noise = 0.02 * np.random.default_rng([seed, 8]).normal(size=(len(gained), n))
    held_out, rounds, selected = [], [], []
    for (selector, gain), off in zip(gained.items(), noise, strict=True):
        for index in (0, 1):
            named = {"selector": selector, "round": index, "n_labels": 60 * index}
            changes = index * (gain + off)
            values = {"gold": level + changes, "base_gold": level - 1, "accuracy": 0.5 + changes}
            held_out.append(pd.DataFrame(named | {"prompt": np.arange(n)} | values))
            seconds = {"seconds_sampling": 3.0, "seconds_refine": 1.0 if index else np.nan}
            rounds.append(named | seconds)
        for quadrant, count in zip(QUADRANTS, (1, 3, 2, 2), strict=True):
            bought = {"quadrant": quadrant, "n_prompts": count}
            selected.append({"selector": selector, "round": 1} | bought)
    return {
        "rounds": pd.DataFrame(rounds),
        "held_out": pd.concat(held_out, ignore_index=True),
        "selected": pd.DataFrame(selected),
    }


def arm_rows(arm, seed, value, *, n=20, **columns):
    """Rows of an arm of `align`, whose gold lies `value` above what a prompt is worth."""
    level = np.random.default_rng([seed, 7]).normal(size=n)
    names = {"arm": "", "size": "standard", "pairs": "", "proxy": "", "bias": "", "set_beta": 0.0}
    table = {"prompt": np.arange(n), "gold": level + value, "n_tokens": 10 + 4 * value}
    return pd.DataFrame(table | columns | names | arm)


# --- names


def test_the_tasks_are_those_of_text_and_the_selectors_exist():
    assert set(rows.TASKS) == set(TEXT_TASKS)
    assert set(feedback.ORDER) <= set(SELECTORS)


def test_labels_of_the_second_profile_on_the_page_are_its_own():
    assert rows.label("gold", "cpu") == "text-gold"
    assert rows.label("gold", "gpu") == "text-gold-gpu"


def test_a_missing_run_is_named_with_a_task_of_text(project):
    with pytest.raises(MissingResults) as caught:
        rows.prompts("smoke")
    assert caught.value.command.endswith("-p profile smoke -p data hh-rlhf -p task harmless")


def test_limits_stay_within_what_can_be():
    found = pd.DataFrame({"value": [0.4], "low": [-0.1], "high": [0.9]})
    assert rows.bounded(found, 0, 1).iloc[0].tolist() == [0.4, 0.0, 0.9]


# --- intervals of pairs that seeds share


def test_errors_over_the_same_pairs_do_not_shrink_with_seeds():
    found = pairs.as_shared([0.5, 0.7], [0.03, 0.04])
    # The root of the mean square of 0.03 and 0.04 is 0.035355; seeds' means differ by 0.2, so
    # that the standard error of their mean is 0.1.
    assert found["value"] == pytest.approx(0.6)
    assert found["high"] - found["value"] == pytest.approx(1.959964 * 0.0353553, rel=1e-5)
    assert (found["n_seeds"], found["seed_se"]) == (2, pytest.approx(0.1))


def test_a_mean_over_shared_pairs_is_as_sure_as_one_seed():
    one = pd.DataFrame({"seed": 0, "x": [1.0, 1.0, 1.0, 0.0, np.nan]})
    both = pd.concat([one, one.assign(seed=1)])
    found, alone = pairs.shared_mean(both, "x"), pairs.shared_mean(one, "x")
    # Four values of mean 3/4: sd with one degree of freedom off is 0.5, over sqrt(4) is 0.25.
    assert found["high"] - 0.75 == pytest.approx(1.959964 * 0.25, rel=1e-5)
    assert [found[key] for key in ("value", "low", "high", "n")] == [
        alone[key] for key in ("value", "low", "high", "n")
    ]


def test_a_gap_over_shared_pairs_leaves_out_a_seed_without_both_sides():
    table = pd.DataFrame({"seed": [0] * 4 + [1] * 2, "x": [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]})
    table["flag"] = [True, True, False, False, True, True]
    found = pairs.shared_gap(table, "x", "flag")
    # Seed 0: 1/2 - 0; error of (1, 0) is 0.7071 / sqrt(2) = 0.5, that of (0, 0) none.
    assert (found["value"], found["n_seeds"]) == (0.5, 1)
    assert found["high"] - found["value"] == pytest.approx(1.959964 * 0.5, rel=1e-5)


def test_nothing_to_average_is_undefined():
    assert math.isnan(pairs.as_shared([], [])["value"])


# --- gold


def test_gold_is_judged_against_the_proxy_and_chance(project):
    measured()
    found = gold.shares("smoke").set_index(["task", "what"])
    assert found.loc[("harmless", gold.GOLD), ["value", "verdict"]].tolist() == [0.8, HIGHER]
    assert found.loc[("harmless", gold.PROXY), ["value", "verdict"]].tolist() == [0.5, NOISE]
    lead = found.loc[("helpful", gold.LEAD)]
    assert (lead["value"], lead["verdict"]) == (pytest.approx(0.3), HIGHER)
    assert pd.isna(found.loc[("helpful", gold.AGREE), "verdict"])
    said = gold.gold_sentence("smoke").data
    assert "gold is better than the proxy (30.0 [" in said
    assert "Gold is the better judge in every task" in said
    assert "pairs a seed: 100 (harmless), 100 (helpful)" in gold.shares_table("smoke").data


def test_a_gold_that_is_no_better_is_called_weak(project):
    measured(seeds=(0, 1), gold_right=0.5)
    assert gold.weak_tasks("smoke") == ["harmless", "helpful"]
    said = gold.gold_sentence("smoke").data
    assert "not to be told from the proxy" in said
    assert "In harmless, helpful gold is not clearly the better judge" in said


def test_a_proxy_that_is_worse_than_a_coin_where_it_was_taught_is_called_so(project):
    measured(tasks=("harmless",), proxy_right=0.2)
    assert "the proxy on 20.0 [" in gold.gold_sentence("smoke").data
    found = gold.taught("smoke").iloc[0]
    # Of 100 places the even ones are of regions that it was taught, and so are 10 of the 20 on
    # which it is right: times 37, an odd number, they are the even numbers below 20, modulo 100.
    assert (found["value"], found["verdict"]) == (pytest.approx(10 / 50), LOWER)
    assert "% of the time, worse than a coin; elsewhere" in gap.gap_sentence("smoke").data
    assert "%, worse than a coin: gold is" in statement.gold_in_short("smoke")


def test_agreement_by_chance_is_both_right_or_both_wrong():
    right = {gold.GOLD: [1.0, 1, 1, 0], gold.PROXY: [1.0, 0, 1, 0]}
    table = pd.DataFrame({"seed": 0} | right)
    # 3/4 x 1/2 + 1/4 x 1/2
    assert gold.expected_agreement(table) == pytest.approx(0.5)


# --- the gap


def test_a_gap_that_took_is_told_from_one_that_did_not(project):
    measured(tasks=("harmless",))
    found = gap.gaps("smoke").set_index("who")
    assert found["verdict"].tolist() == [HIGHER, HIGHER]
    assert found.loc["proxy", "value"] == pytest.approx(0.5, abs=0.02)  # 0.5 where taught, else 0
    assert found.loc["policy", "above"] == "5 of 5"
    said = gap.gap_sentence("smoke").data
    assert "the policy's took (0.3" in said  # 0.3 where taught, else 0
    row = pd.Series({"value": 0.1, "low": -0.1, "high": 0.3, "verdict": NOISE, "above": "2 of 3"})
    assert gap.took(row) == (
        "cannot be told from none (0.10 [−0.10, 0.30], positive in 2 of 3 seeds)"
    )


def test_the_figure_of_the_gap_has_every_quadrant_and_both_models(project):
    measured(seeds=(0, 1), tasks=("harmless",))
    said = gap.gap_figure("smoke").data
    for quadrant in QUADRANTS:
        assert f"harmless, proxy, taught to {quadrant}:" in said
    assert len(gap.correlations("smoke")) == 8


def test_the_world_stands_beside_and_outside_of_the_family(project):
    measured(seeds=(0, 1), tasks=("harmless",))
    for seed in (0, 1):
        record(MeasureConflict, {"prompts": prompts_table(seed)}, seed=seed, task="safety")
    found = gap.gaps("smoke")
    assert list(dict.fromkeys(found["task"])) == ["harmless", "world: safety"]
    text = found[found["task"] == "harmless"]
    alone = gap.judged(text.drop(columns=["p", "verdict"]).assign(seed_se=np.nan))
    assert len(alone) == 2  # what Holm's correction is over: policy and proxy of one task
    assert set(detection.conflict_areas("smoke")["task"]) == {"harmless"}
    assert "world: safety" in detection.areas_table("smoke").data


# --- conflict


def test_conflict_finds_the_wrong_proxy_where_the_policy_was_taught(project):
    measured(tasks=("harmless",))
    found = detection.conflict_areas("smoke").set_index("place")
    taught, untaught = found.loc[detection.PLACES[1]], found.loc[detection.PLACES[2]]
    # Normal scores three standard deviations apart: an area of Phi(3 / sqrt(2)) = 0.98.
    assert taught["value"] == pytest.approx(0.98, abs=0.02)
    assert (taught["verdict"], taught["above"]) == (HIGHER, "5 of 5")
    assert (untaught["verdict"], taught["n_wrong"]) == (NOISE, 100)
    said = detection.areas_sentence("smoke").data
    assert "policy taught the topic, conflict finds wrong proxies (0.9" in said
    assert "policy not taught the topic, conflict cannot be told from chance" in said


def test_too_few_wrong_proxies_are_not_tested(project):
    for seed in (0, 1):
        table = prompts_table(seed, n=40)
        table["wrong"] = ((np.arange(40) % 4 == 2) & (np.arange(40) < 20)).astype(float)
        tables = {"prompts": table, "labels": labels_table()}
        record(MeasureConflict, tables, seed=seed, task="helpful", **TEXT)
    found = detection.conflict_areas("smoke").set_index("place")
    # Five a seed, all of "proxy only": ten where the policy was not taught, none elsewhere.
    assert found.loc[detection.PLACES[1], "verdict"] == TOO_THIN
    assert found.loc[detection.PLACES[2], "verdict"] != TOO_THIN
    assert np.isnan(found.loc[detection.PLACES[1], "value"])
    said = detection.areas_figure("smoke").data
    assert "Too few right or wrong proxies to be shown: helpful, policy taught the topic" in said


def test_length_is_a_share_of_the_variance_of_the_sum(project):
    measured(seeds=(0,), tasks=("harmless",))
    said = detection.length_sentence("smoke").data
    assert "about 64 % of its variance" in said  # 0.8 squared
    assert "*harmless* −0.80" in said


def test_one_seed_is_not_judged(project):
    measured(seeds=(0,), tasks=("harmless",))
    assert set(detection.conflict_areas("smoke")["verdict"]) == {ONE_SEED}
    assert "nothing here is judged" in statement.statement("smoke").data


# --- feedback


def fed(gained, *, seeds=range(5), task="harmless", **parameters):
    for seed in seeds:
        record(ShfCas, loop_tables(gained, seed), seed=seed, task=task, **TEXT, **parameters)


def test_selectors_are_compared_with_random_prompt_by_prompt(project):
    fed({"random": 0.1, "oracle": 0.1, "conflict": 0.3})
    found = feedback.against_random("smoke").set_index(["measure", "selector"])
    row = found.loc["gold", "conflict"]
    # 0.3 - 0.1; prompts differ by a standard deviation of 1, which cancels.
    assert row["value"] == pytest.approx(0.2, abs=0.01)
    assert (row["verdict"], row["n"], row["n_seeds"]) == (HIGHER, 150, 5)
    assert found.loc[("gold", "oracle"), "verdict"] == NOISE
    assert row["p_holm"] == pytest.approx(4 * 2 / 1001)  # two selectors, two measures
    assert list(dict.fromkeys(found.index.get_level_values(1))) == [
        "conflict",
        "oracle",
    ]
    assert "*conflict* higher in gold (0.2" in feedback.feedback_sentence("smoke").data
    assert "conflict: 0.2" not in feedback.selectors_table("smoke").data


def test_what_there_was_to_gain_is_measured_from_the_base_policy(project):
    fed({"random": 0.1, "conflict": 0.3})
    found = gains.gains("smoke")["value"]
    # The proxy as it is lies 1 above the base policy, whose gold is a standard normal less 1;
    # random labels add 0.1 to either measure.
    assert found.tolist() == pytest.approx([1, 0.1, 0.1], abs=0.01)
    assert "harmless −0.98 and 0.97" in gains.gains_table("smoke").data


def test_only_the_main_runs_count(project):
    fed({"random": 0.1, "conflict": 0.3}, seeds=(0,))
    fed({"conflict": 9.0}, seeds=(0,), rounds=1)
    fed({"random": 9.0}, seeds=(1,), task="helpful", annotator="noisy", annotator_noise=1.0)
    assert len(feedback.loop_rows("smoke", "held_out")) == 2 * 2 * 30


def test_without_random_nothing_is_compared(project):
    fed({"conflict": 0.3}, seeds=(0, 1))
    assert feedback.against_random("smoke").empty
    assert gains.gains_table("smoke").data == ""
    assert "has not been run" in feedback.selectors_figure("smoke").data
    assert statement.feedback_in_short("smoke") == "No selector has been compared with random."


def test_where_the_labels_went(project):
    fed({"random": 0.1}, seeds=(0, 1))
    said = feedback.quadrants_figure("smoke").data
    # 1, 3, 2 and 2 of 8 prompts
    assert "harmless: random: both 12 %, policy only 38 %, proxy only 25 %, neither 25 %." in said
    assert "n = 16 prompts" in said


# --- alignment


def aligned(seeds=range(5), cleaned=0.5):
    for seed in seeds:
        arms = [
            arm_rows({}, seed, 0.0),
            arm_rows({"arm": "raw", "pairs": "raw"}, seed, 0.2),
            arm_rows({"arm": "cleaned", "pairs": "cleaned"}, seed, cleaned),
        ]
        tables = {"evaluation": pd.concat(arms, ignore_index=True)}
        record(Align, tables, algorithm="dpo", seed=seed, **TEXT)


def test_policies_are_held_against_the_one_they_start_from(project):
    aligned()
    found = alignment.changes("smoke").set_index(["measure", "comparison"])
    assert found["value"].to_dict() == pytest.approx(
        {
            ("gold", "DPO, raw"): 0.2,
            ("gold", "DPO, cleaned"): 0.5,
            ("n_tokens", "DPO, raw"): 0.8,  # four tokens a unit of gold
            ("n_tokens", "DPO, cleaned"): 2.0,
        }
    )
    assert set(found["verdict"]) == {HIGHER}
    said = alignment.changes_sentence("smoke").data
    assert "DPO from cleaned pairs less DPO from raw ones: gold 0.30 [0.30, 0.30] (higher)" in said
    assert "Of 2 policies aligned" in statement.align_in_short("smoke")
    assert "2 gain and 0 lose gold" in statement.align_in_short("smoke")


def test_what_has_learnt_golds_labels_is_named_and_counted_apart(project):
    for seed in range(5):
        arms = [
            arm_rows({}, seed, 0.0),
            arm_rows({"arm": "raw", "proxy": "raw", "bias": "none"}, seed, 0.0),
            arm_rows({"arm": "strong", "proxy": "strong", "bias": "none"}, seed, 0.5),
        ]
        tables = {"evaluation": pd.concat(arms, ignore_index=True)}
        record(Align, tables, algorithm="ppo", seed=seed, **TEXT)
    names = set(alignment.changes("smoke")["comparison"])
    assert names == {"PPO, raw", "PPO, strong (gold's labels)"}
    said = statement.align_in_short("smoke")
    assert "Of 1 policies" in said
    assert "0 gain and 0 lose gold clearly" in said
    assert "of 1 more, optimised against a proxy that has learnt gold's own labels, 1 gain" in said


def test_a_small_policy_is_held_against_the_small_one_it_starts_from(project):
    arms = [
        arm_rows({}, 0, 0.0),
        arm_rows({"size": "small"}, 0, -1.0),
        arm_rows({"arm": "raw", "pairs": "raw", "size": "small"}, 0, -0.7),
    ]
    tables = {"evaluation": pd.concat(arms, ignore_index=True)}
    record(Align, tables, algorithm="dpo", sizes=("standard", "small"), seed=0, **TEXT)
    found = alignment.changes("smoke").query("measure == 'gold'")
    assert found["comparison"].tolist() == ["DPO, raw, small"]
    assert found["value"].tolist() == pytest.approx([0.3])


def test_how_far_people_agree_with_the_gold_of_aligned_policies_is_said(project):
    for seed in (0, 1):
        labels = pd.DataFrame({"subset": "harmless-base", "gold_right": [1.0, 1.0, 0.0, np.nan]})
        tables = {"evaluation": arm_rows({}, seed, 0.0), "labels": labels}
        record(Align, tables, algorithm="sft", seed=seed, **TEXT)
    said = alignment.gold_sentence("smoke").data
    assert "agrees with the published label on 66.7 [" in said
    assert "n = 3 a seed" in said


def test_an_arm_that_two_runs_made_counts_once(project):
    aligned(seeds=(0,))
    one = arm_rows({}, 0, 0.0)
    both = pd.concat([one, arm_rows({"arm": "raw", "pairs": "raw"}, 0, 9.0)], ignore_index=True)
    record(Align, {"evaluation": both}, algorithm="dpo", labels=("raw",), seed=0, **TEXT)
    table = alignment.align_rows("smoke", "evaluation", alignment.TRAINED)
    assert table["name"].value_counts().to_dict() == {
        "start policy": 20,
        "DPO, raw": 20,
        "DPO, cleaned": 20,
    }


def test_arms_are_told_apart_by_what_differs():
    table = pd.DataFrame(
        {
            "algorithm": ["start", "dpo", "dpo", "ppo", "ppo"],
            "size": ["standard"] * 4 + ["small"],
            "pairs": ["", "by_proxy", "by_proxy", "", ""],
            "proxy": ["", "raw", "raw", "strong", "strong"],
            "bias": ["", "none", "none", "length_bias=0.2", "none"],
            "set_beta": [0.0, 0.1, 0.5, 0.1, 0.1],
        }
    )
    assert alignment.arm_names(table).tolist() == [
        "start policy",
        "DPO, by_proxy, raw, beta 0.1",
        "DPO, by_proxy, raw, beta 0.5",
        "PPO, strong (gold's labels), length_bias=0.2",
        "PPO, strong (gold's labels), small",
    ]


def chosen(gold_by_n, seeds=range(5)):
    """Best-of-n whose gold by n is as given and whose reward is log n."""
    for seed in seeds:
        parts = [
            arm_rows(
                {"arm": "raw", "proxy": "raw", "bias": "none"},
                seed,
                value,
                strength=float(n),
                reward=math.log(n),
                kl=math.log(n) - (n - 1) / n + 0.01,
                kl_bound=math.log(n) - (n - 1) / n,
            )
            for n, value in gold_by_n.items()
        ]
        tables = {"choices": pd.concat(parts, ignore_index=True)}
        record(Align, tables, algorithm="best_of_n", seed=seed, **TEXT)


def test_gold_that_falls_while_reward_rises_is_over_optimised(project):
    chosen({1: 0.0, 2: 0.4, 4: 0.1})
    found = best_of_n.endings("smoke").set_index("what")
    assert found["value"].to_dict() == pytest.approx(
        {"fall": -0.3, "rise": math.log(2), "end": 0.1}  # from n = 2 to n = 4
    )
    assert found.loc["fall", "verdict"] == LOWER
    assert "over 3 rows: 1 of 1 proxies" in best_of_n.choices_sentence("smoke").data
    first = best_of_n.gains("smoke").query("strength == 1")
    assert (first[["gold", "reward", "kl"]] == 0).all(axis=None)
    assert "raw: gold 0.10, reward 1.39." in best_of_n.choices_figure("smoke").data


def test_gold_that_goes_on_rising_is_not(project):
    chosen({1: 0.0, 2: 0.1, 4: 0.4})
    assert "0 of 1 proxies" in best_of_n.choices_sentence("smoke").data


# --- hardware, the GPU


def test_times_are_of_the_runs_read(project):
    measured(seeds=(0, 1, 2), tasks=("harmless",))
    record(MeasureConflict, {"prompts": prompts_table(0)}, seed=0, task="safety")
    runs = hardware.text_runs("smoke")
    for run, seconds in zip(runs, (10.0, 40.0, 20.0), strict=True):
        run.record["wall_time_s"] = seconds
    found = hardware.run_times(runs).iloc[0]
    assert found[["runs", "seconds", "least", "most"]].tolist() == [3, 20, 10, 40]
    assert hardware.machines(runs).count("cores") == 1
    assert "3 runs" in hardware.times_table("smoke").data


def test_seconds_of_a_loop_by_stage(project):
    fed({"random": 0.1}, seeds=(0,))
    # Sampling is written into every round and counts once: 3 of 4 seconds.
    assert "sampling the pool 3.0 s (75 %); refitting the proxy 1.0 s (25 %)" in (
        hardware.stages_sentence("smoke").data
    )


def test_how_busy_a_gpu_was_is_told_by_kind_of_run(project):
    tables = {"prompts": prompts_table(0), "labels": labels_table()}
    folders = [record(MeasureConflict, tables, seed=s, task="harmless", **TEXT) for s in (0, 1)]
    record(MeasureConflict, tables, seed=0, task="helpful", **TEXT)
    assert "GPU busy" not in hardware.times_table("smoke").data
    for folder, share, n in zip(folders, (0.9, 0.5), (300, 100), strict=True):
        use = {"busy_share": share, "n_readings": n, "period_ms": 500}
        rewrite(folder, accelerator_use=use)
    found = hardware.run_times(hardware.text_runs("smoke")).set_index("what")["busy"]
    assert found["harmless"] == pytest.approx(0.8)  # (300 x 0.9 + 100 x 0.5) / 400
    assert np.isnan(found["helpful"])
    said = hardware.times_table("smoke").data
    assert "GPU busy |" in said
    assert said.count("| 80 % |") == 1
    assert "the share of the runs' time in which its driver saw work" in said


def test_a_record_from_before_use_was_recorded_has_none(project):
    folder = record(MeasureConflict, {"prompts": prompts_table(0)}, task="harmless", **TEXT)
    older = json.loads((folder / "result.json").read_text())
    del older["accelerator_use"]
    (folder / "result.json").write_text(json.dumps(older))
    assert "GPU busy" not in hardware.times_table("smoke").data


def test_without_a_gpu_run_the_page_says_so_and_goes_on(project):
    measured(seeds=(0,), tasks=("harmless",))
    (note,) = gpu.sections("smoke")
    assert "## Not yet run on a GPU" in note.data
    assert "make notebooks PROFILE=gpu DATA=folder" in note.data
    assert "The runs of profile `smoke` stand in their place" in note.data
    assert gpu.sections("gpu") == []


def test_what_there_is_of_a_gpu_run_is_shown(project):
    tables = {"prompts": prompts_table(0), "labels": labels_table()}
    for seed in (0, 1):
        asked = {"profile": "gpu", "seed": seed, "task": "harmless"}
        on_device(record(MeasureConflict, tables, **asked, **TEXT), "1 x Fast")
    tokens = {"activity": "training", "model": "real text", "parameters": 10, "tokens": 100}
    spent = {"repetition": 0, "wall_s": 1.0, "cpu_s": 0.5, "busy_share": 0.7}
    record(Benchmark, {"throughput": pd.DataFrame([tokens | spent])}, profile="gpu")
    note, *shown = gpu.sections("smoke")
    assert "## Partly run on a GPU" in note.data
    assert "names an accelerator for `shf_cas`, `align`." in note.data
    assert "without an accelerator" not in note.data
    assert "stand in their place" not in note.data
    said = "\n".join(part.data for part in shown)
    assert "{#tbl-text-gold-gpu}" in said
    assert "text-areas-gpu gpu" in said
    assert "{#tbl-text-tokens-gpu}" in said


def test_the_profile_alone_makes_no_gpu_run(project):
    tables = {"prompts": prompts_table(0), "labels": labels_table()}
    asked = {"profile": "gpu", "task": "harmless"}
    on_device(record(MeasureConflict, tables, **asked, **TEXT), None)
    note, *shown = gpu.sections("smoke")
    assert "## Not yet run on a GPU" in note.data
    assert "for `measure_conflict`, `shf_cas`, `align`." in note.data
    assert "for `measure_conflict` were made **without an accelerator**" in note.data
    assert any("{#tbl-text-gold-gpu}" in part.data for part in shown)


def test_the_page_lists_all_that_it_reads(project):
    tables = {"prompts": prompts_table(0), "labels": labels_table()}
    record(MeasureConflict, tables, task="harmless", **TEXT)
    record(ShfCas, loop_tables({"random": 0.1}, 0), task="harmless", **TEXT)
    record(ShfCas, loop_tables({"random": 0.1}, 0), task="harmless", rounds=1, **TEXT)  # not read
    record(Clean, {"read": pairs_read("single-turn")}, data="hh-rlhf", annotators="committee")
    for task in ("safety", "helpfulness"):  # the world's, of which one has a gap in coverage
        record(MeasureConflict, {"prompts": prompts_table(0)}, task=task)
    record(MeasureConflict, tables, profile="gpu", task="helpful", **TEXT)
    found = [
        (run.record["profile"], run.record["notebook"], run.parameters.get("task"))
        for run in hardware.runs_read("smoke")
    ]
    assert found == [
        ("smoke", "measure_conflict", "harmless"),
        ("smoke", "shf_cas", "harmless"),
        ("smoke", "clean", None),
        ("smoke", "measure_conflict", "safety"),
        ("gpu", "measure_conflict", "helpful"),
    ]


# --- who learns from what


def pairs_read(*subsets, n=100):
    """Pairs that were read, as `clean` counts them."""
    train = pd.DataFrame({"subset": subsets, "n_pairs": n, "split": "train"})
    test = pd.DataFrame({"subset": ["harmless-base"], "n_pairs": 50, "split": "test"})
    return pd.concat([train, test], ignore_index=True)


def learnt(*subsets, **gold):
    """What is said of runs on these training subsets with these settings of gold."""
    settings = PROFILE.text_gold.model_copy(update=gold)
    profile = PROFILE.model_copy(update={"text_gold": settings})
    tables = {"prompts": prompts_table(0), "labels": labels_table()}
    record(MeasureConflict, tables, task="harmless", resolved=profile, **TEXT)
    record(Clean, {"read": pairs_read(*subsets)}, data="hh-rlhf", annotators="committee")
    return learning.learning_sentence("smoke").data


def test_pairs_that_are_not_divided_are_said_to_be_one_pool(project):
    said = learnt("single-turn", share=0.5, test_share=0.7)
    assert "The 100 training pairs (*single\\-turn*) are **not divided into subsets**" in said
    assert "70 % of the questions of its own subsets **in the test split**" in said
    assert "from the other 30 %" in said
    assert "Nobody learns for a task from 50 % of the training questions" in said


def test_a_pool_without_test_questions_makes_one_gold(project):
    said = learnt("single-turn", share=0.4, test_share=0.0)
    assert "Gold learns from 40 % of the training questions, which nobody else sees." in said
    assert "gold is the same model for either" in said


def test_pairs_of_subsets_are_a_tasks_own(project):
    said = learnt("harmless-base", "helpful-base", share=0.5, test_share=0.0)
    assert said.startswith("Of the 200 training pairs (*harmless\\-base*, *helpful\\-base*)")
    assert "those of its own subsets. Gold learns from 50 %" in said
    assert "the same model" not in said


def test_a_released_gold_is_named(project):
    assert learnt("single-turn", model="some/model").endswith("a released model, `some/model`.")


# --- the statement


def test_the_statement_names_what_has_not_been_run(project):
    measured(tasks=("harmless",), seeds=range(10))
    said = statement.statement("smoke").data
    assert "on 80 [" in said
    assert "in 2 of 2 cases of task and model: harmless (policy), harmless (proxy)." in said
    assert "Harmless: conflict finds wrong proxies (AUROC 0.7" in said
    assert "Runs of `shf_cas` for the value of feedback have not been made." in said
    assert "Runs of `align` for the alignment on text have not been made." in said
    assert said.endswith("There are 10 seeds (0, 1, 2, 3, 4, 5, 6, 7, 8, 9).")


def test_without_any_run_there_is_no_statement(project):
    with pytest.raises(MissingResults, match="measure_conflict"):
        statement.statement("smoke")


def test_the_statement_says_what_conflict_buys(project):
    fed({"random": 0.1, "conflict": 0.3})
    said = statement.feedback_in_short("smoke")
    assert "harmless: labels bought where conflict is highest beat labels bought at random" in said
    assert "of all 2 comparisons with random, 2 are clear" in said
