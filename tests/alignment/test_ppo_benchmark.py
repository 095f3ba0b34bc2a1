"""The benchmark of PPO's step times what it says, on the same models for every trainer."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "ppo_step.py"


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(BENCHMARK))


def small(benchmark):
    return benchmark["Size"](
        hidden_size=16,
        n_layers=1,
        vocabulary=40,
        rollouts=4,
        prompt_tokens=4,
        new_tokens=4,
        n_steps=2,
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_trainer_is_timed_over_the_same_steps(benchmark):
    table = benchmark["benchmark"](small(benchmark))
    assert table["trainer"].tolist() == ["our PPO", "our PPO, shared trunk", "TRL RLOO"]
    assert table["n_steps"].tolist() == [2, 2, 2]
    assert table["times_slower"].iloc[0] == 1.0
    assert (table["steps_per_second"] * table["seconds"]).tolist() == pytest.approx([1.0] * 3)


def test_the_models_are_the_size_that_is_said(benchmark, tmp_path):
    size = small(benchmark)
    policy, proxy = benchmark["make_models"](size, tmp_path)
    model = benchmark["LanguageModelPolicy"].load(policy)
    assert model.model.config.vocab_size == len(model.tokenizer) == 40
    scorer = benchmark["SequenceClassifierReward"].load(proxy)
    prompts = benchmark["make_prompts"](size, benchmark["np"].random.default_rng(0))
    assert {len(ids) for ids in model.tokenizer(prompts)["input_ids"]} == {4}
    assert scorer.score(prompts[:2], ["w1", "w2"]).shape == (2,)


def test_a_python_without_that_trainer_is_an_error(benchmark, tmp_path):
    false = tmp_path / "python"
    false.write_text("#!/bin/sh\necho no module named trl >&2\nexit 1\n")
    false.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"could not run TRL's PPOTrainer:\nno module named trl"):
        benchmark["trl_ppo"](str(false), tmp_path, tmp_path, ["w1"], small(benchmark))
