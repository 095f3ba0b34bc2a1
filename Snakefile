"""The batch: every run that a profile plans, then every page. `make site` calls it; so can you:

    snakemake --cores 2 --config profile=cpu            # on this machine
    snakemake --cores 2 --config profile=cpu -n         # what would run, and why
    snakemake --cores 8 --config profile=gpu --resources gpu=1  # as many GPU jobs as GPUs
    snakemake --profile profiles/executors/slurm --config profile=paper  # or another executor

One run notebook is one job. A run is made again when its notebook, its profile, a run that it needs
or the code that it can reach changes, comments and docstrings aside; what it shares with others
(models, data) is cached and made once.
"""

import json
import os
import shlex
import sys
from pathlib import Path

sys.path[:0] = [str(Path(workflow.basedir) / folder) for folder in ("lib", "scripts")]

from code_reached import code_reached
from page_reads import read_by
from proxylab.artifacts import code_fingerprint, files_fingerprint, folder_stamp
from proxylab.cost.resources import job_resources
from proxylab.kernels.client import can_serve, start_server
from proxylab.parameters import check_parameters, model_for
from proxylab.profiles import load_profile
from proxylab.results import run_folder
from proxylab.results.missing import reads_folder
from proxylab.studies.data import has_data_folder, real_data_folder
from sources import ROOT

PYTHON = sys.executable
BUILD = os.environ.get("PROXYLAB_BUILD", "build")
PROFILE = load_profile(config.get("profile", "cpu"))
PAGES = [path.stem for path in sorted(Path("notebooks/pages").glob("*.ipynb"))]
EXPLORE = [path.stem for path in sorted(Path("notebooks/explore").glob("*.ipynb"))]
RUN_NOTEBOOKS = {path.stem for path in Path("notebooks/runs").glob("*.ipynb")}
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

# The reference shows docstrings, so that for its pages every character of the library counts.
LIBRARY_TEXT = files_fingerprint((ROOT / "lib").rglob("*.py"), ROOT, as_written=True)

TEXT_TASKS = ("harmless", "helpful")  # studies.tasks, which names them, takes seconds to import

# The page that shows runs of other profiles too: the GPU's, and the world's beside real text.
OTHER_PROFILES = {"real_text": ("cpu", "gpu")}


def say(text):
    """A line for whoever started the batch: the jobs that Snakemake starts read this file too."""
    if workflow.is_main_process:
        print(f"proxylab: {text}", file=sys.stderr)


PLANNED = PROFILE.planned_runs(with_data=has_data_folder())
LEFT_OUT = len(PROFILE.planned_runs(with_data=True)) - len(PLANNED)
if LEFT_OUT:
    say(f"{LEFT_OUT} planned run(s) need real data and are left out: PROXYLAB_DATA names no folder")

PLAN = {}
for notebook, values in PLANNED:
    parameters = check_parameters(model_for(notebook), values)
    place = run_folder(notebook, parameters, root=Path.cwd())
    PLAN[notebook, place.name] = values


def code_of(notebook):
    """A value that changes with what the code does that a run notebook can reach."""
    # What foretells costs is measured by one run, and changes no other.
    harmless = HARMLESS - ({"cost"} if notebook == "measure_cost" else set())
    files = code_reached(Path(f"notebooks/runs/{notebook}.ipynb"), leave_out=harmless)
    return files_fingerprint(files, ROOT)


CODE = {notebook: code_of(notebook) for notebook in {notebook for notebook, _ in PLAN}}


def results_of(*notebooks, **fixed):
    """The result files of the planned runs of these notebooks that share the given parameters."""
    return [
        f"results/{PROFILE.name}/{notebook}/{run_id}/result.json"
        for (notebook, run_id), values in PLAN.items()
        if notebook in notebooks
        and all(values.get(name, default) == value for name, (value, default) in fixed.items())
    ]


def recorded(notebook, *profiles):
    """The result files of a notebook that are there: the plan's, one's own, and those in git."""
    places = [Path("results") / name / notebook for name in (*profiles, "shipped")]
    return [str(file) for place in places for file in place.glob("[!.]*/result.json")]


def shown_by(wildcards):
    """What a page shows: every result of the notebooks that it reads, there or still to be made.

    A result without a rule is read where it is there, and its absence is no error.
    """
    notebooks = read_by(Path(f"notebooks/pages/{wildcards.page}.ipynb"), RUN_NOTEBOOKS)
    profiles = {PROFILE.name, *OTHER_PROFILES.get(wildcards.page, ())}
    there = {file for notebook in notebooks for file in recorded(notebook, *profiles)}
    estimated = Path("profiles").glob("*.yaml") if wildcards.page == "scale" else []
    return sorted({*there, *results_of(*notebooks), *map(str, estimated)})


def made_from(files):
    """Inputs of a run, of any age where only missing runs are to be made (make RERUN=missing)."""
    return ancient(files) if config.get("rerun") == "missing" else files


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
    reads = has_data_folder() and reads_folder(notebook, values)
    return folder_stamp(real_data_folder()) if reads else ""


def provided(name):
    """How much there is of a resource by --resources, None where nothing is said of it."""
    known = workflow.global_resources
    return int(known[name].value) if name in known else None


# GPUs of this machine to hand out (--resources gpu=2); elsewhere the cluster hands them out.
GPUS = (provided("gpu") or 0) if workflow.local_exec and not workflow.remote_exec else 0
# What no job may exceed (--resources max_minutes=2880), as of a partition of Slurm.
MAX_MINUTES = provided("max_minutes")

if MAX_MINUTES is not None:
    asked = [job_resources(notebook, values, PROFILE) for (notebook, _), values in PLAN.items()]
    if longer := sum(job["runtime"] > MAX_MINUTES for job in asked):
        say(
            f"{longer} planned run(s) may need more than max_minutes={MAX_MINUTES} on one GPU: the "
            "page on scale says how several GPUs share a run"
        )


def asks(name, notebook, values):
    """What a run asks of its machine, by the estimate of its work; more at a second attempt."""

    def ask(wildcards, attempt):
        limit = {"attempt": attempt, "max_minutes": MAX_MINUTES}
        return job_resources(notebook, values, PROFILE, **limit)[name]

    return ask


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


def say_what_is_made_again():
    """Before hours of work begin: how many recorded runs are replaced, and how to keep them."""
    outputs = (str(job.output[0]) for job in workflow.dag.needrun_jobs() if job.output)
    again = [Path(file) for file in outputs if file.startswith("results/") and Path(file).is_file()]
    if again:
        seconds = sum(json.loads(file.read_text())["wall_time_s"] for file in again)
        say(
            f"{len(again)} recorded run(s) are made again, {seconds / 60:.0f} minutes by what they "
            "took: their notebook, the code that it reaches, the profile or what they need has "
            "changed since. To keep them, stop now and call: make site RERUN=missing"
        )


onstart:
    if workflow.is_main_process and not workflow.touch:
        say_what_is_made_again()
    # Jobs that run elsewhere (Slurm, Kubernetes) start their kernels themselves. The server ends
    # with this process; a dry run never comes here.
    if workflow.local_exec and not workflow.touch and can_serve():
        start_server(ONE_THREAD)


localrules: all, runs


rule all:
    input:
        results_of(*{notebook for notebook, _ in PLAN}),
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
            made_from(f"notebooks/runs/{notebook}.ipynb"),
            made_from(f"profiles/{PROFILE.name}.yaml"),
            made_from(needed_first(notebook, values)),
        output:
            f"results/{PROFILE.name}/{notebook}/{run_id}/result.json",
        params:
            arguments=arguments(values),
            code=CODE[notebook],
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
        shown_by,
        sorted(Path("data").rglob("*.csv")),
    output:
        BUILD + "/pages/{page}.ipynb",
    params:
        code=code_fingerprint("plots", "tables", "pages", "cost", *ROOMS),
        text=lambda wildcards: LIBRARY_TEXT if wildcards.page.startswith("reference") else "",
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
