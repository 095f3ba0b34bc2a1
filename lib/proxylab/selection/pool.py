"""What a selector may look at: the completions of each prompt, their scores, what is known.

Section 3 of Targeting Misalignment (arXiv 2512.09212) chooses what people label from a pool of
sampled completions. A `Pool` holds that and what other rules need. Left out: where the numbers
come from; sampling, scoring and labelling are other rooms'.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from proxylab.conflict import kendall_tau_distance, normalised_logprob, pacs, prompt_conflict
from proxylab.conflict.arrays import as_samples

GRIDS = (
    "policy_logprob",
    "n_tokens",
    "responses",
    "labels",
    "reward_when_labelled",
    "gold_reward",
)


@dataclass(frozen=True, eq=False)
class Pool:
    """Completions that may be labelled, with everything that a selector may know of them.

    Arguments: `proxy_reward` (reward units) and `policy_logprob` (nats, summed over response
    tokens) `(n_prompts, n_samples)`, NaN = padding. Optional: `n_tokens` and `responses` of the
    same shape; `region` `(n_prompts,)`, a label known before any is bought, such as a topic;
    `ensemble_reward` `(n_members, n_prompts, n_samples)`, at least two; `labels`, the annotator's
    reward, NaN = not yet labelled; `reward_when_labelled`, the proxy's rewards from before it had
    learnt from a prompt's labels, `proxy_reward` unless given; `gold_reward`, shown to selectors
    that declare it (the oracle) and to no other; `logprob_kind`, the normalisation of
    `policy_logprob` that conflict uses.
    Numbers may be numpy arrays or torch tensors; they are copied and made read-only.
    Raises ValueError for a shape that does not fit, an infinite value, a label where there is no
    completion, an unknown `logprob_kind`, or one that lacks its `n_tokens`.
    """

    proxy_reward: np.ndarray
    policy_logprob: np.ndarray
    n_tokens: np.ndarray | None = None
    responses: np.ndarray | None = None
    region: np.ndarray | None = None
    ensemble_reward: np.ndarray | None = None
    labels: np.ndarray | None = None
    reward_when_labelled: np.ndarray | None = None
    gold_reward: np.ndarray | None = None
    logprob_kind: str = "sum"

    def __post_init__(self):
        for name in ("proxy_reward", *GRIDS, "region", "ensemble_reward"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(name, getattr(self, name)))
        self._check_shapes()
        self._check_values()

    @property
    def shape(self) -> tuple[int, int]:
        """`(n_prompts, n_samples)`."""
        return self.proxy_reward.shape

    @cached_property
    def defined(self) -> np.ndarray:
        """Bool `(n_prompts, n_samples)`: a completion, not padding."""
        return ~(np.isnan(self.proxy_reward) | np.isnan(self.policy_logprob))

    @cached_property
    def labelled(self) -> np.ndarray:
        """Bool `(n_prompts, n_samples)`: the annotator has given its reward."""
        if self.labels is None:
            return np.zeros(self.shape, bool)
        return ~np.isnan(self.labels)

    @cached_property
    def available(self) -> np.ndarray:
        """Bool `(n_prompts, n_samples)`: a completion that is not labelled yet."""
        return self.defined & ~self.labelled

    @property
    def n_available(self) -> int:
        """How many completions a budget can buy."""
        return int(self.available.sum())

    @cached_property
    def policy_score(self) -> np.ndarray:
        """Log-probabilities `(n_prompts, n_samples)`, normalised as `logprob_kind` says."""
        return normalised_logprob(self.policy_logprob, self.n_tokens, self.logprob_kind)

    @cached_property
    def pacs(self) -> np.ndarray:
        """Signed PACS `(n_prompts, n_samples)`, over all defined completions, labelled or not."""
        return pacs(self.proxy_reward, self.policy_score)

    @cached_property
    def conflict(self) -> np.ndarray:
        """Mean |PACS| `(n_prompts,)`, NaN for a prompt where it is undefined."""
        return prompt_conflict(self.proxy_reward, self.policy_score)

    @cached_property
    def tau_distance(self) -> np.ndarray:
        """Kendall-Tau distance of proxy and policy `(n_prompts,)`, NaN under two completions."""
        return kendall_tau_distance(self.proxy_reward, self.policy_score)

    @cached_property
    def as_labelled(self) -> "Pool":
        """The pool with the rewards that the proxy gave before it had learnt from the labels."""
        if self.reward_when_labelled is None:
            return self
        return replace(self, proxy_reward=self.reward_when_labelled, reward_when_labelled=None)

    @cached_property
    def without_gold(self) -> "Pool":
        """The same pool for those who may not see the gold reward."""
        return self if self.gold_reward is None else replace(self, gold_reward=None)

    def with_labels(self, chosen: np.ndarray, reward: np.ndarray) -> "Pool":
        """The pool after the annotator has labelled the `chosen` completions.

        Arguments: `chosen` a bool mask and `reward` the annotator's rewards, both
        `(n_prompts, n_samples)`; rewards elsewhere are not looked at.
        Raises ValueError where a chosen completion is not available or its reward is missing.
        """
        chosen, reward = np.asarray(chosen, bool), np.asarray(reward, float)
        for name, array in (("chosen", chosen), ("reward", reward)):
            _check_shape(name, array, self.shape)
        _refuse(chosen & ~self.available, "chosen names a completion that cannot be labelled")
        _refuse(chosen & np.isnan(reward), "reward is missing for a chosen completion")
        before = np.full(self.shape, np.nan) if self.labels is None else self.labels
        return replace(self, labels=np.where(chosen, reward, before))

    def _check_shapes(self):
        for name in GRIDS:
            if getattr(self, name) is not None:
                _check_shape(name, getattr(self, name), self.shape)
        if self.region is not None:
            _check_shape("region", self.region, self.shape[:1])
        if self.ensemble_reward is not None:
            n_members = len(self.ensemble_reward)
            if n_members < 2:
                raise ValueError(f"ensemble_reward needs at least two members, got {n_members}")
            _check_shape("ensemble_reward", self.ensemble_reward, (n_members, *self.shape))

    def _check_values(self):
        _ = self.policy_score  # an unknown kind, or lengths that it lacks, are told now
        _refuse(self.labelled & ~self.defined, "labels has a value where there is no completion")


def _frozen(name: str, values) -> np.ndarray:
    """A read-only copy: numbers as checked floats, texts as objects, regions as they are."""
    if name == "region":
        array = np.array(values)
    elif name == "responses":
        array = np.array(values, object)
    elif name == "ensemble_reward":
        array = np.array([as_samples(f"{name}[{m}]", member) for m, member in enumerate(values)])
    else:
        array = as_samples(name, values).copy()
    array.flags.writeable = False
    return array


def _check_shape(name: str, array: np.ndarray, expected: tuple[int, ...]):
    if array.shape != expected:
        raise ValueError(f"{name} must have shape {expected}, got {array.shape}")


def _refuse(wrong: np.ndarray, message: str):
    """Raise with the first cell where `wrong` holds, if there is one."""
    if wrong.any():
        prompt, sample = (int(i) for i in np.argwhere(wrong)[0][-2:])
        raise ValueError(f"{message} at prompt {prompt}, sample {sample}")
