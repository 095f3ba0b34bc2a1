"""The benchmark compares like with like: every way of scoring gives the same numbers."""

import runpy
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "reward_scoring.py"


def test_every_way_gives_the_same_scores():
    table = runpy.run_path(str(BENCHMARK))["benchmark"](12, max_length=48, repeats=1)
    assert len(table) == 4
    assert table["largest_gap"].max() < 1e-5
    assert table["times_slower"].iloc[0] == 1.0
