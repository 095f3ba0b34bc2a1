"""The end of every page: what made it, so that it can be made again or changed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import Markdown

from proxylab.results import MissingResults, Run, load_runs
from proxylab.tables import escaped, markdown_table


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
) -> Markdown:
    """Commands, results read, profile, commit, versions and time, for these run notebooks.

    Arguments: `where` narrows a notebook's runs to those that the page reads, as `load_runs` does.
    """
    runs = _runs(notebooks, profile, where or {})
    command = f"make site PROFILE={profile}"
    lines = ["## How this page was made {.unnumbered}\n", f"```\n{command}\n```\n"]
    lines.append(
        f"This page is `notebooks/pages/{page}.ipynb`; it reads {len(runs)} recorded "
        f"{'run' if len(runs) == 1 else 'runs'} and computes nothing else.\n"
    )
    if runs:
        lines += [_run_table(runs), "\n", _provenance(runs)]
    return Markdown("\n".join(lines))


def _runs(notebooks: list[str], profile: str, where: Mapping[str, Mapping[str, Any]]) -> list[Run]:
    found = []
    for notebook in notebooks:
        try:
            found += load_runs(notebook, profile=profile, where=where.get(notebook))
        except MissingResults:
            continue
    return found


def _run_table(runs: list[Run]) -> str:
    rows = [
        {
            "run notebook": run.record["notebook"],
            "run": run.run_id,
            "kept in git": "yes" if run.shipped else "no",
            "seconds": f"{run.record['wall_time_s']:.0f}",
            "peak MiB": f"{run.record['peak_memory_mib']['process']:,.0f}",
        }
        for run in runs
    ]
    table = markdown_table(pd.DataFrame(rows), text=("run notebook", "run", "kept in git"))
    note = f'::: {{.callout-note collapse="true"}}\n## Results that were read ({len(rows)})\n\n'
    return f"{note}{table}\n:::\n"


def _provenance(runs: list[Run]) -> str:
    record = runs[-1].record
    commits = sorted({(run.record["commit"] or "no checkout")[:12] for run in runs})
    dirty = any(run.record["dirty"] for run in runs)
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    hardware = record["hardware"]
    changed = " with uncommitted changes" if dirty else ""
    return (
        f"Profile {escaped(record['profile'])}; commit {', '.join(commits)}{changed}; "
        f"{escaped(hardware['cpu'])}, {hardware['cores']} cores, "
        f"{hardware['threads']} thread a run, accelerator: {hardware['accelerator'] or 'none'}; "
        f"{record['python']}; {escaped(packages)}. Last run started {record['started']}."
    )
