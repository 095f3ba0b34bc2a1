"""The study that holds every optimiser against a problem whose optimum can be enumerated."""

import pytest
from proxylab.runs import VerifyOptimisers
from proxylab.studies.optimisers import convergence_table


@pytest.fixture(scope="module")
def table():
    return convergence_table(
        VerifyOptimisers(profile="smoke", betas=(1.0,), n_pairs=400, n_steps=2)
    )


def test_every_optimiser_is_measured_before_and_after(table):
    by_algorithm = table.groupby("algorithm")["step"]
    assert {"dpo", "ppo"} < set(by_algorithm.groups)
    assert by_algorithm.nunique().min() >= 2


def test_dpo_comes_nearer_to_the_optimum(table):
    own = table[table["algorithm"] == "dpo"].sort_values("step")["kl_to_optimum"]
    assert own.iloc[-1] < 0.8 * own.iloc[0]
