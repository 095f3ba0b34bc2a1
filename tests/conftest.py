"""Fixtures that several rooms' tests share."""

import os
from pathlib import Path

# Before anything imports torch: importing proxylab sets OpenMP's and the allocator's environment.
import proxylab  # noqa: F401
import pytest
from hypothesis import settings

# Read once: a room may hide the folder from its own tests before the fixture below is asked for.
REAL_DATA = os.environ.get("PROXYLAB_DATA")

# Tests assert results, not times: a first call that imports a library is no failure.
settings.register_profile("proxylab", deadline=None)
settings.load_profile("proxylab")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder that is found as the root, here and in the processes started."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "_quarto.yml").write_text("project:\n  type: website\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PROXYLAB_ROOT", str(folder))
    monkeypatch.delenv("PROXYLAB_BUILD", raising=False)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real preference data that PROXYLAB_DATA names; the test is skipped without."""
    if not REAL_DATA:
        pytest.skip("PROXYLAB_DATA names no folder of real preference data")
    return Path(REAL_DATA)
