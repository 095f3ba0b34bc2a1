"""The six categories of Elephant, section 3.1, from posteriors instead of counts.

Same if the recorded response is the better one with at least the threshold's probability, Opposite
if the other one is, Vague if neither. With the shares of the votes as probabilities a threshold of
3/4 is the rule "three_quarters" of `cleaning.categories`. Empty, Repetitive and Toxic are not a
matter of which response is better and stay as they are. Left out: a threshold for each category.
"""

import numpy as np
import pandas as pd

from proxylab.cleaning.categories import MIN_VOTES, UNDECIDED
from proxylab.preferences.schema import PreferenceError

THRESHOLD = 0.75
BY_VOTES = ("Same", "Opposite", "Vague", UNDECIDED)


def category_by_posterior(
    aggregated: pd.DataFrame, *, threshold: float = THRESHOLD, min_votes: int = MIN_VOTES
) -> np.ndarray:
    """Same, Opposite, Vague or Undecided for each row of a frame from `aggregate`.

    Arguments: `threshold` a probability above 1/2; fewer than `min_votes` votes are Undecided.
    Raises PreferenceError for a threshold that two outcomes could reach at once.
    """
    if not 0.5 < threshold <= 1:
        raise PreferenceError(f"threshold must lie above 0.5 and at most at 1, is {threshold}")
    enough = aggregated["n_votes"].to_numpy() >= max(min_votes, 1)
    reached = threshold - 1e-9  # 3 / 4 votes reach 0.75, whatever the rounding
    same, opposite = (aggregated[name].to_numpy() >= reached for name in ("p_chosen", "p_rejected"))
    return np.select([~enough, same, opposite], [UNDECIDED, "Same", "Opposite"], "Vague")


def recategorise(
    categories: pd.DataFrame,
    aggregated: pd.DataFrame,
    *,
    threshold: float = THRESHOLD,
    min_votes: int = MIN_VOTES,
) -> pd.DataFrame:
    """Categories from `categorise`, with what votes decide decided by the posterior instead.

    Arguments: a frame with pair_id and category; a frame from `aggregate` that covers the pairs
    whose category is one of BY_VOTES. Raises PreferenceError for such a pair that it lacks.
    """
    place = pd.Index(aggregated["pair_id"]).get_indexer(categories["pair_id"])
    open_to_votes = categories["category"].isin(BY_VOTES).to_numpy()
    lacking = open_to_votes & (place < 0)
    if lacking.any():
        name = categories["pair_id"][lacking].iloc[0]
        raise PreferenceError(f"pair {name!r} has a category by votes and no posterior")
    found = category_by_posterior(aggregated, threshold=threshold, min_votes=min_votes)
    category = categories["category"].to_numpy(object, copy=True)
    category[open_to_votes] = found[place[open_to_votes]]
    return categories.assign(category=pd.array(category, dtype="str"))
