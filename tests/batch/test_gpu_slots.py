"""GPUs handed out to commands; none of them is real."""

import os
import subprocess
import sys
import time

import pytest
from proxylab.machine import gpu_slots

SAY = "import os, time; print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); time.sleep({})"


@pytest.fixture
def run(tmp_path):
    """Start a command that says its devices and then sleeps, with locks of this test alone."""
    started = []

    def start(need, of, seconds=0.0, **environment):
        command = [
            sys.executable,
            "-m",
            "proxylab.machine.gpu_slots",
            "--need",
            str(need),
            "--of",
            str(of),
        ]
        own = {k: v for k, v in os.environ.items() if k != gpu_slots.VISIBLE}
        process = subprocess.Popen(
            [*command, "--", sys.executable, "-c", SAY.format(seconds)],
            env=own | {"TMPDIR": str(tmp_path)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def devices(process):
    return process.stdout.readline().strip()


def test_two_jobs_get_a_gpu_each_and_the_third_waits_for_one(run):
    first, second = run(1, 2, 2), run(1, 2, 60)
    assert {devices(first), devices(second)} == {"0", "1"}
    started = time.monotonic()
    third = run(1, 2)
    said = devices(third)
    assert first.poll() is not None, "it did not wait"
    assert said in ("0", "1")
    assert time.monotonic() - started < 30


def test_a_job_that_is_killed_gives_its_gpu_back(run):
    first = run(1, 1, 60)
    assert devices(first) == "0"
    first.kill()
    assert devices(run(1, 1)) == "0"


def test_a_job_may_need_several(run):
    assert devices(run(2, 2)) == "0,1"


def test_only_visible_devices_are_handed_out(run):
    assert devices(run(1, 1, CUDA_VISIBLE_DEVICES="5,7")) == "5"


def test_a_job_without_a_need_sees_none_of_what_is_handed_out(run):
    assert devices(run(0, 2)) == ""
    assert devices(run(0, 2, CUDA_VISIBLE_DEVICES="5,7")) == ""


def test_where_none_are_handed_out_nothing_changes(run):
    assert devices(run(0, 0)) == "None"
    assert devices(run(1, 0, CUDA_VISIBLE_DEVICES="3")) == "3"


def test_more_than_there_are_is_an_error_at_once(run):
    process = run(3, 2)
    assert "needs 3 GPUs and there are 2" in process.communicate(timeout=30)[1]
    assert process.returncode == 1


def test_fewer_visible_than_the_batch_hands_out_is_an_error(monkeypatch):
    monkeypatch.setenv(gpu_slots.VISIBLE, "5")
    with pytest.raises(ValueError, match="2 GPUs are to be handed out"):
        gpu_slots.visible_devices(2)


def test_a_variable_that_names_nothing_names_no_device(monkeypatch):
    monkeypatch.setenv(gpu_slots.VISIBLE, "")
    with pytest.raises(ValueError, match="'' names fewer"):
        gpu_slots.visible_devices(1)
    monkeypatch.setenv(gpu_slots.VISIBLE, "5,")
    assert gpu_slots.visible_devices(1) == ["5"]
