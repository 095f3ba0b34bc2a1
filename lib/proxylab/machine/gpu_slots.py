"""Give each of several jobs on one machine GPUs of its own: `python -m proxylab.machine.gpu_slots`.

    python -m proxylab.machine.gpu_slots --need 1 --of 2 -- python -m proxylab run ...

Snakemake counts a `gpu` resource and never starts more jobs than there are; which GPU a job gets
it does not say. Here a job takes a file lock for each GPU, names them in CUDA_VISIBLE_DEVICES, and
becomes the command: the locks live as long as that process does and are gone with it, however it
ends. Left out: other machines. Slurm and Kubernetes hand out devices themselves.
"""

import argparse
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
WAIT = 1.0  # seconds until all are tried again


def visible_devices(n: int) -> list[str]:
    """The `n` devices that may be handed out: those of CUDA_VISIBLE_DEVICES, else 0 to n - 1.

    Raises ValueError where the variable names fewer.
    """
    named = os.environ.get(VISIBLE)
    # Set and empty it names none; split alone would make that one without a name.
    devices = range(n) if named is None else filter(None, named.split(","))
    devices = [str(device) for device in devices]
    if len(devices) < n:
        raise ValueError(f"{n} GPUs are to be handed out, but {VISIBLE}={named!r} names fewer")
    return devices[:n]


def take(need: int, devices: Sequence[str], folder: Path) -> dict[str, int]:
    """Lock `need` of the devices, waiting until as many are free; open file by device.

    All or none are held while it waits, so that two jobs never wait for each other.
    Raises ValueError for more than there are.
    """
    if need > len(devices):
        raise ValueError(f"a job needs {need} GPUs and there are {len(devices)}")
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        held = _lock_free(need, devices, folder)
        if len(held) == need:
            return held
        for file in held.values():
            os.close(file)
        time.sleep(WAIT)


def lock_folder() -> Path:
    """Where this user's locks are: on this machine, whatever batch or project asks."""
    return Path(tempfile.gettempdir()) / f"proxylab-gpus-{os.getuid()}"


def main(arguments: list[str] | None = None) -> None:
    """Take the GPUs, then become the command."""
    parser = argparse.ArgumentParser(prog="proxylab.machine.gpu_slots")
    parser.add_argument("--need", type=int, required=True, help="GPUs of this job")
    parser.add_argument("--of", type=int, required=True, help="GPUs of the batch; 0: hand out none")
    parser.add_argument("command", nargs="+", help="after --")
    options = parser.parse_args(arguments)
    if options.of and not options.need:
        os.environ[VISIBLE] = ""  # else it would take the device of a job that has its lock
    if options.need and options.of:
        try:
            held = take(options.need, visible_devices(options.of), lock_folder())
        except ValueError as error:
            sys.exit(f"proxylab: {error}")
        os.environ[VISIBLE] = ",".join(held)
        for file in held.values():
            os.set_inheritable(file, True)
    os.execvp(options.command[0], options.command)


def _lock_free(need: int, devices: Sequence[str], folder: Path) -> dict[str, int]:
    """Locks of the first `need` free devices, fewer if there are not as many."""
    held: dict[str, int] = {}
    for device in devices:
        if len(held) == need:
            break
        file = os.open(folder / f"{device}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            held[device] = file
    return held


if __name__ == "__main__":
    main()
