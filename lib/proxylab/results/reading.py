"""Read finished runs: one by one, or their tables and metrics in one frame.

A run of this machine comes before a shipped one of the same name. A run whose result version is
older than its notebook's is left out, with a warning that says so.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from proxylab.names import did_you_mean
from proxylab.parameters import model_for
from proxylab.results.identity import RESULT_FILE, SHIPPED, DamagedResult, results_folder
from proxylab.results.missing import MissingResults
from proxylab.results.writing import SCHEMA_VERSION, Metric

Condition = Any | Collection[Any] | Callable[[Any], bool]


@dataclass(frozen=True)
class Run:
    """One finished run; `record` is all of its result.json."""

    folder: Path
    record: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The run's name, that of its folder."""
        return self.folder.name

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, by name; one that is newer than the run has its default."""
        model = model_for(self.record["notebook"])
        newer = {} if model is None else model().model_dump(mode="json")
        return newer | self.record["parameters"]

    @property
    def digest(self) -> str:
        """One hash of all metrics and tables."""
        return self.record["digest"]

    @property
    def shipped(self) -> bool:
        """Whether the run is one of those kept in git."""
        return self.folder.parent.parent.name == SHIPPED

    def metric(self, name: str) -> Metric:
        """Return a recorded metric; raises ValueError that names the nearest for an unknown one."""
        return Metric(**self._entry("metrics", name))

    def table(self, name: str) -> pd.DataFrame:
        """Return a recorded table.

        Raises ValueError for an unknown name, DamagedResult for a file changed since its run.
        """
        expected = self._entry("tables", name)["sha256"]
        path = self.folder / f"{name}.parquet"
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise DamagedResult(
                f"{path.name} of run {self.run_id} is missing or not the file that the run wrote: "
                "run it again with --force"
            )
        return pd.read_parquet(path)

    def _entry(self, kind: str, name: str) -> dict[str, Any]:
        known = self.record[kind]
        if name not in known:
            raise ValueError(
                f"run {self.run_id} has no {name!r} in {kind}{did_you_mean(name, known)}"
            )
        return known[name]


def load_runs(
    notebook: str,
    *,
    profile: str | None = None,
    where: Mapping[str, Condition] | None = None,
    root: Path | None = None,
) -> list[Run]:
    """Return the finished runs of a notebook, sorted by name.

    Arguments: `profile` keeps one profile's; `where` keeps runs whose parameters equal a value, are
    among several, or satisfy a function. Raises MissingResults where none is left, ValueError for a
    parameter that the runs do not have.
    """
    current: dict[str, Run] = {}
    outdated: set[str] = set()
    for run in _all_runs(notebook, results_folder(root)):
        if profile not in (None, run.record["profile"]) or run.run_id in current:
            continue
        if _is_current(run):
            current[run.run_id] = run
        else:  # and a shipped one of the same name may still be current
            outdated.add(run.run_id)
    if outdated:
        warnings.warn(
            f"{len(outdated)} run(s) of {notebook} have an older result version and are "
            "left out: run them again",
            stacklevel=2,
        )
    chosen = [run for _, run in sorted(current.items()) if _matches(run, where or {})]
    if not chosen:
        raise MissingResults(notebook, profile=profile, where=where)
    return chosen


def gather(
    notebook: str,
    table: str,
    *,
    profile: str | None = None,
    where: Mapping[str, Condition] | None = None,
    root: Path | None = None,
) -> pd.DataFrame:
    """Return a table of all runs, one below the other, with `run_id` and every parameter before it.

    Raises as load_runs does, and ValueError where a column of the table contradicts the parameter
    of the same name.
    """
    runs = load_runs(notebook, profile=profile, where=where, root=root)
    return pd.concat([_with_parameters(run, run.table(table)) for run in runs], ignore_index=True)


def gather_metrics(
    notebook: str,
    *,
    profile: str | None = None,
    where: Mapping[str, Condition] | None = None,
    root: Path | None = None,
) -> pd.DataFrame:
    """Return one row a run and metric: run_id, parameters, metric, value, limits, n and unit."""
    runs = load_runs(notebook, profile=profile, where=where, root=root)
    frames = []
    for run in runs:
        rows = [{"metric": name, **entry} for name, entry in run.record["metrics"].items()]
        frames.append(_with_parameters(run, pd.DataFrame(rows)))
    return pd.concat(frames, ignore_index=True)


def available(
    notebook: str,
    *,
    profile: str | None = None,
    where: Mapping[str, Condition] | None = None,
    root: Path | None = None,
) -> bool:
    """Whether load_runs would find a run."""
    try:
        load_runs(notebook, profile=profile, where=where, root=root)
    except MissingResults:
        return False
    return True


def _all_runs(notebook: str, results: Path) -> Iterator[Run]:
    """Every finished run, this machine's before the shipped ones."""
    local = sorted(p for p in results.glob(f"*/{notebook}") if p.parent.name != SHIPPED)
    for place in [*local, results / SHIPPED / notebook]:
        for file in sorted(place.glob(f"[!.]*/{RESULT_FILE}")):
            yield Run(file.parent, _read_record(file))


def _read_record(file: Path) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        schema = record["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedResult(
            f"{file.name} of run {file.parent.name} cannot be read ({error}): remove its folder"
        ) from None
    if schema != SCHEMA_VERSION:
        raise DamagedResult(
            f"{file.name} of run {file.parent.name} has schema version {schema}, and this version "
            f"reads {SCHEMA_VERSION}: run it again with --force"
        )
    return record


def _is_current(run: Run) -> bool:
    model = model_for(run.record["notebook"])
    return model is None or run.record["result_version"] >= model.result_version


def _matches(run: Run, where: Mapping[str, Condition]) -> bool:
    for name, wanted in where.items():
        if name not in run.parameters:
            hint = did_you_mean(name, run.parameters)
            raise ValueError(
                f"the runs of {run.record['notebook']} have no parameter `{name}`{hint}"
            )
        value = run.parameters[name]
        if callable(wanted):
            fits = wanted(value)
        elif isinstance(wanted, list | tuple | set | frozenset | range):
            fits = value in wanted or value == list(wanted)
        else:
            fits = value == wanted
        if not fits:
            return False
    return True


def _with_parameters(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    columns = {"run_id": run.run_id, **run.parameters}
    for name in columns.keys() & frame.columns:
        if not (frame[name] == columns[name]).all():
            raise ValueError(
                f"column {name!r} of run {run.run_id} contradicts the parameter of that name: "
                "rename the column"
            )
    own = [name for name in frame.columns if name not in columns]
    added = pd.DataFrame({name: [value] * len(frame) for name, value in columns.items()})
    return pd.concat([added, frame[own].reset_index(drop=True)], axis=1)
