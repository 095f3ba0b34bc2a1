"""The cleaned set: Same kept, Opposite swapped, the rest dropped (Elephant, section 3.2.1).

Left out: any repair of dropped pairs. A swapped pair's new chosen response has not been checked
for toxicity; the paper's Toxic concerns the response recorded as chosen.
"""

import pandas as pd

from proxylab.preferences.schema import PreferenceError, check_pairs
from proxylab.preferences.swapping import swap_replies


def cleaned_set(pairs: pd.DataFrame, categories: pd.DataFrame) -> pd.DataFrame:
    """The pairs that the annotators confirm or correct, as a pair frame.

    Arguments: a pair frame; a frame with pair_id and category, one row for each of the pairs.
    Identifiers stay those of the original pairs. Raises PreferenceError for a pair without a
    category, ValueError for a column about one reply that has no partner about the other.
    """
    category = pairs["pair_id"].map(categories.set_index("pair_id")["category"])
    if category.isna().any():
        raise PreferenceError(f"pair {pairs['pair_id'][category.isna()].iloc[0]!r} has no category")
    corrected = swap_replies(pairs, category == "Opposite")
    return check_pairs(corrected[category.isin(["Same", "Opposite"])].reset_index(drop=True))
