"""The map by who was taught the topic, under every kind and dose of bias: a table and a slider.

What the figure of the biases pools over what the proxy was taught is taken apart here. The table is
an ordinary one; a script that travels in the page shows it as a map. Left out: what labels gain,
which is recorded for one bias only.
"""

from functools import cache
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.ablations.biases import bias_names, in_bias_order
from proxylab.pages.ablations.detection import CONFLICT, detection, in_task_order, measured
from proxylab.pages.conflict_metrics.cells import MIN_OF_EACH
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import SHARE, widened
from proxylab.results import MissingResults
from proxylab.tables import DASH, joined, show_table
from proxylab.world import lexicon

SCRIPT = Path(__file__).with_name("map_explorer.js")


@cache
def map_cells(profile: str) -> pd.DataFrame:
    """AUROC of mean |PACS| by task, bias, dose and quadrant, with what it rests on.

    Columns: task, bias, dose, quadrant, name (of the bias), value, low, high, n_wrong, n, thin
    (fewer than MIN_OF_EACH prompts with a right or with a wrong proxy), in the order of the biases.
    """
    rows = measured(profile, "biases")
    found = widened(detection(rows, ["task", "bias", "dose", "quadrant"]), bounds=SHARE)
    defined = rows.dropna(subset=[CONFLICT, "wrong"])
    keys = ["task", "bias", "dose", "quadrant"]
    wrong = defined.groupby(keys)["wrong"].sum()
    n_wrong = wrong.reindex(pd.MultiIndex.from_frame(found[keys]), fill_value=0).astype(int)
    found = found.assign(name=bias_names(found), n_wrong=n_wrong.to_numpy())
    few = found[["n_wrong"]].assign(right=found["n"] - found["n_wrong"]).min(axis=1)
    return in_task_order(in_bias_order(found.assign(thin=few < MIN_OF_EACH)))


def explorer_rows(profile: str) -> pd.DataFrame:
    """One row a task and bias, one column a quadrant: 'AUROC [interval]' and wrong of prompts."""
    cells = map_cells(profile)
    if cells.empty:
        raise MissingResults("measure_conflict", profile=profile, where={"data": "world"})
    areas = pd.Series(joined(cells), index=cells.index).where(~cells["thin"], "too thin")
    counts = cells["n_wrong"].astype(str) + " wrong of " + cells["n"].astype(str)
    wide = cells.assign(text=areas + "<br>" + counts).pivot_table(
        index=["task", "name"], columns="quadrant", values="text", aggfunc="first", sort=False
    )
    present = [name for name in lexicon.QUADRANTS if name in wide]
    return wide[present].fillna(DASH).reset_index()


def map_explorer(profile: str, *, label: str) -> Markdown:
    """The table of all maps, and the script that shows one at a time."""
    rows = explorer_rows(profile)
    table = show_table(
        rows,
        label=label,
        caption="AUROC of mean |PACS| for a wrong proxy by task, kind and dose of bias, and by who "
        "was taught the topic; below it, prompts with a wrong proxy of those where it is defined. "
        f"{seeds_in_words(measured(profile, 'biases'))}, [95 % interval over seeds and prompts, "
        "no narrower than Student's t over fewer than ten seeds]; "
        f"with fewer than {MIN_OF_EACH} wrong or right proxies *too thin*, "
        f"{DASH}: topics that are not in the task. In the map blue is above and orange below "
        "chance by the interval alone, without a correction for the number of cells.",
        names={"name": "bias"},
        text=("task", "name"),
    )
    script = SCRIPT.read_text(encoding="utf-8")
    fence = f"::: {{.map-explorer}}\n{table.data}\n:::"
    return Markdown(f"{fence}\n\n```{{=html}}\n<script>\n{script}</script>\n```\n")
