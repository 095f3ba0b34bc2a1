"""On what the runs of real text were made, how long they took, and how busy a GPU was.

Left out: tokens a second by model (page Speed), what a whole profile costs (`proxylab cost`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.footer import machines
from proxylab.pages.real_text.alignment import TRAINED, align_rows
from proxylab.pages.real_text.feedback import loop_rows
from proxylab.pages.real_text.learning import cleaning_runs
from proxylab.pages.real_text.rows import (
    ALIGN,
    CONFLICT,
    DATA,
    FEEDBACK,
    GPU,
    TASKS,
    label,
    world_runs,
)
from proxylab.pages.shf_cas.rows import usual
from proxylab.pages.speed.rows import latest_run
from proxylab.pages.speed.throughput import throughput_table
from proxylab.results import MissingResults, Run, available, load_runs
from proxylab.tables import DASH, escaped, number, show_table

READ: Mapping[str, Mapping[str, Any]] = {
    CONFLICT: {"data": DATA, "task": TASKS},
    FEEDBACK: {**usual(but=("data",)), "data": DATA, "task": TASKS},
    ALIGN: {"data": DATA, "task": MIXED},
}
TOLD_APART = {CONFLICT: "task", FEEDBACK: "task", ALIGN: "algorithm"}
STAGES = {
    "seconds_sampling": "sampling the pool",
    "seconds_ensemble": "ensemble of proxies",
    "seconds_score": "scoring",
    "seconds_select": "selecting",
    "seconds_label": "labelling",
    "seconds_refine": "refitting the proxy",
}


def text_runs(profile: str) -> list[Run]:
    """The runs of text that this page reads, by notebook; none where none has been made."""
    found = []
    for notebook, where in READ.items():
        if available(notebook, profile=profile, where=where):
            found += load_runs(notebook, profile=profile, where=where)
    return found


def runs_read(profile: str) -> list[Run]:
    """All runs that this page reads: of text, of the world beside it, and of the profile `gpu`."""
    found = [*text_runs(profile), *_besides(lambda: cleaning_runs(profile)), *world_runs(profile)]
    if profile != GPU and (on_gpu := text_runs(GPU)):
        found += [*on_gpu, *_besides(lambda: cleaning_runs(GPU))]
        found += _besides(lambda: [latest_run(GPU, "throughput")])
    return found


def _besides(load: Callable[[], list[Run]]) -> list[Run]:
    try:
        return load()
    except MissingResults:
        return []


def run_times(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a notebook and task or algorithm: runs, seconds (median), least, most, memory.

    memory: the most that a process held, MiB; on_device: likewise of an accelerator, NaN without;
    busy: share of the time in which an accelerator worked, over all readings of the runs, NaN
    where none was taken.
    """
    rows = [
        {
            "notebook": run.record["notebook"],
            "what": run.parameters[TOLD_APART[run.record["notebook"]]],
            "seconds": run.record["wall_time_s"],
            "memory": run.record["peak_memory_mib"]["process"],
            "on_device": run.record["peak_memory_mib"]["accelerator"],
            **_use(run),
        }
        for run in runs
    ]
    grouped = pd.DataFrame(rows).groupby(["notebook", "what"], sort=False)
    seconds, memory = grouped["seconds"], grouped[["memory", "on_device"]]
    use = grouped[["busy_readings", "n_readings"]].sum()
    spread = seconds.agg(runs="size", seconds="median", least="min", most="max")
    busy = use["busy_readings"] / use["n_readings"]  # 0 / 0 where none was taken
    return spread.join(memory.max()).assign(busy=busy).reset_index()


def _use(run: Run) -> dict[str, float]:
    """Readings of an accelerator's use, and how many of them saw it work; both 0 without."""
    use = run.record.get("accelerator_use") or {"busy_share": 0.0, "n_readings": 0}
    n = use["n_readings"]
    return {"busy_readings": n * use["busy_share"], "n_readings": n}


def times_table(profile: str) -> Markdown:
    """Wall time and memory of the runs, and the machine in the caption."""
    runs = text_runs(profile)
    if not runs:
        raise MissingResults(CONFLICT, profile=profile, where={"data": DATA, "task": TASKS[0]})
    found = run_times(runs)
    shown = found[["notebook", "what", "runs"]].assign(
        seconds=[number(value, 0) for value in found["seconds"]],
        range=[f"{number(a, 0)} to {number(b, 0)}" for a, b in found[["least", "most"]].to_numpy()],
        memory=[number(value, 0) for value in found["memory"]],
    )
    if found["on_device"].notna().any():
        shown["on device"] = [number(value, 0) for value in found["on_device"].astype(float)]
    said = ""
    if found["busy"].notna().any():
        shown["GPU busy"] = [_percent(value) for value in found["busy"]]
        said = " GPU busy: the share of the runs' time in which its driver saw work."
    total = sum(run.record["wall_time_s"] for run in runs)
    return show_table(
        shown,
        label=label("times", profile),
        caption=f"Wall seconds of a run, median and range, and the most memory it held (MiB); "
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}, {number(total / 60, 1)} minutes "
        f"in all.{said} A run that finds the models or arms of an earlier one made does not make "
        f"them again, so that the first of a kind takes longest. {escaped(machines(runs))}.",
        names={"notebook": "run notebook", "what": "task or algorithm", "seconds": "seconds"},
        text=("notebook", "what"),
    )


def _percent(share: float) -> str:
    return DASH if math.isnan(share) else f"{number(100 * share, 0)} %"


def tokens_table(profile: str) -> Markdown:
    """Tokens a second of this profile's models, where they were benchmarked."""
    return throughput_table(profile, name=label("tokens", profile))


def stages_sentence(profile: str) -> Markdown:
    """Seconds of one feedback loop by stage, as a share of them all."""
    rows = loop_rows(profile, "rounds")
    loops = rows.groupby(["task", "seed", "selector"])
    shared = {"seconds_sampling", "seconds_ensemble"}  # the same number in every round of a loop
    seconds = {
        name: loops[name].max().mean() if name in shared else loops[name].sum().mean()
        for name in STAGES
        if name in rows
    }
    total = sum(seconds.values())
    parts = [
        f"{STAGES[name]} {number(value, 1)} s ({number(100 * value / total, 0)} %)"
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    return Markdown(f"One feedback loop, mean over seeds and selectors: {'; '.join(parts)}.")


def tokens_sentence(profile: str) -> Markdown:
    """How many tokens the aligned policies generated to be measured, and their mean length."""
    rows = align_rows(profile, "evaluation", TRAINED)
    runs = [run for run in text_runs(profile) if run.record["notebook"] == ALIGN]
    n_samples = runs[0].record["resolved_profile"]["alignment"]["n_samples"]
    total = n_samples * rows["n_tokens"].sum()
    return Markdown(
        f"To measure the aligned policies {number(total / 1e6, 2)} million tokens were generated, "
        f"{number(rows['n_tokens'].mean(), 1)} a reply; tokens a second by model and activity are "
        "on the page [Speed](speed.ipynb)."
    )
