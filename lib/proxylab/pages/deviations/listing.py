"""Every deviation from the two papers in one numbered list, with its effect where one is measured.

The texts stand in data/deviations.csv, and a page's own list of deviations is part of this one:
`listed` says which of its numbers an entry covers. Left out: deviations from other work, which the
pages that use it name (over-optimisation).
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.environment import project_root
from proxylab.names import missing_name
from proxylab.pages import footer
from proxylab.pages.deviations.measures import MEASURES
from proxylab.paper_values import GRADES
from proxylab.results import MissingResults
from proxylab.tables import escaped, show_table

PAPERS = {"elephant": "Elephant in the Room", "targeting": "Targeting Misalignment"}
SECTIONS = {"elephant": ("section 3.1",), "targeting": ()}  # places that are no ledger item
KINDS = {
    "substitution": "the paper's models, data or people are not to be had",
    "choice": "the paper does not say, or ours is another choice",
    "addition": "the paper's design is kept, and something is set beside it",
    "correction": "a fault of the released code, mended here",
}
NOT_MEASURED = "not measured"
NOT_RUN = "not run yet"
COLUMNS = (
    "number", "paper", "place", "kind", "theirs", "grade", "ours", "why", "page", "listed",
    "measured_by",
)  # fmt: skip
NOTEBOOKS = (
    "clean",
    "train_reward_model",
    "measure_rulers",
    "measure_conflict",
    "shf_cas",
    "align",
    "verify_optimisers",
)


@cache
def listing() -> pd.DataFrame:
    """data/deviations.csv: COLUMNS, texts, in the order of the numbers.

    Raises ValueError for a number out of order, an unknown paper, kind, grade or measure.
    """
    path = project_root() / "data" / "deviations.csv"
    table = pd.read_csv(path, dtype="str", keep_default_na=False)[list(COLUMNS)]
    known = {"paper": PAPERS, "kind": KINDS, "grade": GRADES, "measured_by": {"", *MEASURES}}
    for i, row in enumerate(table.to_dict("records"), start=1):
        if row["number"] != str(i):
            raise ValueError(f"{path.name}: number {row['number']!r} where {i} comes next")
        for column, allowed in known.items():
            if row[column] not in allowed:
                what = missing_name(column, row[column], allowed)
                raise ValueError(f"{path.name}, number {i}: {what}")
    return table


def effect(measured_by: str, profile: str) -> str:
    """The measured effect in words, or why there is none; never an error for missing runs."""
    if not measured_by:
        return NOT_MEASURED
    try:
        return MEASURES[measured_by](profile)
    except MissingResults as missing:
        return f"{NOT_RUN}: `{missing.command}`"


@cache
def effects(profile: str) -> tuple[str, ...]:
    """The effect of every deviation, in order."""
    return tuple(effect(name, profile) for name in listing()["measured_by"])


def deviations_list(profile: str, paper: str) -> Markdown:
    """The deviations from one paper as a numbered list; the numbers go through both."""
    table = listing().assign(effect=effects(profile))
    items = [_item(row) for row in table[table["paper"] == paper].itertuples()]
    return Markdown("\n".join(items))


def _item(row) -> str:
    """One entry: where, then what the paper does, what is done here, why, and the effect."""
    number = f"{row.number}.".ljust(4)
    lines = [
        f"{number}[**{escaped(row.place)}**]{{#deviation-{row.number}}} ({row.kind}; "
        f"[page]({page_link(row.page)}))\n",
        f"    - *The paper* [{row.grade}]: {escaped(row.theirs)}.",
        f"    - *Here*: {escaped(row.ours)}.",
        f"    - *Why*: {escaped(row.why)}.",
        f"    - *Effect*: {row.effect}.\n",
    ]
    return "\n".join(lines)


def page_link(page: str) -> str:
    """The page's notebook; the ledger's as long as that page is not there."""
    exists = (project_root() / "notebooks" / "pages" / f"{page}.ipynb").is_file()
    return f"{page if exists else 'ledger'}.ipynb"


def kinds_table() -> Markdown:
    """What each kind of deviation means, and how many there are."""
    counts = listing()["kind"].value_counts()
    rows = [
        {"kind": kind, "meaning": meaning, "n": int(counts.get(kind, 0))}
        for kind, meaning in KINDS.items()
    ]
    return show_table(
        pd.DataFrame(rows),
        label="deviation-kinds",
        caption="The kinds of deviation, and how many of each are listed.",
        names={"n": "deviations"},
        text=("kind", "meaning"),
    )


def count_sentence(profile: str) -> Markdown:
    """How many there are, of which paper, and of how many the effect is measured."""
    table = listing().assign(effect=effects(profile))
    parts = ", ".join(
        f"{int((table['paper'] == paper).sum())} from *{name}*" for paper, name in PAPERS.items()
    )
    none = int((table["effect"] == NOT_MEASURED).sum())
    waiting = int(table["effect"].str.startswith(NOT_RUN).sum())
    n = len(table)
    return Markdown(
        f"{n} deviations: {parts}. The effect of {n - none - waiting} is measured in this profile, "
        f"that of {waiting} can be and has not been run, and that of {none} is not measured. "
        "Effects are of the controlled world, with 95 % intervals; verdicts are after Holm's "
        "correction over the family of the page that made the comparison."
    )


def made_by(profile: str) -> Markdown:
    """The end of the page: the runs that its effects are read from."""
    return footer.made_by("deviations", list(NOTEBOOKS), profile)
