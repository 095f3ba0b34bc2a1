"""How busy an NVIDIA accelerator was while a run went on, as its own driver counts it.

`nvidia-smi` is started once and prints the share of its last sampling period in which any kernel
ran; a thread adds the shares up. A share of 1 says that something ran all the time, not that all of
the device was used. Where there is no such device or program, nothing is started and the share is
NaN; so too for a job that is told to use none. Left out: other makers' devices, and the work of
single processes on a shared one.
"""

import contextlib
import math
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from proxylab.machine.gpu_slots import VISIBLE

PERIOD_MS = 500
PROGRAM = "nvidia-smi"
DEVICE_VARIABLE = "PROXYLAB_DEVICE"  # as in `machine.device`, which loads torch


@dataclass
class AcceleratorWatch:
    """Shares of time in per cent, one a device and period, added up since the start."""

    total: float = 0.0
    n_readings: int = 0
    _process: subprocess.Popen | None = field(default=None, repr=False)
    _reader: threading.Thread | None = field(default=None, repr=False)

    @property
    def busy_share(self) -> float:
        """Mean share of the time that the devices worked, 0 to 1; NaN without a reading."""
        return self.total / self.n_readings / 100 if self.n_readings else math.nan

    @property
    def record(self) -> dict[str, Any] | None:
        """What a result records: share, readings and their period; None without a device."""
        if not self.n_readings:
            return None
        share = round(self.busy_share, 4)
        return {"busy_share": share, "n_readings": self.n_readings, "period_ms": PERIOD_MS}

    def start(self) -> "AcceleratorWatch":
        """Begin to read, where there is something to read."""
        if shutil.which(PROGRAM) is None or _may_use_none():
            return self
        command = [PROGRAM, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        command += [f"--loop-ms={PERIOD_MS}", *_chosen_devices()]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def stop(self) -> None:
        """End the program and the thread; what was read stays. A second call does nothing."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._process = None

    def _read(self) -> None:
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):  # "[N/A]" of a device that does not count
                self.total += float(line)
                self.n_readings += 1


@contextlib.contextmanager
def watch_accelerator() -> Iterator[AcceleratorWatch]:
    """Read within the block."""
    watch = AcceleratorWatch().start()
    try:
        yield watch
    finally:
        watch.stop()


def _may_use_none() -> bool:
    """Whether a variable is there and names no device; what others do is not this job's work."""
    return os.environ.get(VISIBLE) == "" or os.environ.get(DEVICE_VARIABLE) == "cpu"


def _chosen_devices() -> list[str]:
    """Only the devices that this process may use; all of them where nothing is said."""
    visible = os.environ.get(VISIBLE)
    return [] if visible is None else [f"--id={visible}"]
