"""Put a result in its place all at once, and clear away what killed runs left.

A run works in a hidden sibling of its folder, under a lock of its own that the system releases even
when the process is killed. Nothing reads hidden folders, so neither an exception nor a kill leaves
anything that a later run trusts.
"""

import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

UNFINISHED, REPLACED, LOCKS = ".unfinished-", ".replaced-", ".locks"
PATIENCE = 10  # seconds: another start may be clearing this run's leftovers just now


class RunUnderWay(RuntimeError):
    """Another process is working on the very same run."""


def lock_run(folder: Path, *, patience: float = PATIENCE) -> FileLock:
    """Return the held lock of the run that belongs in `folder`; raises RunUnderWay.

    Arguments: `patience` is how long to wait for another process to let go, in seconds.
    """
    locks = folder.parent / LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / folder.name)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise RunUnderWay(
            f"run {folder.name} is under way in another process: wait for it, or stop it"
        ) from None
    return lock


def open_workplace(folder: Path) -> Path:
    """Return a new empty hidden folder for this run, whose lock must be held."""
    _remove_leftovers(folder)
    workplace = folder.with_name(UNFINISHED + folder.name)
    workplace.mkdir()
    return workplace


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed runs of this notebook left; a run whose lock is held is alive."""
    for prefix in (UNFINISHED, REPLACED):
        for leftover in folder.parent.glob(f"{prefix}*"):
            owner = leftover.with_name(leftover.name.removeprefix(prefix))
            if owner == folder:
                shutil.rmtree(leftover)
                continue
            try:
                lock = lock_run(owner, patience=0)
            except RunUnderWay:
                continue
            shutil.rmtree(leftover, ignore_errors=True)
            lock.release()


def put_in_place(workplace: Path, folder: Path) -> None:
    """Rename `workplace` to `folder`, after moving an older result of the run out of the way."""
    for path in workplace.iterdir():
        _flush(path)
    older = folder.with_name(REPLACED + folder.name)
    if folder.exists():
        folder.rename(older)
    workplace.rename(folder)
    shutil.rmtree(older, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the system write the file out: a rename may otherwise outlive its content."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
