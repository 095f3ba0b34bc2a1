"""Recorded counts of the aggregation runs as rows with intervals, over pairs and over seeds."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from proxylab.pages.areas import LEVEL
from proxylab.pages.pooling import pooled_by
from proxylab.results import MissingResults, gather
from proxylab.studies.aggregation.crowds import ADVERSARY, EQUAL, SPAMMER, UNEQUAL

NOTEBOOK = "aggregate_votes"
WORLD = {"votes": "world"}
DATA_NAMES = {"pandalm": "PandaLM", "ukpconvarg1": "UKPConvArg1"}
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
    return gather(NOTEBOOK, table, profile=profile, where={"votes": list(DATA_NAMES)})


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

    Columns crowd, n_annotators, method, value, low, high (fractions), n, n_seeds; intervals over
    seeds and clear pairs.
    """
    counts = world("labels", profile)
    counts = counts[counts["method"] != "majority"]
    counts = counts.assign(difference=counts["right"] - counts["majority_right"])
    keys = ["crowd", "n_annotators", "method"]
    rows = pooled_by(one_row_each(counts), keys, "difference")
    return rows.assign(n_seeds=counts["seed"].nunique())


def accuracies(profile: str) -> pd.DataFrame:
    """As `differences`, of each method's own accuracy, the majority among them."""
    keys = ["crowd", "n_annotators", "method"]
    return pooled_by(one_row_each(world("labels", profile)), keys, "right")


def one_row_each(counts: pd.DataFrame) -> pd.DataFrame:
    """A row a pair in place of a row a kind of pair and its count."""
    return counts.loc[counts.index.repeat(counts["count"])].reset_index(drop=True)


def paired_mean(counts: pd.DataFrame, value: str) -> dict[str, float]:
    """Mean over pairs and draws of the record, with normal limits over pairs.

    Several draws share their pairs, so the limits are those of a single draw, which is cautious.
    """
    weight = counts["count"].to_numpy(float)
    mean = float(np.average(counts[value], weights=weight))
    variance = float(np.average((counts[value] - mean) ** 2, weights=weight))
    n = weight.sum() / counts["draw"].nunique()
    half = norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance / n)
    return {"value": mean, "low": mean - half, "high": mean + half, "n": round(n)}
