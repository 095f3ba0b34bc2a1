"""What a number was made with: versions, commit, hardware, time and memory.

No absolute path, host name or user name is ever recorded: a result may be published. Left out:
child processes' memory, and the power settings of the machine.
"""

import importlib.metadata
import os
import platform
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import psutil

PACKAGES = (
    "proxylab",
    "torch",
    "transformers",
    "trl",
    "datasets",
    "accelerate",
    "peft",
    "tokenizers",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "statsmodels",
    "krippendorff",
    "alt-profanity-check",
)
URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
# What leads to the last part of an absolute path inside a text, as in "dpo:/a/policy,/a/reference":
# from the start, a blank, a bracket, a quote or a mark on, so no URL (//host) and not ORG/MODEL.
LEADING_FOLDERS = re.compile(
    r"""(?:(?<![^\s:,;=|"'(\[{<])|(?<=file://))(?:/(?=[^/\s])|[A-Za-z]:[\\/](?![\\/]))"""
    r"""(?:[^:,;|"'\n]*[\\/](?=[^:,;|"'\s\\/]))?"""
)
GIT_TIMEOUT = 20  # seconds


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that can change a number."""
    return dict(_package_versions())


@cache  # every artifact asks, and each answer was measured to take 11 ms of parsing
def _package_versions() -> dict[str, str]:
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def python_version() -> str:
    """Return implementation and version, such as 'CPython 3.11.7'."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def git_state(root: Path) -> dict[str, str | bool | None]:
    """Return the commit and whether files differ from it; both None where `root` is no checkout."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return {"commit": None, "dirty": None}
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    status = _git(root, "status", "--porcelain")
    return {"commit": commit or None, "dirty": None if status is None else bool(status)}


def hardware() -> dict[str, Any]:
    """Return processor, cores given to this process, threads, memory (GiB) and accelerator."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": available_cores(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or available_cores()),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "accelerator": accelerator(),
    }


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or platform.machine()


def accelerator() -> str | None:
    """Return the accelerator that models run on; None where they do not, or torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    from proxylab.machine.device import usable_device  # loads torch, which takes seconds

    try:
        device = torch.device(usable_device())
    except ValueError:  # PROXYLAB_DEVICE names none, so no model has run
        return None
    if device.type == "cuda":
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(device)}"
    return {"cpu": None, "mps": "Apple MPS"}.get(device.type, device.type)


def peak_memory_mib() -> dict[str, float | None]:
    """Return the largest memory this process has held, in MiB, and that of its accelerator."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    torch = sys.modules.get("torch")
    on_device = None
    if torch is not None and torch.cuda.is_available():
        # Of the GPU that was used: the process need not have made it the current one.
        held = map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count()))
        on_device = round(max(held) / 2**20, 1)
    return {"process": round(peak / unit, 1), "accelerator": on_device}


def scrub(value: Any, *, root: Path | None = None) -> Any:
    """Return `value` with every absolute path cut to its last part and no name of the machine."""
    if isinstance(value, Mapping):
        return {str(key): scrub(item, root=root) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, root=root) for item in value]
    if isinstance(value, Path):
        value = str(value)
    return _scrub_text(value, root) if isinstance(value, str) else value


def _scrub_text(text: str, root: Path | None) -> str:
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return f"(folder)/{PureWindowsPath(text).name}"  # Windows paths split at both slashes
    if root is not None and len(root.parts) > 1:
        text = text.replace(str(root), ".")
    text = LEADING_FOLDERS.sub("(folder)/", text)
    if len(Path.home().parts) > 1:  # after any other character
        text = text.replace(str(Path.home()), "~")
    text = URL_CREDENTIALS.sub("", text)
    return text.replace(f"://{socket.gethostname()}", "://(this machine)")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no git, no checkout, no commit yet
        return None
    return done.stdout.strip()
