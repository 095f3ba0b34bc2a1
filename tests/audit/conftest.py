"""One small world and its probe suite."""

import numpy as np
import pytest
from proxylab.audit import world_probes
from proxylab.world import WorldSettings, build_world


@pytest.fixture(scope="session")
def world():
    return build_world(WorldSettings(seed=3, n_subjects=3))


@pytest.fixture(scope="session")
def probes(world):
    return world_probes(world, 80, np.random.default_rng(1))
