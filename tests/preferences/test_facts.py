"""Splits of questions by a hash of their text."""

import numpy as np
import pandas as pd
from proxylab.preferences.facts import unit_hash

QUESTIONS = pd.Series([f"what is {i}" for i in range(4000)])


def test_a_texts_number_is_the_first_eight_bytes_of_its_digest():
    # printf 'pool:a' | sha256sum | cut -c1-16
    expected = [0x9C002EBBE6483E88 / 2**64, 0x94D9AFA182B607F1 / 2**64]
    np.testing.assert_array_equal(unit_hash(pd.Series(["a", "b"]), "pool"), expected)
    assert unit_hash(pd.Series([], dtype="str"), "pool").shape == (0,)


def test_a_number_is_the_texts_alone_and_the_salts():
    numbers = unit_hash(QUESTIONS, "pool")
    np.testing.assert_array_equal(unit_hash(QUESTIONS[::-1], "pool"), numbers[::-1])
    # Independent numbers of 4,000 texts have a correlation of 0 with a standard error of 0.016.
    assert abs(np.corrcoef(numbers, unit_hash(QUESTIONS, "gold"))[0, 1]) < 0.06


def test_numbers_are_spread_evenly():
    numbers = np.sort(unit_hash(QUESTIONS, "pool"))
    # Kolmogorov-Smirnov: at n = 4,000 the distance is below 0.031 with probability 0.999.
    assert np.abs(numbers - np.arange(4000) / 4000).max() < 0.031
    assert 0 <= numbers[0] <= numbers[-1] < 1
