"""The SHF-CAS page, on small made-up tables of a temporary results folder."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from proxylab.pages.shf_cas import contrasts, cost, selectors
from proxylab.pages.shf_cas import faults as shf_cas_faults
from proxylab.pages.shf_cas import overview as shf_cas
from proxylab.pages.shf_cas import rows as shf_cas_rows
from proxylab.pages.shf_cas import statement as words
from proxylab.pages.verdicts import HIGHER, ONE_SEED
from proxylab.paper_values import GRADES
from proxylab.profiles import load_profile
from proxylab.results import MissingResults, start_run
from proxylab.runs import ShfCas
from proxylab.selection import SELECTORS

PROFILE = load_profile("smoke", root=Path(__file__).parents[2])
GAINS = {"random": 0.1, "conflict": 0.3, "low_conflict": 0.02, "oracle": 0.5}
PAGE = (shf_cas, shf_cas_rows, shf_cas_faults, contrasts, cost, selectors, words)
QUADRANTS = ("both", "policy only", "proxy only", "neither")


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Fewer draws than a page."""
    monkeypatch.setattr(shf_cas_rows, "N_DRAWS", 1000)


def made_up(gains, seed, *, n_prompts=40, n_rounds=2, noise=0.02, per_round=60, base=0.0):
    """The three tables of a run whose selectors gain `gains` by the last round."""
    rng = np.random.default_rng([seed, len(gains)])
    level = base + np.random.default_rng([seed, 9]).normal(size=n_prompts)  # shared by all
    held_out, rounds, selected = [], [], []
    for selector, gain in gains.items():
        for index in range(n_rounds + 1):
            change = gain * index / n_rounds + noise * rng.normal(size=n_prompts) * (index > 0)
            table = pd.DataFrame(
                {
                    "selector": selector,
                    "round": index,
                    "n_labels": per_round * index,
                    "prompt": np.arange(n_prompts),
                    "region": "kitchen",
                    "quadrant": [QUADRANTS[i % 4] for i in range(n_prompts)],
                    "gold": level + change,
                    "base_gold": level,
                    "accuracy": 0.5 + change / 2,
                    "conflict_proxy": 1.1 - change,
                    "conflict_gold": 1.2 - change / 2,
                }
            )
            table.loc[0, "accuracy"] = np.nan  # a prompt without a comparison
            held_out.append(table)
            means = table[["gold", "accuracy", "conflict_proxy", "conflict_gold"]].mean()
            rounds.append(
                {
                    "selector": selector,
                    "round": index,
                    "n_labels": per_round * index,
                    "n_comparisons": 200 * index,
                    "n_prompts": 8 * index,
                    **means,
                    "share_wrong": 0.25 * index if index else np.nan,
                    "seconds_sampling": 3.0,
                    "seconds_ensemble": 0.0,
                    "seconds_refine": 5.0 if index else np.nan,
                }
            )
            for quadrant, n in zip(QUADRANTS, (1, 3, 2, 2), strict=True):
                if index:
                    names = {"selector": selector, "round": index, "quadrant": quadrant}
                    selected.append({**names, "n_prompts": n})
    return {
        "rounds": pd.DataFrame(rounds),
        "held_out": pd.concat(held_out, ignore_index=True),
        "selected": pd.DataFrame(selected),
    }


def record(project, tables, **parameters):
    """Write one finished run."""
    settings = ShfCas(profile="smoke", **parameters)
    run = start_run("shf_cas", settings, profile=PROFILE, root=project)
    for name, table in tables.items():
        run.save_table(name, table)
    run.finish()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Five seeds of two tasks, written once; in the second task all selectors are alike."""
    folder = tmp_path_factory.mktemp("recorded")
    for seed in range(5):
        record(folder, made_up(GAINS, seed), seed=seed, task="safety")
        alike = made_up(dict.fromkeys(GAINS, 0.1), seed)
        record(folder, alike, seed=seed, task="helpfulness")
    return folder / "results"


@pytest.fixture
def five_seeds(project, recorded):
    """A project with the recorded runs, to which a test may add."""
    shutil.copytree(recorded, project / "results")
    return project


def test_the_paired_interval_ignores_what_all_selectors_share(five_seeds):
    found = shf_cas_rows.against_random("smoke", "safety").set_index(["measure", "selector"])
    row = found.loc["gold", "conflict"]
    # 0.3 - 0.1; prompts differ by sd 1, which an unpaired interval of 200 cells would show (0.14).
    assert row["value"] == pytest.approx(0.2, abs=0.01)
    assert row["high"] - row["low"] < 0.02
    assert (row["n"], row["above"], row["n_seeds"]) == (200, 5, 5)
    assert found.loc["accuracy", "conflict"]["n"] == 195  # one undefined prompt a seed
    assert "random" not in found.index.get_level_values("selector")


def test_holm_takes_all_selectors_and_both_measures_of_the_task_for_one_family(five_seeds):
    found = shf_cas_rows.against_random("smoke", "safety")
    smallest = 2 / (shf_cas_rows.N_DRAWS + 1)  # no draw on the other side of zero
    assert len(found) == 6
    assert found["p"].tolist() == pytest.approx([smallest] * 6)
    assert found["p_holm"].tolist() == pytest.approx([6 * smallest] * 6)


def test_verdicts():
    row = {"value": 1.0, "low": 0.5, "high": 1.5, "p_holm": 0.01, "n_seeds": 3}
    cases = {
        "better": {},
        "worse": {"value": -1.0, "low": -1.5, "high": -0.5},
        "unclear": {"p_holm": 0.05},
        "noise": {"low": 0.0},
        "undefined": {"low": math.nan},
        "one seed": {"n_seeds": 1},  # a single seed says nothing of another
    }
    for expected, change in cases.items():
        assert shf_cas_rows.verdict(SimpleNamespace(**row | change)) == expected


def test_redrawn_means_know_that_seeds_differ():
    # Within a seed all prompts are alike: only redrawing the seeds moves the mean.
    index = pd.MultiIndex.from_product([[0, 1], range(50)], names=["seed", "prompt"])
    table = pd.DataFrame({"x": [0.0] * 50 + [1.0] * 50, "y": np.nan}, index=index)
    draws = shf_cas_rows.redrawn_means(table)
    assert set(draws[:, 0]) == {0.0, 0.5, 1.0}
    assert np.mean(draws[:, 0] == 0.5) == pytest.approx(0.5, abs=0.03)  # two of four orders
    assert np.isnan(draws[:, 1]).all()


def test_an_undefined_column_has_neither_limits_nor_p():
    index = pd.MultiIndex.from_product([[0], range(3)], names=["seed", "prompt"])
    table = pd.DataFrame({"x": np.nan}, index=index)
    table.columns.name = "name"
    row = shf_cas_rows.summary(table).iloc[0]
    assert np.isnan(row[["value", "low", "high", "p"]].astype(float)).all()
    assert (row["n"], row["n_seeds"]) == (0, 0)


def test_prompts_that_are_not_the_same_are_not_paired():
    index = pd.MultiIndex.from_product([[0, 1], range(30)], names=["seed", "prompt"])
    rng = np.random.default_rng(0)
    a, b = (pd.Series(rng.normal(size=60), index=index) for _ in range(2))
    alike = shf_cas_rows.difference_of_means(a, a + 1)
    assert alike["value"] == pytest.approx(-1)
    assert alike["low"] < -1.1  # paired by prompt, it would be -1 to the last digit
    assert shf_cas_rows.difference_of_means(a, b)["p"] > 0.05


def by_seed(*seed_means, n_prompts=50):
    """One column whose prompts are all alike within a seed."""
    index = pd.MultiIndex.from_product([range(len(seed_means)), range(n_prompts)])
    values = np.repeat(np.array(seed_means, float), n_prompts)
    return pd.DataFrame({"x": values}, index=index.set_names(["seed", "prompt"])).rename_axis(
        columns="name"
    )


def test_three_seeds_that_differ_are_judged_by_students_t():
    row = shf_cas_rows.summary(by_seed(0.1, 0.3, 0.5)).iloc[0]
    # Redraws of the seeds lie between 0.1 and 0.5. The standard error of their mean is
    # 0.2 / sqrt(3) = 0.1155; t with two degrees of freedom is 4.303 at 95 %, and p is that of
    # 0.3 / 0.1155 = 2.598, which is 0.122.
    assert (row["low"], row["high"]) == pytest.approx((0.3 - 0.4968, 0.3 + 0.4968), abs=1e-4)
    assert row["p"] == pytest.approx(0.1217, abs=1e-4)
    assert row["n_seeds"] == 3


def test_seeds_compared_on_other_prompts_are_judged_by_students_t_too():
    a, b = by_seed(0.1, 0.3, 0.5)["x"], by_seed(0, 0, 0, n_prompts=20)["x"]
    found = shf_cas_rows.difference_of_means(a, b)
    assert (found["low"], found["high"]) == pytest.approx((0.3 - 0.4968, 0.3 + 0.4968), abs=1e-4)
    assert found["p"] == pytest.approx(0.1217, abs=1e-4)


def test_ten_seeds_are_judged_by_redraws_alone():
    row = shf_cas_rows.summary(by_seed(*np.linspace(0.1, 0.5, 10))).iloc[0]
    assert row["p"] == pytest.approx(2 / (shf_cas_rows.N_DRAWS + 1))  # no draw below zero
    assert row["low"] > 0.1


def test_rows_together_are_one_family():
    rows = {"value": [0.3, 0.3], "low": [0.1, 0.1], "high": [0.5, 0.5], "n_seeds": [5, 1]}
    found = shf_cas_rows.with_directions(pd.DataFrame(rows).assign(p=[0.02, 0.04]))
    assert found["p_holm"].tolist() == pytest.approx([0.04, 0.04])  # 2 x 0.02, then no smaller
    assert found["verdict"].tolist() == [HIGHER, ONE_SEED]
    assert [shf_cas_rows.doubt(word) for word in found["verdict"]] == ["", " (one seed)"]


def test_the_statement_says_where_conflict_wins_and_where_it_is_noise(five_seeds):
    headline, caution, safety, helpfulness = words.statement("smoke").data.split("\n\n")
    assert "over 4 comparisons" in headline
    assert "beats random in 2, cannot be told from random in 2" in headline
    assert "conflict beats random (0.20" in safety or "conflict beats random (0.19" in safety
    assert "above in 5 of 5 seeds" in safety
    assert "above random: none; below it: *low_conflict*" in safety
    assert "cannot be told from random: the gap is inside the noise" in helpfulness
    assert "beats" not in helpfulness
    assert "redraw 5 seeds" in caution


def test_what_does_not_survive_the_correction_is_named_with_its_sign():
    columns = ["selector", "value", "low", "high", "verdict"]
    rows = [
        ("rso", -0.2, -0.3, -0.1, "unclear"),
        ("threshold", 0.2, 0.1, 0.3, "better"),
        ("learned", 0.0, -0.1, 0.1, "noise"),
        ("oracle", 0.5, 0.4, 0.6, "better"),
        ("conflict", 0.5, 0.4, 0.6, "better"),  # has a sentence of its own
    ]
    text = words._others_sentence(pd.DataFrame(rows, columns=columns), "accuracy")
    assert text == (
        "In accuracy, of the other 3 selectors, above random: *threshold*; below it: none; apart "
        "before correction only: *rso* (−); inside the noise: 1. "
        "The oracle: 0.500 [0.400, 0.600]."
    )


def test_one_seed_is_said_to_be_one(project):
    record(project, made_up(GAINS, 0), seed=0)
    said = words.statement("smoke").data
    assert "There is one seed" in said
    assert "the comparison rests on one seed and is not judged" in said
    assert "beats random" not in said
    assert "1 seed (0)" in shf_cas.curves_figure("smoke", "gold").data


def test_without_random_there_is_nothing_to_compare_with(project):
    record(project, made_up({"conflict": 0.1}, 0), seed=0)
    assert "Random selection has not been run" in words.statement("smoke").data
    assert selectors.labels_to_reach_random("smoke", "safety", "gold") == {}
    assert contrasts.pairs_sentence("smoke").data == ""
    assert "have not both been run" in contrasts.contrast_sentence("smoke").data
    assert "Random was not run" in selectors.outcome_table("smoke", "safety").data


def test_labels_to_reach_random_are_interpolated(project):
    # Random ends at 0.1 after 120 labels; conflict is at 0.2 after 60: half of the way, 30 labels.
    record(project, made_up({"random": 0.1, "conflict": 0.4, "rso": 0.05}, 0, noise=0.0), seed=0)
    found = selectors.labels_to_reach_random("smoke", "safety", "gold")
    assert found == {"random": "120", "conflict": "30", "rso": "> 120"}


def test_nothing_is_reached_where_random_gained_nothing(project):
    record(project, made_up({"random": -0.1, "conflict": 0.4}, 0, noise=0.0), seed=0)
    found = selectors.labels_to_reach_random("smoke", "safety", "gold")
    assert set(found.values()) == {"–"}


def test_the_curve_of_the_change_starts_without_an_interval(five_seeds):
    rows = shf_cas.curve_rows("smoke")
    first = rows[rows["round"] == 0]
    assert (first["high"] - first["low"]).abs().max() == 0
    own = rows[(rows["task"] == "safety") & (rows["selector"] == "oracle") & (rows["round"] == 2)]
    gold = own[own["measure"] == "gold"].iloc[0]
    assert gold["change"] == pytest.approx(0.5, abs=0.01)
    assert gold["low"] < gold["value"] < gold["high"]


def test_shares_by_quadrant(five_seeds):
    shares = contrasts.quadrant_shares(shf_cas_rows.main_rows("smoke", "selected"))
    row = shares.set_index("selector").loc["conflict"]
    assert [row[name] for name in QUADRANTS] == [12.5, 37.5, 25.0, 25.0]  # 1, 3, 2, 2 of 8
    assert row["n"] == 160  # 8 prompts x 2 rounds x 5 seeds x 2 tasks


def test_wrong_proxies_are_counted_in_the_first_round_and_in_all(five_seeds):
    text = selectors.purchase_table("smoke", "safety").data
    line = next(line for line in text.splitlines() if line.startswith("| conflict"))
    assert "| 25 | 38 | 400 | 16 |" in line  # 0.25 and 0.5 with equal weights: 0.375


def test_high_conflict_is_compared_with_low(five_seeds):
    text = contrasts.contrast_sentence("smoke").data
    assert text.count("high conflict gains more") == 2  # safety, both measures
    assert text.count(", noise") == 2  # helpfulness
    assert "400 comparisons at high conflict and 400 at low" in text


def test_once_only_stages_are_not_counted_for_each_round(five_seeds):
    # 3 s of sampling once, 5 s of refitting in each of two rounds.
    assert "conflict 13 s" in cost.cost_sentence("smoke").data


def test_a_run_of_a_few_selectors_does_not_count_twice(five_seeds):
    before = len(shf_cas_rows.main_rows("smoke", "held_out"))
    shf_cas_rows.main_rows.cache_clear()
    record(five_seeds, made_up({"random": 9.0}, 0), seed=0, selectors=("random",))
    rows = shf_cas_rows.main_rows("smoke", "held_out")
    assert len(rows) == before
    assert rows["gold"].max() < 8


def test_the_page_says_which_selectors_are_not_compared(five_seeds):
    said = selectors.selector_table("smoke").data
    left_out = [name for name in SELECTORS if name not in GAINS]
    assert f"not compared here: {', '.join(left_out)}." in said
    assert selectors._left_out(list(SELECTORS)) == ""


def test_runs_of_the_ablations_are_no_main_runs(five_seeds):
    record(five_seeds, made_up({"random": 9.0}, 7), seed=7, rounds=1)
    assert 7 not in set(shf_cas_rows.main_rows("smoke", "rounds")["seed"])


def test_a_fault_is_compared_with_the_corrected_loop(five_seeds):
    for seed in range(5):
        faulty = made_up({"conflict": 0.1, "random": 0.1}, seed)
        record(five_seeds, faulty, seed=seed, faults=("inverted_selection",))
        elsewhere = made_up({"conflict": 0.3}, seed, base=2.0)  # other prompts, easier ones
        record(five_seeds, elsewhere, seed=seed, faults=("overlapping_prompts",))
    table = shf_cas_faults.fault_effects("smoke").set_index(["fault", "selector", "measure"])
    inverted = table.loc["inverted_selection", "conflict", "gold"]
    assert inverted["value"] == pytest.approx(0.1 - 0.3, abs=0.01)
    assert inverted["paired"]
    overlapping = table.loc["overlapping_prompts", "conflict", "gold"]
    assert overlapping["value"] == pytest.approx(2.0, abs=0.05)
    assert not overlapping["paired"]
    text = shf_cas_faults.fault_sentence("smoke").data
    assert "*inverted selection* with conflict (safety) −0.19" in text
    assert "| inverted selection | conflict |" in shf_cas_faults.fault_table("smoke").data


def test_faults_may_have_a_run_each_or_share_one(five_seeds):
    names = ("inverted_selection", "reversed_labels")
    for seed in range(5):
        loops = [
            made_up({"conflict": gain}, seed) for gain in (0.1, -0.2)
        ]  # the corrected loop gains 0.3
        both = {
            table: pd.concat(
                [loop[table].assign(fault=name) for loop, name in zip(loops, names, strict=True)],
                ignore_index=True,
            )
            for table in loops[0]
        }
        record(five_seeds, both, seed=seed, faults=("each",))
        unrefined = made_up({"conflict": 0.0}, seed)
        record(five_seeds, unrefined, seed=seed, faults=("unrefined_proxy", "reversed_labels"))
    table = shf_cas_faults.fault_effects("smoke").set_index(["fault", "measure"])
    gold = table.xs("gold", level="measure")["value"]
    assert gold["inverted_selection"] == pytest.approx(0.1 - 0.3, abs=0.02)
    assert gold["reversed_labels"] == pytest.approx(-0.2 - 0.3, abs=0.02)
    assert gold["unrefined_proxy + reversed_labels"] == pytest.approx(0.0 - 0.3, abs=0.02)
    assert len(gold) == 3
    text = shf_cas_faults.fault_table("smoke").data
    assert "| inverted selection | conflict |" in text
    assert "5 seeds (0, 1, 2, 3, 4)" in text
    assert set(shf_cas_rows.main_rows("smoke", "held_out")["faults"].map(len)) == {0}


def test_missing_results_are_said_to_be_missing(project):
    for show in (
        lambda: shf_cas.settings_sentence("smoke"),
        lambda: words.statement("smoke"),
        lambda: shf_cas_faults.fault_table("smoke"),
        lambda: cost.cost_table("smoke", "safety"),
    ):
        with pytest.raises(MissingResults, match="no finished run of shf_cas"):
            show()


def test_what_is_known_of_each_step_has_a_grade():
    for _, grade, _ in shf_cas.KNOWN:
        assert grade == "not known" or set(grade.split(", ")) <= set(GRADES)


def test_conflict_with_gold_says_which_temperature_it_is_of(five_seeds, monkeypatch):
    assert PROFILE.policy.temperature == 0.7  # what the runs recorded
    said = cost.conflict_sentence("smoke").data
    assert "the base policy's at temperature 1, plus the reward in nats" in said
    assert "reweights completions sampled at temperature 0.7" in said
    plain = {"resolved_profile": {"policy": {"temperature": 1.0}}}
    run = SimpleNamespace(record=plain)
    monkeypatch.setattr(cost, "load_runs", lambda *_, **__: [run])
    assert "temperature" not in cost.conflict_sentence("smoke").data


def test_every_figure_and_table_of_the_page_is_made(five_seeds):
    figures = [
        shf_cas.curves_figure("smoke", "accuracy"),
        contrasts.contrast_figure("smoke"),
        contrasts.quadrant_figure("smoke", "safety"),
        cost.conflict_figure("smoke", "conflict_proxy"),
        cost.conflict_figure("smoke", "conflict_gold"),
    ]
    assert all("5 seeds (0, 1, 2, 3, 4)" in figure.data for figure in figures)
    for table in (selectors.selector_table("smoke"), cost.cost_table("smoke", "safety")):
        assert "| conflict |" in table.data
