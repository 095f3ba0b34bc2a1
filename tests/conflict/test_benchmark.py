"""The benchmark compares like with like, and says how much of each it timed."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "conflict_metrics.py"))


def test_every_way_gives_the_same_numbers():
    table = BENCHMARK["benchmark"](8 * 30, loop_prompts=10, repeats=1)
    assert table.groupby("metric").size().to_dict() == {"mean |PACS|": 4, "Kendall-Tau": 3}
    assert (table["largest_gap"] < 1e-12).all()
    assert (table.loc[table["way"] == "ours", "times_slower"] == 1).all()
    loops = table["way"].str.contains("loop")
    assert table["prompts"].tolist() == np.where(loops, 10, 30).tolist()


def test_a_loop_over_all_prompts_is_not_extrapolated():
    table = BENCHMARK["benchmark"](8 * 5, loop_prompts=0, repeats=1)
    assert (table["prompts"] == 5).all()


def test_a_way_that_differs_fails(monkeypatch):
    wrong = lambda reward, logprob: reward[:, 0]  # noqa: E731
    monkeypatch.setitem(BENCHMARK["candidates"].__globals__, "scipy_kendall", wrong)
    with pytest.raises(AssertionError, match="scipy loop differs from ours"):
        BENCHMARK["benchmark"](80, repeats=1)
