"""The Makefile's call of Snakemake: how many GPUs it is told of, and what starts a run."""

import os
import shutil
import subprocess

import pytest
from proxylab.environment import project_root

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
FROM_OUTSIDE = ("CUDA_VISIBLE_DEVICES", "PROXYLAB_DEVICE", "GPUS", "PROFILE", "RERUN")
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The line in which `make` calls Snakemake, on a machine with so many GPUs."""
    for name in (*FROM_OUTSIDE, *OF_MAKE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def call(*arguments, gpus=0):
        listed = "".join(f"echo 'GPU {i}: one (UUID: GPU-{i})'\n" for i in range(gpus))
        command = tmp_path / "nvidia-smi"
        # Without a GPU its driver's message goes to standard output.
        command.write_text("#!/bin/sh\n" + (listed or "echo NVIDIA-SMI has failed\nexit 9\n"))
        command.chmod(0o755)
        done = subprocess.run(
            ["make", "-n", *arguments],
            cwd=project_root(),
            capture_output=True,
            text=True,
            check=True,
        )
        (line,) = (line for line in done.stdout.splitlines() if "/snakemake " in line)
        return line

    return call


def test_jobs_that_need_a_gpu_are_counted_where_there_is_one(told):
    line = told("notebooks", "PROFILE=gpu", gpus=2)
    assert "--resources gpu=2 " in line
    assert line.endswith("profile=gpu")
    assert "--resources gpu=1 " in told("notebooks", "PROFILE=gpu", "GPUS=1", gpus=2)


def test_without_a_gpu_nothing_is_counted_and_no_job_waits(told):
    assert "--resources" not in told("notebooks", "PROFILE=gpu")
    assert "--resources" not in told("notebooks", "PROFILE=gpu", "GPUS=0", gpus=2)


@pytest.mark.parametrize(("named", "n"), [("5,7", 2), ("0", 1), ("0,1,-1,2", 2)])
def test_the_devices_that_are_visible_are_counted(told, monkeypatch, named, n):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert f"--resources gpu={n} " in told("notebooks", gpus=8)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CUDA_VISIBLE_DEVICES", ""), ("CUDA_VISIBLE_DEVICES", "-1"), ("PROXYLAB_DEVICE", "cpu")],
)
def test_hidden_devices_are_not(told, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert "--resources" not in told("notebooks", gpus=8)


def test_the_smoke_profile_may_use_a_gpu_that_is_there(told):
    assert "--resources" not in told("smoke", gpus=1)


def test_what_is_recorded_is_kept_if_asked(told):
    line = told("notebooks", "RERUN=missing")
    assert "--rerun-triggers software-env --forcerun page --config rerun=missing" in line
    assert "--rerun-triggers" not in told("notebooks")
    with pytest.raises(subprocess.CalledProcessError):
        told("notebooks", "RERUN=all")
