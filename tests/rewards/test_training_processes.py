"""Two processes train the reward model that one trains: each takes half of every batch."""

import json

import pytest
import torch
from proxylab.rewards import pair_trainer as trainer_module
from proxylab.rewards.pair_trainer import pair_trainer
from safetensors.torch import load_file

WORKER = """
import json
from pathlib import Path
import numpy as np
import pandas as pd
from proxylab.machine.processes import process_index
from proxylab.policies import LanguageModelSettings, new_language_model, save_policy, word_tokenizer
from proxylab.rewards.training import RewardTraining, train_reward_model

tokenizer = word_tokenizer([f"w{i}" for i in range(10)], max_length=16)
size = LanguageModelSettings(hidden_size=16, n_layers=1, n_heads=2, max_length=16)
base = Path(f"base-{process_index()}")
save_policy(new_language_model(tokenizer, size, seed=1), tokenizer, base)
rng = np.random.default_rng(0)
text = lambda: " ".join(f"w{i}" for i in rng.integers(10, size=rng.integers(1, 6)))
pairs = pd.DataFrame([(text(), text(), text()) for _ in range(32)])
pairs.columns = ["prompt", "chosen", "rejected"]
settings = RewardTraining(
    epochs=2, batch_size=8, micro_batch_size=4, learning_rate=0.003, max_length=16, dtype="float32"
)
facts = train_reward_model(
    pairs, tokenizer=tokenizer, base=base, out=Path("trained"), settings=settings
)
Path(f"facts-{process_index()}.json").write_text(json.dumps(facts))
"""


@pytest.mark.slow
def test_two_processes_train_what_one_does(run_in_processes):
    alone, shared = run_in_processes(WORKER, 1), run_in_processes(WORKER, 2)
    facts, first, second = (
        json.loads((folder / f"facts-{rank}.json").read_text())
        for folder, rank in ((alone, 0), (shared, 0), (shared, 1))
    )
    assert facts["n_steps"] == first["n_steps"] == second["n_steps"] == 8  # two epochs of four
    weights, of_two, start = (
        load_file(folder / "model.safetensors")
        for folder in (alone / "trained", shared / "trained", alone / "base-0")
    )
    assert weights.keys() == of_two.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(of_two[name], weight, atol=2e-4, rtol=0)
    moved = [(weights[name] - start[name]).abs().max() for name in weights.keys() & start.keys()]
    assert max(moved) > 2e-3, "nothing was learnt, so that nothing was compared"


@pytest.mark.parametrize("n", [3, 16])
def test_a_batch_that_cannot_be_shared_out_is_an_error(n, settings, tokenizer, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", str(n))
    uneven = settings.model_copy(update={"batch_size": 24 if n == 16 else 32})
    with pytest.raises(ValueError, match=f"the {n} processes"):
        pair_trainer(None, None, tokenizer, uneven, device="cpu", scratch=".")


def test_fewer_pairs_in_a_batch_than_processes_is_said(settings, tokenizer, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    few = settings.model_copy(update={"batch_size": 3, "micro_batch_size": 2})
    with pytest.raises(ValueError, match="batch_size=3 leaves some of the 4 processes without"):
        pair_trainer(None, None, tokenizer, few, device="cpu", scratch=".")


@pytest.mark.parametrize(("named", "set_to"), [("cuda:1", ["cuda:1"]), ("cuda", [])])
def test_a_single_process_trains_on_the_gpu_that_is_named(
    named, set_to, settings, monkeypatch, tmp_path
):
    current = []
    monkeypatch.setattr(trainer_module, "usable_device", lambda device: device)
    monkeypatch.setattr(torch.cuda, "set_device", lambda gpu: current.append(str(gpu)))
    plain = settings.model_copy(update={"dtype": "float32"})
    arguments = trainer_module._arguments(plain, named, str(tmp_path))
    assert current == set_to
    # Without a GPU transformers itself would say "cpu"; what is named stands.
    assert str(arguments.device) == (named if set_to else "cpu")
