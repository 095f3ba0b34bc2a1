"""The share of the time that an accelerator worked, by a stand-in for its driver's program."""

import math
import os
import time

import pytest
from proxylab.machine.accelerator_use import AcceleratorWatch, watch_accelerator


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A program that notes how it was called, prints what it is told to, and then waits."""

    def install(lines):
        program = tmp_path / "nvidia-smi"
        said = "".join(f"echo '{line}'\n" for line in lines)
        program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n{said}exec sleep 60\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("PROXYLAB_DEVICE", raising=False)
        return tmp_path / "called"

    return install


def wait_for(watch, n):
    deadline = time.monotonic() + 20
    while watch.n_readings < n and time.monotonic() < deadline:
        time.sleep(0.01)


def test_the_share_is_the_mean_of_what_the_driver_says(driver, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    called = driver(["100", "50", "[N/A]", "0"])
    with watch_accelerator() as watch:
        wait_for(watch, 3)
    assert watch.busy_share == 0.5  # (100 + 50 + 0) / 3 per cent; a device that does not count
    assert watch.record == {"busy_share": 0.5, "n_readings": 3, "period_ms": 500}
    assert "--query-gpu=utilization.gpu" in called.read_text()
    assert "--id=1" in called.read_text()
    watch.stop()  # a second time does nothing


def test_the_program_ends_with_the_block(driver):
    driver(["10"])
    with watch_accelerator() as watch:
        wait_for(watch, 1)
        process = watch._process
    assert process.returncode is not None


@pytest.mark.parametrize(
    ("variable", "value"), [("CUDA_VISIBLE_DEVICES", ""), ("PROXYLAB_DEVICE", "cpu")]
)
def test_a_job_that_may_use_no_device_does_not_read_those_of_others(
    driver, monkeypatch, variable, value
):
    called = driver(["100"])
    monkeypatch.setenv(variable, value)
    with watch_accelerator() as watch:
        assert watch._process is None
    assert watch.record is None
    assert not called.exists()


def test_without_a_driver_there_is_nothing_to_record(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    watch = AcceleratorWatch().start()
    watch.stop()
    assert math.isnan(watch.busy_share)
    assert watch.record is None
