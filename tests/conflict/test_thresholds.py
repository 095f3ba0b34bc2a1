"""Thresholds by level: exact cases, closed-form means, and the metric itself by simulation."""

import numpy as np
import pytest
from proxylab import independence_threshold
from proxylab.conflict import (
    PAPER_COLUMNS,
    RELEASED_THRESHOLDS,
    gaussian_simulation,
    independence_level,
    prompt_conflict,
    released_levels,
    threshold_table,
)
from proxylab.paper_values import paper_table
from scipy.integrate import quad
from scipy.special import beta, betaincc, gamma

PAPER = paper_table("targeting", "gaussian")
CORRELATIONS = [-0.9, -0.5, 0.0, 0.3, 0.6, 0.9]


def mean_conflict(n_samples: int) -> float:
    """E mean |PACS| under independence, exactly: E sqrt(2 (1 - rho)) times E G.

    sqrt(2 (1 - rho)) = 2 sqrt(B), B ~ Beta(a, a). E G by Basu: E|x - mean| over E sd, which are
    sqrt(2/pi) sqrt((K-1)/K) and sqrt(2/K) Gamma(K/2) / Gamma((K-1)/2).
    """
    a, half = n_samples / 2 - 1, n_samples / 2
    length = 2 * beta(a + 0.5, a) / beta(a, a)
    return length * np.sqrt((n_samples - 1) / np.pi) * gamma(half - 0.5) / gamma(half)


def level_of_three(threshold: float) -> float:
    """Exact level at K = 3: z-scores lie on a circle, G = sqrt(8)/3 cos(phi), |phi| < pi/6."""

    def tail(phi: float) -> float:
        return betaincc(0.5, 0.5, min(1.0, (threshold / (2 * 8**0.5 / 3 * np.cos(phi))) ** 2))

    return quad(tail, 0, np.pi / 6, limit=200)[0] / (np.pi / 6)


@pytest.mark.parametrize("threshold", [0.2, 0.9, 1.4, 1.8])
def test_level_at_three_samples_is_exact(threshold):
    # sd of the tail over G is below 0.07 here, so five standard errors are 0.0008.
    assert independence_level(threshold, 3) == pytest.approx(level_of_three(threshold), abs=8e-4)


def test_level_at_two_samples_is_a_coin():
    # Two z-scores agree (0) or are opposite (2), each half the time.
    assert independence_level(0, 2) == independence_level(1.999, 2) == 0.5
    assert independence_level(2, 2) == 0


@pytest.mark.parametrize("n_samples", [3, 4, 8, 32])
def test_the_mean_that_the_levels_imply_is_exact(n_samples):
    # A positive variable's mean is the integral of its upper tail.
    grid = np.linspace(0, 2, 201)
    levels = [independence_level(t, n_samples) for t in grid]
    assert np.trapezoid(levels, grid) == pytest.approx(mean_conflict(n_samples), abs=1.5e-3)


def test_the_mean_at_eight_samples_is_the_paper_file_s():
    paper = PAPER.set_index(["row", "column"])["value"]["0.0", "mean abs PACS"]
    assert paper == pytest.approx(mean_conflict(8), abs=4 * 0.0013)  # se of 40,000 prompts


@pytest.mark.parametrize(("n_samples", "seed"), [(3, 1), (5, 2), (8, 3), (16, 4)])
def test_levels_are_those_of_the_metric_itself(n_samples, seed):
    n_prompts = 20_000
    reward, logprob = np.random.default_rng(seed).standard_normal((2, n_prompts, n_samples))
    conflict = prompt_conflict(reward, logprob)
    for level in (0.05, 0.5, 0.9):
        share = np.mean(conflict > independence_threshold(n_samples, level))
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / n_prompts))


def test_a_level_assumes_neither_unit_nor_equal_spread():
    rng = np.random.default_rng(5)
    reward, logprob = rng.normal(3, 0.1, (20_000, 8)), rng.normal(-50, 12, (20_000, 8))
    share = np.mean(prompt_conflict(reward, logprob) > independence_threshold(8, 0.2))
    assert share == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 20_000))


@pytest.mark.parametrize("n_samples", [3, 8, 24])
@pytest.mark.parametrize("level", [0.001, 0.3, 0.99])
def test_threshold_and_level_are_inverse(n_samples, level):
    threshold = independence_threshold(n_samples, level)
    assert 0 < threshold < 2
    assert independence_level(threshold, n_samples) == pytest.approx(level, abs=1e-6)


def test_higher_levels_have_lower_thresholds():
    thresholds = [independence_threshold(8, level) for level in (0.01, 0.05, 0.5, 0.95)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_the_released_thresholds_at_eight_samples():
    # The paper file: 72 % and 7 % of prompts where proxy and policy are merely unrelated.
    levels = released_levels()
    assert levels.keys() == RELEASED_THRESHOLDS.keys()
    assert round(levels["released-1.0"], 2) == 0.72
    assert round(levels["released-1.5"], 2) == 0.07


def test_what_a_released_threshold_means_changes_with_k():
    # Mean |PACS| settles as K grows: nearly every unrelated prompt is then above 1.0.
    assert released_levels(3)["released-1.0"] < 0.65
    assert released_levels(64)["released-1.0"] > 0.9


def test_the_same_seed_gives_the_same_number_and_another_a_near_one():
    first = independence_threshold(8, 0.123, seed=11)
    assert first == independence_threshold(8, 0.123, seed=11)
    other = independence_threshold(8, 0.123, seed=12)
    assert 0 < abs(first - other) < 0.005
    table = threshold_table([8], [0.123])
    # Two seeds' levels at one threshold differ by noise: five standard errors of a difference.
    gap = independence_level(first, 8, seed=12) - 0.123
    assert abs(gap) < 5 * 2**0.5 * table["level_se"].item()


def test_table_lists_every_case_and_its_error():
    table = threshold_table([8, 4], [0.5, 0.05])
    assert table[["n_samples", "level"]].values.tolist() == [
        [8, 0.5],
        [8, 0.05],
        [4, 0.5],
        [4, 0.05],
    ]
    assert table["threshold"][1] == independence_threshold(8, 0.05)
    assert table["level_se"].between(1e-6, 5e-4).all()  # the bound that N_DRAWS states


def test_the_stated_error_is_the_error():
    # The sd of 40 seeds' levels is itself known to 11 %: 0.4 is over three and a half of those.
    threshold = independence_threshold(8, 0.5, n_draws=4000)
    levels = [independence_level(threshold, 8, n_draws=4000, seed=s) for s in range(1, 41)]
    stated = threshold_table([8], [0.5], n_draws=4000)["level_se"].item()
    assert np.std(levels, ddof=1) == pytest.approx(stated, rel=0.4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: independence_threshold(2, 0.5), "n_samples must be 3 or more .* got 2"),
        (lambda: independence_threshold(8, 5), "level must lie strictly between 0 and 1"),
        (lambda: independence_level(-1, 8), "threshold must be 0 or more, got -1"),
        (lambda: independence_level(1, 1), "n_samples must be 2 or more, got 1"),
    ],
)
def test_impossible_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_paper_file_s_simulation_through_our_metrics():
    # Both are simulations of 40,000 prompts: four standard errors of a difference, and rounding.
    ours = gaussian_simulation(CORRELATIONS)
    assert sorted({float(row) for row in PAPER["row"]}) == ours["correlation"].tolist()
    for name, column in PAPER_COLUMNS.items():
        paper = PAPER[PAPER["column"] == column]["value"].to_numpy(float)
        tolerance = 4 * np.sqrt(2) * ours[f"{name}_se"] + 5e-4
        assert (np.abs(ours[name] - paper) <= tolerance).all(), name


def test_simulated_means_have_their_closed_forms():
    # K-T distance: 1/2 - arcsin(rho) / pi. Mean |PACS| is known at rho = 0.
    ours = gaussian_simulation(CORRELATIONS, n_prompts=20_000, seed=3)
    expected = 0.5 - np.arcsin(ours["correlation"]) / np.pi
    gap = np.abs(ours["kendall_tau_distance"] - expected)
    assert (gap <= 4 * ours["kendall_tau_distance_se"]).all()
    independent = ours.set_index("correlation").loc[0.0]
    error = abs(independent["mean_abs_pacs"] - mean_conflict(8))
    assert error <= 4 * independent["mean_abs_pacs_se"]


def test_full_correlation_is_no_conflict_and_its_reverse_all():
    table = gaussian_simulation([1, -1], n_samples=2, n_prompts=50)
    assert table["mean_abs_pacs"].tolist() == pytest.approx([0, 2])
    assert table["kendall_tau_distance"].tolist() == [0, 1]
    assert table["n_prompts"].tolist() == [50, 50]


def test_a_row_does_not_depend_on_the_others():
    alone = gaussian_simulation([0.3], 4, 100, seed=7)
    among = gaussian_simulation([-0.5, 0.3], 4, 100, seed=7)
    assert alone.iloc[0].equals(among.iloc[1].rename(0))


def test_mean_conflict_is_a_blurred_correlation():
    # Given its correlation, what is left of a Gaussian prompt's mean |PACS| is the factor G: the
    # ratio to sqrt(2 (1 - rho)) is unrelated to rho whatever the true correlation.
    rng = np.random.default_rng(0)
    reward, noise = rng.standard_normal((2, 5_000, 8))
    logprob = 0.5 * reward + np.sqrt(0.75) * noise
    conflict = prompt_conflict(reward, logprob)
    rho = np.array([np.corrcoef(r, p)[0, 1] for r, p in zip(reward, logprob, strict=True)])
    ratio = conflict / np.sqrt(2 * (1 - rho))
    assert abs(np.corrcoef(ratio, rho)[0, 1]) < 4 / np.sqrt(5_000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"correlations": [1.2]}, "must lie in -1 to 1, got 1.2"),
        ({"correlations": [0], "n_samples": 1}, "2 or more samples and prompts, got 1"),
    ],
)
def test_impossible_simulations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gaussian_simulation(n_prompts=10, **options)
