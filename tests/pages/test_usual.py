"""Runs that someone tried with other values stand beside the study's, and no page reads them."""

import pandas as pd
import pytest
from IPython.display import Markdown
from proxylab.pages import agreement, published, scale
from proxylab.pages.ablations import knowledge_map, thresholds
from proxylab.pages.conflict_metrics import simulation
from proxylab.pages.correlation import rows
from proxylab.pages.deviations import measures
from proxylab.pages.ledger import elephant
from proxylab.pages.ppo import convergence
from proxylab.pages.usual import usual
from proxylab.results import MissingResults, load_runs, start_run
from proxylab.runs import (
    MeasureAgreement,
    MeasureCorrelation,
    MeasureCost,
    MeasureScores,
    SimulateConflict,
    VerifyOptimisers,
)
from proxylab.studies.correlation.world import PEOPLE, START

PAGE = (agreement, convergence, knowledge_map, measures, published, rows, scale, thresholds)
TINY = """
name: tiny
seeds: [0]
batch:
  - notebook: verify_optimisers
    parameters: {n_steps: [4], n_pairs: [400]}
  - notebook: measure_correlation
    parameters: {n_shards: [2]}
  - notebook: measure_correlation
    parameters: {data: [pandalm]}
    needs: data
"""


@pytest.fixture(autouse=True)
def profiles(project):
    """A profile that plans runs with values of its own; there is no other."""
    (project / "profiles").mkdir()
    (project / "profiles" / "tiny.yaml").write_text(TINY)


def record(settings, **tables):
    with start_run(settings.notebook, settings) as run:
        for name, columns in tables.items():
            run.save_table(name, pd.DataFrame(columns))


def found(notebook, profile, **fixed):
    runs = load_runs(notebook, profile=profile, where=usual(notebook, profile, **fixed))
    return [run.parameters for run in runs]


def test_the_study_is_what_the_batch_plans():
    for planned in ({"n_steps": 4, "n_pairs": 400}, {}, {"n_steps": 4}):
        record(VerifyOptimisers(profile="tiny", **planned))
    record(VerifyOptimisers(profile="tiny", seed=7, n_steps=4, n_pairs=400))
    kept = found("verify_optimisers", "tiny")
    assert [(run["seed"], run["n_steps"], run["n_pairs"]) for run in kept] == [
        (0, 4, 400),
        (7, 4, 400),
    ]


def test_runs_are_those_that_the_batch_plans_of_the_same_data():
    for changed in ({"n_shards": 2}, {}, {"data": "pandalm"}, {"data": "pandalm", "n_shards": 2}):
        record(MeasureCorrelation(profile="tiny", **changed))
    assert [run["n_shards"] for run in found("measure_correlation", "tiny", data="world")] == [2]
    assert [run["n_shards"] for run in found("measure_correlation", "tiny", data="pandalm")] == [5]


def test_without_a_plan_the_study_is_the_defaults():
    record(SimulateConflict(profile="unplanned", n_samples=4))
    with pytest.raises(MissingResults) as error:
        found("simulate_conflict", "unplanned")
    assert error.value.command.endswith("simulate_conflict.ipynb -p profile unplanned")


def test_the_command_for_a_missing_run_names_what_the_batch_changes():
    with pytest.raises(MissingResults) as error:
        found("verify_optimisers", "tiny")
    assert error.value.command.endswith("-p profile tiny -p n_pairs 400 -p n_steps 4")


def distances(end):
    both = {"algorithm": ["ppo"] * 2 + ["dpo"] * 2, "set_beta": 1.0, "step": [0, 9] * 2}
    return {**both, "kl_to_optimum": [2.0, end] * 2, "kl_start": 2.0, "outside": 0.0}


def test_no_page_reads_an_optimiser_that_was_stopped_early():
    record(VerifyOptimisers(), convergence=distances(0.25))
    record(VerifyOptimisers(n_steps=5), convergence=distances(1.75))
    assert "0.250 after" in measures.ppo_distance("cpu")
    assert "2.000 → 0.250" in elephant._distances("cpu", "dpo")
    assert len(convergence.convergence_rows("cpu")) == 4


def simulated(value):
    return {
        "theory": {"policy_knowledge": [0.5], "proxy_knowledge": [0.5], "auroc": [value]},
        "thresholds": {"k": [8], "level": [0.05], "threshold": [value]},
    }


@pytest.mark.parametrize("tried", [{"n_samples": 4}, {"n_prompts": 100}])
def test_no_page_reads_a_simulation_of_fewer(tried):
    record(SimulateConflict(), **simulated(0.75))
    record(SimulateConflict(**tried), **simulated(0.5))
    assert knowledge_map.theory("cpu")["auroc"].tolist() == [0.75]
    assert list(thresholds.released_marks("cpu").values())[-1] == 0.75
    assert simulation.simulated("cpu", "theory")["auroc"].tolist() == [0.75]


def test_the_cost_of_a_step_is_of_one_run():
    for changed in ({}, {"seed": 1}, {"hidden_sizes": (8,)}):
        record(MeasureCost(**changed), steps={"hidden": [64]})
    run = scale.timing("cpu")
    assert (run.parameters["seed"], run.parameters["hidden_sizes"]) == (0, [64, 128, 256])


def test_correlations_are_with_the_usual_people():
    key = {"policy": START, "target": PEOPLE, "scorer": "longest", "over": "one"}
    for n_people, value in ((3, 0.25), (5, 0.5)):
        draws = {**key, "method": "pearson", "draw": [0, 1], "value": value}
        ceiling = {"scorer": "one person", "over": "one", "method": "pearson", "draw": [0, 1]}
        record(
            MeasureCorrelation(n_people=n_people),
            draws=draws,
            ceiling={**ceiling, "value": 1.0},
            counts={**key, "n_prompts": [9 + n_people]},
        )
    kept = rows.kept_draws("cpu")[(*key.values(), "pearson")]
    assert {seed: values.tolist() for seed, values in kept.items()} == {0: [0.25, 0.25]}
    assert rows.n_prompts("cpu") == 12


def shown(table, *, label, **_):
    return Markdown(table.to_csv())


def test_another_seed_of_what_people_made_is_not_a_second_row(monkeypatch):
    for module in (agreement, published):
        monkeypatch.setattr(module, "show_table", shown)
    accuracy = {"model": ["a/m", "a/m"], "subset": ["judgebench-math", "mixed"], "n": 9}
    accuracy |= {"accuracy": [0.5, 0.75], "low": 0.25, "high": 1.0, "n_tied": 0}
    relabelled = {"category": ["Same", "Opposite", "Vague"], "share": 0.5, "low": 0.25, "high": 1.0}
    for seed in (0, 1):
        record(MeasureScores(seed=seed), accuracy=accuracy)
    for seed, votes in ((0, "pandalm"), (1, "pandalm"), (1, "ukpconvarg1")):
        record(MeasureAgreement(seed=seed, votes=votes), relabelled=relabelled)
    assert "75.0" in published.published_scores_table("cpu").data
    monkeypatch.setattr(agreement, "paper_value", lambda *_: 60.0)
    said = agreement.relabelled_table("cpu").data
    assert said.count("PandaLM") == said.count("UKPConvArg1") == 1
