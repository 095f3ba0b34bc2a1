"""The conflict page: what it computes from rows, and what it says of them."""

import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from proxylab.conflict import gaussian_simulation, independence_level, threshold_table
from proxylab.pages import areas, pooling, verdicts
from proxylab.pages.conflict_metrics import cells as conflict_detection
from proxylab.pages.conflict_metrics import definitions as conflict_metrics
from proxylab.pages.conflict_metrics import held_out as conflict_held_out
from proxylab.pages.conflict_metrics import lengths as conflict_length
from proxylab.pages.conflict_metrics import outcomes as conflict_outcomes
from proxylab.pages.conflict_metrics import scores as conflict_scores
from proxylab.pages.conflict_metrics import simulation as conflict_simulation
from proxylab.pages.conflict_metrics import text as conflict_text
from proxylab.plots import COLOURS, stacked_shares
from proxylab.plots.style import GREY, LIGHT
from proxylab.results import MissingResults
from proxylab.runs import MeasureConflict
from proxylab.studies.conflict_theory import CORRELATIONS, LEVELS
from proxylab.tables import DASH

PAGE = (
    conflict_detection,
    conflict_length,
    conflict_metrics,
    conflict_outcomes,
    conflict_scores,
    conflict_simulation,
    conflict_text,
)
QUADRANTS = ("both", "policy only", "proxy only", "neither")


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Fewer draws than a page."""
    monkeypatch.setattr(areas, "N_RESAMPLES", 100)
    monkeypatch.setattr(pooling, "N_RESAMPLES", 100)


def world_prompts(*, tasks=("safety", "questions"), seeds=(0, 1, 2), n=80, signal=2.0):
    """Prompts on which conflict finds wrong proxies exactly where the policy was taught."""
    rng = np.random.default_rng(0)
    frames = []
    for task in tasks:
        for seed in seeds:
            quadrant = np.resize(QUADRANTS, n)
            wrong = (np.arange(n) // 4) % 2  # half of each quadrant
            informed = np.isin(quadrant, ("both", "policy only"))
            conflict = rng.normal(size=n) + signal * wrong * informed
            policy_gold = np.where(rng.random(n) < 0.5, 0.4, -0.4)
            frame = pd.DataFrame({"task": task, "seed": seed, "quadrant": quadrant})
            frames.append(
                frame.assign(
                    prompt=np.arange(n),
                    wrong=wrong.astype(float),
                    policy_gold=policy_gold,
                    proxy_policy=-conflict / 10,
                    length_logprob=-0.8 if task == "safety" else np.nan,
                    conflict_sum=conflict,
                    conflict_per_token=rng.normal(size=n) if task == "safety" else conflict,
                    conflict_length_residual=conflict,
                    tau_distance=conflict,
                    uncertainty=rng.normal(size=n),
                    consistency=rng.normal(size=n),
                    confidence=rng.normal(size=n),
                )
            )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def world(monkeypatch):
    def use(**options):
        table = world_prompts(**options)
        monkeypatch.setattr(conflict_scores, "gather", lambda *_, **__: table.copy())
        return table

    return use


# --- what held out means


def test_held_out_prompts_that_training_asked_are_counted_by_what_was_taught(world, monkeypatch):
    table = world(tasks=("safety",))
    conflict_scores.prompts.cache_clear()
    assert conflict_held_out.seen_sentence("cpu").data == ""  # a run recorded without it
    taught = table["quadrant"].isin(["both", "policy only"])
    table = table.assign(in_demonstrations=taught & (table["prompt"] % 8 < 4), in_proxy_pairs=False)
    monkeypatch.setattr(conflict_scores, "gather", lambda *_, **__: table.copy())
    conflict_scores.prompts.cache_clear()
    said = conflict_held_out.seen_sentence("cpu").data
    assert "demonstrations, of topics taught there safety 50 %, of other topics 0 of 120;" in said
    assert "trained on, of topics taught there safety 0 %, of other topics 0 of 120 (" in said


# --- areas


def test_the_area_of_a_perfect_score_is_one_and_its_contrast_with_chance_a_half():
    frame = pd.DataFrame({"seed": np.repeat([0, 1], 40), "wrong": np.tile([0.0, 1.0], 40)})
    frame = frame.assign(good=frame["wrong"], flat=1.0)
    assert areas.area(frame, "good").estimate == 1
    found = areas.area_contrast(frame, "good", "flat")  # a constant score: every pair is a tie
    assert (found.estimate, found.low, found.high) == (0.5, 0.5, 0.5)


def three_seeds():
    """In each seed 4, 8 or 12 of 20 wrong proxies have the score 0 of the right ones, others 1."""
    frames = []
    for seed, misses in enumerate((4, 8, 12)):
        wrong = np.repeat([0.0, 1.0], 20)
        score = np.r_[np.zeros(20), np.arange(20) >= misses].astype(float)
        part = pd.DataFrame({"seed": seed, "wrong": wrong, "score": score, "flat": 1.0})
        frames.append(part.assign(flag=np.tile([True, False], 20), value=wrong + seed))
    return pd.concat(frames, ignore_index=True)


def test_what_an_area_averages_is_kept_by_seed():
    frame = three_seeds()
    # A tie counts half: of 20 wrong proxies 4, 8, 12 tie, hence 1 - 0.5 x 0.2, 0.4, 0.6.
    assert areas.areas_by_seed(frame, "score") == pytest.approx([0.9, 0.8, 0.7])
    assert areas.areas_by_seed(frame, "score", "flat") == pytest.approx([0.4, 0.3, 0.2])
    frame.loc[frame["seed"] == 2, "wrong"] = 1.0  # no right proxy: no area
    assert np.isnan(areas.areas_by_seed(frame, "score")[2])
    row = areas.as_row(areas.area(frame, "score"), areas.areas_by_seed(frame, "score"))
    assert (row["n_seeds"], row["value"]) == (2, pytest.approx(0.85))
    assert row["seed_se"] == pytest.approx(0.05)  # half of 0.9 - 0.8


def test_three_seeds_that_differ_find_no_conflict():
    table = three_seeds().assign(score=lambda t: t["score"].where(t["seed"] < 2, 1 - t["score"]))
    by_seed = areas.areas_by_seed(table, "score")  # 0.9, 0.8, and 1 - 0.7
    row = areas.as_row(areas.area(table, "score"), by_seed)
    found = verdicts.judged(pd.DataFrame([row]), null=0.5).iloc[0]
    # Mean 2/3, standard error 0.1856, and t with two degrees of freedom 4.303: +- 0.7985.
    assert (found["low"], found["high"]) == pytest.approx((-0.132, 1.465), abs=1e-3)
    assert found["verdict"] == verdicts.NOISE


def test_a_gap_is_kept_by_seed():
    # Flags stand on every second unit of each class: means are alike, whatever the seed adds.
    frame = three_seeds()
    assert areas.gaps_by_seed(frame, "value", "flag") == pytest.approx([0, 0, 0])
    frame.loc[frame["flag"], "value"] += frame["seed"]
    # Flagged units of seed s have s more than the rest, and s / 2 more than all.
    assert areas.gaps_by_seed(frame, "value", "flag", rest=True) == pytest.approx([0, 1, 2])
    assert areas.gaps_by_seed(frame, "value", "flag") == pytest.approx([0, 0.5, 1])


def test_a_contrast_takes_the_units_that_both_scores_have():
    frame = pd.DataFrame({"seed": 0, "wrong": [0.0, 1, 0, 1], "a": [0.0, 1, 1, 0], "b": 1.0})
    frame.loc[2:, "b"] = np.nan
    # On the first two units alone a is right every time; on all four it would be chance.
    assert areas.area_contrast(frame, "a", "b").estimate == 0.5


def test_an_area_without_both_classes_is_undefined():
    frame = pd.DataFrame({"seed": 0, "wrong": [1.0, 1.0], "a": [0.0, 1.0]})
    assert math.isnan(areas.area_contrast(frame, "a").estimate)


def test_a_gap_is_the_difference_of_two_shares():
    frame = pd.DataFrame({"seed": 0, "x": [1.0, 1, 0, 0], "flag": [True, False, True, False]})
    frame.loc[3, "x"] = np.nan  # left out: flagged have 1/2, all have 2/3, the rest has 1
    assert areas.gap(frame, "x", "flag").estimate == pytest.approx(1 / 2 - 2 / 3)
    assert areas.gap(frame, "x", "flag", rest=True).estimate == pytest.approx(-1 / 2)
    assert areas.gap(frame, "x", "flag").n == 3


def test_a_gap_of_a_constant_has_no_width():
    frame = pd.DataFrame({"seed": np.repeat([0, 1], 20), "x": 1.0, "flag": [True, False] * 20})
    found = areas.gap(frame, "x", "flag")
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_the_interval_of_a_gap_is_that_of_a_difference_of_proportions():
    rng = np.random.default_rng(1)
    flag = np.arange(400) % 2 == 0
    x = (rng.random(400) < np.where(flag, 0.7, 0.4)).astype(float)
    found = areas.gap(pd.DataFrame({"seed": 0, "x": x, "flag": flag}), "x", "flag", rest=True)
    p, q = x[flag].mean(), x[~flag].mean()
    se = math.sqrt((p * (1 - p) + q * (1 - q)) / 200)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(se, rel=0.15)


def test_verdicts_are_corrected_as_one_family():
    rows = pd.DataFrame(
        {
            "value": [0.3, -0.3, 0.1, 0.01, np.nan, 0.0],
            "low": [0.2, -0.4, 0.005, -0.1, np.nan, 0.0],
            "high": [0.4, -0.2, 0.195, 0.12, np.nan, 0.0],
        }
    )
    found = verdicts.with_verdicts(rows, 0.0)
    assert found["verdict"].tolist() == [
        verdicts.HIGHER,
        verdicts.LOWER,
        verdicts.NOT_AFTER_HOLM,  # z = 2.06 alone, times 3 more hypotheses
        verdicts.NOISE,
        verdicts.UNDEFINED,
        verdicts.NOISE,  # no width and no difference
    ]
    assert math.isnan(found["p"].iloc[4])


def test_verdicts_of_no_rows():
    empty = pd.DataFrame(columns=["value", "low", "high"], dtype=float)
    assert verdicts.with_verdicts(empty, 0.0)["verdict"].tolist() == []


def test_small_p_values_are_not_called_nought():
    p_values = pd.Series([0.0004, 0.25, np.nan])
    assert verdicts.p_text(p_values) == ["< 0.001", "0.250", DASH]


def test_muted_parts_are_grey_and_numbers_are_legible_on_every_colour():
    ax = plt.figure().subplots()
    frame = pd.DataFrame({"row": ["x"], "a": [30.0], "b": [50.0], "c": [20.0]})
    stacked_shares(ax, frame, rows="row", parts=["a", "b", "c"], xlabel="%", muted=["c"])
    colours = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colours == [*COLOURS[:2], GREY]
    # White on blue, dark on orange: white on orange would have a contrast of 2.2 to 1.
    assert [text.get_color() for text in ax.texts][:2] == ["white", LIGHT.ink]
    plt.close(ax.figure)


# --- definitions and simulation


def test_the_worked_example_is_what_a_hand_finds():
    # z of the rewards 1.4, 0.2, -0.2, -1.4; of the log-probabilities -0.2, 0.2, 1.4, -1.4.
    rows = conflict_metrics.example_table().data.splitlines()[2:6]
    assert [row.split("|")[-2].strip() for row in rows] == ["1.6", "0.0", "−1.6", "0.0"]
    text = conflict_metrics.example_sentence().data
    assert "over-values A" in text
    assert "under-values C" in text
    assert "mean |PACS|, is 0.80" in text
    assert "3 of the 6 pairs" in text  # AB, AC and BC
    assert "ρ = 0.36" in text
    assert "mean PACS² = 1.28" in text  # 2 (1 - 0.36)
    assert "divided by 1,000 it is 0.80 still" in text


def test_every_known_fact_has_a_grade():
    assert {row[-1] for row in conflict_metrics.KNOWN} <= {"P", "C", "T", "D"}


@pytest.fixture
def simulated(monkeypatch):
    draws = {"n_draws": 2000}
    released = [("t", v, k, independence_level(v, k, **draws)) for v in (1.0, 1.5) for k in (4, 8)]
    tables = {
        "gaussian": gaussian_simulation(CORRELATIONS, 8, 2000, 0),
        "thresholds": threshold_table((4, 8), LEVELS, **draws).rename(columns={"n_samples": "k"}),
        "released": pd.DataFrame(released, columns=["threshold", "value", "k", "level"]),
    }
    run = SimpleNamespace(table=tables.__getitem__)
    monkeypatch.setattr(conflict_simulation, "load_runs", lambda *_, **__: [run])
    return tables


def test_the_notes_simulation_stands_beside_ours(simulated):
    table = conflict_simulation.simulation_table("cpu").data
    assert table.count("±") == 24 + 1  # 6 correlations x 4 metrics, and the caption
    assert "1.144<br>1.1" in table
    assert "Of 24 values" in conflict_simulation.simulation_sentence("cpu").data


def test_a_simulation_that_differs_from_the_notes_is_said_to(simulated):
    simulated["gaussian"]["mean_abs_pacs"] += 0.5
    frame = conflict_simulation.notes_and_ours("cpu")
    assert (frame.loc[frame["metric"] == "mean abs PACS", "z"] > 3).all()
    text = conflict_simulation.simulation_sentence("cpu").data
    assert "Of 24 values, 24" not in text
    assert "the farthest (mean abs. PACS at" in text


def test_thresholds_and_the_released_ones(simulated):
    text = conflict_simulation.threshold_table("cpu").data
    assert text.splitlines()[0] == "| samples a prompt | 50 % | 20 % | 10 % | 5 % | 1 % |"
    assert "threshold 1.0, 8 samples: 72." in conflict_simulation.released_figure("cpu").data


# --- detection


def test_conflict_is_said_to_find_wrong_proxies_only_where_it_does(world):
    world()
    lines = conflict_detection.cells_sentence("cpu").data.splitlines()
    finds = next(line for line in lines if line.startswith("- Conflict finds"))
    noise = next(line for line in lines if line.startswith("- It cannot be told"))
    assert "taught to both (safety 0.9" in finds
    assert "taught to policy only (safety 0.9" in finds
    assert "neither" not in finds
    assert "taught to neither (safety 0." in noise


def test_a_cell_with_too_few_wrong_proxies_is_not_tested(world, monkeypatch):
    table = world()
    both = (table["quadrant"] == "both") & (table["task"] == "safety")
    table.loc[both, "wrong"] = 0.0
    table.loc[table.index[both][0], "wrong"] = 1.0
    monkeypatch.setattr(conflict_scores, "gather", lambda *_, **__: table.copy())
    cell = conflict_detection.cells("cpu").set_index(["task", "quadrant"]).loc[("safety", "both")]
    assert cell["verdict"] == conflict_detection.TOO_THIN
    assert math.isnan(cell["p"])
    assert (cell["n_wrong"], cell["n_seeds"]) == (1, 1)
    assert "taught to both (safety 1 wrong)" in conflict_detection.cells_sentence("cpu").data
    assert "Too few wrong or right proxies to be shown: safety, both." in (
        conflict_detection.cells_figure("cpu").data
    )


def test_undefined_prompts_are_counted(world, monkeypatch):
    table = world()
    table.loc[table["prompt"] < 8, "wrong"] = np.nan
    monkeypatch.setattr(conflict_scores, "gather", lambda *_, **__: table.copy())
    found = conflict_detection.cells("cpu").set_index(["task", "quadrant"])
    assert found.loc[("safety", "all prompts"), "n_undefined"] == 8 * 3
    assert "on 48 it is undefined" in conflict_scores.metrics_table("cpu").data


def test_the_combined_score_is_fitted_on_other_seeds_only(world):
    table = world()
    own = table[table["task"] == "safety"]
    before = conflict_scores.left_out_scores(own, products=False)
    flipped = own.assign(wrong=np.where(own["seed"] == 0, 1 - own["wrong"], own["wrong"]))
    after = conflict_scores.left_out_scores(flipped, products=False)
    assert before[own["seed"] == 0].equals(after[own["seed"] == 0])  # its own labels do not count
    assert not before[own["seed"] == 1].equals(after[own["seed"] == 1])


def test_products_let_conflict_count_where_another_score_says_so():
    rng = np.random.default_rng(0)
    n = 600
    knows = rng.choice([-1.0, 1.0], n)
    conflict = rng.normal(size=n)
    frame = pd.DataFrame({"seed": np.arange(n) % 3, "conflict_sum": conflict, "consistency": knows})
    frame = frame.assign(wrong=(conflict * knows > 0).astype(float), tau_distance=np.nan)
    frame = frame.assign(uncertainty=np.nan, confidence=np.nan)
    plain, products = (
        areas.area(frame.assign(s=conflict_scores.left_out_scores(frame, products=p)), "s").estimate
        for p in (False, True)
    )
    assert plain < 0.6
    assert products > 0.95


def test_better_worse_and_noise_are_told_apart(world):
    world()
    found = conflict_scores.metric_areas("cpu").set_index(["task", "metric"])
    assert found.loc[("safety", "confidence"), "verdict"] == verdicts.LOWER
    assert found.loc[("safety", "tau_distance"), "verdict"] == verdicts.NOISE  # the same numbers
    text = conflict_scores.metrics_sentence("cpu").data
    assert "- Worse: " in text
    assert "Holm over 12 comparisons" in text  # 2 tasks x 6 scores


# --- who is right


def test_outcomes_of_a_prompt():
    table = pd.DataFrame({"wrong": [1, 0, 1, 0, np.nan, 1], "policy_gold": [1, -1, -1, 1, 1, None]})
    assert conflict_outcomes.outcome(table).tolist() == [
        "only proxy wrong",
        "only policy wrong",
        "both wrong",
        "both right",
        "undefined",
        "undefined",
    ]


def test_the_most_conflicted_are_a_share_of_each_run():
    table = pd.DataFrame({"task": "a", "seed": np.repeat([0, 1], 10)})
    table["conflict_sum"] = [*range(10), *range(100, 110)]
    table.loc[9, "conflict_sum"] = np.nan  # undefined: never selected
    chosen = table[conflict_outcomes.most_conflicted(table)]
    assert chosen["conflict_sum"].tolist() == [6, 7, 8, 107, 108, 109]


def test_shares_of_outcomes_sum_to_one_and_gaps_to_zero(world):
    world()
    found = conflict_outcomes.outcome_shares("cpu")
    parts = found[found["what"].isin(conflict_outcomes.OUTCOMES)].groupby("task")
    for column, total in (("all", 1), ("selected", 1), ("value", 0)):
        assert parts[column].sum().tolist() == pytest.approx([total, total])


def test_shared_ignorance_is_rarer_more_frequent_or_noise(monkeypatch):
    rows = [
        ("a", name, 0.2, 0.2, "noise") for name in (*conflict_outcomes.OUTCOMES, "topic taught to")
    ]
    found = pd.DataFrame(rows, columns=["task", "what", "all", "selected", "verdict"])
    found["task"] = "safety"
    both = found["what"] == "both wrong"
    monkeypatch.setattr(conflict_outcomes, "outcome_shares", lambda *_: found)
    assert "both wrong: noise (20 % → 20 %)" in conflict_outcomes.ignorance_sentence("cpu").data
    found.loc[both, "verdict"] = verdicts.LOWER
    assert "both wrong: rarer" in conflict_outcomes.ignorance_sentence("cpu").data
    found.loc[both, "verdict"] = verdicts.HIGHER
    assert "both wrong: more frequent" in conflict_outcomes.ignorance_sentence("cpu").data


# --- normalisation


def test_where_length_does_not_vary_the_normalisations_are_one(world):
    world(seeds=range(5))
    text = conflict_length.world_sentence("cpu").data
    assert "*questions*: length varies within 0 of 400 prompts" in text
    assert "*safety*: per token −" in text
    assert "worse" in text  # noise in place of the conflict
    assert "length residual 0.00 [0.00, 0.00], noise" in text
    assert "0 of 400" in conflict_length.world_table("cpu").data


def text_pairs(seeds=(0, 1, 2), n=400):
    """Pairs whose proxy is wrong wherever the summed log-probability disagrees in one subset."""
    rng = np.random.default_rng(0)
    subset = np.where(np.arange(n) < n // 2, "harmless-base", "helpful-base")
    frames = []
    for seed in seeds:
        wrong = (rng.random(n) < 0.4).astype(float)
        noise = (rng.random(n) < 0.5).astype(float)
        disagree = np.where(subset == "helpful-base", wrong, noise)
        frame = pd.DataFrame({"seed": seed, "subset": subset, "wrong": wrong, "margin": 1.0})
        frames.append(
            frame.assign(
                disagree_sum=disagree,
                disagree_per_token=noise,
                conflict_sum=disagree + rng.random(n),
                conflict_per_token=rng.random(n),
                length_difference=np.where(subset == "helpful-base", 3, -3),
                logprob_difference=-1.0,  # of the chosen reply: it is longer in helpful-base
            )
        )
    return pd.concat(frames, ignore_index=True)


def test_disagreement_on_real_text_is_told_by_subset(monkeypatch):
    monkeypatch.setattr(conflict_text, "gather", lambda *_, **__: text_pairs())
    found = conflict_text.disagreement("cpu").set_index(["kind", "subset"])
    sure = found.loc[("sum", "helpful")]
    assert (sure["if_disagree"], sure["if_agree"], sure["value"]) == (1, 0, 1)
    assert sure["policy_wrong"] == 0  # it agrees where the proxy is right, and only there
    lines = conflict_text.disagreement_sentence("cpu").data.splitlines()
    assert "helpful 100.0" in lines[2]
    assert "summed: harmless" in lines[-1]
    assert lines[-1].startswith("- Noise")
    assert "400 pairs" in conflict_text.disagreement_table("cpu").data
    shorter = conflict_text.shorter_sentence("cpu").data
    assert "shorter reply in 50.0 [" in shorter
    assert "harmless 100.0 [100.0, 100.0], helpful 0.0" in shorter
    areas_text = conflict_text.pair_areas_table("cpu").data
    assert "0.50<br>[0.50, 0.50]" in areas_text  # the margin is constant


def test_real_completions_are_described_by_subset(monkeypatch):
    rng = np.random.default_rng(0)
    names = ["length_logprob", "length_reward", "proxy_policy", "tau_distance"]
    names += ["conflict_sum", "conflict_per_token", "conflict_length_residual"]
    table = pd.DataFrame({name: rng.random(60) for name in names})
    table = table.assign(seed=np.repeat([0, 1], 30), subset=["a", "b"] * 30, length_logprob=-0.9)
    table.loc[:4, "conflict_sum"] = np.nan
    monkeypatch.setattr(conflict_text, "gather", lambda *_, **__: table)
    text = conflict_text.samples_table("cpu").data
    assert text.splitlines()[0] == "| measure | all | a | b |"
    assert "undefined conflict: 5 (summed)" in text
    sentence = conflict_text.samples_sentence("cpu").data
    assert "at −0.90 [−0.90, −0.90]" in sentence
    assert "about 81 %" in sentence


# --- the page as a whole


def page_calls():
    """Every `page function(profile)` that the notebook displays, except the simulation's."""
    return [
        *(conflict_detection.cells_figure, conflict_detection.cells_sentence),
        *(conflict_detection.cells_table, conflict_scores.metrics_table),
        *(conflict_scores.metrics_sentence, conflict_outcomes.outcomes_figure),
        *(conflict_outcomes.outcomes_sentence, conflict_outcomes.outcomes_table),
        *(conflict_outcomes.ignorance_sentence, conflict_length.world_table),
        conflict_length.world_sentence,
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"seeds": (0,), "n": 40},
        {"tasks": ("helpfulness",), "seeds": (3,), "n": 4},
        {"tasks": ("safety",)},
    ],
)
def test_the_page_works_with_one_seed_one_task_and_next_to_no_prompts(world, options):
    world(**options)
    texts = [call("smoke").data for call in page_calls()]
    assert all(texts)
    assert not any("nan" in text.lower().split() for text in texts)


def test_every_function_asks_for_results_that_are_missing(monkeypatch):
    def missing(notebook, *_, profile=None, where=None, **__):
        raise MissingResults(notebook, profile=profile, where=where)

    for module in (conflict_scores, conflict_text):
        monkeypatch.setattr(module, "gather", missing)
    texts = [conflict_text.samples_table, conflict_text.disagreement_table]
    texts += [conflict_text.pair_areas_table, conflict_text.shorter_sentence]
    for call in [*page_calls(), *texts]:
        with pytest.raises(MissingResults):
            call("cpu")


def test_the_notebook_calls_what_is_tested_here(pytestconfig):
    path = pytestconfig.rootpath / "notebooks" / "pages" / "conflict_metrics.ipynb"
    code = "".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code")
    assert all(f"{call.__name__}(profile)" in code for call in page_calls())


def test_runs_of_a_text_task_are_not_mixed_with_those_on_published_labels():
    assert conflict_text.TEXT["task"](MeasureConflict(data="hh-rlhf").task)
    assert not conflict_text.TEXT["task"](MeasureConflict(data="hh-rlhf", task="harmless").task)


def test_one_seed_of_real_text_is_not_judged(monkeypatch):
    alone = text_pairs().query("seed == 0")
    monkeypatch.setattr(conflict_text, "gather", lambda *_, **__: alone.copy())
    assert set(conflict_text.disagreement("cpu")["verdict"]) == {verdicts.ONE_SEED}
    said = conflict_text.disagreement_sentence("cpu").data
    assert "- One seed of both models, not judged: " in said
    assert "Noise" not in said
