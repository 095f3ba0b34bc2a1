"""One call for all: each algorithm gets what it takes, and says so when it does not."""

import numpy as np
import pandas as pd
import pytest
from proxylab.alignment import (
    ALGORITHMS,
    PROXY,
    Algorithm,
    Aligned,
    BestOfNSettings,
    DPOSettings,
    History,
    PPOSettings,
    PROSettings,
    ReweightingSettings,
    SFTSettings,
    align,
)
from pydantic import BaseModel

SMALL_PPO = PPOSettings(n_steps=1, rollouts_per_step=4, minibatch_size=4, max_new_tokens=2)
SETTINGS = {
    "sft": SFTSettings(epochs=1),
    "dpo": DPOSettings(epochs=1),
    "pro": PROSettings(epochs=1),
    "ppo": SMALL_PPO,
    "best_of_n": BestOfNSettings(n=2),
    "reweighting": ReweightingSettings(kl=0.1, n_candidates=4, max_new_tokens=2),
}
SIGNALS = {"sft": "pairs", "dpo": "pairs", "pro": "groups"}


@pytest.fixture(scope="module")
def signals(problem):
    return {
        "pairs": problem.preference_pairs(64, np.random.default_rng(0)),
        "groups": problem.groups(),
        "proxy": problem.reward_model,
    }


def test_every_algorithm_is_named_by_its_settings():
    assert SETTINGS.keys() == ALGORITHMS.keys()
    for name, algorithm in ALGORITHMS.items():
        assert isinstance(SETTINGS[name], algorithm.settings)
        assert SETTINGS[name].algorithm == name
        assert algorithm.why


@pytest.mark.parametrize("name", SETTINGS)
def test_each_makes_a_policy_that_answers(name, problem, signals):
    signal = signals[SIGNALS.get(name, "proxy")]
    aligned = align(problem.reference, signal, SETTINGS[name], prompts=problem.prompts)
    assert isinstance(aligned, Aligned)
    drawn = aligned.policy.sample(problem.prompts, n_samples=2, max_new_tokens=2, seed=0)
    assert drawn.responses.shape == (2, 2)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_signal_is_refused_with_the_right_one(name, problem, signals):
    right = SIGNALS.get(name, "proxy")
    for kind in signals.keys() - {right}:
        with pytest.raises(TypeError, match=f"^{name} learns from .*; got"):
            align(problem.reference, signals[kind], SETTINGS[name], prompts=problem.prompts)


def test_a_missing_column_is_named(problem, signals):
    frame = signals["pairs"].drop(columns="rejected")
    with pytest.raises(
        ValueError, match=r"dpo learns from preference pairs.* no column 'rejected'"
    ):
        align(problem.reference, frame, SETTINGS["dpo"])
    # imitation needs no rejected response
    assert align(problem.reference, frame, SETTINGS["sft"]).policy.name == "sft"


def test_an_algorithm_of_ones_own_is_one_entry(problem, signals, monkeypatch):
    class Idle(BaseModel):
        algorithm: str = "idle"

    def train_idle(policy, signal, settings, *, prompts, monitor=None, progress=None):
        return Aligned(policy, History(facts={"n_prompts": len(prompts)}))

    entry = Algorithm(Idle, train_idle, PROXY, "does nothing", uses_prompts=True)
    with pytest.raises(ValueError, match="no algorithm `idle`"):
        align(problem.reference, signals["proxy"], Idle())
    monkeypatch.setitem(ALGORITHMS, "idle", entry)
    aligned = align(problem.reference, signals["proxy"], Idle(), prompts=problem.prompts)
    assert aligned.history.facts == {"n_prompts": 2}
    with pytest.raises(ValueError, match="did you mean `idle`"):
        align(problem.reference, signals["proxy"], Idle(algorithm="idel"))


def test_groups_must_be_groups(problem):
    frame_like = [{"prompt": "a"}]
    with pytest.raises(TypeError, match=r"pro learns from ranked groups: .* got list"):
        align(problem.reference, frame_like, SETTINGS["pro"])
    assert not ALGORITHMS["pro"].takes.fits(pd.DataFrame())
