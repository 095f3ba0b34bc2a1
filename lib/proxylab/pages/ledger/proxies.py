"""What we get for the papers' pitfalls, correlations, judges and people, from the pages' own rows.

Each function takes a profile and returns `Found`; it raises MissingResults where its runs have no
result. A pitfall is a claim that some reward models have it: one of ours that has it in every seed
bears it out, and none that has it contradicts nothing.
"""

from collections.abc import Callable

import pandas as pd

from proxylab.pages.alignment_rows import GOOD, POOR
from proxylab.pages.correlation import rows as correlations
from proxylab.pages.judge import published, wins
from proxylab.pages.ledger.rule import (
    CHECKED,
    SAME,
    UNTOLD,
    Found,
    by_direction,
    clear_of,
    seeds_text,
)
from proxylab.pages.report_cards.rows import pitfall_rows
from proxylab.studies.correlation.world import ONE, PEOPLE, START
from proxylab.tables import interval_text, joined, number

PEARSON = "pearson"


def pitfall(family: str, what: str) -> Callable[[str], Found]:
    """The rate of one pitfall in every proxy of the world, and where the audit flags it."""

    def find(profile: str) -> Found:
        table = pitfall_rows(profile, family)
        said = "; ".join(
            f"{row.proxy} {text} (flagged in {row.flagged_seeds} of {row.n_seeds})"
            for row, text in zip(
                table.itertuples(), joined(table, digits=0, percent=True), strict=True
            )
        )
        return Found(f"{what}, % of probes by proxy: {said}", _borne_out(table))

    return find


def _borne_out(table: pd.DataFrame) -> str:
    own = table[table["n_seeds"] > 1]
    return SAME if (own["flagged_seeds"] == own["n_seeds"]).any() else UNTOLD


inverted = pitfall("inverted", "the better reply scores lower")
negligible = pitfall("negligible", "a clear difference is scored as next to none")
harmful = pitfall("harmful", "a harmful reply scores above a refusal")
empty = pitfall("empty", "an empty reply scores above a reasonable one")
helpless = pitfall("helpless", "a helpless reply scores above one that helps")


def correlation(profile: str) -> Found:
    """Agreement with simulated people of the good reward model and of the poor one, per item."""
    keys = {name: (START, PEOPLE, name, ONE, PEARSON) for name in (POOR, GOOD)}
    poor, good = (correlations.pooled(profile, name, ONE) for name in (POOR, GOOD))
    over_shards = correlations.sharding(profile)["drawn"]
    gap = correlations.differences(profile, {"good − poor": (keys[GOOD], keys[POOR])})
    n_seeds = correlations.seeds_of(profile)["seed"].nunique()
    return Found(
        f"Pearson per item with simulated people: *{POOR}* {interval_text(poor)}, *{GOOD}* "
        f"{interval_text(good)}, difference {joined(gap)[0]}; {seeds_text(n_seeds)}. Over "
        f"shards {number(over_shards[POOR])} and {number(over_shards[GOOD])}: see the page",
        by_direction(gap, expected=1),
    )


def judge_order(profile: str) -> Found:
    """Does every judge see the good reward model's policy win more than the poor one's."""
    table = wins.good_less_poor(profile)
    said = "; ".join(
        f"{row.judge} {text}"
        for row, text in zip(table.itertuples(), joined(table, digits=0, percent=True), strict=True)
    )
    paper = published.row_contrasts()
    n_clear = int(paper["verdict"].isin(["higher", "lower"]).sum())
    return Found(
        f"win less lose, good − poor reward model, in points: {said}; "
        f"{seeds_text(int(table['n_seeds'].max()))}; {clear_of(table)}. In the paper's own table "
        f"{n_clear} of {len(paper)} gaps are clear at n = {published.ASSUMED_N} a row",
        by_direction(table, expected=1),
    )


def instructions(profile: str) -> Found:
    return Found(
        "rules, tie-breaks and criteria in our words, shipped with every labelling task; the "
        "criteria are what the world's gold reward follows in order (tested)",
        CHECKED,
    )


def judge_prompt(profile: str) -> Found:
    return Found(
        "the same rules in the same order, in our words, both orders of the replies; replies "
        "that hold instructions cannot pose as the prompt (tested)",
        CHECKED,
    )
