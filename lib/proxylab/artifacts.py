"""Things that take long to make and that several runs share: trained models, drawn data, scores.

An artifact is a folder under `build/cache/<kind>/`, named by the hash of what it was made from:
settings, the code of the rooms that make it, package versions. It is made beside its place and
renamed last, under a lock: presence means done, a killed run leaves nothing that counts as made
(the next one clears its remains), two runs never make the same thing twice. Left out: clearing old
artifacts (`make clean` removes them all).
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from proxylab.environment import build_folder
from proxylab.machine.processes import as_main, is_main, process_index, wait_for_all
from proxylab.results.provenance import package_versions

UNFINISHED = ".unfinished-"
KEY_FILE = "made_from.json"
PATIENCE = 60.0  # seconds that processes wait for a lock before they talk to each other again


def cached_artifact(
    kind: str,
    made_from: Mapping[str, Any],
    make: Callable[[Path], None],
    *,
    code: tuple[str, ...] = (),
    root: Path | None = None,
) -> Path:
    """Return the folder of an artifact, made by `make(folder)` if it is not there yet.

    Arguments: `kind` names the folder of its like; `made_from` holds every setting it depends on
    (values that JSON can hold, or pydantic models); `code` names the rooms of the library whose
    change makes it stale. `make` gets a new empty folder; what it raises leaves nothing behind.
    All processes of a run make it together, and the main one's is kept.
    """
    made_with = {"code": code_fingerprint(*code), "packages": package_versions()}
    key = json.dumps({**made_from, **made_with}, sort_keys=True, default=_plain)
    place = build_folder(root) / "cache" / kind / hashlib.sha256(key.encode()).hexdigest()[:16]
    if as_main(place.is_dir()):
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f".{place.name}.lock")):
        if not as_main(place.is_dir()):
            _make(place, make, key)
    wait_for_all()
    return place


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock for all processes of a run; the main one takes it.

    It may be another job's for hours, and a group of processes gives up on a member that is silent
    for long: every `PATIENCE` the main one says that it is still waiting.
    """
    lock = FileLock(file)
    while not as_main(is_main() and _taken(lock)):
        pass
    try:
        yield
    finally:
        lock.release()  # nothing where it is not held


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        return False
    return True


def _make(place: Path, make: Callable[[Path], None], key: str) -> None:
    """Make the artifact beside its place and, in the main process, put it there."""
    own = "" if is_main() else f".{process_index()}"
    unfinished = place.with_name(UNFINISHED + place.name + own)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        make(unfinished)
        if is_main():
            (unfinished / KEY_FILE).write_text(key + "\n", encoding="utf-8")
            unfinished.rename(place)
        else:
            shutil.rmtree(unfinished)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


@cache
def code_fingerprint(*rooms: str) -> str:
    """12 hex digits over the source of the named rooms (folders or modules of the library)."""
    library = Path(__file__).parent
    digest = hashlib.sha256()
    for room in sorted(rooms):
        found = sorted((library / room).rglob("*.py")) or [library / f"{room}.py"]
        for file in found:
            digest.update(file.relative_to(library).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def folder_stamp(folder: str | Path) -> str | None:
    """16 hex digits that tell a folder's files from those put in their place since.

    Of paths in it, sizes and times of change; None for what is no folder.
    """
    place = Path(folder)
    if not folder or not place.is_dir():
        return None
    files = sorted(path for path in place.rglob("*") if path.is_file())
    stats = [(path.relative_to(place).as_posix(), path.stat()) for path in files]
    facts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"an artifact cannot be keyed by a {type(value).__name__}")
