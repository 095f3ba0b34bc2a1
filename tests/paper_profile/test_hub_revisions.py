"""Commits of the hub: what the lock holds, what is refused, and what pinning asks and writes."""

from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from proxylab.hub_revisions import (
    HubRevisionError,
    hub_ids,
    pin_profile,
    pinned_revision,
    read_lock,
    revision_to_load,
)
from proxylab.preferences import HUB_ID, download_layout
from proxylab.profiles import PlannedRun, Profile, load_profile
from proxylab.studies import world_models

ROOT = Path(__file__).parents[2]
OF_HUB = {"base": "org/first", "size": {"max_length": 64}}
FIRST, SECOND, NEWEST = "1" * 40, "2" * 40, "f" * 40


@pytest.fixture
def lock(project):
    """Write the lock of an empty project; returns the function that does."""
    (project / "profiles").mkdir()
    place = project / "profiles" / "hub.lock"

    def write(text: str = f"model:org/first: {FIRST!r}\n") -> Path:
        place.write_text(text)
        return place

    return write


@pytest.fixture
def hub(monkeypatch):
    """A hub that says the newest commit of whatever it is asked; returns what it was asked."""
    asked, files = [], {"": ["config.json", "model.safetensors"]}

    def repo_info(self, repo_id, repo_type):
        asked.append((repo_type, repo_id))
        if repo_id.startswith("gone/"):
            raise ConnectionError("no such repository\nand more")
        names = files.get(repo_id, files[""])
        siblings = [SimpleNamespace(rfilename=name) for name in names]
        return SimpleNamespace(sha=NEWEST, siblings=siblings)

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", repo_info)
    return SimpleNamespace(asked=asked, files=files)


def profile(*models: str, data: tuple[str, ...] = ()) -> Profile:
    backbone = {"base": models[0], "size": {"max_length": 512}}
    lines = [{"text_backbone": backbone}, {"text_gold": {"model": models[-1]}}]
    batch = (PlannedRun(notebook="clean", parameters={"data": data}),) if data else ()
    return Profile.model_validate(
        {"name": "mine", "seeds": [0], **lines[0], **lines[1]}
    ).model_copy(update={"batch": batch})


def test_a_pinned_id_is_loaded_at_its_commit_and_a_stated_one_at_its_own(lock):
    lock()
    assert pinned_revision("org/first") == FIRST
    assert pinned_revision("org/first", "dataset") is None  # kinds are told apart
    assert revision_to_load("org/first") == FIRST
    assert revision_to_load("org/first", revision=SECOND) == SECOND


def test_a_folder_has_no_commit(lock, project):
    lock("")
    folder = project / "org" / "first"
    folder.mkdir(parents=True)
    assert revision_to_load(folder) is None
    assert revision_to_load("org/first") is None  # the same folder, named from where we are


def test_an_unpinned_id_is_refused_with_the_command_that_pins_it(lock):
    lock()
    with pytest.raises(HubRevisionError, match=r"org/second: no commit of this model .*pin --prof"):
        revision_to_load("org/second")
    with pytest.raises(HubRevisionError, match="no commit of this dataset"):
        revision_to_load("org/first", "dataset")


def test_what_is_neither_folder_nor_hub_id_is_named_as_such(lock):
    lock()
    with pytest.raises(HubRevisionError, match=r"'models/a/b': no such folder, and no hub id"):
        revision_to_load("models/a/b")


def test_a_lock_with_a_branch_in_it_is_an_error_that_names_the_entry(lock):
    lock("model:org/first: main\n")
    with pytest.raises(HubRevisionError, match=r"profiles/hub\.lock: model:org/first: .*'main'"):
        read_lock()


def test_without_a_lock_nothing_is_pinned(project):
    assert read_lock() == {}


def test_the_base_of_a_world_is_loaded_at_the_commit_of_the_lock(lock, monkeypatch):
    lock()
    asked = []

    def load(source, *, revision=None):
        asked.append((source, revision))
        raise LookupError

    monkeypatch.setattr(world_models, "load_policy", load)
    with pytest.raises(LookupError):
        world_models.base_model(Profile(name="mine", seeds=(0,), world_backbone=OF_HUB), 0)
    assert asked == [("org/first", FIRST)]


def test_ids_are_found_wherever_a_profile_names_one_each_once(project):
    named = profile("org/first", "org/second", data=("world", "hub", "pku-safe-rlhf"))
    proxies = PlannedRun(
        notebook="align", parameters={"proxies": (("raw@0.1", "org/third", "org/first"),)}
    )
    found = hub_ids(named.model_copy(update={"batch": (*named.batch, proxies)}))
    assert found == [
        ("model", "org/first"),
        ("model", "org/second"),
        ("model", "org/third"),
        ("dataset", "Anthropic/hh-rlhf"),
        ("dataset", "PKU-Alignment/PKU-SafeRLHF"),
    ]


def test_pinning_asks_for_what_is_missing_and_keeps_the_rest(lock, hub):
    place = lock()
    entries = pin_profile(profile("org/first", "org/second"))
    assert entries == {"model:org/first": FIRST, "model:org/second": NEWEST}
    assert hub.asked == [("model", "org/second")]
    assert read_lock() == entries
    assert place.read_text().startswith("# ")


def test_pinning_keeps_entries_of_other_profiles(lock, hub):
    lock(f"model:org/other: {SECOND!r}\n")
    assert pin_profile(profile("org/first", "org/first")) == {"model:org/first": NEWEST}
    assert read_lock() == {"model:org/first": NEWEST, "model:org/other": SECOND}


def test_a_refresh_asks_for_everything(lock, hub):
    lock()
    assert pin_profile(profile("org/first", "org/first"), refresh=True) == {
        "model:org/first": NEWEST
    }


def test_what_cannot_be_pinned_is_an_error_and_writes_nothing(lock, hub):
    place = lock()
    before = place.read_text()
    with pytest.raises(HubRevisionError, match=r"gone/model: .*\(no such repository\).*OFFLINE=0"):
        pin_profile(profile("org/second", "gone/model"))
    hub.files["org/pickled"] = ["config.json", "pytorch_model.bin"]
    with pytest.raises(HubRevisionError, match=r"org/pickled@f{12} holds no safetensors"):
        pin_profile(profile("org/second", "org/pickled"))
    assert place.read_text() == before


def test_a_data_set_needs_no_safetensors(lock, hub):
    lock("")
    hub.files["Anthropic/hh-rlhf"] = ["README.md"]
    named = Profile(name="mine", seeds=(0,)).model_copy(
        update={"batch": (PlannedRun(notebook="clean", parameters={"data": ("hub",)}),)}
    )
    assert pin_profile(named) == {"dataset:Anthropic/hh-rlhf": NEWEST}


def test_hh_rlhf_is_fetched_at_the_commit_of_the_lock(lock, tmp_path, monkeypatch):
    asked = []

    def download(repository, name, *, revision, **_):
        asked.append((repository, revision))
        return name

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    lock(f"dataset:{HUB_ID}: {SECOND!r}\n")
    download_layout(tmp_path, subsets=["helpful-base"], splits=["test"])
    download_layout(tmp_path, subsets=["helpful-base"], splits=["test"], revision=FIRST)
    assert asked == [(HUB_ID, SECOND), (HUB_ID, FIRST)]
    lock("")
    with pytest.raises(HubRevisionError, match=f"{HUB_ID}: no commit of this dataset"):
        download_layout(tmp_path, subsets=["helpful-base"], splits=["test"])


@pytest.mark.parametrize("name", ["paper", "paper_elephant"])
def test_every_hub_id_of_the_papers_profiles_is_pinned(name):
    lock = read_lock(ROOT)
    ids = hub_ids(load_profile(name, root=ROOT))
    assert ids
    assert [f"{kind}:{repo}" for kind, repo in ids if f"{kind}:{repo}" not in lock] == []
