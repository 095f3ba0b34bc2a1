"""Best-of-n: of n samples of the reference, the one that the proxy likes best.

No training at all, and the usual ruler for those that train. Its KL from the reference is at most
log n - (n - 1)/n (Beirami et al. 2024, arXiv 2401.01879, theorem 1), whatever the proxy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from proxylab.alignment.interface import Aligned, History, LanguageModelPolicy, Policy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.training import Progress
from proxylab.evaluate import best_of_n_kl_bound
from proxylab.policies.generation import Samples
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked import score_groups

Choice = Callable[[np.ndarray], np.ndarray]


class BestOfNSettings(BaseModel):
    """How many samples one answer is chosen from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["best_of_n"] = "best_of_n"
    n: int = Field(default=8, ge=1)


@dataclass(frozen=True, eq=False)
class BestOfNPolicy:
    """Answers with the best of `n` fresh samples of `policy` by `proxy`; of equal ones the first.

    `policy_logprob` of its samples is the reference's, and says nothing of how likely this policy
    is to give them.
    """

    policy: LanguageModelPolicy
    proxy: RewardModel
    n: int
    name: str = "best_of_n"

    def sample(
        self,
        prompts: Sequence[str],
        *,
        n_samples: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        seed: int,
    ) -> Samples:
        """`n_samples` independent answers to every prompt, each the best of its own n."""
        drawn = self.policy.sample(
            prompts,
            n_samples=n_samples * self.n,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
        )
        return chosen_among(drawn, self.proxy, self.n, lambda reward: reward.argmax(-1))


def chosen_among(drawn: Samples, proxy: RewardModel, n: int, choice: Choice) -> Samples:
    """One completion out of every `n` consecutive ones of a prompt.

    Arguments: `drawn` with a multiple of n completions a prompt; `choice` from the proxy's rewards
    `(n_prompts, n_samples / n, n)` to places in the last axis, `(n_prompts, n_samples / n)`.
    """
    n_prompts = len(drawn.prompts)
    reward = score_groups(proxy, drawn.prompts, drawn.responses).reshape(n_prompts, -1, n)
    place = choice(reward)
    columns = place + n * np.arange(place.shape[1])
    fields = ("responses", "policy_logprob", "n_tokens", "finished", "response_ids")
    kept = {name: np.take_along_axis(getattr(drawn, name), columns, axis=1) for name in fields}
    return replace(drawn, **kept)


def measured_once(
    chooser: Policy, reference: LanguageModelPolicy, monitor: Monitor | None, facts: dict
) -> Aligned:
    """The outcome of an optimiser without steps: measured as the reference, 0, and as it is, 1."""
    history = History(facts=facts)
    if monitor is not None:
        rows = [monitor.measure(p, reference, step) for step, p in enumerate((reference, chooser))]
        history = History(measured=pd.concat(rows, ignore_index=True), facts=facts)
    return Aligned(chooser, history)


def train_best_of_n(
    policy: LanguageModelPolicy,
    proxy: RewardModel,
    settings: BestOfNSettings,
    *,
    monitor: Monitor | None = None,
    progress: Progress | None = None,
) -> Aligned:
    """The best-of-n policy of `policy` and `proxy`, measured; nothing is trained.

    The history has no steps; it is measured at step 0 (the reference) and 1. Its facts: n,
    kl_bound (nats).
    """
    if progress:
        progress(f"best_of_n: the best of {settings.n} by {proxy.name}")
    facts = {"n": settings.n, "kl_bound": float(best_of_n_kl_bound(settings.n)[0])}
    return measured_once(BestOfNPolicy(policy, proxy, settings.n), policy, monitor, facts)
