"""One world, and preference data in which all six categories are frequent."""

import numpy as np
import pytest
from proxylab.world import NoiseRates, WorldSettings, build_world, draw_preferences

# Shares that make every category frequent; train and online differ in each of them.
TRAIN = NoiseRates(Same=0.4, Opposite=0.2, Toxic=0.1, Vague=0.1, Repetitive=0.1, Empty=0.1)
ONLINE = NoiseRates(Same=0.3, Opposite=0.25, Toxic=0.15, Vague=0.15, Repetitive=0.05, Empty=0.1)


@pytest.fixture(scope="session")
def world():
    return build_world(
        WorldSettings(
            seed=3, n_train_pairs=401, n_test_pairs=400, train_noise=TRAIN, online_noise=ONLINE
        )
    )


@pytest.fixture(scope="session")
def drawn(world):
    """Both splits, drawn one after the other from one generator, as `write_preferences` does."""
    rng = np.random.default_rng(5)
    return {split: draw_preferences(world, split, rng) for split in ("train", "test")}
