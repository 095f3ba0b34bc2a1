"""The families of comparisons on proxies and on who judges: audits, correlation, judges, people.

Left out: what one audit flags (a report card says it of each proxy), and the differences of
committees of published models, of which no test was kept.
"""

import numpy as np
import pandas as pd

from proxylab.pages.correlation import items, judgebench
from proxylab.pages.judge import position, wins
from proxylab.pages.negative_results.family import DOWN, OPEN, UP, tidy
from proxylab.pages.people import aggregation, categories
from proxylab.pages.people.rows import CROWD_NAMES, DATA_NAMES, METHOD_NAMES, differences
from proxylab.pages.report_cards import detection
from proxylab.pages.verdicts import HIGHER, NOISE, NOT_AFTER_HOLM, ONE_SEED, judged

ALPHA = 0.05


def injected_biases(profile: str) -> pd.DataFrame:
    """Audits of a bias at its largest dose: clear where every seed's audit finds it, else noise.

    Found: flagged in an expected family that the same seed's proxy has not without the bias.
    """
    table = detection.at_largest_dose(profile).rename(columns={"n": "n_seeds"})
    everywhere = np.where(table["value"] == 1, HIGHER, NOISE)
    table = table.assign(verdict=np.where(table["n_seeds"] < 2, ONE_SEED, everywhere))
    dose = table["dose"].map("{:g}".format)
    return tidy(table, table["proxy"] + ", " + table["bias"].str.replace("_", " ") + " " + dose, UP)


def chosen_by_proxy(profile: str) -> pd.DataFrame:
    """Optimising a proxy should cost it agreement with people."""
    table = items.selected_changes(profile)
    return tidy(table, table["comparison"], DOWN)


def published_models(profile: str) -> pd.DataFrame:
    """Published reward models in twos on the same pairs, the better one first: exact McNemar."""
    table = judgebench.comparison_rows(profile)
    return tidy(table.assign(verdict=_by_test(table)), table["names"], OPEN)


def published_models_by_task(profile: str) -> pd.DataFrame:
    """The same within each task."""
    table = judgebench.task_rows(profile)
    return tidy(table.assign(verdict=_by_test(table)), table["task"] + ", " + table["names"], OPEN)


def _by_test(table: pd.DataFrame) -> np.ndarray:
    """Verdicts of differences that are never negative, from p and the corrected test."""
    clear = [table["distinguishable"].astype(bool), table["p"] < ALPHA]
    return np.select(clear, [HIGHER, NOT_AFTER_HOLM], default=NOISE)


def judges_less_gold(profile: str) -> pd.DataFrame:
    """A judge's win less lose, less gold's: an open question, for a judge should not differ."""
    table = wins.against_gold(profile)
    return tidy(table, table["policy"] + ", " + table["comparison"], OPEN)


def judges_on_proxies(profile: str) -> pd.DataFrame:
    """Every judge should see the good reward model's policy win more than the poor one's."""
    table = wins.good_less_poor(profile)
    return tidy(table, table["judge"] + ", " + table["comparison"], UP)


def position_bias(profile: str) -> pd.DataFrame:
    """A judge that favours the first place: the response gains there, and loses in the second."""
    table = position.dose_errors(profile)
    side = table["comparison"].map({"response first": UP, "opponent first": DOWN}).fillna(OPEN)
    expected = side.where(table["dose"] > 0, OPEN).astype(int)
    name = "bias " + table["dose"].map("{:g}".format) + ", " + table["comparison"]
    return tidy(table, name, expected)


def aggregated_labels(profile: str) -> pd.DataFrame:
    """Models of who to trust should label better than the majority, by crowd and its size."""
    table = judged(differences(profile))
    crowd = table["crowd"].map(CROWD_NAMES) + ", " + table["n_annotators"].astype(str)
    return tidy(table, table["method"].map(METHOD_NAMES) + ", " + crowd, UP)


def unseen_votes(profile: str) -> pd.DataFrame:
    """The same on people's votes: who foresees a vote that was not seen."""
    table = aggregation.held_out_rows(profile)
    table = table[table["method"] != "majority"]
    name = table["votes"].map(DATA_NAMES) + ", " + table["method"].map(METHOD_NAMES)
    return tidy(table, name, UP)


def cleaned_by(profile: str) -> pd.DataFrame:
    """What a model learns from sets cleaned otherwise than by the paper's rule."""
    table = categories.trained_rows(profile)
    table = table[table["method"] != categories.COUNT]
    name = table["method"].map(categories.SET_NAMES) + ", " + table["crowd"].map(CROWD_NAMES)
    return tidy(table, name, UP)
