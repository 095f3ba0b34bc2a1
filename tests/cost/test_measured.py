"""Timed steps, and whether they say how long another training takes."""

import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from proxylab.cost import measure, measured_machine
from proxylab.cost.measure import measured_steps
from proxylab.cost.models import size_from_scratch
from proxylab.cost.trainers import paired
from proxylab.cost.work import Length
from proxylab.policies import LanguageModelSettings, new_language_model, save_policy, word_tokenizer
from proxylab.rewards.training import RewardTraining, train_reward_model
from proxylab.runs import MeasureCost

SETTINGS = MeasureCost(
    hidden_sizes=(32, 64), vocabulary=64, batch_sizes=(4, 8), length=32, new_tokens=4, n_repeats=3
)


@pytest.fixture(scope="module")
def steps():
    return measured_steps(SETTINGS)


def test_every_kind_size_and_batch_is_timed(steps):
    assert len(steps) == 3 * 2 * 2
    assert (steps["seconds"] > 0).all()
    assert (steps["low"] <= steps["seconds"]).all()
    assert (steps["seconds"] <= steps["high"]).all()
    trained = steps[steps["kind"] == "train"].iloc[0]
    assert trained["passes"] == 3  # steps of one timed piece
    assert trained["n_tokens"] == 3 * 4 * 32
    sampled = steps[steps["kind"] == "generate"].iloc[0]
    assert sampled["passes"] == 4


def test_samples_are_timed_in_the_arithmetic_that_runs_draw_them_in(monkeypatch):
    within, drawn = [], []

    @contextmanager
    def arithmetic(device):
        within.append(device.type)
        yield
        within.pop()

    monkeypatch.setattr(measure, "sampling_arithmetic", arithmetic)
    monkeypatch.setattr(measure, "sample_tokens", lambda *_, **__: drawn.append(list(within)))
    one = SETTINGS.model_copy(update={"hidden_sizes": (32,), "batch_sizes": (4,), "n_repeats": 1})
    measured_steps(one)
    assert drawn == [["cpu"], ["cpu"]]  # once to warm up, once timed


@pytest.mark.slow
def test_timed_steps_foretell_a_reward_models_training(steps, tmp_path):
    # By CPU time: what else runs on the machine changes how long it takes, not how much it is.
    tokenizer = word_tokenizer([f"w{i}" for i in range(59)], max_length=64)
    size = LanguageModelSettings(hidden_size=64, n_layers=2, n_heads=2, max_length=64)
    save_policy(new_language_model(tokenizer, size, seed=0), tokenizer, tmp_path / "base")
    rng = np.random.default_rng(0)
    words = lambda: " ".join(f"w{i}" for i in rng.integers(59, size=31))  # noqa: E731
    pairs = pd.DataFrame({name: [words() for _ in range(640)] for name in ("chosen", "rejected")})
    pairs["prompt"] = [words() for _ in range(640)]
    training = RewardTraining(epochs=1, batch_size=16, max_length=64)
    options = {"tokenizer": tokenizer, "base": tmp_path / "base", "settings": training}
    train_reward_model(pairs[:32], out=tmp_path / "warm", **options)
    started = time.process_time()
    train_reward_model(pairs, out=tmp_path / "made", **options)
    taken = time.process_time() - started
    model = size_from_scratch(size, len(tokenizer)).as_reward_model()
    timed = steps.assign(seconds=steps["cpu"])
    work = paired("it", model, training, len(pairs), Length.within(64))
    foretold = measured_machine(timed, "here").seconds(work)
    assert 0.5 < taken / foretold < 2
