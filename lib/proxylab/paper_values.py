"""The papers' own numbers, read from data/paper: never typed into prose or code.

Each table is tidy: paper, table (a number, or "figure 3"), row, column, value, and a grade of how
well the value is known: P the paper's words, C its released code, T a third party's summary, D
derived here. Left out: tables and figures that could not be read.
"""

from pathlib import Path

import pandas as pd

from proxylab.environment import project_root
from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError

COLUMNS = ("paper", "table", "row", "column", "value", "grade")
GRADES = {
    "P": "the paper's words",
    "C": "the released code",
    "T": "a third party's summary",
    "D": "derived here",
}


def paper_table(paper: str, table: str, *, folder: Path | None = None) -> pd.DataFrame:
    """One table of a paper as tidy rows, in the paper's order; values are numbers where all are.

    Arguments: `paper` is "elephant" or "targeting"; `table` is its number ("4"), or a name such
    as "figure 3", "coverage", "gaussian"; `folder` holds one CSV a paper (default: the project's
    data/paper).
    Raises PreferenceError for an unknown paper or table, naming the nearest known one.
    """
    folder = folder or project_root() / "data" / "paper"
    papers = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    if paper not in papers:
        raise PreferenceError(missing_name("paper", paper, papers))
    values = pd.read_csv(papers[paper], dtype="str", keep_default_na=False)
    rows = values[values["table"] == str(table)].reset_index(drop=True)
    if rows.empty:
        raise PreferenceError(
            missing_name(f"table of {paper}", str(table), values["table"].unique())
        )
    numbers = pd.to_numeric(rows["value"], errors="coerce")
    return rows if numbers.isna().any() else rows.assign(value=numbers)


def paper_value(paper: str, table: str, row: str, column: str) -> float | str:
    """One value of a paper's table. Raises PreferenceError for an unknown row or column."""
    values = paper_table(paper, table)
    for kind, wanted in (("row", row), ("column", column)):
        if wanted not in set(values[kind]):
            raise PreferenceError(missing_name(kind, wanted, values[kind].unique()))
    hits = values[(values["row"] == row) & (values["column"] == column)]
    if hits.empty:
        raise PreferenceError(f"table {table} of {paper} has no value for {row!r}, {column!r}")
    return hits["value"].iloc[0]
