"""Two processes learn from fixed data what one learns: each takes half of every batch."""

import pytest
import torch

WORKER = """
import numpy as np
import pandas as pd
import torch
from proxylab.alignment import (
    DPOSettings, LanguageModelPolicy, OptimiserSettings, PROSettings, SFTSettings, align
)
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer
from proxylab.machine.processes import process_index
from proxylab.rewards.groups import RankedGroup

tokenizer = word_tokenizer([f"w{i}" for i in range(10)], max_length=16)
size = LanguageModelSettings(hidden_size=16, n_layers=1, n_heads=2, max_length=16)
policy = LanguageModelPolicy(new_language_model(tokenizer, size, seed=1).eval(), tokenizer)
rng = np.random.default_rng(0)
text = lambda: " ".join(f"w{i}" for i in rng.integers(10, size=rng.integers(1, 6)))
pairs = pd.DataFrame([(text(), text(), text()) for _ in range(16)])
pairs.columns = ["prompt", "chosen", "rejected"]
groups = [RankedGroup(text(), (text(), text()), (1.0, 0.0)) for _ in range(16)]
# A gradient over 1 is clipped, and an epsilon this large lets rounding stay rounding.
optimiser = OptimiserSettings(learning_rate=0.01, epsilon=1e-3, warmup_steps=0)
options = {"batch_size": 8, "epochs": 1, "optimiser": optimiser}
found = {
    settings.algorithm: align(policy, signal, settings)
    for settings, signal in (
        (SFTSettings(**options), pairs),
        (DPOSettings(**options), pairs),
        (PROSettings(**options), groups),
    )
}
torch.save(
    {
        "start": policy.model.state_dict(),
        "weights": {name: aligned.policy.model.state_dict() for name, aligned in found.items()},
        "loss": {name: aligned.history.steps["loss"].tolist() for name, aligned in found.items()},
    },
    f"{process_index()}.pt",
)
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_does(run_in_processes):
    alone = torch.load(run_in_processes(WORKER, 1) / "0.pt")
    folder = run_in_processes(WORKER, 2)
    first, second = (torch.load(folder / f"{rank}.pt") for rank in range(2))
    for algorithm in ("sft", "dpo", "pro"):
        moved = 0.0
        for name, weight in alone["weights"][algorithm].items():
            assert torch.allclose(first["weights"][algorithm][name], weight, atol=1e-5), name
            assert torch.equal(
                first["weights"][algorithm][name], second["weights"][algorithm][name]
            ), name
            moved += float((weight - alone["start"][name]).abs().sum())
        assert moved > 0.1, "nothing was learnt, so that nothing was compared"
        # The logged loss is of the whole batch, not of a share.
        assert first["loss"][algorithm] == pytest.approx(alone["loss"][algorithm], abs=1e-5)
