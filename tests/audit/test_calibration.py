"""Calibration on gaps whose every number can be worked out."""

import numpy as np
import pandas as pd
import pytest
from proxylab.audit.calibration import (
    brier,
    calibrating_slope,
    calibration_error,
    calibration_table,
    kind_of_subset,
    reliability,
    reliability_table,
)
from scipy.special import logit


def scores(gaps):
    return pd.DataFrame({"score_chosen": gaps, "score_rejected": np.zeros(len(gaps))})


def test_a_bin_holds_confidence_and_share_right():
    gap = logit(0.72)
    table = reliability(np.array([gap, gap, gap, -gap, 0.0]))
    row = table.iloc[0]
    assert len(table) == 1  # all of one confidence, the tie left out
    assert (row["bin_low"], row["bin_high"]) == (pytest.approx(0.7), pytest.approx(0.75))
    assert (row["confidence"], row["right"], row["n"]) == (pytest.approx(0.72), 0.75, 4)


def test_certainty_belongs_to_the_last_bin():
    table = reliability(np.array([1000.0]))
    assert table["bin_high"].tolist() == [1.0]


def test_calibration_error_by_hand():
    # bin of 0.6: 0.6 against 0.5, two pairs; bin of 0.9: 0.9 against 1, two pairs
    confidence, right = np.array([0.6, 0.6, 0.9, 0.9]), np.array([1.0, 0.0, 1.0, 1.0])
    assert calibration_error(confidence, right) == pytest.approx(0.1)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0)))


def test_a_tie_is_a_coin_tossed():
    assert calibration_error(np.array([0.5]), np.array([0.5])) == 0.0
    assert brier(np.zeros(3)) == 0.25


def test_the_slope_turns_confidence_into_the_share_right():
    # right in 3 of 4 at one gap g: the best slope makes sigmoid(slope g) = 3/4
    gaps = np.array([2.0, 2.0, 2.0, -2.0])
    assert calibrating_slope(gaps) == pytest.approx(logit(0.75) / 2)
    assert calibrating_slope(10 * gaps) == pytest.approx(logit(0.75) / 20)


def test_the_slopes_ends():
    assert calibrating_slope(np.array([1.0, -2.0])) == 0.0  # worse than a coin
    assert calibrating_slope(np.array([1.0, 2.0])) > 1e5  # never wrong
    assert np.isnan(calibrating_slope(np.zeros(4)))


def test_a_calibrated_proxy_is_found_calibrated_and_a_sure_one_too_sure():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 0.99, 4000)
    gaps = np.where(rng.random(4000) < confidence, 1, -1) * logit(confidence)
    kinds = np.repeat("helpful", 4000)
    tables = [
        calibration_table(scores(c * gaps), kinds, rng=rng, n_resamples=50).set_index("measure")
        for c in (1.0, 3.0)
    ]
    assert tables[0].loc["temperature", "low"] < 1 < tables[0].loc["temperature", "high"]
    assert tables[0].loc["ece", "value"] < 2 * tables[0].loc["ece", "null"]
    # Redraws of a calibrated proxy's error never hold its true value, 0: no interval is given.
    assert tables[0].loc["ece", ["low", "high"]].isna().all()
    # three times the gaps: three times the temperature, and after it the same Brier score
    found, first = (t.loc["temperature", "value"] for t in (tables[1], tables[0]))
    assert found == pytest.approx(3 * first)
    repaired = [t.loc["brier calibrated", "value"] for t in tables]
    assert repaired[1] == pytest.approx(repaired[0])
    assert tables[1].loc["brier", "value"] > tables[0].loc["brier", "value"]
    assert tables[1].loc["ece", "value"] > 2 * tables[1].loc["ece", "null"]


def test_a_useless_proxy_has_an_infinite_temperature_and_finite_limits_where_there_are_any():
    gaps = np.array([1.0, -1.0] * 50)
    table = calibration_table(
        scores(gaps), np.repeat("helpful", 100), rng=np.random.default_rng(0), n_resamples=50
    ).set_index("measure")
    assert table.loc["temperature", "value"] == np.inf
    assert table.loc["brier calibrated", "value"] == 0.25


def test_kinds_apart_and_missing_scores_left_out():
    gaps = np.array([1.0, 1.0, -1.0, np.nan])
    kinds = np.array(["helpful", "harmless", "harmless", "helpful"])
    table = calibration_table(scores(gaps), kinds, rng=np.random.default_rng(0), n_resamples=20)
    accuracy = table[table["measure"] == "accuracy"].set_index("kind")
    assert accuracy["n"].to_dict() == {"all": 3, "harmless": 2, "helpful": 1}
    assert accuracy.loc["harmless", "value"] == 0.5
    assert set(reliability_table(scores(gaps), kinds)["kind"]) == {"all", "harmless", "helpful"}


def test_kinds_are_read_off_the_names_of_subsets():
    subsets = pd.Series(["harmless-base", "helpful-online", "world"])
    assert kind_of_subset(subsets).tolist() == ["harmless", "helpful", "helpful"]
