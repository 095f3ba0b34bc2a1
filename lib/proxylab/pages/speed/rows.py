"""What the Speed page reads, and the interval of a median over repetitions.

The unit is a repetition: one turn in which every way, or every size, was run once. Repetitions on
one machine say how well its times are known; other machines have other times.
"""

import math

import numpy as np
from scipy.stats import quantile_test, ttest_1samp

from proxylab.results import MissingResults, Run, load_runs
from proxylab.stats import Interval
from proxylab.tables import escaped

NOTEBOOK = "benchmark"
TABLES = ("timings", "growth", "throughput", "stages")
LEVEL = 0.95
SAME = 1e-12  # difference that rounding makes


def latest_run(profile: str, table: str) -> Run:
    """The latest run that has this table, a full one if there is any, else a quick one.

    Raises MissingResults where no such benchmark has been run.
    """
    runs = [run for run in load_runs(NOTEBOOK, profile=profile) if table in run.record["tables"]]
    if not runs:
        raise MissingResults(NOTEBOOK, profile=profile)
    return max(runs, key=lambda run: (not run.parameters["quick"], run.record["started"]))


def runs_read(profile: str) -> list[Run]:
    """The runs that the page reads, each once: the latest of every table; none without any."""
    found: dict[str, Run] = {}
    for table in TABLES:
        try:
            run = latest_run(profile, table)
        except MissingResults:
            continue
        found[run.run_id] = run
    return list(found.values())


def median_interval(values: np.ndarray, *, level: float = LEVEL) -> Interval:
    """Median and its exact interval between two of the sorted values, whatever their distribution.

    Fewer than six values cannot give 95 %: then the interval runs from the least to the greatest
    and `level` says what it is worth, 1 - 2 / 2^n. NaN is left out.
    Source: Conover (1999), chapter 3.2, through scipy.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan, 0, level)
    found = quantile_test(values, q=0, p=0.5).confidence_interval(level)
    low, high = float(found.low), float(found.high)
    if math.isnan(low) or math.isnan(high):
        low, high = float(values.min()), float(values.max())
        level = max(0.0, 1 - 2 / 2 ** len(values))
    return Interval(float(np.median(values)), low, high, len(values), level)


def mean_p_value(values: np.ndarray, null: float) -> float:
    """Two-sided p-value of Student's t that the mean is `null`; 1 where all values equal it."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return math.nan
    if np.allclose(values, values[0], rtol=1e-9, atol=SAME):  # no spread but that of rounding
        return float(np.isclose(values[0], null, rtol=0, atol=SAME))
    return float(ttest_1samp(values, null).pvalue)


def hardware_sentence(profile: str, table: str) -> str:
    """On what machine, with how many threads, when and from which commit."""
    run = latest_run(profile, table)
    record, hardware = run.record, run.record["hardware"]
    threads = hardware["threads"]
    parts = [
        escaped(hardware["cpu"]),
        f"{threads} {'thread' if threads == 1 else 'threads'}",
        f"{hardware['memory_gib']:.0f} GiB",
        hardware["accelerator"] or "no accelerator",
    ]
    made = f"{record['started'][:10]}, commit {(record['commit'] or 'none')[:10]}"
    quick = " **Quick sizes: the numbers only show that it works.**"
    return f"{', '.join(parts)}; {made}.{quick if run.parameters['quick'] else ''}"
