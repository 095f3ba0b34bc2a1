import os
import subprocess
import sys

import pytest
from proxylab.environment import (
    RUNTIME_ENVIRONMENT,
    ProjectRootNotFound,
    build_folder,
    project_root,
)


def in_child(code, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in RUNTIME_ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_root_is_the_nearest_folder_above_with_a_quarto_file(tmp_path, monkeypatch):
    monkeypatch.delenv("PROXYLAB_ROOT", raising=False)
    inner = tmp_path / "notebooks" / "runs"
    inner.mkdir(parents=True)
    (tmp_path / "_quarto.yml").touch()
    assert project_root(inner) == tmp_path.resolve()
    (inner / "_quarto.yml").touch()  # a nearer one wins
    assert project_root(inner) == inner.resolve()


def test_no_root_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("PROXYLAB_ROOT", raising=False)
    with pytest.raises(ProjectRootNotFound, match="PROXYLAB_ROOT"):
        project_root(tmp_path)


def test_the_variable_wins_and_must_name_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXYLAB_ROOT", str(tmp_path))
    assert project_root() == tmp_path.resolve()
    monkeypatch.setenv("PROXYLAB_ROOT", str(tmp_path / "absent"))
    with pytest.raises(ProjectRootNotFound, match="absent"):
        project_root()


def test_build_folder_can_be_moved(project, monkeypatch):
    assert build_folder() == project / "build"
    monkeypatch.setenv("PROXYLAB_BUILD", "build/smoke")
    assert build_folder() == project / "build" / "smoke"


def test_importing_the_package_sets_what_is_unset_and_loads_no_torch():
    code = "import proxylab, os, sys; print(os.environ['OMP_NUM_THREADS'], 'torch' in sys.modules)"
    assert in_child(code) == ["1", "False"]
    assert in_child(code, OMP_NUM_THREADS="3") == ["3", "False"]  # the user's setting stays


def test_threads_are_set_even_if_torch_came_first():
    code = "import torch, proxylab; print(torch.get_num_threads())"
    assert in_child(code) == ["1"]
