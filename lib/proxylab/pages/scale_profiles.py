"""The page on scale: what whole profiles would cost on a GPU, and which runs do not fit one.

Seconds are operations over an assumed share of a device's peak, and say so. Nothing here is
fetched, trained or measured.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.cost.command import by_notebook
from proxylab.cost.devices import LAYER_SECONDS, UTILISATION, assumed_machine, devices
from proxylab.cost.estimate import downloads, estimate_profile, too_large, totals
from proxylab.profiles import load_profile
from proxylab.tables import number, show_table

LARGE = ("gpu", "paper", "paper_elephant")
DEVICES = ("h100", "h200")


@cache
def estimates(name: str, device: str) -> pd.DataFrame:
    """The work of every run of a profile on one device; not to be written to."""
    return estimate_profile(load_profile(name), assumed_machine(device))


def profile_table() -> Markdown:
    """What the large profiles would cost on one GPU."""
    rows = []
    for name in LARGE:
        found = {d: totals(estimates(name, d)) for d in DEVICES}
        one = found[DEVICES[0]]
        hours = {f"h, {d.upper()}": number(found[d]["hours"], 1) for d in DEVICES}
        over = {f"too large, {d.upper()}": len(_too_large(name, d)) for d in DEVICES}
        rows.append(
            {
                "profile": name,
                "runs": one["n_runs"],
                "operations": _power(one["flops"]),
                "tokens": _power(one["tokens"]),
                **hours,
                "GiB": number(one["memory_gib"], 0),
                **over,
                "GB fetched": number(downloads(load_profile(name))["gb"].sum(), 1),
            }
        )
    sold = ", ".join(
        f"{d.what} {number(d.flops / 1e12, 0)} in bfloat16 and {number(d.tf32_flops / 1e12, 0)} in "
        "TF32, as float32 is taken there"
        for name, d in devices().items()
        if name in DEVICES
    )
    return show_table(
        pd.DataFrame(rows),
        label="scale-profiles",
        caption="Extrapolated, not measured: all runs of a profile one after the other on one "
        f"device at {number(UTILISATION, 1)} of its peak (10^12^ operations a second: {sold}). "
        "GiB: of the run that needs most; too large: runs that need more than the device has, "
        "whose hours stand for a device of its speed that holds them. Shared models are counted "
        "once.",
        text=("profile",),
    )


def notebook_table(name: str, device: str = DEVICES[0]) -> Markdown:
    """One profile by notebook: runs, operations, hours, the longest run, memory, and if it fits."""
    table = by_notebook(estimates(name, device))
    table = table[table["flops"] > 0]
    over = _too_large(name, device)["notebook"].value_counts()
    shown = pd.DataFrame(
        {
            "notebook": table["notebook"],
            "runs": table["runs"],
            "operations": [_power(value) for value in table["flops"]],
            "hours": [number(value, 1) for value in table["hours"]],
            "longest run, h": [number(value, 2) for value in table["longest_hours"]],
            "GiB": [number(value, 0) for value in table["memory_gib"]],
            "too large": over.reindex(table["notebook"], fill_value=0).to_numpy(),
        }
    )
    return show_table(
        shown,
        label=f"scale-{name.replace('_', '-')}",
        caption=f"Profile {name} by notebook, on one {devices()[device].what} as in "
        f"@tbl-scale-profiles; too large: runs that need more than its {_gib(device)} GiB. "
        "Notebooks without a language model are left out.",
        text=("notebook",),
    )


def memory_sentence(name: str = LARGE[-1]) -> Markdown:
    """How many runs of a profile one device cannot hold, and whether a larger one can."""
    small, large = DEVICES
    over, most = _too_large(name, small), totals(estimates(name, small))["memory_gib"]
    n = totals(estimates(name, small))["n_runs"]
    if over.empty:
        return Markdown(f"Every run of profile `{name}` fits one {small.upper()}.")
    notebooks = ", ".join(f"`{notebook}`" for notebook in dict.fromkeys(over["notebook"]))
    beyond = len(_too_large(name, large))
    held = "all of them" if not beyond else f"{len(over) - beyond} of them"
    return Markdown(
        f"**{len(over)} of {n} runs of profile `{name}` ({notebooks}) do not fit one "
        f"{small.upper()}**, nor eight, each of which holds all of a run: they need up to "
        f"{number(most, 0)} GiB and it has {_gib(small)}. An {large.upper()} ({_gib(large)} GiB) "
        f"holds {held}. The longest would take {number(_longest(name, large) / 24, 0)} days on one "
        "of these."
    )


def arithmetic(name: str = LARGE[1], device: str = DEVICES[0]) -> Markdown:
    """One row of an estimate spelled out: the training that takes longest."""
    rows, known = estimates(name, device), devices()[device]
    row = rows[rows["kind"] == "train"].sort_values("seconds").iloc[-1]
    a_token = row["flops"] / row["n_tokens"]
    peak, form = (known.flops, "bfloat16") if row["half"] else (known.tf32_flops, "TF32")
    fixed = row["n_passes"] * LAYER_SECONDS["train"] * row["layers"]
    return Markdown(
        f"*{row['what']}* of `{row['notebook']}` in profile {name} trains {row['model']}, "
        f"{row['parameters']:,} weights. {row['n_sequences']:,.0f} sequences x "
        f"{number(row['mean_length'], 0)} tokens = {row['n_tokens']:,.0f} tokens. A token takes "
        f"{_power(a_token)} operations "
        f"({number(a_token / row['parameters'], 1)} a weight: 6 where all are trained, 4 with "
        "adapters; an embedding is looked up, and attention adds a little), in all "
        f"{_power(row['flops'])}. At {number(UTILISATION, 1)} of {_power(peak)} a second in {form} "
        f"that is {number((row['seconds'] - fixed) / 3600, 2)} h. {row['n_passes']:,.0f} passes "
        f"through {row['layers']} layers at {1e3 * LAYER_SECONDS['train']:g} ms, a guess, add "
        f"{number(fixed / 3600, 2)} h: {number(row['seconds'] / 3600, 2)} h."
    )


def _too_large(name: str, device: str) -> pd.DataFrame:
    return too_large(estimates(name, device), assumed_machine(device))


def _longest(name: str, device: str) -> float:
    return by_notebook(estimates(name, device))["longest_hours"].max()


def _gib(device: str) -> str:
    return number(devices()[device].memory / 2**30, 0)


def _power(value: float) -> str:
    """'1.2 x 10^19^' as Markdown."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10^{int(exponent)}^"
