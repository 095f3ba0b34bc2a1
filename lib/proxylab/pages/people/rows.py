"""Recorded counts of the aggregation runs as rows with intervals, over pairs and over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.pages.pooling import pooled_by, seed_error
from proxylab.pages.redraws import limits, nested_counts
from proxylab.pages.usual import first_seed
from proxylab.results import MissingResults, gather
from proxylab.studies.aggregation.crowds import ADVERSARY, EQUAL, SPAMMER, UNEQUAL

NOTEBOOK = "aggregate_votes"
WORLD = {"votes": "world"}
DATA_NAMES = {"pandalm": "PandaLM", "ukpconvarg1": "UKPConvArg1"}
UNIT_NAMES = {"pandalm": "instructions", "ukpconvarg1": "sides of a debate"}
# For captions of Wilson's intervals, which take pairs for the unit.
OVER_PAIRS = (
    f"as if pairs were independent: too narrow for {' and '.join(UNIT_NAMES.values())} that were "
    "never seen"
)
METHOD_NAMES = {
    "count": "counts (the paper's rule)",
    "majority": "majority",
    "dawid_skene": "Dawid-Skene",
    "mace": "MACE",
    "glad": "GLAD",
    "crowdlab": "CROWDLAB",
}
CROWD_NAMES = {
    EQUAL: "equal annotators",
    UNEQUAL: "unequal noise",
    SPAMMER: "one in four flips coins",
    ADVERSARY: "one in four says the opposite",
}


def people(table: str, profile: str) -> pd.DataFrame:
    """A table of the runs on people's votes. Raises MissingResults where there is none."""
    rows = gather(NOTEBOOK, table, profile=profile, where={"votes": list(DATA_NAMES)})
    return first_seed(rows, of="votes")


def world(table: str, profile: str) -> pd.DataFrame:
    """A table of the runs in the world. Raises MissingResults where there is none."""
    return gather(NOTEBOOK, table, profile=profile, where=WORLD)


def people_or_none(table: str, profile: str) -> pd.DataFrame | None:
    """As `people`, None where nobody has run it."""
    try:
        return people(table, profile)
    except MissingResults:
        return None


def differences(profile: str) -> pd.DataFrame:
    """Accuracy of each method's labels less the majority's, by crowd and number of annotators.

    Columns as `pooled_differences` gives them; the pairs are the clear ones.
    """
    counts = world("labels", profile)
    counts = counts[counts["method"] != "majority"]
    return pooled_differences(counts, ["crowd", "n_annotators", "method"])


def pooled_differences(counts: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean of `right` less `majority_right` by `keys`, as `verdicts.judged` takes it.

    Columns: the keys, value, low, high (fractions, over seeds and pairs), n, n_seeds, seed_se.
    """
    keys = list(keys)
    counts = counts.assign(difference=counts["right"] - counts["majority_right"])
    each = one_row_each(counts)
    own = each.groupby(keys, sort=False)
    errors = each.set_index("seed").groupby(keys, sort=False)["difference"].agg(seed_error)
    known = pd.DataFrame({"n_seeds": own["seed"].nunique(), "seed_se": errors}).reset_index()
    return pooled_by(each, keys, "difference").merge(known, on=keys, validate="1:1")


def accuracies(profile: str) -> pd.DataFrame:
    """As `differences`, of each method's own accuracy, the majority among them."""
    keys = ["crowd", "n_annotators", "method"]
    return pooled_by(one_row_each(world("labels", profile)), keys, "right")


def one_row_each(counts: pd.DataFrame) -> pd.DataFrame:
    """A row a pair in place of a row a kind of pair and its count."""
    return counts.loc[counts.index.repeat(counts["count"])].reset_index(drop=True)


def units_in_words(votes: Sequence[str], n: Sequence[int]) -> list[str]:
    """'32 sides of a debate': how many of what each data set's intervals redraw."""
    return [f"{own} {UNIT_NAMES[name]}" for name, own in zip(votes, n, strict=True)]


def paired_mean(counts: pd.DataFrame, value: str) -> dict[str, float]:
    """Mean over pairs and draws of the record: value, low, high, n (pairs of a draw), n_units.

    The limits redraw whole groups (of one instruction, of one side of a debate), with all their
    pairs and all draws: neither is independent of what shares its group. All means of a data set
    see the same redraws.
    """
    weight, group = counts["count"].to_numpy(float), counts["group"].to_numpy()
    codes, groups = pd.factorize(group, sort=True)
    sums = np.bincount(codes, weight * counts[value].to_numpy(float))
    times, sizes = nested_counts((len(groups),)), np.bincount(codes, weight)
    n = round(weight.sum() / counts["draw"].nunique())
    return limits(times @ sums / (times @ sizes)) | {"n": n, "n_units": len(groups)}
