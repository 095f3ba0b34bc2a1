"""The run store: what each run found and what it was made with, finished or absent.

Layout: `results/<profile>/<notebook>/<run_id>/` with `result.json` and one parquet file a table;
`results/shipped/<notebook>/<run_id>/` has the same for the runs that are kept in git.

Names load with their module when they are first asked for: whoever only wants to know where a run
lies (the command that starts it, once a run) is spared the import of pandas and statistics.
"""

import importlib

_MODULES = {
    "identity": ("DamagedResult", "parameters_hash", "results_folder", "run_folder", "run_id"),
    "missing": ("MissingResults", "callout_if_missing", "missing_callout", "run_command"),
    "placing": ("RunUnderWay",),
    "reading": ("Run", "available", "gather", "gather_metrics", "load_runs"),
    "writing": ("Metric", "RunWriter", "start_run"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_WHERE)


def __getattr__(name: str):
    """Load a public name from its module (PEP 562)."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
