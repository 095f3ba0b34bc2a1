"""What is installed here and what will be used, in plain sentences."""

import os
from pathlib import Path

from proxylab.environment import project_root
from proxylab.results import provenance
from proxylab.site.quarto import find_quarto


def report() -> list[str]:
    """Return one sentence a line; nothing is changed and nothing is downloaded."""
    return [_versions(), _site(), _machine(), _device(), _hub(), _data(), _checkout()]


def _versions() -> str:
    versions = provenance.package_versions()
    shown = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers", "trl"))
    return f"Proxy Lab {versions['proxylab']} on {provenance.python_version()}: {shown}."


def _site() -> str:
    quarto, reason = find_quarto()
    renderer = "Quarto" if quarto else "the preview renderer (pandoc)"
    return f"The site will be rendered by {renderer}: {reason}."


def _machine() -> str:
    machine = provenance.hardware()
    return (
        f"{machine['cpu']}: {machine['cores']} core(s), {machine['memory_gib']} GiB of memory, "
        f"{machine['threads']} thread(s) a process (OMP_NUM_THREADS)."
    )


def _device() -> str:
    from proxylab.machine.device import DEVICE_VARIABLE, usable_device  # loads torch

    try:
        usable_device()
    except ValueError as error:
        return f"No model can run: {error}."
    device = provenance.accelerator()
    if device:
        return f"Models run on {device}."
    if os.environ.get(DEVICE_VARIABLE) == "cpu":
        return f"{DEVICE_VARIABLE}=cpu: models run on the processor."
    return "No GPU is seen: models run on the processor."


def _hub() -> str:
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return "The Hugging Face hub is off: HF_HUB_OFFLINE=0 allows downloads."
    return "The Hugging Face hub is on: what a profile names may be downloaded."


def _data() -> str:
    setting = os.environ.get("PROXYLAB_DATA")
    if not setting:
        return "No data folder is named (PROXYLAB_DATA): the study runs in the controlled world."
    if not Path(setting).is_dir():
        return f"PROXYLAB_DATA names {setting}, which is not a folder."
    return f"Real preference data is read from {setting}."


def _checkout() -> str:
    git = provenance.git_state(project_root())
    if git["commit"] is None:
        return "There is no git commit here: runs will record none."
    state = "with changes that are not committed" if git["dirty"] else "unchanged"
    return f"Commit {git['commit'][:12]}, {state}."
