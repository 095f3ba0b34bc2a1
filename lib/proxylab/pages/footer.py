"""The end of every page: what made it, so that it can be made again or changed.

Left out: whether a result is older than the code that makes it, which is the batch's business.
"""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.display import Markdown

from proxylab.parameters import ParameterError, check_parameters, defaults_of, model_for
from proxylab.profiles import ProfileError
from proxylab.results import MissingResults, Run, load_runs, results_folder, run_id
from proxylab.results.identity import RESULT_FILE, SHIPPED, parameter_values
from proxylab.results.missing import WORLD, batch_command, planned, reads_folder
from proxylab.tables import escaped, markdown_table

NAMES_DATA = ("train", "test", "data")  # sources of a record that are fingerprints of its pairs
PAIRS = "hh-rlhf"
MOST_SINGLE = 3  # commands of single runs that are shown; of more the form alone


def notice(profile: str) -> Markdown:
    """A warning at the top of pages whose numbers were not made to be read."""
    if profile != "smoke":
        return Markdown("")
    return Markdown(
        "::: {.callout-important}\n## A test of the machinery\n\nThese are results of the `smoke` "
        "profile: everything ran, a few steps each. The numbers mean nothing.\n:::\n"
    )


def made_by(
    page: str,
    notebooks: list[str],
    profile: str,
    *,
    where: Mapping[str, Mapping[str, Any]] | None = None,
    runs: Sequence[Run] = (),
) -> Markdown:
    """Commands, results read, profiles, commits, machines, versions and time of a page's runs.

    Arguments: `where` narrows a notebook's runs to those that the page reads, as `load_runs` does;
    `runs` are read besides, of whatever profile.
    """
    read = [*_runs(notebooks, profile, where or {}), *runs]
    lines = [
        "## How this page was made {.unnumbered}\n",
        "```\n" + "\n".join(commands(profile, read)) + "\n```\n",
        f"This page is `notebooks/pages/{page}.ipynb`; it reads {_counted(read)} and computes "
        f"nothing else.{real_data(read)}\n",
    ]
    if read:
        lines += [_run_table(read), "\n", _provenance(read)]
    return Markdown("\n".join(lines))


def commands(profile: str, runs: Sequence[Run]) -> list[str]:
    """What makes the runs and then the page: single runs, other profiles' batches, its own."""
    batch = {run.folder for run in runs if in_batch(run)}
    found = list(dict.fromkeys(run_again(run) for run in runs if run.folder not in batch))
    if len(found) > MOST_SINGLE:
        found = [f"python -m proxylab run notebooks/runs/NOTEBOOK.ipynb  # {len(found)} such runs"]
    with_data: dict[str, bool] = {}  # by profile: whether any of its runs reads real data
    for run in runs:
        if run.folder in batch:
            reads = reads_folder(run.record["notebook"], run.parameters)
            with_data[run.record["profile"]] = with_data.get(run.record["profile"], False) or reads
    own = batch_command(profile, with_data=with_data.pop(profile, False))
    others = [batch_command(name, with_data=x, goal="notebooks") for name, x in with_data.items()]
    return [*found, *others, own]


def in_batch(run: Run) -> bool:
    """Whether the batch of the run's profile makes it; True where that cannot be known."""
    notebook = run.record["notebook"]
    try:
        batch = planned(run.record["profile"], with_data=True)
        name = run_id(check_parameters(model_for(notebook), run.parameters))  # with newer ones
    except (ProfileError, ParameterError):
        return True
    return (notebook, name) in {(other.notebook, other.run_id) for other in batch}


def run_again(run: Run) -> str:
    """The command that makes one run."""
    notebook = run.record["notebook"]
    usual = parameter_values(defaults_of(model_for(notebook)))
    values = {name: value for name, value in run.parameters.items() if value != usual.get(name)}
    values = {"profile": run.record["profile"]} | values
    options = " ".join(f"-p {name} {_argument(value)}" for name, value in values.items())
    folder = "PROXYLAB_DATA=folder " if reads_folder(notebook, run.parameters) else ""
    return f"{folder}python -m proxylab run notebooks/runs/{notebook}.ipynb {options}"


def real_data(runs: Sequence[Run]) -> str:
    """How many runs are of real data, and whether it is what the runs in git were made on."""
    own = [run for run in runs if reads_folder(run.record["notebook"], run.parameters)]
    if not own:
        return ""
    known = _known_data()
    other = [run for run in own if known.get(_data(run)) and _named(run) - known[_data(run)]]
    silent = [run for run in own if run.parameters.get("data") == PAIRS and not _named(run)]
    said = (
        f" `folder` is that of the real data (data/README.md): without it {len(own)} of them "
        "are not made again, and the page shows what is recorded."
    )
    if other:
        said += (
            f" **{_counted(other)} read other pairs than the runs on real data that are kept in "
            "git**: their numbers are not to be compared with those."
        )
    return said + (f" {_counted(silent)} did not record which pairs they read." if silent else "")


def machines(runs: Iterable[Run]) -> str:
    """The machines of the runs, each once, in words."""
    said = []
    for run in runs:
        hardware = run.record["hardware"]
        threads = hardware["threads"]
        said.append(
            f"{hardware['cpu']}, {hardware['cores']} cores, {threads} "
            f"{'thread' if threads == 1 else 'threads'} a run, {hardware['memory_gib']:.0f} GiB, "
            f"accelerator: {hardware['accelerator'] or 'none'}"
        )
    return "; ".join(dict.fromkeys(said))


def _runs(notebooks: list[str], profile: str, where: Mapping[str, Mapping[str, Any]]) -> list[Run]:
    found = []
    for notebook in notebooks:
        try:
            found += load_runs(notebook, profile=profile, where=where.get(notebook))
        except MissingResults:
            continue
    return found


def _counted(runs: Sequence[Run]) -> str:
    return f"{len(runs)} recorded {'run' if len(runs) == 1 else 'runs'}"


def _argument(value: Any) -> str:
    """A value as the command line takes it."""
    return shlex.quote(json.dumps(value) if isinstance(value, list) else str(value))


def _data(run: Run) -> tuple[str, str]:
    """What a data set is told by before its fingerprints: a profile draws its own pairs of it."""
    return run.record["profile"], run.parameters.get("data", WORLD)


def _named(run: Run) -> set[str]:
    """The fingerprints of pairs that a run's record names."""
    return {run.record["sources"][name] for name in NAMES_DATA if name in run.record["sources"]}


def _known_data() -> dict[tuple[str, str], set[str]]:
    """By profile and data, the fingerprints that the runs in git name."""
    known: dict[tuple[str, str], set[str]] = {}
    for file in sorted((results_folder() / SHIPPED).glob(f"*/*/{RESULT_FILE}")):
        run = Run(file.parent, json.loads(file.read_text(encoding="utf-8")))
        known[_data(run)] = known.get(_data(run), set()) | _named(run)
    return known


def _run_table(runs: Sequence[Run]) -> str:
    rows = [
        {
            "run notebook": run.record["notebook"],
            "profile": run.record["profile"],
            "run": run.run_id,
            "kept in git": "yes" if run.shipped else "no",
            "seconds": f"{run.record['wall_time_s']:.0f}",
            "peak MiB": f"{run.record['peak_memory_mib']['process']:,.0f}",
        }
        for run in runs
    ]
    text = ("run notebook", "profile", "run", "kept in git")
    table = markdown_table(pd.DataFrame(rows), text=text)
    note = f'::: {{.callout-note collapse="true"}}\n## Results that were read ({len(rows)})\n\n'
    return f"{note}{table}\n:::\n"


def _provenance(runs: Sequence[Run]) -> str:
    """Everything that made any of the runs, each thing once."""
    records = [run.record for run in runs]
    profiles = sorted({record["profile"] for record in records})
    commits = sorted({(record["commit"] or "no checkout")[:12] for record in records})
    n_dirty = sum(bool(record["dirty"]) for record in records)
    changed = f" ({n_dirty} of {len(runs)} with uncommitted changes)" if n_dirty else ""
    pythons = sorted({record["python"] for record in records})
    return (
        f"Profile {escaped(', '.join(profiles))}; commit {', '.join(commits)}{changed}; "
        f"{escaped(machines(runs))}; {', '.join(pythons)}; {escaped(_packages(records))}. "
        f"Last run started {max(record['started'] for record in records)}."
    )


def _packages(records: Sequence[Mapping[str, Any]]) -> str:
    """'torch 2.11.0, trl 1.12.0 or 1.13.0': the versions that any of the runs was made with."""
    versions: dict[str, list[str]] = {}
    for record in records:
        for name, version in record["packages"].items():
            versions.setdefault(name, []).append(version)
    return ", ".join(
        f"{name} {' or '.join(sorted(set(found)))}" for name, found in versions.items()
    )
