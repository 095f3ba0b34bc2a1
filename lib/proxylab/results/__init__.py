"""The run store: what each run found and what it was made with, finished or absent.

Layout: `results/<profile>/<notebook>/<run_id>/` with `result.json` and one parquet file a table;
`results/shipped/<notebook>/<run_id>/` has the same for the runs that are kept in git.
"""

from proxylab.results.identity import parameters_hash, results_folder, run_folder, run_id
from proxylab.results.missing import (
    MissingResults,
    callout_if_missing,
    missing_callout,
    run_command,
)
from proxylab.results.placing import RunUnderWay
from proxylab.results.reading import (
    DamagedResult,
    Run,
    available,
    gather,
    gather_metrics,
    load_runs,
)
from proxylab.results.writing import Metric, RunWriter, start_run

__all__ = [
    "DamagedResult",
    "Metric",
    "MissingResults",
    "Run",
    "RunUnderWay",
    "RunWriter",
    "available",
    "callout_if_missing",
    "gather",
    "gather_metrics",
    "load_runs",
    "missing_callout",
    "parameters_hash",
    "results_folder",
    "run_command",
    "run_folder",
    "run_id",
    "start_run",
]
