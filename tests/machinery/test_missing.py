"""What a missing result says would make it: the batches that do, and no other."""

import pytest
from proxylab.profiles import ProfileError
from proxylab.results import MissingResults
from proxylab.results.missing import missing_callout, planned, run_command

CPU = """
name: cpu
seeds: [0, 1]
batch:
  - notebook: align
    parameters: {algorithm: [dpo]}
  - notebook: measure_conflict
    parameters: {data: [hh-rlhf], task: [harmless]}
    needs: data
"""
GPU = """
name: gpu
seeds: [0]
batch:
  - notebook: align
    parameters: {data: [hh-rlhf], algorithm: [sft], labels: [[raw, cleaned]]}
    needs: data
  - notebook: shf_cas
    parameters: {data: [hh-rlhf], task: [harmless], refit: [scratch]}
    needs: data
"""


@pytest.fixture
def profiles(project):
    """Two profiles: the world at small scale, text at a larger one; and one without numbers."""
    folder = project / "profiles"
    folder.mkdir()
    (folder / "cpu.yaml").write_text(CPU)
    (folder / "gpu.yaml").write_text(GPU)
    (folder / "smoke.yaml").write_text(CPU.replace("cpu", "smoke").replace("dpo", "pro"))


def test_a_plan_has_the_names_that_its_runs_will_have(profiles):
    names = [
        (run.notebook, run.run_id.rpartition("-")[0]) for run in planned("cpu", with_data=True)
    ]
    assert names == [
        ("align", "seed=0,algorithm=dpo"),
        ("align", "seed=1,algorithm=dpo"),
        ("measure_conflict", "seed=0,data=hh-rlhf,task=harmless"),
        ("measure_conflict", "seed=1,data=hh-rlhf,task=harmless"),
    ]
    assert len(planned("cpu", with_data=False)) == 2
    with pytest.raises(ProfileError, match="there is no profile 'cpy'"):
        planned("cpy", with_data=False)


@pytest.mark.parametrize(
    ("notebook", "where", "said"),
    [
        ("align", {"algorithm": "dpo"}, "Or the whole batch: `make site PROFILE=cpu`."),
        ("align", {"algorithm": ("sft", "dpo"), "seed": lambda s: s > 0}, "whole batch"),
        (
            "measure_conflict",
            {"data": "hh-rlhf", "task": ("harmless", "helpful")},
            "Or the whole batch: `make site PROFILE=cpu DATA=folder`.",
        ),
        (
            "align",
            {"data": "hh-rlhf", "algorithm": "sft"},
            "The batch of profile `cpu` has no such run; that of `gpu` has: "
            "`make site PROFILE=gpu DATA=folder`.",
        ),
        ("shf_cas", {"refit": "scratch"}, "No batch has such a run."),  # gpu's is not of the world
        ("align", {"algorithm": "pro"}, "No batch has such a run."),  # smoke's numbers mean nothing
        ("benchmark", {}, "No batch has such a run."),
    ],
)
def test_a_batch_is_named_where_it_would_make_the_run(profiles, notebook, where, said):
    missing = MissingResults(notebook, profile="cpu", where=where)
    assert said in str(missing)
    assert said in missing_callout(missing)


def test_of_a_profile_that_is_not_there_the_batch_is_taken_to_make_everything(project):
    assert "`make site PROFILE=own`" in str(MissingResults("align", profile="own"))


def test_a_run_on_real_data_names_its_folder():
    command = run_command("align", profile="cpu", where={"data": "hh-rlhf", "labels": ("raw",)})
    assert command == (
        "PROXYLAB_DATA=folder python -m proxylab run notebooks/runs/align.ipynb "
        "-p profile cpu -p data hh-rlhf"
    )
    assert run_command("measure_scores").startswith("PROXYLAB_DATA=folder ")
    assert run_command("aggregate_votes").startswith("python")
    assert "data/README.md" in missing_callout(MissingResults("measure_scores"))


def test_the_shipped_profiles_plan_text_where_the_pages_look_for_it():
    def said(notebook, **where):
        return str(MissingResults(notebook, profile="cpu", where={"data": "hh-rlhf", **where}))

    assert "make site PROFILE=cpu DATA=folder" in said("shf_cas", task="harmless")
    assert "make site PROFILE=cpu DATA=folder" in said("align", task="mixed", algorithm="sft")
    assert "that of `gpu` has" in said("align", task="mixed", algorithm="best_of_n")
