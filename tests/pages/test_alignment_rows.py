"""Differences between arms over a few seeds: limits, p-values and verdicts by hand."""

import numpy as np
import pandas as pd
import pytest
from proxylab.pages.alignment_rows import differences
from proxylab.pages.pooling import seed_error
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOISE,
    ONE_SEED,
    SHARE,
    UNDEFINED,
    judged,
    widened,
)
from scipy.stats import t, ttest_1samp

N_PROMPTS = 40


def table_of(seed_means, *, prompt_sd=0.0):
    """Columns a and b by seed and prompt; their difference has these means in the seeds."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(len(seed_means)), range(N_PROMPTS)])
    index.names = ["seed", "prompt"]
    noise = rng.normal(0, 1, (len(seed_means), N_PROMPTS))
    noise = prompt_sd * (noise - noise.mean(axis=1, keepdims=True))  # the means stay
    a = (np.array(seed_means)[:, None] + noise).ravel()
    return pd.DataFrame({"a": a, "b": 0.0}, index=index)


def judged_difference(seed_means, **options):
    found = differences(table_of(seed_means, **options), {"a - b": ("a", "b")})
    return judged(found).iloc[0]


def test_the_error_of_a_mean_over_seeds():
    # means 1, 2, 3: sd 1, over sqrt(3) seeds
    assert seed_error(table_of([1, 2, 3])["a"]) == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(seed_error(table_of([1])["a"]))


def test_where_seeds_differ_three_are_judged_by_students_t():
    row = judged_difference([0.1, 0.3, 0.5])
    expected = ttest_1samp([0.1, 0.3, 0.5], 0)
    assert row["p"] == pytest.approx(expected.pvalue)  # 0.12
    half = t.ppf(0.975, 2) * 0.2 / np.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((0.3 - half, 0.3 + half))
    # all three are above zero, and redrawing them never reaches it: yet this is noise
    assert row["verdict"] == NOISE


def test_where_prompts_differ_more_than_seeds_the_redraws_stand():
    row = judged_difference([0.30, 0.31, 0.29], prompt_sd=0.5)
    half = t.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    assert row["high"] - row["low"] > 4 * half
    # Student's p is the larger of the two here, its interval the narrower
    assert row["p"] == pytest.approx(ttest_1samp([0.30, 0.31, 0.29], 0).pvalue)
    assert row["verdict"] == HIGHER


def test_a_difference_alike_in_all_seeds_is_clear():
    assert judged_difference([0.299, 0.300, 0.301])["verdict"] == HIGHER


def test_ten_seeds_are_judged_by_redraws_alone():
    by_seed = np.linspace(0.1, 0.5, 10)
    assert judged_difference(by_seed)["p"] < ttest_1samp(by_seed, 0).pvalue
    assert judged_difference(by_seed[:9])["p"] == pytest.approx(ttest_1samp(by_seed[:9], 0).pvalue)


def row_of(value, n_seeds, *, error=0.1155):
    """A value with redraws' limits of +-0.1 and this standard error over the seeds."""
    limits = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return limits | {"n_seeds": n_seeds, "seed_se": error}


def test_an_area_is_judged_against_chance():
    rows = pd.DataFrame([row_of(0.8, 3), row_of(0.8, 10), row_of(0.2, 3, error=0.01)])
    found = judged(rows, null=0.5)
    # Three seeds: 0.8 +- 4.303 x 0.1155 holds one half; ten seeds: the redraws' 0.7 to 0.9 stand.
    assert found["low"].tolist() == pytest.approx([0.303, 0.7, 0.1], abs=1e-3)
    assert found["verdict"].tolist() == [NOISE, HIGHER, LOWER]


def test_limits_stay_within_what_is_estimated():
    found = widened(pd.DataFrame([row_of(0.8, 3)]), bounds=SHARE)  # 0.8 +- 0.497
    assert found[["low", "high"]].iloc[0].tolist() == pytest.approx([0.303, 1.0], abs=1e-3)


def test_one_seed_and_none_are_not_judged():
    rows = pd.DataFrame([row_of(0.3, 1, error=np.nan), row_of(np.nan, 0, error=np.nan)])
    assert judged(rows)["verdict"].tolist() == [ONE_SEED, UNDEFINED]
    assert widened(rows)["low"].iloc[0] == pytest.approx(0.2)  # nothing is known of other seeds
