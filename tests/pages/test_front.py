"""The front page: a finding without its runs says so, and bold words follow the verdicts."""

import pandas as pd
import pytest
from proxylab.pages import front
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE
from proxylab.results import MissingResults


def test_a_finding_whose_runs_are_missing_says_so(monkeypatch):
    def missing(profile):
        raise MissingResults("align", profile=profile)

    for name in ("trial", "conflict", "feedback", "optimisation"):
        monkeypatch.setattr(front, name, missing)
    monkeypatch.setattr(front, "cleaning", lambda profile: "Found.")
    text = front.findings("cpu").data
    assert text.splitlines()[0] == "1. Not run yet in profile `cpu`: runs of `align`."
    assert text.splitlines()[-1] == "5. Found."


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(HIGHER, "win more"), (LOWER, "win less"), (NOISE, "cannot be told to win more")],
)
def test_the_headline_follows_the_verdict(monkeypatch, verdict, said):
    row = {"subset": "mixed", "value": 0.1, "low": 0.0, "high": 0.2, "verdict": verdict}
    ranks = pd.DataFrame({"ruler": [*front.training.RULERS.values()], "rho": -0.7, "p": 0.2})
    monkeypatch.setattr(front.wins, "net_differences", lambda profile: pd.DataFrame([row]))
    monkeypatch.setattr(front.training, "rank_rows", lambda profile: ranks)
    text = front.optimisation("cpu")
    assert f"better reward model {said}**" in text
    assert "−0.70 with the final gold reward, not told from chance" in text


def test_conflict_is_counted_by_what_is_clear(monkeypatch):
    taught, untaught = front.TAUGHT[True], front.TAUGHT[False]
    row = {"task": "safety", taught: "0.7", untaught: "0.5", "n_seeds": 5}
    rows = [
        row | {f"{taught}: verdict": HIGHER, f"{untaught}: verdict": NOISE},
        row | {f"{taught}: verdict": NOISE, f"{untaught}: verdict": NOISE},
    ]
    monkeypatch.setattr(front, "finding", lambda profile: pd.DataFrame(rows))
    assert "in 1 of 2 tasks, and where it was not in 0" in front.conflict("cpu")


def test_without_both_reward_models_there_is_nothing_to_compare(monkeypatch):
    none = pd.DataFrame(columns=["subset", "value", "low", "high", "verdict"])
    monkeypatch.setattr(front.wins, "net_differences", lambda profile: none)
    with pytest.raises(MissingResults, match="algorithm = pro"):
        front.optimisation("smoke")
