"""The verdicts of the ledger and the one rule that gives them.

A paper's item is a direction, a definition or a question; ours is one estimate or several with
intervals. The rule reads only intervals and Holm's verdicts, so that nobody's taste decides what
counts as reproduced. Left out: how an estimate was made, which its page says; and a verdict on the
papers' own numbers, for no estimate of ours is of the same quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from proxylab.pages.verdicts import HIGHER, LOWER, ONE_SEED

SAME = "same direction"
DIFFERS = "differs"
MIXED = "both directions"
UNTOLD = "cannot be told"
CHECKED = "implemented, checked"
ANSWERED = "measured here"
NOT_HERE = "cannot be run here"
NOT_RUN = "not run yet"

MEANINGS = {
    SAME: "the paper states a direction; at least one of our comparisons has it and is clear after "
    "Holm's correction, and none is clear the other way. A claim that something exists: it does",
    DIFFERS: "ours is clear in the other direction. An exact count needs no interval. A check: it "
    "does not hold",
    MIXED: "some of our comparisons are clear in the paper's direction and some the other way",
    UNTOLD: "none of our comparisons is clear: the gap is inside the noise, or rests on one seed",
    CHECKED: "a definition, a procedure, a scheme, or what was derived here and the paper does not "
    "print: it is in the library or on the page, and the check named holds. No result of the paper "
    "is reproduced by that",
    ANSWERED: "the paper reports nothing to compare with; ours stands alone",
    NOT_HERE: "it needs what is not to be had, and the row says what",
    NOT_RUN: "the runs that it needs have no recorded result in this profile",
}


@dataclass(frozen=True)
class Found:
    """What we get for one item: Markdown with its interval, n and seeds; and the verdict."""

    ours: str
    verdict: str


def by_direction(rows: pd.DataFrame, *, expected: int) -> str:
    """The verdict on comparisons whose direction the paper states.

    Arguments: `rows` with the column verdict, as `pages.verdicts` gives it; `expected` +1 where the
    paper says higher, -1 where it says lower.
    Without a row there is nothing to judge by: NOT_RUN. Raises ValueError for another direction.
    """
    if expected not in (1, -1):
        raise ValueError(f"expected must be 1 (higher) or -1 (lower), got {expected!r}")
    if rows.empty:
        return NOT_RUN
    agrees, differs = (HIGHER, LOWER)[::expected]
    found = set(rows["verdict"])
    if agrees in found:
        return MIXED if differs in found else SAME
    return DIFFERS if differs in found else UNTOLD


def by_check(holds: bool) -> str:
    """The verdict on what can only be checked: whether the check holds."""
    return CHECKED if holds else DIFFERS


def clear_of(rows: pd.DataFrame) -> str:
    """'2 of 5 clear', or what keeps them from being judged."""
    clear = int(rows["verdict"].isin([HIGHER, LOWER]).sum())
    if (rows["verdict"] == ONE_SEED).all():
        return "one seed, not judged"
    return f"{clear} of {len(rows)} clear after Holm"


def seeds_text(n_seeds: int) -> str:
    """'3 seeds'."""
    return f"{n_seeds} {'seed' if n_seeds == 1 else 'seeds'}"


def tally(verdicts: Sequence[str]) -> dict[str, int]:
    """How many rows have each verdict, in the order of MEANINGS, those that occur."""
    return {name: n for name in MEANINGS if (n := sum(v == name for v in verdicts))}
