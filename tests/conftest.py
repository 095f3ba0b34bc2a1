"""Fixtures that several rooms' tests share."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
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


@pytest.fixture
def run_in_processes(tmp_path: Path) -> Callable[[str, int], Path]:
    """Run a worker's source in n processes that know of each other; the folder they ran in.

    That folder is new, the project's root to them, and holds what they wrote.
    """

    def run(worker: str, n: int) -> Path:
        folder = tmp_path / f"of-{n}"
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        group = {"WORLD_SIZE": n, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        group |= {"ACCELERATE_USE_CPU": "true", "PROXYLAB_DEVICE": "cpu"}
        started = []
        for rank in range(n):
            own = {**group, "RANK": rank, "LOCAL_RANK": rank} if n > 1 else {}
            own |= {"PROXYLAB_ROOT": folder}
            environment = os.environ | {name: str(value) for name, value in own.items()}
            command = [sys.executable, "-c", worker]
            started.append(subprocess.Popen(command, env=environment, cwd=folder))
        assert [process.wait(timeout=120) for process in started] == [0] * n
        return folder

    return run
