"""The preference data of a run: the controlled world's, a folder's or the hub's, train and test.

One path for all: the world writes its data in the hub's layout and it is read back by the loader
that reads HH-RLHF. Left out: cleaning (`studies.cleaning`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.preferences import (
    SUBSETS,
    Preferences,
    data_folder,
    fingerprint,
    layout_root,
    load_preferences,
    without_overlap,
)
from proxylab.preferences.loaders import DATA_VARIABLE, SUFFIXES
from proxylab.preferences.safe_rlhf import HUB_FOLDER, holds_safe_rlhf, load_safe_rlhf
from proxylab.profiles import Profile
from proxylab.world import World, build_world, write_preferences
from proxylab.world.preferences import TRUTH_FILE

WORLD = "world"
HH_RLHF = "hh-rlhf"
SAFE_RLHF = "pku-safe-rlhf"


class NoDataFolder(ValueError):
    """Real data was asked for, but no folder of it is named."""


@dataclass(frozen=True)
class StudyData:
    """Train and test pairs of one run; `truth` only in the controlled world.

    `n_overlapping` training pairs were removed because their first question is in the test split.
    """

    name: str
    train: Preferences
    test: Preferences
    n_overlapping: int = 0
    world: World | None = None
    truth: pd.DataFrame | None = None

    def truth_of(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """The truth table's rows in the order of `pairs` (world only)."""
        return self.truth.set_index("pair_id").loc[pairs["pair_id"]].reset_index()


def study_data(name: str, profile: Profile, seed: int) -> StudyData:
    """Load the preference data that a run's `data` parameter names.

    Arguments: `name` is "world", "hh-rlhf" (the folder that PROXYLAB_DATA names), "hub" (HH-RLHF
    from there), "pku-safe-rlhf" (in that folder, else from the hub), or a folder in either's
    layout; `seed` picks the world.
    Raises NoDataFolder, or PreferenceError for a folder that does not hold such data.
    """
    if name == WORLD:
        return _world_data(profile, seed)
    train, test = _safe_rlhf(name) if _is_safe_rlhf(name) else _hh_rlhf(name)
    kept, n_overlapping = without_overlap(train.pairs, test.pairs)
    kept = _at_most(kept, profile.max_text_pairs)
    train = Preferences(kept, train.report, train.source, fingerprint(kept))
    return StudyData(name, train, test, n_overlapping)


def data_sources(name: str, profile: Profile, seed: int) -> dict[str, str]:
    """What a run's record says of its real data: the fingerprints of training and test pairs.

    Nothing of the world's data, which profile and seed tell. Arguments and errors as `study_data`.
    """
    if name == WORLD:
        return {}
    data = study_data(name, profile, seed)
    return {"train": data.train.fingerprint, "test": data.test.fingerprint}


def _hh_rlhf(name: str) -> tuple[Preferences, Preferences]:
    """Train and test of HH-RLHF, or of data in its layout."""
    source = "hub" if name == "hub" else layout_root(real_data_folder(name))
    test = load_preferences(source, split="test")
    return load_preferences(source, split="train", subsets=_train_subsets(source)), test


def _is_safe_rlhf(name: str) -> bool:
    """Whether a name means PKU-SafeRLHF: its own, or a folder that has its layout and no other."""
    return name == SAFE_RLHF or (Path(name) / HUB_FOLDER).is_dir()


def _safe_rlhf(name: str) -> tuple[Preferences, Preferences]:
    """Train and test of PKU-SafeRLHF: from a folder, else from the hub."""
    folder = real_data_folder() if name == SAFE_RLHF and has_data_folder() else Path(name)
    source = folder if holds_safe_rlhf(folder) else "hub"
    return tuple(load_safe_rlhf(source, split=split) for split in ("train", "test"))


def _at_most(pairs: pd.DataFrame, n: int | None) -> pd.DataFrame:
    """`n` of the pairs in their order, the same ones for every seed; all of them if no more."""
    if n is None or len(pairs) <= n:
        return pairs
    chosen = np.random.default_rng(0).permutation(len(pairs))[:n]
    return pairs.iloc[np.sort(chosen)].reset_index(drop=True)


def real_data_folder(name: str = HH_RLHF) -> Path:
    """The folder of real data: `name` itself if it is a path, else what PROXYLAB_DATA names.

    Raises NoDataFolder if that is unset.
    """
    folder = data_folder(None if name == HH_RLHF else name)
    if folder is None:
        raise NoDataFolder(
            f"{name} needs a folder of real data, and none is named: set {DATA_VARIABLE} or call "
            "`make site DATA=folder`; data/README.md says what goes in it and where it comes from"
        )
    return folder


def has_data_folder() -> bool:
    """Whether a folder of real data is named, so that runs that need it can be planned."""
    return bool(os.environ.get(DATA_VARIABLE))


def world_folder(profile: Profile, seed: int) -> Path:
    """The folder, in the hub's layout, that the world of this seed is written to."""
    settings = profile.world_of(seed)
    return cached_artifact(
        "world-preferences",
        {"world": settings},
        lambda folder: write_preferences(
            build_world(settings), folder, np.random.default_rng([seed, 1])
        ),
        code=("world", "preferences"),
    )


def _world_data(profile: Profile, seed: int) -> StudyData:
    folder = world_folder(profile, seed)
    return StudyData(
        name=WORLD,
        train=load_preferences(folder, split="train"),
        test=load_preferences(folder, split="test"),
        world=build_world(profile.world_of(seed)),
        truth=pd.read_parquet(folder / TRUTH_FILE),
    )


def _train_subsets(source: str | Path) -> tuple[str, ...]:
    """The four subsets' train splits where the source has them, else the single-turn pairs."""
    if source == "hub":
        return SUBSETS
    files = [source / subset / f"train{suffix}" for subset in SUBSETS for suffix in SUFFIXES]
    present = [file.parent.name for file in files if file.is_file()]
    return tuple(name for name in SUBSETS if name in present) or ("single-turn",)
