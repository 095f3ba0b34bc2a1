"""Growth is measured on the sizes that are said, throughput counts real tokens, stages add up."""

import json
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from proxylab.results import load_runs
from proxylab.results.missing import planned
from proxylab.runs import Benchmark

from benchmarks import growth, stages, throughput
from benchmarks.run import EVERYTHING, benchmark_tables


def test_every_stage_is_measured_at_every_size(sizes, profile):
    table = growth.measure(sizes, profile, repeats=2, seed=0)
    # three stages have a model to grow, two metrics have none; 4 + 2 (+ 2) sizes, twice each
    assert table.groupby(["stage", "axis"]).size().to_dict() == {
        **{(stage, "prompts"): 8 for stage in (*growth.MODEL_STAGES, *growth.METRICS)},
        **{(stage, "K"): 4 for stage in (*growth.MODEL_STAGES, *growth.METRICS)},
        **{(stage, "parameters"): 4 for stage in growth.MODEL_STAGES},
    }
    metric = table[(table["stage"] == "PACS") & (table["axis"] == "prompts")]
    assert sorted(set(metric["x"])) == [4, 8, 16, 32]  # twice as many prompts as the rest
    assert table.loc[table["repetition"] == 1, "peak_mib"].isna().all()


def test_a_stage_runs_on_what_its_point_says(profile):
    point = growth.Point(n_prompts=3, n_samples=4, width=8)
    n, run = growth.Stages(point, profile, 0).of("scoring")
    assert run().shape == (3, 4)
    assert growth.Stages(point, profile, 0).of("generation")[1]().n_tokens.shape == (3, 4)
    _, facts = growth.Stages(point, profile, 0).of("refit")[1]()
    assert facts["n_completions"] == 12
    wider = growth.Stages(growth.Point(3, 4, 16), profile, 0).of("scoring")[0]
    assert wider > 1.9 * n
    assert growth.Stages(point, profile, 0).of("Kendall-Tau")[1]().shape == (3,)


def test_tokens_are_counted_without_padding(sizes, profile, monkeypatch):
    monkeypatch.delenv("PROXYLAB_DATA", raising=False)
    found = list(throughput.activities(sizes, profile, np.random.default_rng(0)))
    assert [(a.model, a.name) for a in found] == [
        (model, name)
        for model in ("world", "real text")
        for name in ("training", "scoring", "generation")
    ]
    world = {a.name: a for a in found if a.model == "world"}
    # 8 dialogues of at most 40 words, each between 8 and 20, and two turn markers
    assert 8 * 18 <= world["scoring"].tokens <= 8 * 42
    assert 0 <= world["training"].tokens - world["scoring"].tokens <= 8  # an end token each
    # prompts by K of the profile, K replies of at most its new tokens
    asked = max(1, 8 // profile.policy.n_samples)
    most = asked * profile.policy.n_samples * profile.policy.max_new_tokens
    assert 0 < world["generation"].tokens <= most


def test_throughput_has_a_row_a_repetition(sizes, profile):
    table = throughput.measure(sizes, profile, repeats=2, seed=0)
    assert table.groupby(["model", "activity"]).size().tolist() == [2] * 6
    assert (table["wall_s"] > 0).all()


PLAN = """
name: cpu
seeds: [0, 1, 2]
batch:
  - notebook: align
    parameters: {algorithm: [dpo]}
  - notebook: measure_conflict
    parameters: {seed: [0], data: [hh-rlhf]}
    needs: data
"""


@pytest.fixture
def plan(project):
    """A project whose batch has three runs in the world, and one on real data; their names."""
    (project / "profiles").mkdir()
    (project / "profiles" / "cpu.yaml").write_text(PLAN)
    return [run.run_id for run in planned("cpu", with_data=True)]


def executed(path, start, seconds, **parameters):
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "start_time": f"2026-01-01T00:{start // 60:02}:{start % 60:02}+00:00",
        "end_time": f"2026-01-01T00:{(start + seconds) // 60:02}:{(start + seconds) % 60:02}+00:00",
        "parameters": parameters,
    }
    nbformat.write(nbformat.v4.new_notebook(metadata={"papermill": facts}), path)


def finished(project, notebook, name, work, commit="0123abcd"):
    folder = project / "results" / "cpu" / notebook / name
    folder.mkdir(parents=True)
    record = {"wall_time_s": work, "commit": commit, "dirty": False}
    (folder / "result.json").write_text(json.dumps(record))


def test_a_batch_is_what_lies_close_together(project, plan):
    build, (a, b, c, _) = project / "build", plan
    for name, start, seconds, work in ((a, 0, 10, 8.0), (b, 10, 60, 55.5), (c, 400, 5, 4.0)):
        finished(project, "align", name, work)
        executed(build / "runs" / "cpu" / "align" / f"{name}.ipynb", start, seconds)
    executed(build / "pages" / "front.ipynb", 75, 20, profile="cpu")
    executed(build / "explore" / "own.ipynb", 95, 5, profile="cpu")
    table = stages.measure("cpu", root=project)
    assert table["name"].tolist() == [a, b, "front", "own"]  # c came more than 120 s later
    assert table["kind"].tolist() == [stages.RUN, stages.RUN, stages.PAGE, stages.EXPLORE]
    assert table["start"].tolist() == [0, 10, 75, 95]
    assert table["end"].tolist() == [10, 70, 95, 100]
    assert table["work_s"].tolist()[:2] == [8.0, 55.5]
    assert np.isnan(table["work_s"].iloc[2])
    assert table["commit"].tolist() == ["0123abcd", "0123abcd", "", ""]


def test_only_what_the_batch_makes_counts(project, plan):
    (a, b, _, text), build = plan, project / "build"
    finished(project, "align", a, 8.0)
    finished(project, "align", b, 8.0)  # its notebook was executed elsewhere
    finished(project, "align", "seed=0,algorithm=pro-12345678", 8.0)
    finished(project, "measure_conflict", text, 8.0)
    executed(build / "runs" / "cpu" / "align" / f"{a}.ipynb", 0, 10)
    executed(build / "runs" / "cpu" / "align" / "seed=0,algorithm=pro-12345678.ipynb", 0, 10)
    executed(build / "runs" / "cpu" / "measure_conflict" / f"{text}.ipynb", 0, 10)
    executed(build / "pages" / "of_another_profile.ipynb", 10, 5, profile="smoke")
    executed(build / "pages" / "by_hand.ipynb", 10, 5)
    executed(build / "pages" / "failed.unfinished.ipynb", 10, 5, profile="cpu")
    assert stages.measure("cpu", root=project)["name"].tolist() == [a]


def test_a_project_that_ran_nothing_has_no_batch(project, plan):
    assert stages.measure("cpu", root=project).empty


def test_one_command_makes_a_batch_from_nothing_and_records_it(project, plan, monkeypatch, capsys):
    def snakemake(command, *, cwd, env):
        assert [Path(command[0]).name, *command[1:]] == [
            *("snakemake", "--cores", "2", "--nolock", "--forceall", "--config", "profile=cpu")
        ]
        assert cwd == project
        assert "PROXYLAB_DATA" not in env
        assert not left_over.exists()
        for name in plan[:2]:
            finished(project, "align", name, 4.0)
            place = project / env["PROXYLAB_BUILD"] / "runs" / "cpu" / "align"
            executed(place / f"{name}.ipynb", 0, 5)

    left_over = project / "build" / "whole" / "cache"
    left_over.mkdir(parents=True)
    monkeypatch.setenv("PROXYLAB_BUILD", "build")  # put back after the test
    monkeypatch.setenv("PROXYLAB_DATA", str(project))
    monkeypatch.setattr(stages.subprocess, "check_call", snakemake)
    monkeypatch.setattr(sys, "argv", ["stages", "--cores", "2"])
    stages.main()
    assert "2 of 3 planned runs; recorded in " in capsys.readouterr().out
    (run,) = load_runs("benchmark", profile="cpu", where={"what": ["stages"]})
    assert len(run.table("stages")) == 2


def test_the_batch_with_the_most_work_counts_not_the_latest():
    table = pd.DataFrame({"start": [0.0, 50.0, 900.0], "end": [100.0, 60.0, 950.0]})
    assert stages.last_batch(table)["start"].tolist() == [0.0, 50.0]


def test_only_what_is_asked_for_is_measured(profile, project):
    settings = Benchmark(profile="smoke", what=("conflict",), repeats=2, quick=True)
    said = []
    tables = benchmark_tables(settings, profile, progress=said.append)
    assert list(tables) == ["timings"]
    assert [line.partition(":")[0] for line in said] == ["conflict"]
    with pytest.raises(ValueError, match="no benchmark is called 'confict'"):
        benchmark_tables(Benchmark(what=("confict",)), profile)
    assert set(EVERYTHING) > {"growth", "throughput", "stages"}
