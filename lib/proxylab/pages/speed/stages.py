"""The Speed page on a whole batch: time by stage, where the rest went, and whether it was whole."""

import pandas as pd
from IPython.display import Markdown

from proxylab.environment import project_root
from proxylab.pages.speed.rows import hardware_sentence, latest_run
from proxylab.results.missing import planned
from proxylab.tables import number, show_table

STARTING, PAGES, EXPLORE = "starting the runs' notebooks", "pages", "notebooks to edit, tried"
BETWEEN = "between notebooks, and idle"
AROUND = (STARTING, PAGES, EXPLORE, BETWEEN)


def stage_rows(table: pd.DataFrame, cores: int) -> pd.DataFrame:
    """Seconds of worker time by stage: stage, n, seconds, share (of all workers' time).

    Arguments: `table` as the benchmark records it; `cores` how many notebooks could run at once.
    The work of runs by notebook, most first; then what lies around it. Shares add up to 1.
    """
    length, kind = (table["end"] - table["start"]).to_numpy(), table["kind"].to_numpy()
    runs = table["kind"] == "run"
    worked = table[runs].groupby("notebook")["work_s"].agg(["size", "sum"])
    rows = [
        {"stage": row.Index, "n": int(row.size), "seconds": float(row.sum)}
        for row in worked.sort_values("sum", ascending=False).itertuples(name="Stage")
    ]
    starting = length[runs].sum() - table.loc[runs, "work_s"].sum()
    whole = workers(table, cores) * (table["end"].max() - table["start"].min())
    rows.append({"stage": STARTING, "n": int(runs.sum()), "seconds": float(starting)})
    rows += [
        {"stage": stage, "n": int((kind == name).sum()), "seconds": length[kind == name].sum()}
        for name, stage in {"page": PAGES, "explore": EXPLORE}.items()
        if name in kind
    ]
    rows.append({"stage": BETWEEN, "n": len(table), "seconds": float(whole - length.sum())})
    found = pd.DataFrame(rows)
    return found.assign(share=found["seconds"] / whole)


def workers(table: pd.DataFrame, cores: int) -> int:
    """The most notebooks that ran at one moment, no more than `cores`."""
    starts = pd.DataFrame({"time": table["start"], "change": 1})
    ends = pd.DataFrame({"time": table["end"], "change": -1})
    # At one moment an end comes before a start: a worker goes from one notebook to the next.
    events = pd.concat([starts, ends]).sort_values(["time", "change"])
    return min(cores, int(events["change"].cumsum().max()))


def stage_table(profile: str) -> Markdown:
    """Seconds by run notebook, then start-up, pages and idle."""
    run = latest_run(profile, "stages")
    table, cores = run.table("stages"), run.record["hardware"]["cores"]
    rows = stage_rows(table, cores)
    shown = rows.assign(
        seconds=[number(value, 0) for value in rows["seconds"]],
        share=[f"{number(100 * value, 1)} %" for value in rows["share"]],
        each=[number(total / n, 1) for total, n in zip(rows["seconds"], rows["n"], strict=True)],
    )
    span = table["end"].max() - table["start"].min()
    return show_table(
        shown.rename(columns={"each": "seconds each"}),
        label="speed-stages",
        caption=f"One batch of this profile: {_contents(table, profile)}, in "
        f"{number(span / 60, 1)} minutes with {workers(table, cores)} workers. Work of a "
        "run: from the opening of its record to its end. Between notebooks: process start, "
        "scheduling, and workers that waited for something to do. One batch, so there is no "
        f"interval. {hardware_sentence(profile, 'stages')}",
        text=("stage",),
    )


def stage_sentence(profile: str) -> Markdown:
    """How much of the batch was work, and what the largest stages were."""
    run = latest_run(profile, "stages")
    rows = stage_rows(run.table("stages"), run.record["hardware"]["cores"]).set_index("stage")
    around = rows.loc[[stage for stage in AROUND if stage in rows.index], "share"]
    work = rows.drop(index=around.index)
    largest = [
        f"`{name}` {number(100 * share, 0)} %" for name, share in work["share"].head(3).items()
    ]
    rest = [f"{name} {number(100 * share, 0)} %" for name, share in around.items()]
    return Markdown(
        f"Of the workers' time {number(100 * work['share'].sum(), 0)} % was the work of runs, most "
        f"of all {', '.join(largest)}. The rest: {'; '.join(rest)}."
    )


def whole_note(profile: str) -> Markdown:
    """A warning where the batch is not all that the profile plans, or of several commits."""
    table = latest_run(profile, "stages").table("stages")
    wrong = []
    if lacking := _n_planned(profile) - _n_of_plan(table, profile):
        wrong.append(f"it lacks {lacking} of {_n_planned(profile)} planned runs")
    if strange := int((table["kind"] == "run").sum()) - _n_of_plan(table, profile):
        wrong.append(f"it holds {strange} that {'is' if strange == 1 else 'are'} not planned")
    if (states := _states(table)) is None:
        wrong.append("it is not recorded at which commits its runs were made")
    elif len(states) > 1:
        wrong.append(f"its runs were made at {len(states)} commits ({', '.join(states)})")
    if not wrong:
        return Markdown("")
    return Markdown(
        "::: {.callout-warning}\n## Not one whole batch\n\nThe shares below are of what was "
        f"measured, not of `make site PROFILE={profile}`: {'; '.join(wrong)}. A whole batch, from "
        f"nothing, is made and measured by\n\n```\npython -m benchmarks.stages --profile {profile}"
        "\n```\n:::\n"
    )


def _contents(table: pd.DataFrame, profile: str) -> str:
    """'90 of 97 planned runs, 30 of 30 pages and 4 notebooks to edit, at commit 0123abcd'."""
    kinds, n_planned = table["kind"].value_counts(), _n_planned(profile)
    n_pages = len(list((project_root() / "notebooks" / "pages").glob("*.ipynb")))
    found = [f"{_n_of_plan(table, profile)} of {n_planned} planned runs"]
    if strange := int(kinds.get("run", 0)) - _n_of_plan(table, profile):
        found.append(f"{strange} other {'run' if strange == 1 else 'runs'}")
    found.append(f"{kinds.get('page', 0)} of {n_pages} pages")
    if n_explore := int(kinds.get("explore", 0)):
        found.append(f"{n_explore} notebooks to edit")
    states = _states(table)
    return ", ".join(found) + (f", at commit {' and '.join(states)}" if states else "")


def _n_planned(profile: str) -> int:
    return len(planned(profile, with_data=False))


def _n_of_plan(table: pd.DataFrame, profile: str) -> int:
    """How many of the batch's runs the profile plans without real data."""
    plan = {(run.notebook, run.run_id) for run in planned(profile, with_data=False)}
    runs = table[table["kind"] == "run"]
    return len(plan.intersection(zip(runs["notebook"], runs["name"], strict=True)))


def _states(table: pd.DataFrame) -> list[str] | None:
    """The states of the code that the runs were made with; None where they are not recorded."""
    if "commit" not in table:
        return None
    runs = table[table["kind"] == "run"]
    said = [
        f"{row.commit[:12] or 'no checkout'}{' with uncommitted changes' if row.dirty else ''}"
        for row in runs.itertuples()
    ]
    return sorted(set(said))
