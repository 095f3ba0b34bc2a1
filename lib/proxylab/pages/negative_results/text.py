"""The families of comparisons on real text: gold, the gap, conflict, feedback and alignment.

Left out: the world's rows that stand beside them there, which are judged on pages of their own, and
how often gold and proxy agree, of which no chance level was tested.
"""

import pandas as pd

from proxylab.pages.negative_results.family import DOWN, OPEN, UP, tidy
from proxylab.pages.overoptimisation.curves import FALL, RISE
from proxylab.pages.real_text import alignment, best_of_n, detection, feedback, gains, gap, gold
from proxylab.pages.real_text.rows import ALIGN, DATA, is_text
from proxylab.results import MissingResults

ENDS = {FALL: "gold: end − best", RISE: "proxy: end − best"}
DIRECTIONS = {"low_conflict": DOWN, "random_pairs": OPEN}  # of selectors; the others should gain


def labels_followed(profile: str) -> pd.DataFrame:
    """Gold should follow published labels more often than a coin; a biased proxy may or may not."""
    table = gold.shares(profile)
    table = table[table["what"].isin([gold.GOLD, gold.PROXY])]
    known = (table["what"] == gold.GOLD).map({True: UP, False: OPEN})
    return tidy(table, table["task"] + ", " + table["what"].map(gold.WHAT), known)


def gold_lead(profile: str) -> pd.DataFrame:
    """What stands for gold should know better than the proxy it is to correct."""
    table = gold.shares(profile)
    table = table[table["what"] == gold.LEAD]
    return tidy(table, table["task"] + ", gold − biased proxy", UP)


def gap_in_order(profile: str) -> pd.DataFrame:
    """A model should order completions better where it was taught the region."""
    table = gap.gaps(profile)
    table = table[is_text(table)]
    return tidy(table, table["task"] + ", " + table["who"] + ", taught − not taught", UP)


def gap_in_pairs(profile: str) -> pd.DataFrame:
    table = gold.coverage(profile)
    return tidy(table, table["task"] + ", regions taught − the others", UP)


def right_where_taught(profile: str) -> pd.DataFrame:
    table = gold.taught(profile)
    return tidy(table, table["task"], UP)


def wrong_proxies(profile: str) -> pd.DataFrame:
    table = detection.conflict_areas(profile)
    return tidy(table, table["task"] + ", " + table["place"], UP)


def other_scores(profile: str) -> pd.DataFrame:
    table = detection.score_contrasts(profile)
    return tidy(table, table["task"] + ", " + table["score"].map(detection.SCORES), OPEN)


def to_gain(profile: str) -> pd.DataFrame:
    table = gains.gains(profile)
    if table.empty:
        raise MissingResults(feedback.FEEDBACK, profile=profile, where={"data": DATA})
    return tidy(table, table["task"] + ", " + table["what"], UP)


def selectors(profile: str) -> pd.DataFrame:
    """Every selector less random, both measures and tasks."""
    table = feedback.against_random(profile)
    if table.empty:
        raise MissingResults(feedback.FEEDBACK, profile=profile, where={"data": DATA})
    name = table["task"] + ", " + table["measure"] + ", " + table["selector"].str.replace("_", " ")
    return tidy(table, name, table["selector"].map(DIRECTIONS).fillna(UP).astype(int))


def policies(profile: str) -> pd.DataFrame:
    """Aligned policies should gain gold; of their length nothing is expected."""
    table = alignment.changes(profile)
    return _by_measure(table)


def cleaned_pairs(profile: str) -> pd.DataFrame:
    table = alignment.cleaned_rows(profile)
    if table.empty:
        raise MissingResults(ALIGN, profile=profile, where={"data": DATA, "algorithm": "dpo"})
    return _by_measure(table)


def _by_measure(table: pd.DataFrame) -> pd.DataFrame:
    name = table["comparison"] + ", " + table["measure"].map(alignment.MEASURES)
    return tidy(table, name, (table["measure"] == "gold").map({True: UP, False: OPEN}))


def curve_ends(profile: str) -> pd.DataFrame:
    """As on the page on over-optimisation: gold should fall, the proxy rise, gold end above 0."""
    table = best_of_n.endings(profile)
    what = table["what"].map(ENDS).fillna("gold: end − one completion")
    expected = table["what"].map({FALL: DOWN}).fillna(UP).astype(int)
    return tidy(table, table["proxy"] + ", " + what, expected)
