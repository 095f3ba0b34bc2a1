"""Pairs with chosen and rejected exchanged, and with them whatever is said of either reply.

One rule for cleaning, which turns labels that people contradict, and for biases of data, which turn
right ones. Left out: columns of other names; they are taken to be about the pair.
"""

import numpy as np
import pandas as pd

REPLIES = ("chosen", "rejected")


def swap_replies(pairs: pd.DataFrame, where: np.ndarray | pd.Series) -> pd.DataFrame:
    """The pairs with chosen and rejected exchanged, and with them what is said of each.

    That is every column `x_chosen` or `chosen_x`, as `gold_chosen` and `chosen_safe` are, and its
    partner of the rejected reply. Arguments: `where` `(n_pairs,)` bool, of a series by its index.
    Raises ValueError for such a column that has no partner to be exchanged with.
    """
    partners = _partners(pairs)
    exchanged = {one: pairs[one].mask(where, pairs[other]) for one, other in partners.items()}
    return pairs.assign(**exchanged)


def _partners(pairs: pd.DataFrame) -> dict[str, str]:
    """Each column that speaks of one reply -> the column that says the same of the other."""
    partners = dict(zip(REPLIES, reversed(REPLIES), strict=True))
    for column in map(str, pairs.columns):
        partner = _of_the_other(column)
        if partner is None:
            continue
        if partner not in pairs.columns:
            raise ValueError(
                f"column {column!r} has no {partner!r} to be swapped with: a swapped "
                "pair would carry the other reply's value; add it, or drop the column"
            )
        partners[column] = partner
    return partners


def _of_the_other(column: str) -> str | None:
    """The name with the other reply in it; None of a column that speaks of neither."""
    for reply, other in zip(REPLIES, reversed(REPLIES), strict=True):
        if column.endswith(f"_{reply}"):
            return column.removesuffix(reply) + other
        if column.startswith(f"{reply}_"):
            return other + column.removeprefix(reply)
    return None
