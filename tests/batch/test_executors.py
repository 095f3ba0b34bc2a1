"""The profiles of the executors: readable, and the job that Kubernetes would be given."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from proxylab.environment import project_root

EXECUTORS = Path("profiles/executors")


@pytest.fixture
def folder():
    return project_root() / EXECUTORS


@pytest.mark.parametrize(
    ("name", "executor"),
    [("local", None), ("two-gpus", None), ("slurm", "slurm"), ("kubernetes", "cluster-generic")],
)
def test_every_profile_names_its_executor(folder, name, executor):
    settings = yaml.safe_load((folder / name / "config.yaml").read_text())
    assert settings.get("executor") == executor
    assert settings["rerun-incomplete"] is True
    assert ("cores" in settings) == (executor is None)
    assert ("jobs" in settings) == (executor is not None)


def test_slurm_has_a_longest_time_to_fill_in(folder):
    settings = yaml.safe_load((folder / "slurm" / "config.yaml").read_text())
    assert settings["resources"] == ["max_minutes=10080"]


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """A kubectl that keeps what it is given and answers what a test says."""
    command = tmp_path / "bin" / "kubectl"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\ncat > {tmp_path}/given\ncat {tmp_path}/answer\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_a_job_asks_for_what_it_needs_where_the_project_is(folder, kubectl, monkeypatch):
    (kubectl / "answer").write_text("job.batch/proxylab-x\n")
    monkeypatch.setenv("PROXYLAB_DATA", "/shared/data")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("HF_HOME", raising=False)
    command = [folder / "kubernetes" / "submit.sh", "1", "5000", "30", "2", "/shared/job.sh"]
    done = subprocess.run(command, cwd=kubectl, capture_output=True, text=True, check=True)
    assert done.stdout == "job.batch/proxylab-x\n"
    text = (kubectl / "given").read_text()
    assert "@" not in text.replace("# filled in by submit.sh", "").replace("Words between @", "")
    spec = yaml.safe_load(text)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["activeDeadlineSeconds"] == 1800
    assert container["command"] == ["sh", "/shared/job.sh"]
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "5000M"},
        "limits": {"memory": "5000M", "nvidia.com/gpu": 1},
    }
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    assert given == {
        "PROXYLAB_DATA": "/shared/data",
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": f"{kubectl}/build/hub",  # on the claim, where every pod sees it
    }
    assert container["workingDir"] == container["volumeMounts"][0]["mountPath"] == str(kubectl)


def test_a_job_is_offline_unless_it_is_said_and_takes_the_hub_that_is_named(
    folder, kubectl, monkeypatch
):
    (kubectl / "answer").write_text("job.batch/proxylab-x\n")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", "/shared/hub")
    command = [folder / "kubernetes" / "submit.sh", "0", "5000", "30", "1", "/shared/job.sh"]
    subprocess.run(command, cwd=kubectl, capture_output=True, check=True)
    text = (kubectl / "given").read_text()
    assert '{name: HF_HUB_OFFLINE, value: "1"}' in text
    assert '{name: HF_HOME, value: "/shared/hub"}' in text


@pytest.mark.parametrize(
    ("answer", "said"), [("1/", "success"), ("/1", "failed"), ("/", "running"), ("", "failed")]
)
def test_a_jobs_status_in_snakemakes_words(folder, kubectl, answer, said):
    (kubectl / "answer").write_text(answer)
    command = [folder / "kubernetes" / "status.sh", "job.batch/proxylab-x"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, input="")
    assert done.stdout.strip() == said
