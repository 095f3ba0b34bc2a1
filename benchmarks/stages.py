"""Where the time of a whole batch goes: the work of its runs, starting them, pages, and idle.

    python -m benchmarks.stages                   # make a batch from nothing and record its stages
    python -m benchmarks --what stages            # of the batch whose notebooks lie in build/

Read from the executed notebooks of the build folder, which say when each began and ended, and from
the runs' results, which say how long the work between `start_run` and `finish` took. Only what the
profile's batch makes counts. Notebooks that lie no more than a pause apart belong to one batch; the
batch with the most work counts. Left out: runs on real data; a batch that made some has more idle
time here than it had.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from proxylab.environment import build_folder, project_root, set_runtime_environment
from proxylab.profiles import load_profile
from proxylab.results import run_folder, start_run
from proxylab.results.identity import RESULT_FILE
from proxylab.results.missing import planned
from proxylab.results.provenance import available_cores
from proxylab.runs import Benchmark

PAUSE = 120.0  # seconds without any notebook that end a batch
COLUMNS = ["kind", "notebook", "name", "start", "end", "work_s", "commit", "dirty"]
RUN, PAGE, EXPLORE = "run", "page", "explore"
WHOLE = "build/whole"  # the build folder of a batch from nothing: its caches are empty
STAGES = "stages"


def measure(profile: str, *, root: Path | None = None) -> pd.DataFrame:
    """One row a notebook of the batch: kind, notebook, name, start, end, work_s, commit, dirty.

    kind: RUN (planned by the profile without real data), PAGE or EXPLORE (the notebooks to edit,
    which a batch tries too). `start` and `end` are seconds since the batch began; `work_s` is NaN,
    and `commit` empty, for what records no result.
    """
    root = root or project_root()
    rows = [*_runs(profile, root), *_others(profile, root)]
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("start", ignore_index=True)
    if table.empty:
        return table
    table = last_batch(table)
    return table.assign(
        start=table["start"] - table["start"].min(), end=table["end"] - table["start"].min()
    )


def last_batch(table: pd.DataFrame) -> pd.DataFrame:
    """The batch in which the most notebook time was spent, of notebooks sorted by start."""
    ended_before = table["end"].cummax().shift(fill_value=table["start"].iloc[0])
    batch = (table["start"] - ended_before > PAUSE).cumsum()
    spent = (table["end"] - table["start"]).groupby(batch).sum()
    return table[batch == spent.idxmax()].reset_index(drop=True)


def _runs(profile: str, root: Path) -> Iterator[tuple]:
    for run in planned(profile, with_data=False, root=root):
        file = root / "results" / profile / run.notebook / run.run_id / RESULT_FILE
        executed = build_folder(root) / "runs" / profile / run.notebook / f"{run.run_id}.ipynb"
        if file.is_file() and executed.is_file():
            record = json.loads(file.read_text(encoding="utf-8"))
            made = (record["wall_time_s"], record["commit"] or "", bool(record["dirty"]))
            yield (RUN, run.notebook, run.run_id, *_times(_papermill(executed)), *made)


def _others(profile: str, root: Path) -> Iterator[tuple]:
    """Pages and notebooks to edit that a batch of this profile executed: it names the profile."""
    for kind, folder in ((PAGE, "pages"), (EXPLORE, "explore")):
        for file in sorted((build_folder(root) / folder).glob("*.ipynb")):
            facts, failed = _papermill(file), file.stem.endswith(".unfinished")
            if facts.get("parameters", {}).get("profile") == profile and not failed:
                yield (kind, file.stem, file.stem, *_times(facts), np.nan, "", False)


def _papermill(executed: Path) -> dict:
    """What papermill wrote into a notebook: its times and parameters."""
    return nbformat.read(executed, as_version=4).metadata.get("papermill", {})


def _times(facts: dict) -> tuple[float, float]:
    """When papermill began and ended a notebook, seconds since 1970."""
    times = (facts.get("start_time"), facts.get("end_time"))
    return tuple(datetime.fromisoformat(t).timestamp() if t else np.nan for t in times)


def whole_batch(profile: str, *, cores: int) -> None:
    """Make every planned run of the controlled world, then every page, with nothing cached.

    Results of the same runs are replaced; those on real data stay as they are.
    """
    shutil.rmtree(project_root() / WHOLE, ignore_errors=True)
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [snakemake, "--cores", str(cores), "--nolock", "--forceall"]
    without_data = {k: v for k, v in os.environ.items() if k != "PROXYLAB_DATA"}
    subprocess.check_call(
        [*command, "--config", f"profile={profile}"],
        cwd=project_root(),
        env=without_data | {"PROXYLAB_BUILD": WHOLE},
    )


def main() -> None:
    """Make a batch from nothing, record its stages, and say where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=main.__doc__)
    parser.add_argument("--profile", default="cpu", help="whose batch is made")
    parser.add_argument("--cores", type=int, default=available_cores(), help="notebooks at once")
    options = parser.parse_args()
    set_runtime_environment()
    os.environ["PROXYLAB_BUILD"] = WHOLE
    whole_batch(options.profile, cores=options.cores)
    settings = Benchmark(profile=options.profile, what=(STAGES,))
    with start_run("benchmark", settings, profile=load_profile(options.profile)) as run:
        table = measure(options.profile)
        run.save_table(STAGES, table)
    n_runs, n_planned = (table["kind"] == RUN).sum(), len(planned(options.profile, with_data=False))
    print(f"{n_runs} of {n_planned} planned runs; recorded in {run_folder('benchmark', settings)}")


if __name__ == "__main__":
    main()
