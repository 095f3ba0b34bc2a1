"""The page on scale: what a step costs here, as measured by the run notebook `measure_cost`.

Left out: other devices (`scale_profiles`).
"""

import pandas as pd
from IPython.display import Markdown

from proxylab.cost.devices import Machine, measured_machine
from proxylab.cost.estimate import estimate_runs
from proxylab.pages.usual import usual
from proxylab.profiles import load_profile
from proxylab.results import Run, load_runs
from proxylab.tables import number, show_table, with_interval

COST = "measure_cost"
KINDS = {"train": "training", "generate": "generating", "score": "scoring"}
OWN = ("reward model", "test pairs")  # what a reward model's run does, but for its base model


def timing(profile: str) -> Run:
    """The run whose steps are shown: one, as what a step costs is one machine's at one time."""
    return load_runs(COST, profile=profile, where=usual(COST, profile))[0]


def _here(profile: str) -> Machine:
    """The machine by its CPU time, which others' work does not change; by the clock with a GPU."""
    return measured_machine(_timed(profile), "this machine")


def _timed(profile: str) -> pd.DataFrame:
    """The steps with, as seconds, what they are fitted by."""
    run = timing(profile)
    steps = run.table("steps")
    on_cpu = run.record["hardware"]["accelerator"] is None
    return steps.assign(seconds=steps["cpu"]) if on_cpu else steps


def steps_table(profile: str) -> Markdown:
    """Timed steps: kind, size, batch, seconds with their range, operations a second."""
    run = timing(profile)
    steps = run.table("steps")
    rates = steps["flops"] / steps["seconds"] / 1e9
    spread = zip(1e3 * steps["seconds"], 1e3 * steps["low"], 1e3 * steps["high"], strict=True)
    table = pd.DataFrame(
        {
            "work": steps["kind"].map(KINDS),
            "width": steps["hidden"],
            "weights": [f"{n:,}" for n in steps["parameters"]],
            "batch": steps["batch"],
            "ms": [with_interval(*each, 1) for each in spread],
            "CPU ms": [number(1e3 * value, 1) for value in steps["cpu"]],
            "10^9^ operations/s": [number(value, 1) for value in rates],
        }
    )
    hardware, repeats = run.record["hardware"], int(steps["n_repeats"].max())
    return show_table(
        table,
        label="scale-steps",
        caption=f"Timed work on {hardware['cpu']}, {hardware['threads']} thread(s), accelerator: "
        f"{hardware['accelerator'] or 'none'}. Median [fastest, slowest] of {repeats} repeats, and "
        "the process's own CPU time: where the two differ, something else used the machine. A row "
        f"of training is 3 steps; one of generating is {int(steps['new'].max())} tokens a "
        f"completion; sequences have {int(steps['length'].max())} tokens.",
        text=("work",),
    )


def fit_table(profile: str) -> Markdown:
    """What the timed steps come down to: a fixed part a pass, and operations a second."""
    steps, machine = _timed(profile), _here(profile)
    rows = []
    for kind, name in KINDS.items():
        own = steps[steps["kind"] == kind]
        fitted = machine.fixed[kind] * own["passes"] + own["flops"] / machine.rates[kind]
        worst = (fitted / own["seconds"]).agg(["min", "max"])
        rows.append(
            {
                "work": name,
                "ms a pass": number(1e3 * machine.fixed[kind], 1),
                "10^9^ operations/s": number(machine.rates[kind] / 1e9, 1),
                "rows": len(own),
                "fitted / timed": f"{number(worst['min'])} to {number(worst['max'])}",
            }
        )
    return show_table(
        pd.DataFrame(rows),
        label="scale-fit",
        caption="Seconds = a x passes + operations / b, fitted to @tbl-scale-steps by least "
        "squares of relative errors, neither part below 0; seconds of CPU time, or by the clock "
        "where there is a GPU. The last column: the fit's least and largest ratio to what was "
        "timed.",
        text=("work",),
    )


def foretold_table(profile: str) -> Markdown:
    """Runs that were really made, beside what the fit says of them."""
    scale, machine, rows = load_profile(profile), _here(profile), []
    for run in load_runs("train_reward_model", profile=profile, where={"data": "hh-rlhf"}):
        values = {"profile": profile, **run.parameters}
        work = estimate_runs([("train_reward_model", values)], scale, machine)
        own = work.loc[work["what"].isin(OWN), "seconds"].sum()
        took = run.record["wall_time_s"]
        rows.append(
            {
                "trained on": run.parameters["train_on"],
                "seed": run.parameters["seed"],
                "recorded, s": number(took, 0),
                "foretold, s": number(own, 0),
                "with its base model, s": number(work["seconds"].sum(), 0),
                "recorded / foretold": f"{number(took / work['seconds'].sum())} to "
                f"{number(took / own)}",
            }
        )
    return show_table(
        pd.DataFrame(rows),
        label="scale-foretold",
        caption=f"Reward models of real text, profile {profile}: wall-clock seconds as recorded, "
        "when other runs shared the cores or not, and by the fit of @tbl-scale-fit. A run trains "
        "its base model too, unless another has, and a run that is made again finds even its "
        "reward model made; the record does not say which. Cleaned pairs are foretold as many as "
        "raw ones, an upper bound.",
        text=("trained on",),
    )
