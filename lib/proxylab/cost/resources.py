"""What a job of the batch asks of a cluster: memory, minutes, a GPU or none.

Derived from the estimate of its run, as if nothing that runs share were made yet, with a wide
margin: a job that is killed at its limit costs more than one that ends early. A second attempt
asks for more (Snakemake's `attempt`), and none for more time than the cluster has to give. Left
out: whether a GPU's memory is enough (`python -m proxylab cost` and the page on scale say that).
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from proxylab.cost.devices import Machine, assumed_machine
from proxylab.cost.formulas import weight_bytes
from proxylab.cost.models import UnknownModel
from proxylab.cost.plans import work_of
from proxylab.cost.work import Work
from proxylab.profiles import Profile

# A slow core of today, in float32, as `measure_cost` finds them; it only has to be no faster than
# what the job gets.
ONE_CORE = Machine(
    "one slow core",
    {"train": 2e10, "generate": 1e10, "score": 2e10},
    {"train": 0.05, "generate": 0.01, "score": 0.02},
)
SLOWEST_GPU = "a100"
GPU_FROM = 4 * 3600.0  # seconds of language-model work on that core from which a GPU is asked for
MARGIN = 3.0
START_MINUTES = 15  # imports, data, linear models, statistics
UNKNOWN = {"mem_mb": 64_000, "runtime": 24 * 60, "gpu": 1}  # a model of which nothing is known
PROCESS_MB = 3000  # libraries, data frames: the largest run of the cpu profile held 1.7 GB
TIMING = ("benchmark", "measure_cost")  # time the machine that the other runs of a profile get


def job_resources(
    notebook: str,
    values: Mapping[str, Any],
    profile: Profile,
    *,
    attempt: int = 1,
    max_minutes: int | None = None,
) -> dict[str, int]:
    """mem_mb, runtime (minutes, at most `max_minutes`) and gpu (0 or 1) of one planned run."""
    asked = _asked(notebook, values, profile, attempt)
    if notebook in TIMING:
        asked["gpu"] = int(_wants_gpu(profile))
    if max_minutes is not None:
        asked["runtime"] = min(asked["runtime"], max_minutes)
    return asked


def _asked(
    notebook: str, values: Mapping[str, Any], profile: Profile, attempt: int
) -> dict[str, int]:
    try:
        works = work_of(notebook, values, profile)
    except UnknownModel:
        return dict(UNKNOWN)
    seconds = sum(ONE_CORE.seconds(work) for work in works)
    on_gpu = seconds > GPU_FROM
    if on_gpu:
        seconds = sum(_slowest_gpu().seconds(work) for work in works)
    megabytes = PROCESS_MB + _host_bytes(works, on_gpu) / 1e6
    return {
        "mem_mb": math.ceil(attempt * megabytes / 1000) * 1000,
        "runtime": math.ceil(attempt * (START_MINUTES + MARGIN * seconds / 60)),
        "gpu": int(on_gpu),
    }


def _wants_gpu(profile: Profile) -> bool:
    """Whether any run of the profile asks for a GPU, with real data or without."""
    runs = profile.planned_runs(with_data=True)
    return any(_asked(notebook, values, profile, 1)["gpu"] for notebook, values in runs)


def _host_bytes(works: list[Work], on_gpu: bool) -> float:
    """All of it on a CPU; with a GPU the largest model, on its way from file to device, twice."""
    weights = [weight_bytes(model) for model in {work.model for work in works}]
    if on_gpu:
        return 2 * max(weights)
    return sum(weights) + max((work.bytes_needed for work in works), default=0)


@cache
def _slowest_gpu() -> Machine:
    return assumed_machine(SLOWEST_GPU)
