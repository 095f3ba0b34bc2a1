"""Each sequence is in one batch; batches are of like length; padding is only padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.policies.batching import length_sorted_batches, pad, shuffled_batches

LENGTHS = st.lists(st.integers(1, 50), max_size=60)
SIZE = st.integers(1, 9)


@given(LENGTHS, SIZE)
def test_sorted_batches_hold_each_index_once_longest_first(lengths, size):
    batches = length_sorted_batches(lengths, size)
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)
    assert all(len(batch) == size for batch in batches[:-1])


@given(LENGTHS, SIZE, st.integers(1, 4), st.integers(0, 3))
def test_an_epoch_holds_each_index_once_in_full_batches(lengths, size, pool, seed):
    batches = list(shuffled_batches(lengths, size, np.random.default_rng(seed), pool=pool))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert sum(len(batch) < size for batch in batches) <= 1


def test_an_epoch_is_the_seeds_and_another_one_is_another():
    lengths = np.random.default_rng(0).integers(5, 50, 200)
    epochs = [
        np.concatenate(list(shuffled_batches(lengths, 8, np.random.default_rng(seed))))
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], epochs[2])


def test_batches_of_one_pool_are_of_like_length():
    # 64 lengths, each once, in one pool: sorted, so every batch of 8 spans exactly 8 lengths
    lengths = np.random.default_rng(0).permutation(64) + 1
    for batch in shuffled_batches(lengths, 8, np.random.default_rng(1), pool=8):
        assert np.ptp(lengths[batch]) == 7


@pytest.mark.parametrize(
    ("side", "ids", "mask"),
    [
        ("right", [[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]]),
        ("left", [[5, 6, 7], [0, 0, 8]], [[1, 1, 1], [0, 0, 1]]),
    ],
)
def test_padding_on_either_side(side, ids, mask):
    found = pad([[5, 6, 7], [8]], 0, side=side)
    assert (found[0].tolist(), found[1].tolist()) == (ids, mask)
