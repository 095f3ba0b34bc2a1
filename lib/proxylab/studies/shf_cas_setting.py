"""What every loop of an SHF-CAS run shares: the pool, the proxy, who labels, and how it refits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from proxylab.names import did_you_mean
from proxylab.policies import load_policy
from proxylab.profiles import Profile
from proxylab.rewards.backbone import with_fresh_head
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.runs import ShfCas
from proxylab.selection import SELECTORS
from proxylab.shf_cas import (
    FAULTS,
    Annotator,
    Candidates,
    LoopSettings,
    NoisyAnnotator,
    RewardAnnotator,
    Round,
    VotesAnnotator,
    run_loop,
    unmasked_logprobs,
)
from proxylab.studies.tasks import (
    HELD_OUT,
    POOL,
    TaskModels,
    candidates,
    ensemble_rewards,
    task_models,
)

GOLD, NOISY = "gold", "noisy"
EACH = "each"  # in place of the faults: a loop with each of them


@dataclass(frozen=True)
class Setting:
    """Everything that the selectors of one run share."""

    settings: ShfCas
    profile: Profile
    models: TaskModels
    pool: Candidates
    held_out: Candidates
    seconds_sampling: float
    proxy: SequenceClassifierReward  # the biased one that every loop starts from

    @cached_property
    def ensemble(self) -> tuple[np.ndarray, float]:
        """Rewards of the ensemble on the pool, and the seconds that it took."""
        return ensemble_rewards(self.models, self.profile, self.settings.seed, self.pool)

    @property
    def selectors(self) -> tuple[str, ...]:
        """The selectors of this run, by name."""
        return self.settings.selectors or tuple(SELECTORS)

    @cached_property
    def arms(self) -> tuple["Setting", ...]:
        """This setting alone, or one for each fault where each is wanted by itself."""
        if self.settings.faults != (EACH,):
            return (self,)
        return tuple(self.with_faults(name) for name in FAULTS)

    def with_faults(self, *names: str) -> "Setting":
        """The same with these faults switched on; the pool's log-probabilities may be one."""
        pool = self.pool
        if "unmasked_logprob" in names:
            policy, tokenizer = load_policy(self.models.policy)
            counted = unmasked_logprobs(policy, tokenizer, pool.prompts, pool.responses)
            pool = replace(pool, policy_logprob=counted)
        settings = self.settings.model_copy(update={"faults": names})
        return replace(self, settings=settings, pool=pool)

    def loop(self, selector: str) -> LoopSettings:
        """The loop of one selector: the profile's, where the run does not say otherwise."""
        scale = self.profile.conflict
        return LoopSettings(
            selector=selector,
            rounds=self.settings.rounds or scale.rounds,
            budget=self.settings.budget or scale.budget,
            logprob_kind=self.settings.logprob,
            training=scale.refinement,
            n_replay=min(scale.n_replay, len(self.models.original_pairs)),
            kl=scale.kl,
            refit=self.settings.refit,
            faults=self.settings.faults,
            seed=self.settings.seed,
        )

    def cost(self) -> str:
        """What the run will cost, in refits, labels and completions trained on."""
        arms, epochs = self.arms, self.profile.conflict.refinement.epochs
        loop = arms[0].loop(self.selectors[0])
        labels = [round(loop.budget * (r + 1) / loop.rounds) for r in range(loop.rounds)]
        # A model from scratch sees all original pairs again, a warm one some.
        scratch = loop.refit == "scratch"
        replayed = len(self.models.original_pairs) if scratch else loop.n_replay
        trained = sum(epochs * (n + 2 * replayed) for n in labels)
        return (
            f"{len(arms) * len(self.selectors)} loops of {loop.rounds} refits; {loop.budget:,} "
            f"labels and about {trained:,} completions trained on in each"
        )


def prepare(settings: ShfCas, profile: Profile) -> Setting:
    """Models, pool and held-out prompts of one run, made or found made.

    Raises ValueError, before anything is made, for a selector or annotator that does not exist,
    naming the nearest, and for a votes file that does not hold what it should.
    """
    for name in settings.selectors:
        if name not in SELECTORS:
            raise ValueError(f"no selector `{name}`{did_you_mean(name, SELECTORS)}")
    if settings.annotator not in (GOLD, NOISY):
        _people(settings.annotator)
    models = task_models(profile, settings.task, settings.seed, data=settings.data)
    pool, seconds = candidates(models, profile, settings.seed, POOL)
    held_out, _ = candidates(models, profile, settings.seed, HELD_OUT)
    proxy = SequenceClassifierReward.load(models.proxy)
    setting = Setting(settings, profile, models, pool, held_out, seconds, proxy)
    return setting if settings.faults == (EACH,) else setting.with_faults(*settings.faults)


def rounds_of(setting: Setting, selector: str) -> Iterator[Round]:
    """The loop of one selector, round by round; see `run_loop`."""
    loop = setting.loop(selector)
    return run_loop(
        setting.proxy,
        setting.pool,
        annotator=annotator_of(setting),
        settings=loop,
        original_pairs=setting.models.original_pairs,
        ensemble_reward=setting.ensemble[0] if needs_ensemble(selector) else None,
        backbone=_backbone(setting) if loop.refit == "scratch" else None,
    )


def needs_ensemble(selector: str) -> bool:
    """Whether a selector reads the rewards of an ensemble."""
    return "ensemble_reward" in SELECTORS[selector].needs


def annotator_of(setting: Setting) -> Annotator:
    """Who labels: the gold reward, the same with noise, or people through a votes file."""
    kind, gold = setting.settings.annotator, setting.models.gold
    if kind == GOLD:
        return RewardAnnotator(gold)
    if kind == NOISY:
        rng = np.random.default_rng([setting.settings.seed, 48])
        return NoisyAnnotator(gold, sd=setting.settings.annotator_noise, rng=rng)
    return _people(kind)


def _people(file: str) -> VotesAnnotator:
    """People through their votes file; raises ValueError where there is no such file."""
    if Path(file).is_file():
        return VotesAnnotator.read(file)
    raise ValueError(
        f"annotator={file!r} is neither a kind of annotator nor a votes file"
        f"{did_you_mean(file, (GOLD, NOISY))}"
    )


def _backbone(setting: Setting) -> SequenceClassifierReward:
    """The base language model with a fresh head: what the paper trains a new reward model from."""
    return SequenceClassifierReward.from_card(
        with_fresh_head(setting.models.base, setting.settings.seed),
        setting.proxy.tokenizer,
        setting.proxy.card,
        name="backbone",
    )
