"""A step of our PPO and of TRL's nearest on-policy trainer, side by side on this machine.

Same policy, reference, reward model, rollouts, prompt and answer lengths, and passes over the
rollouts of a step. TRL 1.16 has no PPO; its RLOOTrainer is nearest (two samples of a prompt in
place of a value function, so it trains one model less). Where `--trl-python` names a Python with
trl 1.12.0, the PPOTrainer of that release is timed in it too. The models are made here, untrained:
answers then run to their full length. Prints ratios; `python benchmarks/ppo_step.py --steps 5`.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.optimisation import OptimiserSettings
from proxylab.alignment.ppo import PPOSettings, train_ppo
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer
from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.classifier import SequenceClassifierReward
from transformers import AutoModelForSequenceClassification, TrainerCallback
from trl import RLOOConfig, RLOOTrainer

WORKER = Path(__file__).with_name("trl_ppo_worker.py")


@dataclass(frozen=True)
class Size:
    """What every trainer is given."""

    hidden_size: int = 128
    n_layers: int = 2
    vocabulary: int = 2048
    rollouts: int = 64
    prompt_tokens: int = 32
    new_tokens: int = 32
    inner_epochs: int = 2
    n_steps: int = 5


def make_models(size: Size, folder: Path) -> tuple[Path, Path]:
    """Folders of an untrained policy, and of a classifier on the same trunk."""
    length = size.prompt_tokens + size.new_tokens
    words = [f"w{i}" for i in range(size.vocabulary - 5)]  # and three special tokens, two markers
    tokenizer = word_tokenizer(words, max_length=length)
    shape = LanguageModelSettings(
        hidden_size=size.hidden_size, n_layers=size.n_layers, n_heads=4, max_length=length
    )
    policy = LanguageModelPolicy(new_language_model(tokenizer, shape, seed=0), tokenizer)
    policy.save(folder / "policy")
    with_fresh_head(folder / "policy", 0).save_pretrained(folder / "proxy")
    tokenizer.save_pretrained(folder / "proxy")
    return folder / "policy", folder / "proxy"


def make_prompts(size: Size, rng: np.random.Generator) -> list[str]:
    """Prompts of random words, all of one length."""
    words = rng.integers(size.vocabulary - 5, size=(4 * size.rollouts, size.prompt_tokens))
    return [" ".join(f"w{word}" for word in row) for row in words]


def our_ppo(value: str, policy: Path, proxy: Path, prompts: list[str], size: Size) -> list[float]:
    """Seconds of each step but the first."""
    settings = PPOSettings(
        n_steps=size.n_steps + 1,
        rollouts_per_step=size.rollouts,
        minibatch_size=size.rollouts,
        inner_epochs=size.inner_epochs,
        max_new_tokens=size.new_tokens,
        beta=0.05,
        value=value,
        optimiser=OptimiserSettings(learning_rate=1e-4),
    )
    aligned = train_ppo(
        LanguageModelPolicy.load(policy),
        SequenceClassifierReward.load(proxy),
        settings,
        prompts=prompts,
    )
    return aligned.history.steps["seconds"].tolist()[1:]


class Clock(TrainerCallback):
    """The time at the end of every optimiser step."""

    def __init__(self):
        self.times = []

    def on_step_end(self, args, state, control, **kwargs):
        """Note the time."""
        self.times.append(time.perf_counter())


def trl_rloo(policy: Path, proxy: Path, prompts: list[str], size: Size) -> list[float]:
    """Seconds of each round of sampling and `inner_epochs` optimiser steps, but the first."""
    clock = Clock()
    config = RLOOConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=size.rollouts,
        num_generations=2,
        num_iterations=size.inner_epochs,
        max_completion_length=size.new_tokens,
        max_steps=size.inner_epochs * (size.n_steps + 1),
        temperature=1.0,
        beta=0.05,
        learning_rate=1e-4,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = RLOOTrainer(
        model=str(policy),
        reward_funcs=AutoModelForSequenceClassification.from_pretrained(proxy, num_labels=1),
        args=config,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        callbacks=[clock],
    )
    trainer.train()
    ends = clock.times[size.inner_epochs - 1 :: size.inner_epochs]
    return np.diff(ends).tolist()


def trl_ppo(python: str, policy: Path, proxy: Path, prompts: list[str], size: Size) -> list[float]:
    """Seconds of each update but the first, in the environment of another Python."""
    options = {
        name: getattr(size, name) for name in ("rollouts", "inner_epochs", "n_steps", "new_tokens")
    }
    request = {"policy": str(policy), "proxy": str(proxy), "prompts": prompts, "options": options}
    done = subprocess.run(
        [python, WORKER], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{python} could not run TRL's PPOTrainer:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def benchmark(size: Size, *, trl_python: str | None = None, seed: int = 0) -> pd.DataFrame:
    """Time every trainer on the same models and prompts.

    Columns: trainer, seconds (least of its steps), steps_per_second, times_slower (against our
    PPO with a value function of its own), n_steps timed.
    """
    prompts = make_prompts(size, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        given = (*make_models(size, Path(folder)), prompts, size)
        timed = {
            "our PPO": our_ppo("separate", *given),
            "our PPO, shared trunk": our_ppo("shared", *given),
            "TRL RLOO": trl_rloo(*given),
        }
        if trl_python:
            timed["TRL 1.12.0 PPO"] = trl_ppo(trl_python, *given)
    table = pd.DataFrame(
        {"trainer": name, "seconds": min(times), "n_steps": len(times)}
        for name, times in timed.items()
    )
    return table.assign(
        steps_per_second=1 / table["seconds"],
        times_slower=table["seconds"] / table["seconds"].iloc[0],
    )


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rollouts", type=int, default=64)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--vocabulary", type=int, default=2048)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--trl-python", help="a Python whose environment has trl 1.12.0")
    options = parser.parse_args()
    size = Size(
        hidden_size=options.hidden_size,
        vocabulary=options.vocabulary,
        rollouts=options.rollouts,
        new_tokens=options.new_tokens,
        n_steps=options.steps,
    )
    for row in benchmark(size, trl_python=options.trl_python).itertuples():
        print(
            f"{row.trainer:22} {row.times_slower:6.2f}x the time, "
            f"{row.steps_per_second:6.2f} steps/s of {size.rollouts} rollouts"
        )


if __name__ == "__main__":
    main()
