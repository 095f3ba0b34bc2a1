"""The commit of every model and data set of the hub that a profile names: `profiles/hub.lock`.

A name on the hub is a branch that can move; a commit cannot. `python -m proxylab pin --profile
NAME` asks the hub once and writes the commits down; whatever a profile loads is then loaded at
them, and a name without one is refused. Left out: checksums, which the hub's own cache keeps.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from proxylab.artifacts import folder_stamp
from proxylab.environment import project_root

if TYPE_CHECKING:
    from proxylab.profiles import Profile  # takes seconds to import

Kind = Literal["model", "dataset"]
LOCK_FILE = "profiles/hub.lock"
HEADER = "# Commits of the hub; `python -m proxylab pin --profile NAME` adds what is missing.\n"
DATA_SETS = {"hub": "Anthropic/hh-rlhf", "pku-safe-rlhf": "PKU-Alignment/PKU-SafeRLHF"}
MODEL_KEYS = ("base", "model")  # of a profile's sections
MODEL_LISTS = ("proxies",)  # of a planned run, and of the alignment section
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubRevisionError(ValueError):
    """A name on the hub without a commit, or one that no commit can be had for."""


def pinned_revision(repo_id: str, kind: Kind = "model", *, root: Path | None = None) -> str | None:
    """The commit that the lock has for a model or data set of the hub; None where it has none."""
    return read_lock(root).get(f"{kind}:{repo_id}")


def revision_to_load(
    source: str | Path,
    kind: Kind = "model",
    *,
    revision: str | None = None,
    root: Path | None = None,
) -> str | None:
    """The commit at which `source` is to be loaded; None for a folder, which has none.

    Arguments: `source` a folder or a hub id; `revision` what a profile states itself, which wins.
    Raises HubRevisionError for a hub id that is pinned nowhere, naming the command that pins it.
    """
    if revision is not None or Path(source).is_dir():
        return revision
    if not is_hub_id(source):
        raise HubRevisionError(f"{str(source)!r}: no such folder, and no hub id (ORG/NAME) either")
    commit = pinned_revision(str(source), kind, root=root)
    if commit is None:
        raise HubRevisionError(
            f"{source}: no commit of this {kind} in {LOCK_FILE}, and what a branch holds may "
            "change. Where there is a network, HF_HUB_OFFLINE=0 python -m proxylab pin --profile "
            "NAME asks the hub and writes it down; or state `revision` beside it"
        )
    return commit


def source_identity(
    source: str | Path | None, *, revision: str | None = None, root: Path | None = None
) -> str | None:
    """What tells the content of a folder or hub id from what another time was there.

    A folder's stamp, the commit of a hub id; None for any other name, and for no name.
    Raises HubRevisionError for a hub id that is pinned nowhere.
    """
    if not source:
        return None
    if is_hub_id(source):
        return revision_to_load(source, revision=revision, root=root)
    return folder_stamp(source)


def is_hub_id(source: str | Path) -> bool:
    """Whether `source` has the form ORG/NAME and is not a file or folder here."""
    return bool(_HUB_ID.fullmatch(str(source))) and not Path(source).exists()


def read_lock(root: Path | None = None) -> dict[str, str]:
    """The lock as {"model:ORG/NAME" or "dataset:ORG/NAME": commit}; empty where there is none.

    Raises HubRevisionError for a file that is no such mapping, naming the entry.
    """
    path = (root or project_root()) / LOCK_FILE
    if not path.is_file():
        return {}
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for key, commit in entries.items():
        if not _COMMIT.fullmatch(str(commit)):
            raise HubRevisionError(
                f"{LOCK_FILE}: {key}: a commit has 40 hexadecimal digits, this is {commit!r}"
            )
    return entries


def hub_ids(profile: "Profile") -> list[tuple[Kind, str]]:
    """Every model and data set of the hub that a profile names, each once, in its order."""
    named = [("model", name) for name in _models(profile.model_dump())]
    data = [name for line in profile.batch for name in line.parameters.get("data", ())]
    named += [("dataset", DATA_SETS[name]) for name in data if name in DATA_SETS]
    return list(dict.fromkeys(named))


def pin_profile(
    profile: "Profile", *, refresh: bool = False, root: Path | None = None
) -> dict[str, str]:
    """Write the commit of every hub id of a profile into the lock; returns the profile's entries.

    Arguments: `refresh` asks the hub for those too that the lock has already.
    Raises HubRevisionError, before anything is written, when the hub cannot be reached, does not
    know a name, or holds no safetensors of a model.
    """
    lock = read_lock(root)
    entries = {}
    for kind, repo_id in hub_ids(profile):
        key = f"{kind}:{repo_id}"
        entries[key] = lock[key] if key in lock and not refresh else _ask(repo_id, kind)
    _write(lock | entries, root or project_root())
    return entries


def _models(value: Any, key: str = "") -> Iterator[str]:
    """Hub ids under the keys that name models, anywhere in a profile's values."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _models(part, name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _models(part, key)
    elif isinstance(value, str) and key in (*MODEL_KEYS, *MODEL_LISTS) and is_hub_id(value):
        yield value


def _ask(repo_id: str, kind: Kind) -> str:
    """The newest commit of a repository of the hub, which must hold safetensors if of a model."""
    from huggingface_hub import HfApi  # half a second, and only this asks the hub

    try:
        found = HfApi().repo_info(repo_id, repo_type=kind)
    except OSError as error:  # being offline, HTTP errors and unknown names are all OSErrors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise HubRevisionError(
            f"{repo_id}: the hub cannot say its commit ({reason}). Set HF_HUB_OFFLINE=0 and try "
            "where there is a network; a gated name needs a login first"
        ) from error
    files = [file.rfilename for file in found.siblings or ()]
    if kind == "model" and not any(name.endswith(".safetensors") for name in files):
        raise HubRevisionError(
            f"{repo_id}@{found.sha[:12]} holds no safetensors, and nothing else is loaded here: "
            "convert it once, and name the folder in the profile"
        )
    return found.sha


def _write(lock: dict[str, str], root: Path) -> None:
    path = root / LOCK_FILE
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(HEADER + yaml.safe_dump(lock), encoding="utf-8")  # sorted by key
    partial.replace(path)
