"""`python -m proxylab cost`: what a profile would cost, before anything is fetched or trained."""

import argparse
import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from proxylab.cost.devices import (
    ENCODING_SECONDS,
    UTILISATION,
    Machine,
    assumed_machine,
    devices,
)
from proxylab.cost.estimate import (
    HOUR,
    by_run,
    downloads,
    estimate_profile,
    estimate_runs,
    too_large,
    totals,
)
from proxylab.cost.models import UnknownModel
from proxylab.environment import project_root
from proxylab.profiles import load_profile

DEVICE = "h100"


def run(options: argparse.Namespace) -> str:
    """What to print: the estimate of a profile, or where measured steps were recorded.

    Raises ValueError for an unknown profile or device, and UnknownModel.
    """
    if options.measure:
        from proxylab.runner import run_notebook

        root = project_root()
        report = run_notebook(root / "notebooks" / "runs" / "measure_cost.ipynb", force=True)
        return f"measured: {report.result.relative_to(root)}"
    share = options.utilisation or UTILISATION
    machine = assumed_machine(options.device or DEVICE, utilisation=share)
    profile = load_profile(options.profile)
    estimates = estimate_profile(profile, machine)
    lines = [by_notebook(estimates).to_string(index=False), ""]
    lines += _summary(estimates, machine, options)
    return "\n".join([*lines, *_fetched(downloads(profile))])


def by_notebook(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row a notebook: runs, operations, tokens, hours on one device, memory of the largest."""
    runs = by_run(estimates)
    return (
        runs.groupby("notebook", sort=False)
        .agg(
            runs=("run", "size"),
            flops=("flops", "sum"),
            tokens=("tokens", "sum"),
            hours=("hours", "sum"),
            longest_hours=("hours", "max"),
            memory_gib=("memory_gib", "max"),
        )
        .reset_index()
    )


def before_download(notebook: str, values: Mapping[str, Any]) -> str | None:
    """What to say before a run that may fetch models; None where it cannot or need not.

    Arguments: `notebook` the run notebook's stem; `values` its parameters as given.
    """
    if os.environ.get("HF_HUB_OFFLINE", "1") != "0":
        return None
    profile = load_profile(str(values.get("profile", "cpu")))
    fetched = downloads(profile)
    if fetched.empty:
        return None
    try:
        machine = assumed_machine(DEVICE)
        estimates = estimate_runs([(notebook, values)], profile, machine)
        found = totals(estimates)
    except UnknownModel as error:
        return "\n".join([*_fetched(fetched), f"no estimate of the run: {error}"])
    time = f"about {found['hours']:.2g} h on one {machine.name}, {found['memory_gib']:.0f} GiB"
    if len(too_large(estimates, machine)):
        time += f", which is more than its {machine.memory / 2**30:.0f}"
    return "\n".join([*_fetched(fetched), f"this run, with all it needs made anew: {time}"])


def _summary(estimates: pd.DataFrame, machine: Machine, options: argparse.Namespace) -> list[str]:
    found = totals(estimates, price_per_hour=options.price_per_hour)
    device = devices()[options.device or DEVICE]
    longest = estimates.loc[estimates["seconds"].idxmax()]
    lines = [
        f"{found['n_runs']} runs, {found['flops']:.3g} operations, {found['tokens']:.3g} tokens: "
        f"{found['hours']:.3g} hours on one {machine.name} at "
        f"{options.utilisation or UTILISATION:g} of its peak "
        f"({device.flops:.3g} operations a second)",
        f"largest run: {found['memory_gib']:.3g} GiB of {device.memory / 2**30:.0f}, and "
        f"{len(too_large(estimates, machine))} runs need more than there is; "
        f"longest piece: {longest['what']} of {longest['notebook']}, "
        f"{longest['seconds'] / HOUR:.3g} h",
        f"not in these hours: {found['encoded']:.3g} tokens to be made of texts on the host, about "
        f"{found['encoded'] * ENCODING_SECONDS / HOUR:.2g} h on one thread "
        "(TOKENIZERS_PARALLELISM=true takes all cores), and what starts processes, reads data and "
        "fits linear models",
    ]
    return lines + ([f"money: {found['money']:.3g}"] if "money" in found else [])


def _fetched(table: pd.DataFrame) -> list[str]:
    """What would be fetched from the hub, one line each and a total."""
    if table.empty:
        return ["nothing is fetched from the hub"]
    rows = [
        f"  {row.id} ({row.kind}): " + ("size not known" if pd.isna(row.gb) else f"{row.gb:.3g} GB")
        for row in table.itertuples(index=False)
    ]
    return [f"fetched from the hub unless there already, {table['gb'].sum():.3g} GB:", *rows]
