"""The end of a page: the exact commands, and everything that made its runs."""

import json

import pytest
from proxylab.pages import footer
from proxylab.results import load_runs, start_run
from proxylab.runs import Align, Benchmark, MeasureConflict

PROFILES = {
    "cpu": """
name: cpu
seeds: [0, 1]
batch:
  - notebook: measure_conflict
  - notebook: measure_conflict
    parameters: {data: [hh-rlhf], task: [harmless]}
    needs: data
""",
    "gpu": """
name: gpu
seeds: [0]
batch:
  - notebook: align
    parameters: {data: [hh-rlhf], algorithm: [dpo], labels: [[raw, cleaned]]}
    needs: data
""",
}
TEXT = {"data": "hh-rlhf", "task": "harmless"}
NOTEBOOK = "measure_conflict"


@pytest.fixture(autouse=True)
def profiles(project):
    """Two profiles that plan a run or two each."""
    folder = project / "profiles"
    folder.mkdir()
    for name, text in PROFILES.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def record(model=MeasureConflict, sources=None, **parameters):
    """The folder of one finished run that names these sources."""
    with start_run(model.notebook, model(**parameters)) as run:
        run.sources |= sources or {}
    return run.folder


def rewrite(folder, **changes):
    """Write over parts of a record, as if the run had been made elsewhere."""
    file = folder / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def ship(folder, project):
    """Keep a run as those in git are kept."""
    place = project / "results" / "shipped" / folder.parent.name
    place.mkdir(parents=True, exist_ok=True)
    folder.rename(place / folder.name)


def made(**how):
    return footer.made_by("a_page", [NOTEBOOK], "cpu", **how).data


def test_a_page_of_the_world_needs_no_data():
    record(seed=0)
    said = made()
    assert "```\nmake site PROFILE=cpu\n```" in said
    assert "it reads 1 recorded run and computes nothing else.\n" in said


def test_runs_on_real_data_are_not_made_without_it():
    record(seed=0)
    record(seed=0, sources={"train": "0a"}, **TEXT)
    said = made()
    assert "```\nmake site PROFILE=cpu DATA=folder\n```" in said
    assert "without it 1 of them are not made again" in said
    assert "did not record" not in said
    record(seed=1, **TEXT)
    assert "1 recorded run did not record which pairs they read." in made()


def test_what_no_batch_makes_has_a_command_of_its_own():
    record(seed=7, task="questions")
    record(Benchmark, seed=0, what=("stages",))
    said = footer.made_by("a_page", [NOTEBOOK, "benchmark"], "cpu").data
    assert (
        "```\n"
        "python -m proxylab run notebooks/runs/measure_conflict.ipynb -p profile cpu -p seed 7 "
        "-p task questions\n"
        "python -m proxylab run notebooks/runs/benchmark.ipynb -p profile cpu "
        "-p what '[\"stages\"]'\n"
        "make site PROFILE=cpu\n```"
    ) in said


def test_of_many_single_runs_the_form_is_shown():
    for seed in range(2, 7):
        record(seed=seed)
    assert "NOTEBOOK.ipynb  # 5 such runs\nmake site PROFILE=cpu\n" in made()


def test_another_profile_on_the_page_is_named_with_its_batch():
    record(seed=0)
    labels = ("raw", "cleaned")
    record(Align, profile="gpu", algorithm="dpo", data="hh-rlhf", labels=labels)
    said = made(runs=load_runs("align", profile="gpu"))
    assert "make notebooks PROFILE=gpu DATA=folder\nmake site PROFILE=cpu\n" in said
    assert "Results that were read (2)" in said
    assert "Profile cpu, gpu;" in said


def test_all_machines_and_versions_stand_there_once_and_the_last_start():
    first, second = record(seed=0), record(seed=1)
    hardware = json.loads((first / "result.json").read_text())["hardware"]
    rewrite(
        first,  # the last by time, and the first by name
        started="2026-03-01T00:00:00+00:00",
        hardware=hardware | {"cpu": "Big", "accelerator": "1 x Fast"},
        packages={"torch": "2.1", "numpy": "2.0"},
        python="CPython 3.12.1",
    )
    rewrite(
        second,
        started="2026-02-01T00:00:00+00:00",
        hardware=hardware | {"cpu": "Small", "accelerator": None},
        packages={"torch": "2.2", "numpy": "2.0"},
        python="CPython 3.11.7",
    )
    said = made()
    assert "Last run started 2026-03-01T00:00:00+00:00." in said
    assert said.index("Big, ") < said.index("accelerator: 1 x Fast; Small, ")
    assert "accelerator: none; CPython 3.11.7, CPython 3.12.1; torch 2.1 or 2.2, numpy 2.0" in said


def test_how_many_runs_had_uncommitted_changes_is_said():
    rewrite(record(seed=0), commit="a" * 40, dirty=True)
    rewrite(record(seed=1), commit="b" * 40, dirty=False)
    assert f"{'a' * 12}, {'b' * 12} (1 of 2 with uncommitted changes)" in made()


def test_other_data_than_that_of_the_shipped_runs_is_told(project):
    ship(record(seed=0, sources={"train": "0a", "test": "0b"}, **TEXT), project)
    assert "read other pairs" not in made()
    record(seed=1, sources={"train": "0a", "test": "0b"}, **TEXT)
    assert "read other pairs" not in made()
    record(seed=0, sources={"train": "ff", "test": "0b"}, **TEXT)  # comes before the shipped one
    assert "**1 recorded run read other pairs than the runs on real data" in made()


def test_other_data_is_told_from_that_of_the_same_profile_alone(project, profiles):
    sources = {"train": "0a"}
    ship(record(seed=0, sources=sources, **TEXT), project)
    record(Align, profile="gpu", algorithm="dpo", data="hh-rlhf", sources={"data": "cc"})
    assert "read other pairs" not in footer.made_by("a_page", ["align"], "gpu").data


def test_a_page_without_a_run_names_its_command_alone():
    said = made()
    assert "it reads 0 recorded runs" in said
    assert "Results that were read" not in said
