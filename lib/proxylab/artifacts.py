"""Things that take long to make and that several runs share: trained models, drawn data, scores.

An artifact is a folder under `build/cache/<kind>/`, named by the hash of what it was made from:
settings, the code of the rooms that make it, package versions. It is made beside its place and
renamed last, under a lock: presence means done, a killed run leaves nothing that counts as made
(the next one clears its remains), two runs never make the same thing twice. Left out: clearing old
artifacts (`make clean` removes them all).
"""

import ast
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
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
END = ")"  # of a node in a flat tree; no field has this name
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
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
    """12 hex digits over what the named rooms (folders or modules of the library) do.

    A folder counts with all that lies in it, such as a JSON file that its code reads.
    Raises FileNotFoundError for a room that is not there.
    """
    library = Path(__file__).parent
    return files_fingerprint((file for room in rooms for file in _files(library / room)), library)


def files_fingerprint(files: Iterable[Path], base: Path, *, as_written: bool = False) -> str:
    """12 hex digits over the names and the content of files, in whatever order they are given.

    Python counts by what it does: comments, docstrings and layout leave the digits alone, and any
    other change is another number. Arguments: names are relative to `base`; `as_written` counts
    every character, for what shows the code to a reader.
    """
    digest = hashlib.sha256()
    for name, file in sorted({file.relative_to(base).as_posix(): file for file in files}.items()):
        content = file.read_bytes()
        if file.suffix == ".py" and not as_written:
            content = _meaning(content)
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _files(place: Path) -> list[Path]:
    """The file of a module, or the files of a folder but for those that tools leave there."""
    if not place.is_dir():
        return [place.with_name(f"{place.name}.py")]
    return [
        path
        for path in place.rglob("*")
        if path.is_file() and not any(map(_is_of_tools, path.relative_to(place).parts))
    ]


def _is_of_tools(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


@cache  # rooms share modules
def _meaning(source: bytes) -> bytes:
    """A digest of what a module does: of its syntax tree without docstrings.

    What is executed follows from the tree, but for what reads the source itself (no room does).
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # no Python, and nothing imports it
        return hashlib.sha256(source).digest()
    parts: list[Any] = []
    _flatten(tree, parts)
    return hashlib.sha256(repr(parts).encode()).digest()


def _flatten(part: Any, parts: list[Any]) -> None:
    """Append a piece of a syntax tree: what ast.dump tells, in a third of the time.

    Every run waits for this. Fields that hold nothing are left out, so that those which a newer
    Python adds change nothing; hence the mark at a node's end.
    """
    if isinstance(part, ast.AST):
        parts.append(type(part).__name__)
        for field in part._fields:
            value = getattr(part, field, None)
            if field == "body" and isinstance(part, WITH_DOCSTRING):
                value = value[ast.get_docstring(part, clean=False) is not None :]
            if value is not None and value != []:
                parts.append(field)
                _flatten(value, parts)
        parts.append(END)
    elif isinstance(part, list):
        parts.append(len(part))
        for item in part:
            _flatten(item, parts)
    else:
        parts.append(part)


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
