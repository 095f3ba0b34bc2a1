"""Record one run: metrics, tables and where they came from, all or nothing.

Everything is written to a hidden sibling folder that is renamed last (see placing.py), so a result
that is present is a result that is finished.
"""

import hashlib
import json
import math
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import BaseModel

from proxylab.environment import build_folder, project_root
from proxylab.machine.processes import own_folder
from proxylab.results import provenance
from proxylab.machine.accelerator_use import AcceleratorWatch
from proxylab.results.identity import RESULT_FILE, Parameters, parameter_values, run_folder
from proxylab.results.placing import lock_run, open_workplace, put_in_place
from proxylab.stats.intervals import Interval

SCHEMA_VERSION = 1

_open_runs: dict[Path, "RunWriter"] = {}  # a notebook may start its run again in the same kernel


@dataclass(frozen=True)
class Metric:
    """One recorded number; limits are None where no interval was taken, `value` where undefined."""

    value: float | None
    low: float | None
    high: float | None
    level: float | None
    n_asked: int
    n_effective: int
    higher_is_better: bool | None
    unit: str

    @property
    def interval(self) -> Interval:
        """The number with its limits, NaN where they are undefined or were not taken."""
        numbers = [math.nan if x is None else x for x in (self.value, self.low, self.high)]
        return Interval(*numbers, self.n_effective, self.level or 0.95)


def start_run(
    notebook: str,
    parameters: Parameters,
    *,
    profile: Any = None,
    version: int | None = None,
    root: Path | None = None,
) -> "RunWriter":
    """Open the record of one run; use it in a `with`, or call its `finish()` at the end.

    Arguments: `notebook` the run notebook's stem; `parameters` all of them; `profile` the resolved
    profile (a pydantic model, dataclass or mapping), recorded as it is; `version` the result
    version, the parameters' own unless given. Raises RunUnderWay if another process has it open.
    """
    folder = own_folder(run_folder(notebook, parameters, root=root), build_folder(root))
    if folder in _open_runs:
        _open_runs[folder].abandon()
    version = version or getattr(parameters, "result_version", 1)
    return RunWriter(notebook, folder, parameters, profile, version, root or project_root())


class RunWriter:
    """The record of a run in progress. `sources` and `seeds` are plain dictionaries to add to."""

    def __init__(
        self,
        notebook: str,
        folder: Path,
        parameters: Parameters,
        profile: Any,
        version: int,
        root: Path,
    ) -> None:
        self.folder = folder
        self.metrics: dict[str, Metric] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, str] = {}
        values = parameter_values(parameters)
        self.seeds: dict[str, int] = {"seed": values["seed"]} if "seed" in values else {}
        self._root = root
        self._clock = time.monotonic()
        self._lock = lock_run(folder)
        self._watch = AcceleratorWatch().start()
        self._workplace = open_workplace(folder)
        _open_runs[folder] = self
        self._opening = {
            "schema_version": SCHEMA_VERSION,
            "notebook": notebook,
            "result_version": version,
            "run_id": folder.name,
            "parameters": values,
            "profile": values.get("profile", "cpu"),
            "resolved_profile": _plain(profile),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            **provenance.git_state(root),
        }

    def log_metric(
        self,
        name: str,
        value: float | Interval | None,
        *,
        n_effective: int | None = None,
        n_asked: int | None = None,
        higher_is_better: bool | None = None,
        unit: str = "",
    ) -> None:
        """Record a number with its count: `n_asked` units, of which `n_effective` were defined.

        An Interval brings its own n; `n_asked` equals `n_effective` unless given. NaN and None are
        both undefined. Raises ValueError for a name logged before, an infinite value or no n.
        """
        self._check_open()
        if name in self.metrics:
            raise ValueError(f"metric {name!r} is logged already; give this one another name")
        interval = value if isinstance(value, Interval) else None
        n_effective = interval.n if interval and n_effective is None else n_effective
        if n_effective is None:
            raise ValueError(f"metric {name!r}: say how many units it counts (n_effective=)")
        self.metrics[name] = Metric(
            value=_number(name, interval.estimate if interval else value),
            low=_number(name, interval.low) if interval else None,
            high=_number(name, interval.high) if interval else None,
            level=float(interval.level) if interval else None,
            n_asked=int(n_effective if n_asked is None else n_asked),
            n_effective=int(n_effective),
            higher_is_better=higher_is_better,
            unit=unit,
        )

    def save_table(self, name: str, frame: pd.DataFrame) -> None:
        """Record a frame as `<name>.parquet`.

        Raises ValueError for a name that is taken or no file name, or an index that would be lost.
        """
        self._check_open()
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
            raise ValueError(f"table {name!r}: use lower-case letters, digits, _ and -")
        if name in self.tables:
            raise ValueError(f"table {name!r} is saved already; give this one another name")
        if frame.index.nlevels > 1 or frame.index.name is not None:
            raise ValueError(f"table {name!r} has a named index: call reset_index() first")
        path = self._workplace / f"{name}.parquet"
        frame.to_parquet(path, index=False)
        self.tables[name] = {
            "rows": len(frame),
            "columns": list(map(str, frame.columns)),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }

    def finish(self) -> Path:
        """Write the record, put the folder in its place, and return that place."""
        self._check_open()
        text = json.dumps(self._record(), indent=2, allow_nan=False)
        (self._workplace / RESULT_FILE).write_text(text + "\n", encoding="utf-8")
        put_in_place(self._workplace, self.folder)
        self._close()
        return self.folder

    def abandon(self) -> None:
        """Throw away what was recorded."""
        shutil.rmtree(self._workplace, ignore_errors=True)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    def _record(self) -> dict[str, Any]:
        metrics = {name: asdict(metric) for name, metric in self.metrics.items()}
        self._watch.stop()
        record = {
            **self._opening,
            "seeds": self.seeds,
            "sources": self.sources,
            "metrics": metrics,
            "tables": self.tables,
            "digest": digest(metrics, self.tables),
            "python": provenance.python_version(),
            "packages": provenance.package_versions(),
            "hardware": provenance.hardware(),
            "wall_time_s": round(time.monotonic() - self._clock, 3),
            "peak_memory_mib": provenance.peak_memory_mib(),
            "accelerator_use": self._watch.record,
        }
        return provenance.scrub(record, root=self._root)

    def _check_open(self) -> None:
        if _open_runs.get(self.folder) is not self:
            raise RuntimeError(f"run {self.folder.name} is closed: start it again to record more")

    def _close(self) -> None:
        _open_runs.pop(self.folder, None)
        self._watch.stop()
        self._lock.release()


def digest(metrics: Mapping[str, Any], tables: Mapping[str, Any]) -> str:
    """Return one SHA-256 of the numbers alone: equal exactly where two runs agree bit for bit."""
    content = {"metrics": metrics, "tables": {n: t["sha256"] for n, t in tables.items()}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _number(name: str, value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        raise ValueError(f"metric {name!r} is infinite")
    return float(value)


def _plain(profile: Any) -> Any:
    if isinstance(profile, BaseModel):
        return profile.model_dump(mode="json")
    if is_dataclass(profile):
        return asdict(profile)
    return dict(profile) if isinstance(profile, Mapping) else profile
