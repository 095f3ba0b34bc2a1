"""The ledger as tables: what the paper reports, what we get, the verdict, and where to look.

An item whose runs are missing keeps its row and says so; it never fails the page.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.pages import footer
from proxylab.pages.ledger.entries import ENTRIES, Entry, items
from proxylab.pages.ledger.rule import MEANINGS, NOT_RUN, Found, tally
from proxylab.paper_values import GRADES
from proxylab.results import MissingResults
from proxylab.tables import escaped, markdown_table, show_table

WIDTHS = {"item, and what the paper reports": 30, "we get, and where": 52, "verdict": 18}
PAPERS = {"elephant": "Elephant in the Room", "targeting": "Targeting Misalignment"}


@cache
def ledger(profile: str) -> pd.DataFrame:
    """Every item with what we get: paper, item, about, reports, grade, ours, verdict, where."""
    table = items()
    keys = list(table[["paper", "item"]].itertuples(index=False, name=None))
    entries = [ENTRIES[paper][item] for paper, item in keys]
    found = [_found(entry, profile) for entry in entries]
    return table.assign(
        ours=[one.ours for one in found],
        verdict=[one.verdict for one in found],
        where=[_where(entry) for entry in entries],
    )


def _found(entry: Entry, profile: str) -> Found:
    try:
        return entry.find(profile)
    except MissingResults as missing:
        return Found(f"needs runs of `{missing.notebook}`", NOT_RUN)


def _where(entry: Entry) -> str:
    """Links to the page, and the run notebooks and module by name."""
    page = "../../index.qmd" if entry.page == "index" else f"{entry.page}.ipynb"
    parts = [f"[page]({page})", *(f"`runs/{name}`" for name in entry.runs), f"`{entry.code}`"]
    return " · ".join(parts)


def ledger_table(profile: str, paper: str) -> Markdown:
    """All items of one paper."""
    table = ledger(profile)
    own = table[table["paper"] == paper]
    rows = list(own.itertuples(index=False))
    shown = pd.DataFrame(
        {
            "item, and what the paper reports": [
                f"**{escaped(row.item)}**: {escaped(row.about)}<br>"
                f"{escaped(row.reports)} ({row.grade})"
                for row in rows
            ],
            "we get, and where": [f"{row.ours}<br>{row.where}" for row in rows],
            "verdict": [f"**{row.verdict}**" for row in rows],
        }
    )
    grades = "; ".join(f"{grade} {meaning}" for grade, meaning in GRADES.items())
    body = markdown_table(shown, markdown=[*shown], widths=WIDTHS)
    return Markdown(
        f"::: {{#tbl-ledger-{paper}}}\n\n{body}\n\n*{PAPERS[paper]}*: every table, figure, "
        "equation and claim. In brackets, how well what the paper reports is known: "
        f"{grades}.\n:::\n"
    )


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
    notebooks = {
        name for found in ENTRIES.values() for entry in found.values() for name in entry.runs
    }
    return footer.made_by("ledger", sorted(notebooks), profile)
