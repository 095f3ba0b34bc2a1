"""Several processes of one run, as `accelerate launch` starts them: one decides, and one writes.

Every process executes the notebook; trainers share their batches, and all else is computed alike
in each. Results, executed notebooks and artifacts are the main process's. The others keep theirs
in a folder of their own, which nothing reads. Left out: sharing out sampling and scoring.
"""

import os
from pathlib import Path

INDEX, COUNT = "RANK", "WORLD_SIZE"  # as torchrun and accelerate name them


def process_index() -> int:
    """Which process of the run this is, 0 the main one."""
    return int(os.environ.get(INDEX) or 0)


def n_processes() -> int:
    """How many processes the run has."""
    return int(os.environ.get(COUNT) or 1)


def is_main() -> bool:
    """Whether this process writes what others read; true where there is but one."""
    return process_index() == 0


def as_main(value: bool) -> bool:
    """What the main process holds `value` to be, in all of them: a file may be there by now."""
    if n_processes() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    _group()
    box = [value]
    broadcast_object_list(box)
    return box[0]


def wait_for_all() -> None:
    """Return when every process has come here."""
    if n_processes() > 1:
        _group().wait_for_everyone()


def own_folder(folder: Path, build: Path) -> Path:
    """`folder` in the main process; elsewhere one of its own in `build`, of the same name."""
    if is_main():
        return folder
    return build / "processes" / str(process_index()) / folder.parent.name / folder.name


def _group():
    """The group of processes, joined when it is first needed."""
    from accelerate import PartialState

    from proxylab.machine.device import usable_device

    return PartialState(cpu=usable_device() == "cpu")
