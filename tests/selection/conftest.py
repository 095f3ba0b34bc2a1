"""A pool with every field, for rules that need one."""

import numpy as np
import pytest
from proxylab.selection import Pool


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def full_pool():
    """Thirty prompts of eight completions in three regions, with all that a selector may need."""
    return random_pool(np.random.default_rng(1), 30, 8)


def random_pool(rng, n_prompts, n_samples):
    shape = (n_prompts, n_samples)
    words = np.array(["yes", "no", "it depends", "no no", ""], dtype=object)
    return Pool(
        rng.normal(size=shape),
        rng.normal(size=shape),
        n_tokens=rng.integers(1, 9, shape),
        responses=rng.choice(words, shape),
        region=rng.choice(["a", "b", "c"], n_prompts),
        ensemble_reward=rng.normal(size=(3, *shape)),
        gold_reward=rng.normal(size=shape),
    )
