"""HH-RLHF from the Hugging Face hub: rows through `datasets`, files through `huggingface_hub`.

The commit is that of `profiles/hub.lock`, so a later change on the hub changes no number here.
Where the hub cannot be reached the error says so at once and names the two other ways to the same
data. Left out: authentication; the data set is public.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from proxylab.hub_revisions import revision_to_load
from proxylab.preferences.schema import PreferenceError

HUB_ID = "Anthropic/hh-rlhf"


class HubUnreachableError(PreferenceError):
    """The hub could not be reached, or may not be."""


def hub_rows(
    subset: str, split: str, *, repository: str = HUB_ID, revision: str | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered rows of one subset and split, as the hub's data set gives them.

    Arguments: `repository` is a hub id, or a folder laid out as the hub's; `revision` is a
    commit of it (default: the pinned one).
    Raises HubRevisionError for a hub id that is pinned nowhere, HubUnreachableError if there is
    neither a connection nor a cached copy, PreferenceError if `datasets` cannot read the files.
    """
    import datasets  # two seconds to import, and only this source needs it

    wanted = f"{repository}, {subset}/{split}"
    commit = revision_to_load(repository, "dataset", revision=revision)
    try:
        rows = datasets.load_dataset(repository, data_dir=subset, split=split, revision=commit)
    except OSError as error:  # ConnectionError and DatasetNotFoundError are among these
        raise HubUnreachableError(_unreachable(wanted, error)) from error
    except (ValueError, datasets.exceptions.DatasetsError) as error:
        raise PreferenceError(f"{wanted}: cannot be read: {error}") from error
    return enumerate(rows)


def download_layout(
    folder: Path,
    *,
    subsets: Iterable[str],
    splits: Iterable[str],
    repository: str = HUB_ID,
    revision: str | None = None,
) -> list[Path]:
    """Fetch <subset>/<split>.jsonl.gz of the hub's data set into a folder; returns the paths.

    Raises HubRevisionError for a hub id that is pinned nowhere, HubUnreachableError if the hub
    cannot be reached.
    """
    names = [f"{subset}/{split}.jsonl.gz" for subset in subsets for split in splits]
    commit = revision_to_load(repository, "dataset", revision=revision)
    return [download_file(repository, name, revision=commit, folder=folder) for name in names]


def download_file(repository: str, name: str, *, revision: str, folder: Path | None = None) -> Path:
    """Fetch one file of a data set, into the hub's cache or a folder; returns its path.

    Raises HubUnreachableError if the hub cannot be reached and the cache does not hold it.
    """
    from huggingface_hub import hf_hub_download

    settings = {"repo_type": "dataset", "revision": revision, "local_dir": folder}
    try:
        return Path(hf_hub_download(repository, name, **settings))
    except OSError as error:  # connection, HTTP and missing-entry errors are all OSErrors
        raise HubUnreachableError(_unreachable(f"{repository}, {name}", error)) from error


def _unreachable(wanted: str, error: Exception) -> str:
    offline = os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}
    why = (
        "HF_HUB_OFFLINE is on, so the hub is not asked" if offline else "the hub cannot be reached"
    )
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return (
        f"{wanted}: {why}, and there is no cached copy ({reason[0]}). Set HF_HUB_OFFLINE=0 where "
        "there is a network, or run data/fetch.py there and name its folder as the data folder."
    )
