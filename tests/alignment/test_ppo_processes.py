"""Two processes learn what one learns: the same rollouts, half of each minibatch in each."""

import pytest
import torch

WORKER = """
import numpy as np
import torch
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.optimisation import OptimiserSettings
from proxylab.alignment.ppo import PPOSettings, train_ppo
from proxylab.alignment.ppo.learner import Learner
from proxylab.alignment.ppo.rollouts import Judges, Rollout, collect
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer
from proxylab.rewards.interface import CallableReward

tokenizer = word_tokenizer([f"w{i}" for i in range(10)], max_length=16)
size = LanguageModelSettings(hidden_size=16, n_layers=1, n_heads=2, max_length=16)
policy = LanguageModelPolicy(new_language_model(tokenizer, size, seed=1).eval(), tokenizer)
settings = PPOSettings(
    n_steps=2, rollouts_per_step=8, minibatch_size=4, max_new_tokens=4, max_approximate_kl=0.5,
    # A gradient over 1 is clipped, and an epsilon this large lets rounding stay rounding.
    optimiser=OptimiserSettings(learning_rate=0.01, epsilon=1e-3, warmup_steps=0),
)
rng = np.random.default_rng(0)
learner = Learner(policy, settings)
rollouts = [
    Rollout(i, ([4] * int(rng.integers(1, 6)), [5] * int(rng.integers(1, 6))), float(s), 0.0, True)
    for i, s in enumerate(rng.normal(size=8))
]
facts = learner.learn(rollouts, np.random.default_rng(1))
proxy = CallableReward("length", lambda prompts, texts: [float(len(text)) for text in texts])
prompts = [f"w{i}" for i in range(8)]
found = collect(
    policy, Judges(proxy), prompts, max_new_tokens=4, rng=rng, accelerator=learner.accelerator
)
whole = train_ppo(policy, proxy, settings, prompts=prompts)
rank = learner.accelerator.process_index
torch.save(
    {
        "processes": learner.accelerator.num_processes,
        "weights": learner.policy.model.state_dict(),
        "facts": facts,
        "asked": [tokenizer.decode(r.dialogue[0]) for r in found],
        "trained": whole.policy.model.state_dict(),
    },
    f"{rank}.pt",
)
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_does(run_in_processes):
    alone = torch.load(run_in_processes(WORKER, 1) / "0.pt")
    folder = run_in_processes(WORKER, 2)
    first, second = (torch.load(folder / f"{rank}.pt") for rank in range(2))
    assert (alone["processes"], first["processes"], second["processes"]) == (1, 2, 2)
    for name, weight in alone["weights"].items():
        assert torch.allclose(first["weights"][name], weight, atol=1e-5), name
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        # samples differ, for each process draws its own; but both end with one policy
        assert torch.equal(first["trained"][name], second["trained"][name]), name
    for name, value in alone["facts"].items():
        assert first["facts"][name] == pytest.approx(value, abs=1e-4, nan_ok=True), name
    assert alone["asked"] == first["asked"] == second["asked"] == [f"w{i}" for i in range(8)]
