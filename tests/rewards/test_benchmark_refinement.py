"""The refinement benchmark compares like with like: the same comparisons, the same passes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "refinement.py"))


def test_every_way_trains_on_the_same_comparisons():
    table = BENCHMARK["benchmark"](4, n_samples=4, hidden_size=16, epochs=2, n_held_out=20)
    assert table["n_comparisons"].tolist() == [24] * 3  # 4 prompts of 4 * 3 / 2
    # a pass: 16 texts in batches of 32 are 1 step; 24 pairs in batches of 16 are 2
    assert table["n_steps"].tolist() == [2, 2, 4]
    assert table["times_slower"].iloc[0] == 1.0
    shared, alone = table["accuracy"].iloc[:2]
    assert shared == pytest.approx(alone, abs=0.02)


def test_pairs_hold_each_comparison_of_a_group_once():
    groups = BENCHMARK["make_groups"](3, 5, np.random.default_rng(0))
    pairs = BENCHMARK["as_pairs"](groups)
    assert len(pairs) == len(pairs.drop_duplicates()) == 30  # 3 groups of 5 * 4 / 2
    labels = {text: label for g in groups for text, label in zip(g.responses, g.label, strict=True)}
    assert (pairs.chosen.map(labels) > pairs.rejected.map(labels)).all()
