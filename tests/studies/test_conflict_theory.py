import numpy as np
import pytest
from proxylab.studies.conflict_theory import released_table, theory_table, theory_tables


@pytest.fixture(scope="module")
def table():
    return theory_table(n_prompts=3000, n_samples=8, seed=0)


def test_conflict_says_nothing_where_the_policy_knows_nothing(table):
    # Conflict with an independent policy is independent of how the proxy orders by gold; about
    # 1000 wrong proxies of 3000 give a standard error of 0.011.
    unknown = table[table["policy_knowledge"] == 0]
    assert np.abs(unknown["auroc"] - 0.5).max() < 0.045
    assert np.abs(unknown["gain"]).max() < 0.06


def test_conflict_finds_more_the_more_the_policy_knows_and_misleads_where_it_is_wrong(table):
    for _, part in table.groupby("proxy_knowledge"):
        areas = part.set_index("policy_knowledge")["auroc"]
        assert areas[-0.3] < 0.45 < 0.55 < areas[0.3] < areas[0.6] < areas[0.9]


def test_a_perfect_policy_and_a_knowing_proxy_are_told_apart_nearly_always():
    best = theory_table(n_prompts=2000, n_samples=8, seed=1).iloc[-1]
    assert (best["policy_knowledge"], best["proxy_knowledge"]) == (0.9, 0.9)
    assert best["auroc"] > 0.95


def test_the_released_threshold_means_another_level_at_every_k():
    table = released_table().set_index(["threshold", "k"])["level"]
    assert table["released-1.0", 8] == pytest.approx(0.722, abs=0.003)  # the notes' simulation
    assert table["released-1.0"].is_monotonic_increasing
    assert table["released-1.5"].is_monotonic_decreasing


def test_no_table_has_a_column_that_contradicts_a_parameter_of_the_run():
    tables = theory_tables(n_prompts=200, n_samples=8, seed=0)
    for name in ("thresholds", "released"):
        assert "n_samples" not in tables[name]
        assert set(tables[name]["k"]) == {4, 8, 16, 32, 64}
