"""The cost of every planned run of a profile: a row a piece of work, and totals.

What runs share is charged to the first run, in the order of the batch, that needs it. Memory is
the most that a run holds at once: the weights of all its models, and the largest need of a piece
of work beyond them (a trained copy's state, activations, caches).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from proxylab.cost.data_sets import HH_RLHF, data_sets
from proxylab.cost.devices import Machine
from proxylab.cost.formulas import weight_bytes
from proxylab.cost.models import UnknownModel, hub_models, model_of
from proxylab.cost.plans import work_of
from proxylab.cost.setting import WORLD
from proxylab.cost.work import Work
from proxylab.parameters import check_parameters, model_for
from proxylab.profiles import Profile
from proxylab.results.identity import run_id

PlannedRun = tuple[str, Mapping[str, Any]]
HOUR = 3600
FETCHED = {"hub": HH_RLHF, "pku-safe-rlhf": "pku-safe-rlhf"}  # what a run asks for, what it is
MODEL_KEYS = ("base", "model", "proxies")  # of a profile, under which a hub id may stand


def estimate_profile(profile: Profile, machine: Machine, *, with_data: bool = True) -> pd.DataFrame:
    """A row a piece of work of every planned run; see `estimate_runs`."""
    return estimate_runs(profile.planned_runs(with_data=with_data), profile, machine)


def estimate_runs(runs: Iterable[PlannedRun], profile: Profile, machine: Machine) -> pd.DataFrame:
    """A row a piece of work: run (its number), notebook, name, what, kind, and what it takes.

    parameters, longest and mean_length of its texts (tokens), n_tokens, n_encoded_tokens (that the
    host makes of texts), n_passes, flops; seconds on `machine`, the host's not counted; gib: memory
    beyond the weights; weights_gib: the weights of all models of the run. A run without a model has
    one row of zeros.
    """
    made: set = set()
    rows = []
    for number, (notebook, values) in enumerate(runs):
        works = work_of(notebook, values, profile)
        own = [work for work in works if (work.shared, work.what) not in made]
        made |= {(work.shared, work.what) for work in works if work.shared is not None}
        known = {"run": number, "notebook": notebook, "name": _name(notebook, values)}
        known["weights_gib"] = _weights(works)
        rows += [{**known, **_row(work, machine)} for work in own] or [{**known, **NOTHING}]
    return pd.DataFrame(rows)


def by_run(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row a run: operations and hours added up, and the memory that it needs at most (GiB)."""
    grouped = estimates.groupby(["run", "notebook", "name"], sort=False)
    table = grouped.agg(
        flops=("flops", "sum"),
        tokens=("n_tokens", "sum"),
        encoded=("n_encoded_tokens", "sum"),
        hours=("seconds", lambda seconds: seconds.sum() / HOUR),
        weights_gib=("weights_gib", "first"),
        gib=("gib", "max"),
    )
    return table.assign(memory_gib=table["weights_gib"] + table["gib"]).reset_index()


def too_large(estimates: pd.DataFrame, machine: Machine) -> pd.DataFrame:
    """The runs, as `by_run` has them, that need more memory than the machine has."""
    runs = by_run(estimates)
    return runs[runs["memory_gib"] * 2**30 > machine.memory]


def totals(estimates: pd.DataFrame, *, price_per_hour: float | None = None) -> dict[str, float]:
    """Of all runs: n_runs, flops, tokens, encoded (tokens that the host makes of texts), hours on
    one device, largest memory, money if asked."""
    runs = by_run(estimates)
    found = {
        "n_runs": len(runs),
        "flops": runs["flops"].sum(),
        "tokens": runs["tokens"].sum(),
        "encoded": runs["encoded"].sum(),
        "hours": runs["hours"].sum(),
        "memory_gib": runs["memory_gib"].max(),
    }
    return found if price_per_hour is None else found | {"money": price_per_hour * found["hours"]}


def downloads(profile: Profile) -> pd.DataFrame:
    """What the profile fetches from the hub: id, kind, gb (NaN where nothing is known of it)."""
    rows = [(name, "model", _gigabytes(name)) for name in named_models(profile)]
    known = data_sets()
    read = {values.get("data", WORLD) for _, values in profile.planned_runs(with_data=True)}
    sets = [name for asked, name in FETCHED.items() if asked in read]
    rows += [(name, "data", known[name].download_gb) for name in sets]
    return pd.DataFrame(rows, columns=["id", "kind", "gb"])


def named_models(profile: Profile) -> list[str]:
    """Hub ids in the profile: all that data/cost/models.csv knows, and bases, golds, proxies."""
    known, found = set(hub_models().index), {}
    for key, text in _texts(profile.model_dump(mode="json")):
        if text in known or (key in MODEL_KEYS and text.count("/") == 1):
            found[text] = None
    return list(found)


NOTHING = {
    "what": "no language model",
    "kind": "none",
    "model": "",
    "parameters": 0,
    "layers": 0,
    "half": False,
    "longest": 0,
    "mean_length": 0.0,
    "n_sequences": 0.0,
    "n_tokens": 0.0,
    "n_encoded_tokens": 0.0,
    "n_passes": 0.0,
    "flops": 0.0,
    "seconds": 0.0,
    "gib": 0.0,
    "shared": False,
}


def _row(work: Work, machine: Machine) -> dict[str, Any]:
    return {
        "what": work.what,
        "kind": work.kind,
        "model": work.model.name,
        "parameters": work.model.parameters,
        "layers": work.model.layers,
        "half": work.half,
        "longest": work.length.longest,
        "mean_length": work.length.mean,
        "n_sequences": work.n_sequences,
        "n_tokens": work.n_tokens,
        "n_encoded_tokens": work.n_encoded_tokens,
        "n_passes": work.n_passes,
        "flops": work.flops,
        "seconds": machine.seconds(work),
        "gib": work.bytes_needed / 2**30,
        "shared": work.shared is not None,
    }


def _name(notebook: str, values: Mapping[str, Any]) -> str:
    model = model_for(notebook)
    return run_id(check_parameters(model, values) if model else dict(values))


def _weights(works: list[Work]) -> float:
    """GiB of the distinct models of a run."""
    return sum(weight_bytes(model) for model in {work.model for work in works}) / 2**30


def _gigabytes(name: str) -> float:
    try:
        return model_of(name).download_gb
    except UnknownModel:
        return float("nan")


def _texts(values: Any, key: str = ""):
    """(key, text) of every text in nested mappings and lists."""
    if isinstance(values, str):
        yield key, values
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _texts(value, name)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value, key)
