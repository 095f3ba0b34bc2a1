"""Ablations and the map: areas by setting, thresholds, variants, cells, verdicts, charts."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from proxylab.pages import redraws, verdicts
from proxylab.pages.ablations import biases as ablation_biases
from proxylab.pages.ablations import detection
from proxylab.pages.ablations import finding as conflict_finding
from proxylab.pages.ablations import knowledge_map as conflict_map
from proxylab.pages.ablations import sampling as ablations
from proxylab.pages.ablations import thresholds as ablation_thresholds
from proxylab.pages.ablations import variants as loop_variants
from proxylab.pages.verdicts import HIGHER, NOISE
from proxylab.parameters import defaults_of
from proxylab.plots.maps import forest_panels, marked_curves, points_over_curves, square_map
from proxylab.runs import ShfCas
from proxylab.stats import auroc, auroc_over_seeds

QUADRANTS = np.array(["both", "policy only", "proxy only", "neither"])
PAGE = (ablations, ablation_thresholds, ablation_biases, loop_variants)
PAGE += (conflict_map, conflict_finding, detection)
TAUGHT, UNTAUGHT = detection.TAUGHT[True], detection.TAUGHT[False]


def prompt_rows(seeds=(0, 1), n=80, task="safety"):
    """Conflict finds wrong proxies in topics the policy was taught, and is noise elsewhere."""
    rng, frames = np.random.default_rng(0), []
    for seed in seeds:
        quadrant = QUADRANTS[np.arange(n) % 4]
        wrong = (rng.random(n) < 0.5).astype(float)
        taught = np.isin(quadrant, detection.POLICY_TAUGHT)
        frames.append(
            pd.DataFrame(
                {
                    "task": task,
                    "seed": seed,
                    "prompt": np.arange(n),
                    "topic": quadrant,
                    "quadrant": quadrant,
                    "conflict_sum": 1 + 0.5 * wrong * taught + rng.normal(0, 0.2, n),
                    "tau_distance": rng.random(n),
                    "wrong": wrong,
                    "tau_proxy_gold": 0.5 - wrong,
                    "policy_gold": 0.6 * taught + rng.normal(0, 0.05, n),
                    "proxy_gold": 0.5 - wrong,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def with_sampling(rows):
    settings = [("samples", 4, 0.7), ("samples", 8, 0.7)]
    settings += [("temperature", 8, 0.7), ("temperature", 8, 1.0)]
    frames = [rows.assign(sweep=a, k=b, sampled_at=c) for a, b, c in settings]
    return pd.concat(frames, ignore_index=True)


def with_biases(rows):
    doses = [("none", 0.0), ("saturation", 2.0), ("retrained", 0.0), ("flips", 0.5)]
    frames = [rows.assign(bias=name, dose=dose) for name, dose in doses]
    frames[-1] = frames[-1].assign(wrong=1 - rows["wrong"], tau_proxy_gold=rows["wrong"] - 0.5)
    return pd.concat(frames, ignore_index=True)


def loop_rows(variants=({},), seeds=(0, 1), selectors=None, n=40, lift=0.1):
    """Held-out rows of the loop: conflict gains `lift` in topics that only the policy knows."""
    rng, frames = np.random.default_rng(1), []
    for i, variant in enumerate(variants):
        for seed in seeds:
            quadrant = QUADRANTS[np.arange(n) % 4]
            for selector in (selectors or {}).get(i, ("random", "conflict")):
                values = {**defaults_of(ShfCas), **variant, "seed": seed, "task": "safety"}
                values.pop("selectors")
                gain = lift * (selector == "conflict") * (quadrant == "policy only")
                for step in (0, 1):
                    last = pd.DataFrame({name: [value] * n for name, value in values.items()})
                    gold = step * (1 + gain + rng.normal(0, 0.001, n))
                    frames.append(
                        last.assign(
                            run_id=f"{i}-{seed}",
                            selector=selector,
                            round=step,
                            n_labels=100 * step,
                            prompt=np.arange(n),
                            quadrant=quadrant,
                            gold=gold,
                            accuracy=np.where(np.arange(n) == 0, np.nan, gold / 2),
                        )
                    )
    return pd.concat(frames, ignore_index=True)


def theory_table():
    knows = np.linspace(-0.3, 0.9, 5)
    frames = [
        pd.DataFrame(
            {"policy_knowledge": knows, "proxy_knowledge": b, "auroc": 0.5 + b * knows / 2}
        )
        for b in (0.5, 0.9)
    ]
    return pd.concat(frames, ignore_index=True)


class MadeUpRun:
    """A recorded run of the simulation."""

    def table(self, name):
        if name == "theory":
            return theory_table()
        return pd.DataFrame({"k": [4, 8], "level": 0.05, "threshold": [1.7, 1.54]})


@pytest.fixture
def use(monkeypatch):
    """Puts made-up tables in the place of recorded ones."""

    def put(rows=None, loop=None):
        rows = prompt_rows() if rows is None else rows
        tables = {
            "prompts": rows,
            "sampling": with_sampling(rows),
            "biases": with_biases(rows),
            "held_out": loop_rows() if loop is None else loop,
        }
        for module in (detection, loop_variants):
            monkeypatch.setattr(module, "gather", lambda _, name, **__: tables[name].copy())
        for module in (ablation_thresholds, conflict_map):
            monkeypatch.setattr(module, "load_runs", lambda *_, **__: [MadeUpRun()])

    return put


# Redraws


def test_the_first_draw_is_the_estimate_and_the_rest_redraw_whole_seeds():
    counts = redraws.nested_counts((3, 5), n_redraws=50)
    assert counts[0].tolist() == [1.0] * 8
    drawn = counts[1:, :3].sum(axis=1) / 3  # how often the first of two seeds was drawn
    assert set(drawn) == {0.0, 1.0, 2.0}
    assert np.array_equal(counts[1:, 3:].sum(axis=1) / 5, 2 - drawn)


def test_a_mean_leaves_undefined_values_out():
    counts = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0], [0.0, 0.0, 3.0]])
    means = redraws.mean_draws(np.array([1.0, 4.0, np.nan]), counts)
    assert means[:2].tolist() == [2.5, 4.0]
    assert math.isnan(means[2])  # only the undefined one was drawn


def test_areas_agree_with_the_library_in_estimate_and_interval():
    rows = prompt_rows(seeds=(0, 1, 2))
    draws = redraws.area_draws(rows, "conflict_sum", redraws.Redraws(rows).counts(rows))
    parts = [part for _, part in rows.groupby("seed")]
    expected = auroc_over_seeds(
        [part["conflict_sum"].to_numpy() for part in parts],
        [part["wrong"].to_numpy() for part in parts],
        rng=np.random.default_rng(3),
    )
    found = redraws.limits(draws)
    assert found["value"] == pytest.approx(expected.estimate)
    assert found["low"] == pytest.approx(expected.low, abs=0.02)
    assert found["high"] == pytest.approx(expected.high, abs=0.02)


def test_a_seed_without_a_wrong_proxy_takes_no_part():
    rows = prompt_rows(seeds=(0, 1))
    rows.loc[rows["seed"] == 1, "wrong"] = 0.0
    draws = redraws.area_draws(rows, "conflict_sum", np.ones((1, len(rows))))
    own = rows[rows["seed"] == 0]
    assert draws[0] == pytest.approx(auroc(own["conflict_sum"].to_numpy(), own["wrong"].to_numpy()))


# Areas, changes, words


def test_detection_counts_what_is_undefined():
    rows = prompt_rows(seeds=(0,), n=8).assign(wrong=[0, 1] * 4, conflict_sum=[0.0, 1.0] * 4)
    rows.loc[[0, 1], "conflict_sum"] = np.nan
    found = detection.detection(rows, ["task"]).iloc[0]
    assert found["value"] == 1.0  # every wrong proxy has more conflict than every right one
    assert (found["n"], found["n_prompts"], found["wrong"]) == (6, 8, 0.5)


def test_a_change_is_paired_and_none_is_made_with_itself():
    rows = pd.concat([prompt_rows().assign(at=1), prompt_rows().assign(at=2)], ignore_index=True)
    areas = detection.detection(rows, ["task", "at"])
    found = detection.changes(areas, pd.Series([0, 0]), ["at"])
    assert found[["at", "value", "low", "high"]].to_numpy().tolist() == [[2, 0.0, 0.0, 0.0]]
    assert found["verdict"].tolist() == [NOISE]
    assert detection.changes(areas, pd.Series([np.nan, np.nan]), ["at"]).empty


def of_seeds(*wrong_first):
    """Seeds of four prompts, two wrong; how many wrong ones conflict puts above both right ones."""
    rows = [
        {"task": "safety", "seed": seed, "prompt": i, "wrong": wrong, "conflict_sum": score}
        for seed, first in enumerate(wrong_first)
        for i, (wrong, score) in enumerate(
            [(0.0, 1.0), (0.0, 1.0), (1.0, 2.0 * (first > 0)), (1.0, 2.0 * (first > 1))]
        )
    ]
    return pd.DataFrame(rows)


def test_an_area_knows_its_seeds():
    rows = of_seeds(2, 1, 2)
    found = detection.detection(rows, ["task"]).iloc[0]
    assert found["by_seed"].tolist() == [1, 0.5, 1]
    assert (found["value"], found["n_seeds"]) == (pytest.approx(5 / 6), 3)
    assert found["seed_se"] == pytest.approx(1 / 6)  # sd of 1, 0.5, 1 is 0.5 / sqrt(3)
    alone = rows.assign(wrong=rows["wrong"].where(rows["seed"] < 2, 1.0))
    assert detection.detection(alone, ["task"])["n_seeds"].tolist() == [2]  # no right one in seed 2


def test_a_change_over_three_seeds_that_differ_is_noise():
    rows = pd.concat([of_seeds(2, 2, 2).assign(at=1), of_seeds(2, 1, 0).assign(at=2)])
    areas = detection.detection(rows.reset_index(drop=True), ["task", "at"])
    found = detection.changes(areas, pd.Series([0, 0]), ["at"]).iloc[0]
    # -0, -0.5 and -1: mean -0.5, standard error 0.2887, t with two degrees of freedom 4.303.
    assert (found["value"], found["n_seeds"]) == (pytest.approx(-0.5), 3)
    assert (found["low"], found["high"]) == pytest.approx((-1.7421, 0.7421), abs=1e-4)
    assert found["verdict"] == NOISE


def test_words_tell_clear_from_noise():
    table = pd.DataFrame({"value": [0.3, 0.1], "low": [0.2, -0.1], "high": [0.4, 0.3]})
    table = verdicts.verdicts(table.assign(n_seeds=3))
    text = verdicts.verdicts_in_words(table, pd.Series(["a", "b"]), what="AUROC")
    assert "AUROC, clear differences: a: +0.30 [0.20, 0.40]. " in text
    assert "1 of 2 comparisons cannot be told from noise (the largest: b: 0.10" in text
    assert "nothing to compare" in verdicts.verdicts_in_words(
        table.iloc[:0], pd.Series([], dtype=object), what="AUROC"
    )


def test_nothing_is_judged_from_one_seed():
    table = pd.DataFrame({"value": [0.3, 0.3], "low": [0.2, 0.2], "high": [0.4, 0.4]})
    table = verdicts.verdicts(table.assign(n_seeds=[1, 2]))
    assert table["verdict"].tolist() == [verdicts.ONE_SEED, HIGHER]
    text = verdicts.verdicts_in_words(table, pd.Series(["a", "b"]), what="AUROC")
    assert "clear differences: b: +0.30 [0.20, 0.40]. 1 of 2 comparisons rest on one seed" in text


def test_few_seeds_are_said():
    assert detection.few_seeds(prompt_rows(seeds=range(10), n=4)) == []
    (one,) = detection.few_seeds(prompt_rows(seeds=(0,), n=4))
    assert one.startswith("Few seeds: safety")
    assert "know nothing" in one


# Samples and temperature


def test_the_usual_setting_is_the_one_that_both_sweeps_share():
    rows = with_sampling(prompt_rows())
    assert ablations.usual_setting(rows, "samples") == 8
    assert ablations.usual_setting(rows, "temperature") == 0.7
    only = rows[rows["sweep"] == "samples"]
    only = only[only["k"] == 4]
    assert ablations.usual_setting(only, "samples") == 4


def test_a_sweep_or_a_kind_of_topic_may_be_missing(use, monkeypatch):
    rows = prompt_rows()
    use(rows[rows["quadrant"].isin(detection.POLICY_TAUGHT)])
    assert ablations.sampling_areas("cpu", taught=UNTAUGHT).empty
    assert "nothing to compare yet" in ablations.sampling_sentence("cpu").data
    only = with_sampling(rows).query("sweep == 'samples'")
    monkeypatch.setattr(ablations, "measured", lambda *_: only.assign(taught=TAUGHT))
    ablations.sampling_areas.cache_clear()
    assert set(ablations.sampling_areas("cpu")["sweep"]) == {"samples"}


def test_the_page_says_which_completions_tell_a_wrong_proxy():
    rows = with_sampling(prompt_rows())
    assert "moves with K" in ablations.judged_on(rows)  # a run recorded before it was mended
    judged = rows.assign(judged_on=np.where(rows["sweep"] == "samples", 8, rows["k"]))
    assert "judged on all 8, and so the same for every K" in ablations.judged_on(judged)
    assert ablations.judged_on(rows[rows["sweep"] == "temperature"]) == ""


def test_a_dose_of_length_is_said_to_be_a_word(use):
    use()
    assert "of length: such standard deviations a word of the reply" in (
        ablation_biases.bias_figure("cpu", label="x").data
    )


def test_settings_are_compared_with_the_usual_one(use):
    use()
    found = ablations.sampling_changes("cpu")
    assert found[["sweep", "at"]].to_numpy().tolist() == [["samples", 4], ["temperature", 1.0]]
    assert found["value"].tolist() == [0.0, 0.0]  # the same rows under every setting
    assert "2 of 2 comparisons cannot be told from noise" in ablations.sampling_sentence("cpu").data


# Threshold


def test_precision_recall_and_lift_by_hand():
    rows = pd.DataFrame(
        {
            "task": "safety",
            "seed": 0,
            "prompt": range(5),
            "conflict_sum": [0.5, 1.2, 1.6, 1.8, np.nan],
            "wrong": [0.0, 0.0, 1.0, 1.0, 1.0],
        }
    )
    table = ablation_thresholds.threshold_rows(rows, [1.0, 1.7])
    found = table.pivot(index="t", columns="measure", values="value")
    assert found.loc[1.0, ["precision", "recall", "selected"]].tolist() == [2 / 3, 1.0, 0.75]
    assert found.loc[1.7, ["precision", "recall", "selected"]].tolist() == [1.0, 0.5, 0.25]
    assert found["lift"].tolist() == pytest.approx([2 / 3 - 0.5, 0.5])  # half of the defined


def test_a_lift_knows_its_seeds():
    # Above 1.5 are both wrong proxies, one, none: precision 1, 1 and undefined, less one half.
    table = ablation_thresholds.threshold_rows(of_seeds(2, 1, 0), [1.5]).set_index("measure")
    assert table.loc["lift", ["value", "n_seeds", "seed_se"]].tolist() == [0.5, 2, 0.0]
    assert table.loc["recall", "n_seeds"] == 3
    assert table.loc["recall", "seed_se"] == pytest.approx(0.5 / 3**0.5)  # of 1, 0.5 and 0


def test_a_threshold_that_selects_nothing_has_no_precision():
    rows = prompt_rows(seeds=(0,), n=8)
    found = ablation_thresholds.threshold_rows(rows, [9.0]).set_index("measure")["value"]
    assert math.isnan(found["precision"])
    assert found["recall"] == 0


def test_the_marks_are_the_released_thresholds_and_the_calibrated_one(use):
    use()
    marks = ablation_thresholds.released_marks("cpu")
    assert marks == {
        "1.0 (released [C])": 1.0,
        "1.5 (released [C])": 1.5,
        "1.54 (5 % level)": 1.54,  # of K = 8, not of K = 4
    }


def test_a_gain_knows_its_seeds():
    rows = pd.DataFrame({"task": "safety", "seed": [0, 0, 1, 1, 2, 2], "prompt": [0, 1] * 3})
    rows = rows.assign(gold=[0.0, 0.2, 0.2, 0.4, 0.4, 0.6], accuracy=0.0)
    found = loop_variants.mean_gains(rows, ["task"]).set_index("measure").loc["gold reward"]
    # Means of the seeds 0.1, 0.3, 0.5.
    assert (found["value"], found["n_seeds"]) == (pytest.approx(0.3), 3)
    assert found["seed_se"] == pytest.approx(0.2 / 3**0.5)


# Bias


def test_biases_are_named_ordered_and_compared_with_their_own_reference(use):
    use()
    areas = ablation_biases.bias_areas("cpu")
    assert areas["name"].tolist() == ["none", "saturation, 2", "retrained", "flips, 0.5"]
    base = {areas.loc[i, "bias"]: areas.loc[j, "bias"] for i, j in areas["base"].items()}
    assert base == {
        "none": "none",
        "saturation": "none",
        "retrained": "retrained",
        "flips": "retrained",
    }
    assert areas.set_index("name")["same"].to_dict()["saturation, 2"]
    assert not areas.set_index("name")["same"].to_dict()["flips, 0.5"]


def test_a_bias_that_reverses_every_outcome_reverses_the_area(use):
    use()
    areas = ablation_biases.bias_areas("cpu").set_index("name")["value"]
    assert areas["flips, 0.5"] == pytest.approx(1 - areas["retrained"])
    text = ablation_biases.bias_sentence("cpu").data
    assert "clear differences: safety, flips, 0.5: −" in text
    assert "These left the proxy's ranking of every prompt as it was: saturation, 2" in text


# Variants of the loop


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, loop_variants.USUAL),
        ({"rounds": 1}, "one round"),
        ({"annotator": "noisy", "annotator_noise": 0.3}, "annotator noise 0.3"),
        ({"annotator": "votes.jsonl"}, "labels from votes.jsonl"),
        ({"logprob": "per_token"}, "log-prob. per token"),
        ({"refit": "scratch", "budget": 96}, "96 labels + refit from scratch"),
    ],
)
def test_a_variant_is_named_by_what_it_changes(changed, name):
    assert loop_variants.variant_name(pd.Series({**defaults_of(ShfCas), **changed})) == name


def test_gains_are_of_the_last_round_and_paired(use):
    use()
    found = loop_variants.gains("cpu")
    assert set(found["n_labels"]) == {100}
    by_quadrant = found.groupby("quadrant")["gold"].mean()
    assert by_quadrant["policy only"] == pytest.approx(0.1, abs=0.002)
    assert by_quadrant.drop("policy only").abs().max() < 0.002
    assert found["accuracy"].isna().sum() == 2  # one undefined prompt in each of two seeds


def test_random_labels_do_not_depend_on_the_log_probability(use):
    variants = ({}, {"logprob": "per_token"}, {"rounds": 1})
    only = {1: ("conflict",), 2: ("conflict",)}
    use(loop=loop_rows(variants, selectors=only))
    found = loop_variants.gains("cpu")
    # The variant in the log-probability has the usual random labels for its control; that in the
    # rounds has none, for random labels differ there.
    assert set(found["variant"]) == {loop_variants.USUAL, "log-prob. per token"}


def test_a_selector_that_two_runs_share_counts_once(use):
    use(loop=loop_rows(({}, {})))
    assert len(loop_variants.gains("cpu")) == 2 * 40


def test_two_files_of_votes_are_two_variants(use):
    use(loop=loop_rows(({}, {"annotator": "anna.csv"}, {"annotator": "ben.csv"})))
    found = loop_variants.gains("cpu").groupby("variant").size()
    assert found.to_dict() == {
        loop_variants.USUAL: 2 * 40,
        "labels from anna.csv": 2 * 40,
        "labels from ben.csv": 2 * 40,
    }


def test_a_variant_that_loses_the_gain_is_said_to(use):
    loop = loop_rows(({}, {"rounds": 1}), lift=0.0)
    usual = (loop["selector"] == "conflict") & (loop["rounds"] == 0) & (loop["round"] == 1)
    loop.loc[usual, "gold"] += 0.5
    use(loop=loop)
    text = loop_variants.variants_sentence("cpu").data
    assert "in gold reward, clear differences: safety, usual loop: +0.50" in text
    assert "Change of that gain from the usual loop, in gold reward, clear differences" in text
    assert "safety, one round: −0.50" in text


# The map


def test_a_prompt_does_not_decide_its_own_bin():
    rows = prompt_rows()
    before = conflict_map.binned(rows).set_index(redraws.UNIT)["knowledge"]
    rows.loc[0, "policy_gold"] = -5.0  # seed 0, prompt 0
    after = conflict_map.binned(rows).set_index(redraws.UNIT)["knowledge"]
    assert after[0, 0] == before[0, 0]
    assert after[0, 4] < before[0, 4]  # the next prompt of the topic, in the other half


def test_points_rise_with_what_the_policy_knows(use):
    use()
    points = conflict_map.map_points("cpu")
    assert points["policy_knowledge"].is_monotonic_increasing
    assert points["value"].iloc[-1] > 0.8 > points["value"].iloc[0]


def test_a_point_is_within_reach_where_its_interval_meets_the_curves():
    curves = theory_table().assign(curve=lambda t: t["proxy_knowledge"].map(str))
    curves = curves.assign(value=curves["auroc"])
    point = pd.Series({"policy_knowledge": 0.3, "low": 0.56, "high": 0.6})
    assert conflict_map._reaches(point, curves)  # at 0.3 the curves lie at 0.575 and 0.635
    assert not conflict_map._reaches(point.replace(0.6, 0.57), curves)


def test_the_gain_map_knows_where_the_gain_was(use):
    use()
    table = conflict_map.quadrant_gains("cpu").set_index(["quadrant", "measure"])
    assert table.loc[("policy only", "gold reward"), "verdict"] == HIGHER
    assert table.loc[("policy only", "gold reward"), "policy"] == "taught"
    assert table.loc[("policy only", "gold reward"), "proxy"] == "not taught"
    assert table.loc[("policy only", "accuracy (points)"), "value"] == pytest.approx(5, abs=0.1)
    assert table.loc[("neither", "gold reward"), "value"] == pytest.approx(0, abs=0.002)


def test_the_finding_is_confirmed_where_it_holds(use):
    use()
    text = conflict_finding.finding_sentence("cpu").data
    assert f"{TAUGHT}, AUROC 0.9" in text
    assert "conflict informs" in text.split(UNTAUGHT)[0]
    assert conflict_finding.LIKE_CHANCE in text.split(UNTAUGHT)[1]
    assert "positive in 2 of 2 seeds. The finding holds." in text
    assert "the finding holds in 1 of 1 tasks" in text


def test_the_finding_is_not_confirmed_where_conflict_says_nothing(use):
    rows = prompt_rows()
    use(rows.assign(conflict_sum=np.random.default_rng(5).random(len(rows))))
    text = conflict_finding.finding_sentence("cpu").data
    assert "The finding is not confirmed" in text
    assert "the finding holds in 0 of 1 tasks" in text


def test_a_task_without_untaught_topics_makes_no_comparison(use):
    rows = prompt_rows()
    use(rows[rows["quadrant"].isin(detection.POLICY_TAUGHT)])
    assert "holds in 0 of 0 tasks" in conflict_finding.finding_sentence("cpu").data


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_every_part_of_the_page_works_with_one_seed_and_with_two(use, seeds):
    use(prompt_rows(seeds), loop_rows(({}, {"rounds": 1}), seeds))
    labelled = [
        ablations.sampling_figure,
        ablations.sampling_table,
        ablation_thresholds.threshold_figure,
        ablation_thresholds.threshold_table,
        ablation_biases.bias_figure,
        ablation_biases.bias_table,
        loop_variants.variants_figure,
        loop_variants.variants_table,
        conflict_map.map_figure,
        conflict_map.gain_map,
    ]
    said = [
        ablations.sampling_sentence,
        ablation_thresholds.threshold_sentence,
        ablation_biases.knowledge_sentence,
        ablation_biases.bias_sentence,
        loop_variants.variants_sentence,
        conflict_map.map_sentence,
        conflict_map.gain_sentence,
        conflict_finding.finding_sentence,
    ]
    texts = [part("cpu", label="x").data for part in labelled] + [part("cpu").data for part in said]
    assert all(texts)
    assert not any("nan" in text for text in texts)


# Charts


def test_panels_share_their_rows_even_where_some_are_missing():
    frame = pd.DataFrame(
        {
            "row": ["a", "b", "b"],
            "panel": ["left", "left", "right"],
            "value": [1.0, 2.0, 3.0],
            "low": [0.5, 1.5, 2.5],
            "high": [1.5, 2.5, 3.5],
        }
    )
    axes = Figure().subplots(1, 2)
    forest_panels(axes, frame, rows="row", panels="panel", xlabel="x")
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["a", "b"]
    left, right = (ax.containers[0].lines[0].get_xydata() for ax in axes)
    assert left.tolist() == [[1.0, 0.0], [2.0, 1.0]]
    assert right[1].tolist() == [3.0, 1.0]  # b stays in b's row


def test_a_square_map_puts_cells_where_they_belong():
    frame = pd.DataFrame({"y": ["no"], "x": ["yes"], "value": [2.0], "text": ["+2"]})
    ax = Figure().subplots()
    square_map(
        ax,
        frame,
        row="y",
        column="x",
        text="text",
        rows=("yes", "no"),
        columns=("yes", "no"),
        limit=2.0,
        empty="-",
    )
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(0, 0): "-", (1, 0): "-", (0, 1): "+2", (1, 1): "-"}
    assert ax.texts[2].get_color() == "#FFFFFF"  # on the full colour of a gain


def test_curves_and_points_are_drawn_at_their_values():
    curves = pd.DataFrame({"x": [1.0, 0.0], "c": "t", "value": [2.0, 1.0]})
    points = pd.DataFrame({"x": [0.5], "s": "m", "value": [1.5], "low": [1.0], "high": [2.0]})
    ax = Figure().subplots()
    points_over_curves(
        ax, curves, points, x="x", curve="c", series="s", xlabel="", ylabel="", reference=1.0
    )
    assert ax.lines[1].get_xydata().tolist() == [[0.0, 1.0], [1.0, 2.0]]  # sorted along x
    assert ax.containers[0].lines[0].get_xydata().tolist() == [[0.5, 1.5]]
    ax = Figure().subplots()
    frame = curves.assign(low=curves["value"], high=curves["value"])
    marked_curves(ax, frame, x="x", series="c", marks={"here": 0.25})
    assert ax.lines[1].get_xdata() == [0.25, 0.25]
    assert ax.lines[1].get_label() == "here"
