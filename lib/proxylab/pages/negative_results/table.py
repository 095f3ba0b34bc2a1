"""What came out as noise or against expectation, page by page, with what was clear counted beside.

Nothing is chosen by hand: every comparison of every family is sorted by its verdict and by what was
expected. Left out: comparisons whose runs are missing, which are named.
"""

from functools import cache

import nbformat
import numpy as np
import pandas as pd
import yaml
from IPython.display import Markdown

from proxylab.environment import project_root
from proxylab.pages import footer
from proxylab.pages.negative_results.families import FAMILIES
from proxylab.pages.negative_results.family import DOWN, OPEN, UP, Family
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM
from proxylab.results import MissingResults
from proxylab.tables import DASH, escaped, joined, markdown_table, number, show_table

AS_EXPECTED = "as expected"
AGAINST = "against"
UNASKED = "clear, open"
ALONE = "clear alone"
WITHIN_NOISE = "noise"
NOT_JUDGED = "not judged"
MEANINGS = {
    AS_EXPECTED: "clear after Holm's correction, in the direction that the papers claim or the "
    "method is for",
    AGAINST: "clear after Holm's correction, in the other direction",
    UNASKED: "clear after Holm's correction; an open question had been asked",
    ALONE: "its own interval excludes the null value, the corrected p does not",
    WITHIN_NOISE: "the interval holds the null value; of a bias to be found: missed in some seed",
    NOT_JUDGED: "one seed, too few cases, or undefined",
}
SHOWN = (AGAINST, ALONE, WITHIN_NOISE, NOT_JUDGED)
WIDTHS = {
    "comparison": 28,
    "value": 20,
    "seeds": 6,
    "expected": 9,
    "outcome": 18,
}
DIRECTIONS = {UP: "higher", DOWN: "lower", OPEN: "open"}
NOTEBOOKS = (
    "train_reward_model",
    "measure_rulers",
    "measure_conflict",
    "shf_cas",
    "align",
    "audit",
    "measure_correlation",
    "measure_scores",
    "judge",
    "aggregate_votes",
    "benchmark",
)


def kind_of(verdict: str, expected: int) -> str:
    """Which of MEANINGS a comparison falls under, by its verdict and its expected direction."""
    if verdict in (HIGHER, LOWER):
        if expected == OPEN:
            return UNASKED
        return AS_EXPECTED if (verdict == HIGHER) == (expected == UP) else AGAINST
    return {NOISE: WITHIN_NOISE, NOT_AFTER_HOLM: ALONE}.get(verdict, NOT_JUDGED)


@cache
def collected(profile: str) -> tuple[pd.DataFrame, tuple[tuple[Family, str], ...]]:
    """All comparisons with page, what and kind; and the families without runs, with the notebook.

    Values of a family in per cent are multiplied already.
    """
    frames, missing = [], []
    for family in FAMILIES:
        try:
            table = family.read(profile)
        except MissingResults as error:
            missing.append((family, error.notebook))
            continue
        limits = table[["value", "low", "high"]].astype(float) * (100 if family.percent else 1)
        kinds = [kind_of(row.verdict, row.expected) for row in table.itertuples()]
        frames.append(
            table.assign(page=family.page, what=family.what, kind=kinds, **limits.to_dict("series"))
        )
    columns = ["page", "what", "comparison", "value", "low", "high", "n_seeds", "kind", "expected"]
    empty = pd.DataFrame(columns=columns)
    return (pd.concat(frames, ignore_index=True) if frames else empty), tuple(missing)


def counts_table(profile: str) -> Markdown:
    """How many comparisons of each page came out how."""
    table, _ = collected(profile)
    if table.empty:
        return Markdown("")
    rows = []
    for page in [*dict.fromkeys(table["page"]), None]:
        own = table if page is None else table[table["page"] == page]
        name = "all" if page is None else f"[{title_of(page)}]({page}.ipynb)"
        counts = {kind: int((own["kind"] == kind).sum()) for kind in MEANINGS}
        rows.append({"page": name, "all": len(own)} | counts)
    body = markdown_table(pd.DataFrame(rows), markdown=("page",))
    caption = "Every comparison by page and by what it came to (@tbl-negative-rule)."
    return Markdown(f"{body}\n\n: {caption} {{#tbl-negative-counts}}\n")


def count_sentence(profile: str) -> Markdown:
    """The counts over all pages in words, and what is missing."""
    table, missing = collected(profile)
    n = len(table)
    if not n:
        return Markdown("No comparison has a recorded run in this profile yet.")
    counts = table["kind"].value_counts()
    directed = table[table["expected"] != OPEN]
    clear = int((directed["kind"] == AS_EXPECTED).sum())
    against = int((directed["kind"] == AGAINST).sum())
    text = (
        f"Of {n} comparisons on {table['page'].nunique()} pages, "
        f"{int(counts.get(WITHIN_NOISE, 0))} are noise and {int(counts.get(ALONE, 0))} would be "
        f"clear only if they stood alone. Of the {len(directed)} with an expected direction, "
        f"{clear} are clear that way and {against} the other way."
    )
    if missing:
        said = ", ".join(
            f"{title_of(family.page)}: {family.what} (`{notebook}`)" for family, notebook in missing
        )
        text += f" Not run yet: {said}."
    return Markdown(text)


def against_list(profile: str) -> Markdown:
    """The comparisons that came out clear the other way, of all pages."""
    table, _ = collected(profile)
    own = table[table["kind"] == AGAINST]
    if own.empty:
        return Markdown("No comparison is clear against expectation.")
    lines = [
        f"- [{title_of(row.page)}]({row.page}.ipynb), {escaped(row.what)}: "
        f"*{escaped(row.comparison)}* {text}, expected {DIRECTIONS[row.expected]}"
        for row, text in zip(own.itertuples(), joined(own), strict=True)
    ]
    return Markdown("\n".join(lines))


def sections(profile: str) -> Markdown:
    """One section a page: a folded table for each of its families."""
    table, _ = collected(profile)
    lines = []
    for page in dict.fromkeys(table["page"]):
        own = table[table["page"] == page]
        lines.append(f"### {title_of(page)} {{#sec-negative-{page.replace('_', '-')}}}\n")
        lines.append(f"{_page_in_words(own)} [To the page]({page}.ipynb).\n")
        lines += [_family_fold(part) for _, part in own.groupby("what", sort=False)]
    return Markdown("\n".join(lines))


def _page_in_words(own: pd.DataFrame) -> str:
    hidden = own[~own["kind"].isin(SHOWN)]
    rest = own[own["kind"].isin(SHOWN)]
    by_kind = ", ".join(f"{(rest['kind'] == kind).sum()} {kind}" for kind in SHOWN)
    return f"{len(own)} comparisons: {len(hidden)} clear and not against; {by_kind}."


def _family_fold(part: pd.DataFrame) -> str:
    own = part[part["kind"].isin(SHOWN)]
    what = part["what"].iloc[0]
    title = f"{what[:1].upper()}{what[1:]}: {len(own)} of {len(part)}"
    if own.empty:
        return f"{title}.\n"
    order = own["kind"].map(SHOWN.index)
    body = markdown_table(
        _shown(own.iloc[np.argsort(order, kind="stable")]),
        text=("comparison", "expected", "outcome"),
        widths=WIDTHS,
    )
    return f'::: {{.callout-note collapse="true"}}\n## {title}\n\n{body}\n:::\n'


def _shown(own: pd.DataFrame) -> pd.DataFrame:
    seeds = own["n_seeds"].astype(float)
    return pd.DataFrame(
        {
            "comparison": own["comparison"],
            "value": joined(own),
            "seeds": [DASH if np.isnan(n) else number(n, 0) for n in seeds],
            "expected": own["expected"].map(DIRECTIONS),
            "outcome": own["kind"],
        }
    )


@cache
def title_of(page: str) -> str:
    """The page's own title, from its notebook."""
    path = project_root() / "notebooks" / "pages" / f"{page}.ipynb"
    if not path.is_file():
        return page.replace("_", " ").capitalize()
    front_matter = nbformat.read(path, as_version=4).cells[0].source
    return str(yaml.safe_load(front_matter.strip().strip("-"))["title"])


def rule_table() -> Markdown:
    """What each outcome means."""
    return show_table(
        pd.DataFrame(MEANINGS.items(), columns=["outcome", "given where"]),
        label="negative-rule",
        caption="How every comparison is sorted.",
        text=("outcome", "given where"),
    )


def made_by(profile: str) -> Markdown:
    """The end of the page: the runs of every notebook that it reads."""
    return footer.made_by("negative_results", list(NOTEBOOKS), profile)
