"""Are the optimisers right? Each against the exact optimum of a problem that can be enumerated.

`alignment.finite` names every completion, so that the distance of a policy from the KL-regularised
optimum pi_ref exp(r / beta) / Z is a sum. PPO, DPO on many Bradley-Terry pairs, and drawing from
reweighted samples all aim at that optimum; best-of-n and PRO aim elsewhere and are not here.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from proxylab.alignment import align
from proxylab.alignment.dpo import DPOSettings
from proxylab.alignment.finite import FiniteProblem, finite_problem
from proxylab.alignment.interface import LanguageModelPolicy, Policy
from proxylab.alignment.optimisation import OptimiserSettings
from proxylab.alignment.ppo import PPOSettings
from proxylab.alignment.reweighted import ReweightingSettings
from proxylab.runs import VerifyOptimisers

PAIR_STREAM = 61
CANDIDATES = (2, 4, 8, 16)  # that the reweighted policy draws an answer from
N_DRAWS = 1000  # answers a prompt, of a policy that can only be sampled
DPO_BATCH, CHECKPOINTS = 200, 30


@dataclass(frozen=True)
class FiniteMonitor:
    """Measures by enumeration how far a policy is from the optimum at `beta`; see `Monitor`.

    among_candidates: of both, given that the completion is a candidate. DPO learns from pairs of
    candidates and is told nothing about the others.
    """

    problem: FiniteProblem
    beta: float
    among_candidates: bool
    every: int
    seed: int = 0
    gold: None = None

    def is_due(self, step: int, n_steps: int) -> bool:
        """Whether to measure after this step."""
        return step % self.every == 0 or step == n_steps

    def measure(
        self,
        policy: Policy,
        reference: LanguageModelPolicy,
        step: int,
        *,
        arithmetic: Callable[[], AbstractContextManager] = nullcontext,
    ) -> pd.DataFrame:
        """One row: step, kl_to_optimum (nats, mean over prompts), outside (mass on no candidate).

        A policy that can only be sampled is measured by the frequencies of its answers.
        Arguments: `arithmetic` makes the context in which the policy is read.
        """
        with arithmetic():
            probabilities = self._probabilities(policy, step)
        problem = self.problem
        distance = problem.kl_to_optimum(
            probabilities, self.beta, among_candidates=self.among_candidates
        )
        outside = problem.outside(probabilities).mean()
        return pd.DataFrame([{"step": step, "kl_to_optimum": distance.mean(), "outside": outside}])

    def _probabilities(self, policy: Policy, step: int) -> np.ndarray:
        problem = self.problem
        if isinstance(policy, LanguageModelPolicy):
            return problem.probabilities(policy)
        answers = policy.sample(
            problem.prompts,
            n_samples=N_DRAWS,
            max_new_tokens=problem.max_new_tokens,
            seed=100 * self.seed + step,
        )
        return problem.frequencies(answers)


def convergence_table(
    settings: VerifyOptimisers, *, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """One row an algorithm, beta and checkpoint: the distance from the exact optimum.

    Columns: algorithm, set_beta (reward units a nat), step (of PPO rounds of sampling and learning,
    of DPO optimiser steps, of "reweighting" the samples that an answer is drawn from),
    kl_to_optimum and kl_start (nats, mean over prompts),
    outside (probability of what is no candidate).
    """
    problem = finite_problem(seed=settings.seed)
    frames = []
    for (name, trained), beta in product(_OPTIMISERS.items(), settings.betas):
        table = trained(problem, beta, settings)
        kl_start = _distance_of_reference(problem, beta, name == "dpo")
        frames.append(table.assign(algorithm=name, set_beta=beta, kl_start=kl_start))
        if progress:
            left = table["kl_to_optimum"].iloc[-1]
            progress(f"{name}, beta {beta:g}: {kl_start:.3f} -> {left:.4f} nats from the optimum")
    return pd.concat(frames, ignore_index=True)


def _distance_of_reference(problem: FiniteProblem, beta: float, among: bool) -> float:
    reference = problem.probabilities(problem.reference)
    return float(problem.kl_to_optimum(reference, beta, among_candidates=among).mean())


def _dpo(problem: FiniteProblem, beta: float, settings: VerifyOptimisers) -> pd.DataFrame:
    rng = np.random.default_rng([settings.seed, PAIR_STREAM])
    pairs = problem.preference_pairs(settings.n_pairs, rng)
    own = DPOSettings(
        beta=beta,
        epochs=3,
        batch_size=DPO_BATCH,
        optimiser=OptimiserSettings(learning_rate=5e-3),
        seed=settings.seed,
    )
    n_steps = max(1, 3 * settings.n_pairs // DPO_BATCH)
    monitor = FiniteMonitor(problem, beta, True, every=max(1, n_steps // CHECKPOINTS))
    return align(problem.reference, pairs, own, monitor=monitor).history.measured


def _ppo(problem: FiniteProblem, beta: float, settings: VerifyOptimisers) -> pd.DataFrame:
    own = PPOSettings(
        beta=beta,
        n_steps=settings.n_steps,
        rollouts_per_step=256,
        minibatch_size=128,
        max_new_tokens=problem.max_new_tokens,
        seed=settings.seed,
    )
    monitor = FiniteMonitor(problem, beta, False, every=max(1, settings.n_steps // CHECKPOINTS))
    aligned = align(
        problem.reference,
        problem.reward_model,
        own,
        prompts=list(problem.prompts),
        monitor=monitor,
    )
    return aligned.history.measured


def _reweighting(problem: FiniteProblem, beta: float, settings: VerifyOptimisers) -> pd.DataFrame:
    monitor = FiniteMonitor(problem, beta, False, every=1, seed=settings.seed)
    frames = []
    for n in CANDIDATES:
        own = ReweightingSettings(beta=beta, n_candidates=n, seed=settings.seed)
        policy = align(problem.reference, problem.reward_model, own, prompts=[]).policy
        frames.append(monitor.measure(policy, problem.reference, n))
    return pd.concat(frames)


_OPTIMISERS = {"ppo": _ppo, "dpo": _dpo, "reweighting": _reweighting}
