"""The ledger as tables: what the paper reports, what we get, the verdict, and where to look.

An item whose runs are missing keeps its row and says so; it never fails the page.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.pages import footer
from proxylab.pages.ledger.entries import ENTRIES, Entry, items, run_notebooks
from proxylab.pages.ledger.places import links
from proxylab.pages.ledger.rule import MEANINGS, NOT_RUN, Found, tally
from proxylab.paper_values import GRADES
from proxylab.results import MissingResults
from proxylab.tables import DASH, escaped, markdown_table, show_table

ITEM, OURS = "item, and what the paper reports", "we get, in which profile, and where"
WIDTHS = {ITEM: 30, OURS: 52, "verdict": 18}
PAPERS = {"elephant": "Elephant in the Room", "targeting": "Targeting Misalignment"}


@cache
def ledger(profile: str) -> pd.DataFrame:
    """Every item with what we get.

    Columns paper, item, about, reports, grade, ours, profile (a dash where nothing is run), verdict
    and where.
    """
    table = items()
    keys = list(table[["paper", "item"]].itertuples(index=False, name=None))
    entries = [ENTRIES[paper][item] for paper, item in keys]
    found = [_found(entry, profile) for entry in entries]
    return table.assign(
        ours=[one.ours for one in found],
        profile=[profile if entry.runs else DASH for entry in entries],
        verdict=[one.verdict for one in found],
        where=[links(entry) for entry in entries],
    )


def _found(entry: Entry, profile: str) -> Found:
    try:
        return entry.find(profile)
    except MissingResults as missing:
        return Found(f"needs runs of `{missing.notebook}`", NOT_RUN)


def ledger_table(profile: str, paper: str) -> Markdown:
    """All items of one paper."""
    table = ledger(profile)
    own = table[table["paper"] == paper]
    rows = list(own.itertuples(index=False))
    shown = pd.DataFrame(
        {
            ITEM: [
                f"**{escaped(row.item)}**: {escaped(row.about)}<br>"
                f"{escaped(row.reports)} ({row.grade})"
                for row in rows
            ],
            OURS: [f"{row.ours}<br>{_made_in(row.profile)}{row.where}" for row in rows],
            "verdict": [f"**{row.verdict}**" for row in rows],
        }
    )
    grades = "; ".join(f"{grade} {meaning}" for grade, meaning in GRADES.items())
    body = markdown_table(shown, markdown=[*shown], widths=WIDTHS)
    return Markdown(
        f"::: {{#tbl-ledger-{paper}}}\n\n{body}\n\n*{PAPERS[paper]}*: every table, figure, "
        "equation and claim. In brackets, how well what the paper reports is known: "
        f"{grades}. The profile is that of the runs; without one nothing is run. A run leads to "
        "its parameters, code to its module, both in the [reference](reference.ipynb).\n:::\n"
    )


def _made_in(profile: str) -> str:
    return "" if profile == DASH else f"profile `{profile}` · "


def tally_sentence(profile: str) -> Markdown:
    """How many rows have each verdict, by paper."""
    table = ledger(profile)
    parts = []
    for paper, name in PAPERS.items():
        counts = tally(table.loc[table["paper"] == paper, "verdict"].tolist())
        said = ", ".join(f"{verdict} {n}" for verdict, n in counts.items())
        parts.append(f"*{name}*, {sum(counts.values())} rows: {said}.")
    return Markdown(" ".join(parts))


def rule_table() -> Markdown:
    """What each verdict means."""
    table = pd.DataFrame(MEANINGS.items(), columns=["verdict", "given where"])
    return show_table(
        table,
        label="ledger-rule",
        caption="The rule by which every verdict of the ledger is given.",
        text=("verdict", "given where"),
    )


def made_by(profile: str) -> Markdown:
    """The end of the ledger's page: the runs of every notebook that it reads."""
    return footer.made_by("ledger", run_notebooks(), profile)
