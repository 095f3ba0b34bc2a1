"""Found categories against true ones, where the truth is known: the controlled world.

What the paper could not do: it had no truth to compare its four annotators with. Left out: costs
that differ by kind of error.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.cleaning.categories import CATEGORIES, LABELS
from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError
from proxylab.stats import wilson


def confusion(true: Sequence[str], found: Sequence[str]) -> pd.DataFrame:
    """Counts of pairs by true (rows) and found (columns) category, in the order of LABELS.

    Arguments: two sequences `(n_pairs,)` in the same order of pairs.
    Raises PreferenceError when their lengths differ or a name is no category.
    """
    true, found = np.asarray(true, object), np.asarray(found, object)
    if true.shape != found.shape:
        raise PreferenceError(f"{len(true)} true categories against {len(found)} found ones")
    for name in {*true, *found} - set(LABELS):
        raise PreferenceError(missing_name("category", str(name), LABELS))
    table = pd.crosstab(pd.Series(true, name="true"), pd.Series(found, name="found"))
    return table.reindex(index=list(LABELS), columns=list(LABELS), fill_value=0)


def precision_recall(
    true: Sequence[str], found: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Precision and recall of each of the six categories, with Wilson intervals.

    Arguments as in `confusion`. Returns category, n_true, n_found, n_both, precision,
    precision_low, precision_high, recall, recall_low, recall_high; NaN where a category was never
    found (precision) or never true (recall). An undecided pair counts against recall.
    """
    table = confusion(true, found)
    rows = []
    for name in CATEGORIES:
        n_both, n_found, n_true = table.loc[name, name], table[name].sum(), table.loc[name].sum()
        precision = wilson(int(n_both), int(n_found), level=level)
        recall = wilson(int(n_both), int(n_true), level=level)
        rows.append(
            {
                "category": name,
                "n_true": int(n_true),
                "n_found": int(n_found),
                "n_both": int(n_both),
                "precision": precision.estimate,
                "precision_low": precision.low,
                "precision_high": precision.high,
                "recall": recall.estimate,
                "recall_low": recall.low,
                "recall_high": recall.high,
            }
        )
    return pd.DataFrame(rows)
