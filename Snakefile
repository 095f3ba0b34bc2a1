"""The batch: every run that a profile plans, then every page. `make site` calls it; so can you:

    snakemake --cores 2 --config profile=cpu            # on this machine
    snakemake --cores 2 --config profile=cpu -n         # what would run, and why
    snakemake --profile profiles/executors/slurm --config profile=paper  # or another executor

One run notebook is one job. A run is made again when its notebook, its profile or the library
changes; what it shares with others (models, data) is cached and made once.
"""

import hashlib
import json
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "lib"))

from proxylab.artifacts import code_fingerprint
from proxylab.cost.resources import job_resources
from proxylab.kernels.client import can_serve, start_server
from proxylab.parameters import check_parameters, model_for
from proxylab.profiles import load_profile
from proxylab.results import run_folder
from proxylab.studies.data import has_data_folder, real_data_folder

PYTHON = sys.executable
BUILD = os.environ.get("PROXYLAB_BUILD", "build")
PROFILE = load_profile(config.get("profile", "cpu"))
PAGES = [path.stem for path in sorted(Path("notebooks/pages").glob("*.ipynb"))]
EXPLORE = [path.stem for path in sorted(Path("notebooks/explore").glob("*.ipynb"))]
# What draws, renders or starts a run cannot change a number.
HARMLESS = {
    *("site", "pages", "plots", "tables", "doctor", "runner", "kernels", "light_jsonschema"),
    "cost",
}
ROOMS = sorted(
    path.stem
    for path in Path("lib/proxylab").iterdir()
    if not path.name.startswith("_") and path.stem not in HARMLESS
)

TEXT_TASKS = ("harmless", "helpful")  # studies.tasks, which names them, takes seconds to import

PLAN = {}
for notebook, values in PROFILE.planned_runs(with_data=has_data_folder()):
    parameters = check_parameters(model_for(notebook), values)
    place = run_folder(notebook, parameters, root=Path.cwd())
    PLAN[notebook, place.name] = values


def results_of(*notebooks, **fixed):
    """The result files of the planned runs of these notebooks that share the given parameters."""
    return [
        f"results/{PROFILE.name}/{notebook}/{run_id}/result.json"
        for (notebook, run_id), values in PLAN.items()
        if notebook in notebooks
        and all(values.get(name, default) == value for name, (value, default) in fixed.items())
    ]


def needed_first(notebook, values):
    """Runs whose artifacts this one uses: a cleaned set, models, in the loop a task's proxy."""
    seed, data = (values["seed"], 0), (values.get("data", "world"), "world")
    task = (values.get("task", "safety"), "safety")
    if notebook == "measure_conflict":
        return needed_by_conflict(seed, data, task)
    if notebook == "shf_cas":
        return results_of("measure_conflict", seed=seed, data=data, task=task)
    if notebook == "align":
        return needed_by_alignment(values)
    if notebook == "audit" and data[0] == "world":
        return results_of("build_world", "clean", "train_reward_model", seed=seed)
    if notebook in ("judge", "measure_correlation") and data[0] == "world":
        best_of_n = {"task": ("mixed", "mixed"), "algorithm": ("best_of_n", "ppo")}
        return results_of("align", seed=seed, **best_of_n)
    if notebook in ("audit", "measure_correlation"):
        return results_of("clean", "train_reward_model", seed=seed, data=("hh-rlhf", "world"))
    if notebook not in ("train_reward_model", "measure_rulers"):
        return []
    seed = (values["seed"] if data[0] == "world" else 0, 0)
    annotators = (values.get("annotators", "simulated"), "simulated")
    first = results_of("clean", seed=seed, data=data, annotators=annotators)
    return first + (results_of("build_world", seed=seed) if data[0] == "world" else [])


def needed_by_conflict(seed, data, task):
    """The models of the world or of text; the first seed makes the gold that the others share."""
    if data[0] == "world":
        return results_of("build_world", seed=seed)
    if task[0] not in TEXT_TASKS:
        return results_of("train_reward_model", seed=seed, data=data, train_on=("raw", "raw"))
    if seed[0] == PROFILE.seeds[0]:
        return []
    return results_of("measure_conflict", seed=(PROFILE.seeds[0], 0), data=data, task=task)


def needed_by_alignment(values):
    """Data and proxies; best-of-n goes before the others, so that two never wait for one proxy."""
    seed, task = (values["seed"], 0), (values.get("task", "mixed"), "mixed")
    data = (values.get("data", "world"), "world")
    has_proxy = "proxies" in values or values["algorithm"] not in ("sft", "dpo")
    if has_proxy and values["algorithm"] != "best_of_n":
        return results_of("align", seed=seed, data=data, task=task, algorithm=("best_of_n", "ppo"))
    if task[0] != "mixed" or data[0] != "world":
        of_task = {} if task[0] == "mixed" else {"task": (task[0], "safety")}
        return results_of("measure_conflict", seed=seed, data=data, **of_task)
    return results_of("build_world", "clean", "train_reward_model", seed=seed, data=data)


def arguments(values):
    """The command-line options of one planned run."""
    return " ".join(f"-p {name} {as_argument(value)}" for name, value in values.items())


def as_argument(value):
    """A value as the command line takes it; sequences as JSON, quoted for the shell."""
    return shlex.quote(json.dumps(value)) if isinstance(value, (list, tuple)) else value


def data_stamp(notebook, values):
    """A value that changes with the folder of real data, for the runs that read it."""
    of_world = {values.get("data", "world"), values.get("votes", "world")} == {"world"}
    reads_files = notebook in ("measure_agreement", "measure_scores")
    if not has_data_folder() or (of_world and not reads_files):
        return ""
    files = sorted(path for path in real_data_folder().rglob("*") if path.is_file())
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def asks(name, notebook, values):
    """What a run asks of its machine, by the estimate of its work; more at a second attempt."""
    return lambda wildcards, attempt: job_resources(notebook, values, PROFILE, attempt=attempt)[name]


# GPUs of this machine to hand out (--resources gpu=2); elsewhere the cluster hands them out.
GPUS = 0
if workflow.local_exec and not workflow.remote_exec and "gpu" in workflow.global_resources:
    GPUS = int(workflow.global_resources["gpu"].value)


# Snakemake sets these for every job that has one thread; a kernel server must have them too.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)


onstart:
    # Jobs that run elsewhere (Slurm, Kubernetes) start their kernels themselves. The server ends
    # with this process; a dry run never comes here.
    if workflow.local_exec and not workflow.touch and can_serve():
        start_server(ONE_THREAD)


localrules: all, runs


rule all:
    input:
        expand(BUILD + "/pages/{page}.ipynb", page=PAGES),
        expand(BUILD + "/explore/{name}.ipynb", name=EXPLORE),


rule runs:
    input:
        results_of(*{notebook for notebook, _ in PLAN}),


# A rule for each run, without wildcards: Snakemake splits a wildcard's value at its commas when it
# hands a job to a cluster (its issue 2366), and the names of runs have commas.
for (notebook, run_id), values in PLAN.items():

    rule:
        name:
            f"{notebook}_{run_id[-8:]}"
        input:
            f"notebooks/runs/{notebook}.ipynb",
            f"profiles/{PROFILE.name}.yaml",
            needed_first(notebook, values),
        output:
            f"results/{PROFILE.name}/{notebook}/{run_id}/result.json",
        params:
            arguments=arguments(values),
            # What foretells costs is measured by one run, and changes no other.
            code=code_fingerprint(*ROOMS, *(["cost"] if notebook == "measure_cost" else [])),
            data=data_stamp(notebook, values),
        threads: 1
        resources:
            mem_mb=asks("mem_mb", notebook, values),
            runtime=asks("runtime", notebook, values),
            gpu=asks("gpu", notebook, values),
        shell:
            "{PYTHON} -m proxylab.machine.gpu_slots --need {resources.gpu} --of {GPUS} --"
            " {PYTHON} -m proxylab run {input[0]} {params.arguments} --force"


rule page:
    input:
        "notebooks/pages/{page}.ipynb",
        results_of(*{notebook for notebook, _ in PLAN}),
        sorted(Path("data").rglob("*.csv")),
        sorted(Path("results/shipped").rglob("result.json")),
    output:
        BUILD + "/pages/{page}.ipynb",
    params:
        code=code_fingerprint("plots", "tables", "pages", "cost", *ROOMS),
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "{PYTHON} -m proxylab page notebooks/pages/{wildcards.page}.ipynb"
        " -p profile {PROFILE.name}"


rule explore:
    # Run as a user would, so that a notebook meant to be edited works before it is.
    input:
        "notebooks/explore/{name}.ipynb",
        results_of("clean"),
    output:
        BUILD + "/explore/{name}.ipynb",
    params:
        code=code_fingerprint(*ROOMS),
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "{PYTHON} -m papermill {input[0]} {output} -k python3 --no-progress-bar"
        " -p profile {PROFILE.name} 2> {output}.log"
        " || (cat {output}.log >&2; exit 1)"
