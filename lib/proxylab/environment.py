"""Where the project lies, and the process environment that every run shares.

Nothing here imports torch: OpenMP and the allocator read their settings once, when torch loads.
A value that the user has set in the environment always wins.
"""

import ctypes
import os
import sys
from pathlib import Path

ROOT_MARKER = "_quarto.yml"

RUNTIME_ENVIRONMENT = {
    # Spinning OpenMP threads of two processes on two cores slow each other down tenfold.
    "OMP_WAIT_POLICY": "PASSIVE",
    # One thread a process: sums are taken in the same order wherever a run is started.
    "OMP_NUM_THREADS": "1",
    # Offline unless the user says HF_HUB_OFFLINE=0: a missing model is an error, not a hang.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # glibc otherwise hands every large tensor back to the system at each training step.
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
}

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # constants of glibc's malloc.h


class ProjectRootNotFound(ValueError):
    """No folder with `_quarto.yml` here or above, and PROXYLAB_ROOT is not set."""


def project_root(start: Path | None = None) -> Path:
    """Return the project's folder: PROXYLAB_ROOT, or the nearest above `start` with _quarto.yml.

    Raises ProjectRootNotFound where there is none.
    """
    if setting := os.environ.get("PROXYLAB_ROOT"):
        root = Path(setting).resolve()
        if not root.is_dir():
            raise ProjectRootNotFound(f"PROXYLAB_ROOT names {setting!r}, which is not a folder")
        return root
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / ROOT_MARKER).is_file():
            return folder
    raise ProjectRootNotFound(
        f"no {ROOT_MARKER} in {start} or above it: work inside the project, or set PROXYLAB_ROOT"
    )


def build_folder(root: Path | None = None) -> Path:
    """Return where executed notebooks and the site go: PROXYLAB_BUILD, or `build`."""
    return (root or project_root()) / os.environ.get("PROXYLAB_BUILD", "build")


def set_runtime_environment() -> None:
    """Set what stays unset of RUNTIME_ENVIRONMENT, for this process and for those it starts."""
    for name, value in RUNTIME_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _keep_large_blocks()
    if "torch" in sys.modules:  # OpenMP has already read its own setting by then
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def _keep_large_blocks() -> None:
    """Tell glibc's allocator, in this process, what the MALLOC_ variables tell its children."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # absent from musl
        mallopt(M_MMAP_THRESHOLD, 2**31 - 1)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
