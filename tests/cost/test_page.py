"""The page on scale, from made-up steps whose fit is known."""

import pandas as pd
import pytest
from proxylab.pages import scale as page
from proxylab.pages import scale_profiles as large
from proxylab.pages.scale_profiles import _power


class Recorded:
    """A run as the page reads it, of one table."""

    record = {"hardware": {"cpu": "a core", "threads": 1, "accelerator": None}}  # noqa: RUF012

    def __init__(self, frame):
        self.frame = frame

    def table(self, name):
        return self.frame


@pytest.fixture
def steps(monkeypatch):
    """CPU time is 0.1 s a pass and 1e9 operations a second; the clock says twice that."""
    rows = []
    for kind in page.KINDS:
        for passes, flops in ((1, 1e9), (3, 5e9)):
            cpu = 0.1 * passes + flops / 1e9
            rows.append((kind, passes, flops, cpu, 2 * cpu, 2 * cpu, 2 * cpu))
    frame = pd.DataFrame(
        rows, columns=["kind", "passes", "flops", "cpu", "seconds", "low", "high"]
    ).assign(hidden=8, parameters=1000, batch=4, n_repeats=3, new=2, length=16)
    monkeypatch.setattr(page, "load_runs", lambda *_, **__: [Recorded(frame)])
    return frame


def test_the_fit_is_of_cpu_time_where_there_is_no_gpu(steps):
    text = page.fit_table("cpu").data
    assert text.count("| 100.0 | 1.0 | 2 | 1.00 to 1.00 |") == 3


def test_the_steps_are_shown_by_the_clock_with_their_cpu_time_beside(steps):
    assert "| training | 8 | 1,000 | 4 | 2,200.0 [2,200.0, 2,200.0] | 1,100.0 | 0.5 |" in (
        page.steps_table("cpu").data
    )


def test_every_large_profile_has_a_row_and_a_table():
    text = large.profile_table().data
    for name in large.LARGE:
        assert name.replace("_", "\\_") in text
        assert "| " in large.notebook_table(name).data


def test_what_no_h100_holds_is_said():
    text = large.memory_sentence("paper_elephant").data
    # PPO and PRO for three seeds, on models of 6.7 billion float32 weights: DPO asks no proxy
    assert "6 of 25 runs of profile `paper_elephant` (`align`) do not fit one H100" in text
    assert "An H200 (141 GiB) holds all of them" in text
    assert "| 115 | 6 | 0 |" in large.profile_table().data
    assert "| 115 | 6 |" in large.notebook_table("paper_elephant").data
    assert large.memory_sentence("gpu").data == "Every run of profile `gpu` fits one H100."


def test_the_arithmetic_adds_up():
    text = large.arithmetic("paper").data
    whole, fixed, both = (float(word.split(" h")[0].split()[-1]) for word in _hours(text))
    assert whole + fixed == pytest.approx(both, abs=0.011)  # each is rounded to 0.01


def _hours(text):
    """The three statements of hours: of the arithmetic, of the passes, of both."""
    before, rest = text.split(" that is ")[1].split(" add ")
    fixed, both = rest.split(": ")
    return before.split(". ")[0].rstrip("."), fixed, both.rstrip(".")


def test_powers_of_ten_as_markdown():
    assert _power(1.24e19) == "1.2 × 10^19^"
