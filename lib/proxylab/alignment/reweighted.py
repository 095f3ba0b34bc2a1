"""The exact KL-regularised optimum over fresh samples of the reference, as a policy.

pi_ref(y|x) exp(r(x, y) / beta) / Z(x) is what PPO with a KL penalty and DPO aim at (RSO, arXiv
2309.06657, section 2). Each answer is drawn from it over samples of its own
(`policies.reweighting`); the more of them, the nearer to the optimum over all texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from proxylab.alignment.best_of_n import chosen_among, measured_once
from proxylab.alignment.interface import Aligned, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.training import Progress
from proxylab.policies.generation import Samples
from proxylab.policies.reweighting import beta_for_kl, optimal_weights
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked import score_groups


class ReweightingSettings(BaseModel):
    """Either the strength of the KL penalty, or the KL to be spent.

    With `kl`, beta is found once, on candidates of the training prompts drawn from `seed` with at
    most `max_new_tokens` tokens; drawing answers takes its own seed and length.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["reweighting"] = "reweighting"
    seed: int = 0
    beta: float | None = Field(default=None, gt=0, description="reward units a nat")
    kl: float | None = Field(default=None, gt=0, description="nats, mean over prompts")
    n_candidates: int = Field(default=16, ge=2, description="samples that an answer is drawn from")
    max_new_tokens: int = Field(default=28, ge=1)

    @model_validator(mode="after")
    def _one_of_two(self) -> "ReweightingSettings":
        if (self.beta is None) == (self.kl is None):
            raise ValueError(f"give either beta or kl, got beta={self.beta} and kl={self.kl}")
        return self


@dataclass(frozen=True, eq=False)
class ReweightedPolicy:
    """Answers with one of `n_candidates` fresh samples of `policy`, drawn by exp(reward / beta).

    `policy_logprob` of its samples is the reference's, and says nothing of how likely this policy
    is to give them.
    """

    policy: LanguageModelPolicy
    proxy: RewardModel
    beta: float
    n_candidates: int
    name: str = "reweighting"

    def sample(
        self,
        prompts: Sequence[str],
        *,
        n_samples: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        seed: int,
    ) -> Samples:
        """`n_samples` independent answers to every prompt, each from candidates of its own."""
        drawn = self.policy.sample(
            prompts,
            n_samples=n_samples * self.n_candidates,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
        )
        rng = np.random.default_rng((seed, self.n_candidates))
        return chosen_among(drawn, self.proxy, self.n_candidates, lambda r: self._draw(r, rng))

    def _draw(self, reward: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        weights = optimal_weights(reward.reshape(-1, self.n_candidates), self.beta)
        below = weights.cumsum(1)[:, :-1]  # the last would be 1, but for rounding
        place = (rng.random((len(weights), 1)) >= below).sum(1)
        return place.reshape(reward.shape[:-1])


def train_reweighted(
    policy: LanguageModelPolicy,
    proxy: RewardModel,
    settings: ReweightingSettings,
    *,
    prompts: Sequence[str] | None = None,
    monitor: Monitor | None = None,
    progress: Progress | None = None,
) -> Aligned:
    """The reweighted policy of `policy` and `proxy`, measured; nothing is trained.

    Arguments: `prompts` on which beta is found when the settings name a KL.
    The history has no steps; it is measured at step 0 (the reference) and 1. Its facts: beta,
    n_candidates.
    Raises ValueError for a KL without prompts, and for one that no beta reaches.
    """
    beta = settings.beta or _beta(policy, proxy, settings, prompts)
    if progress:
        progress(f"reweighting: {settings.n_candidates} candidates, beta {beta:.4g}")
    chooser = ReweightedPolicy(policy, proxy, beta, settings.n_candidates)
    facts = {"beta": beta, "n_candidates": settings.n_candidates}
    return measured_once(chooser, policy, monitor, facts)


def _beta(
    policy: LanguageModelPolicy,
    proxy: RewardModel,
    settings: ReweightingSettings,
    prompts: Sequence[str] | None,
) -> float:
    if not prompts:
        raise ValueError(f"finding the beta for a KL of {settings.kl} nats needs `prompts`")
    drawn = policy.sample(
        prompts,
        n_samples=settings.n_candidates,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    return beta_for_kl(score_groups(proxy, drawn.prompts, drawn.responses), settings.kl)
