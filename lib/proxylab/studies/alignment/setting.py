"""What all arms of one run share: the data, the start policy, prompts, the gold reward."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.policies.generation import Samples
from proxylab.profiles import Profile
from proxylab.rewards.interface import RewardModel
from proxylab.runs import Align, Clean
from proxylab.studies.alignment.arms import SMALL, STANDARD
from proxylab.studies.alignment.prompts import (
    MIXED,
    check_task,
    prompts_of,
    without_prompts,
)
from proxylab.studies.cleaning import COMMITTEE, SIMULATED, Cleaned, clean
from proxylab.studies.data import WORLD, StudyData
from proxylab.studies.reward_models import backbone
from proxylab.studies.tasks import POOL, TextTask, task_models
from proxylab.studies.tasks.text import of_task
from proxylab.studies.text_models import Gold, text_gold, text_policy, with_policy_base
from proxylab.studies.world_models import policy_model
from proxylab.world import GoldReward, World

ALGORITHMS = {"sft", "dpo", "pro", "ppo"}  # whose settings concern their own arms alone
# Sections of the profile that no policy depends on.
OTHER_STUDIES = {"aggregation", "correlation", "judging", "audit"}
# Whatever an arm's numbers may depend on.
CODE = (
    "accuracy",
    "alignment",
    "annotators",
    "bias",
    "cleaning",
    "conflict",
    "machine/device",
    "evaluate",
    "policies",
    "preferences",
    "rewards",
    "selection",
    "shf_cas",
    "world",
    "studies/alignment",
    "studies/cleaning",
    "studies/conflict_detection",
    "studies/tasks",
    "studies/text_models",
    "studies/data",
    "studies/reward_models",
    "studies/shf_cas",
    "studies/shf_cas_setting",
    "studies/world_models",
)


@dataclass(frozen=True)
class Setting:
    """Everything that the arms of one run share.

    cleaned: the pairs, on real text without those that only gold learns from, which `everything`
    holds too. train_prompts, test_prompts: frames with columns prompt, subset, topic, quadrant,
    kind and, where they come from preference pairs, category and chosen (the cleaned pair's reply).
    last_proxy: by its name the one that was made last, if any.
    """

    settings: Align
    profile: Profile
    cleaned: Cleaned
    everything: StudyData
    train_prompts: pd.DataFrame
    test_prompts: pd.DataFrame
    last_proxy: dict[str, RewardModel] = field(default_factory=dict, init=False, repr=False)

    @property
    def world(self) -> World | None:
        """The controlled world, None on real text."""
        return self.everything.world

    @property
    def gold(self) -> RewardModel:
        """The gold reward: the world's own, or the preference model that stands for it."""
        return self._gold.model

    @cached_property
    def _gold(self) -> Gold:
        if self.world is not None:
            return Gold(GoldReward(self.world), WORLD)
        if self.text_task is not None:  # the one that labels the task's feedback
            return Gold(self.text_task.gold, self.text_task.gold_identity)
        return text_gold(self.profile, self.everything)

    @cached_property
    def text_task(self) -> TextTask | None:
        """The models of a task of real text; None in the world, and where prompts are mixed."""
        if self.world is not None or self.settings.task == MIXED:
            return None
        chosen = self.settings
        return task_models(self.profile, chosen.task, chosen.seed, data=chosen.data)

    def start_folder(self, size: str) -> Path:
        """The folder of the policy that every arm of this size starts from.

        On real text it imitates chosen replies, of a task those that its policy was taught.
        Raises ValueError where a small policy would be a released model, which has one size.
        """
        seed, profile = self.settings.seed, self._sized(size)
        if self.world is not None:
            return policy_model(profile, seed)
        _check_size(size, with_policy_base(profile).text_backbone.base)
        task = self.text_task
        taught = self.cleaned.pairs("train") if task is None else task.coverage.policy_pairs
        return text_policy(profile, self.everything, seed, taught, progress=_say)

    def start(self, size: str) -> LanguageModelPolicy:
        """The policy that every arm of this size starts from."""
        return LanguageModelPolicy.load(self.start_folder(size), name="start")

    def proxy_base(self, size: str = STANDARD) -> Path:
        """The language model that every proxy of this size starts from.

        Raises ValueError where a small one would be a released model, which has one size.
        """
        profile = self._sized(size)
        _check_size(size, profile.text_backbone.base if self.world is None else None)
        return backbone(profile, self.everything, self.settings.seed)

    def _sized(self, size: str) -> Profile:
        """The profile, whose models made from scratch are small where that is the size."""
        return _small(self.profile) if size == SMALL else self.profile

    def identity(self) -> dict:
        """What all numbers of the run depend on, whatever the arm: its data, task and models."""
        unrelated = {"batch", "seeds", "n_resamples", "alignment", *OTHER_STUDIES}
        return {
            "run": self.settings.model_dump(include={"seed", "data", "task", "leave_out"}),
            "cleaned": self.cleaned.folder.name,
            "test": self.cleaned.data.test.fingerprint,
            "gold": self.gold_identity,
            "profile": self.profile.model_dump(mode="json", exclude=unrelated),
            "scale": self.profile.alignment.model_dump(mode="json", exclude=ALGORITHMS),
        }

    @property
    def gold_identity(self) -> str:
        """What tells the gold of this run from any other of the same data."""
        return self._gold.identity

    @property
    def max_new_tokens(self) -> int:
        """Tokens that a reply may have."""
        of = self.profile.text_policy if self.world is None else self.profile.policy
        return of.max_new_tokens

    def pairs(self, split: str, *, cleaned: bool) -> pd.DataFrame:
        """Preference pairs of "train" or "test", without the topics that this run leaves out.

        Of a task of real text its own, without the pool's prompts, which policies are trained on.
        Training pairs whose prompt is a test prompt are left out too: the world has few prompts.
        """
        pairs = self.cleaned.cleaned(split) if cleaned else self.cleaned.pairs(split)
        kept = np.ones(len(pairs), bool)
        if self.text_task is not None:
            pairs = of_task(pairs, self.settings.task)
            asked = self.text_task.coverage.prompts
            asked = asked["prompt"][asked["drawn_for"] == POOL]
            kept = ~pairs["prompt"].isin(asked).to_numpy()
        if split == "train":
            kept &= ~pairs["prompt"].isin(self.test_prompts["prompt"]).to_numpy()
        if self.world is not None and self.settings.leave_out:
            topics = self.cleaned.data.truth_of(pairs)["topic"]
            kept &= ~topics.isin(self.settings.leave_out).to_numpy()
        return pairs[kept].reset_index(drop=True)

    def sample(self, policy, prompts: list[str], *, stream: int, n_samples: int) -> Samples:
        """Completions at temperature 1: the policy itself, as KL and best-of-n are about it."""
        return policy.sample(
            prompts,
            n_samples=n_samples,
            max_new_tokens=self.max_new_tokens,
            seed=100 * self.settings.seed + stream,
        )


def prepare(settings: Align, profile: Profile) -> Setting:
    """Data and prompts of one run, made or found made.

    Raises ValueError for a task that the data does not have, and for topics that do not exist.
    """
    check_task(settings)
    on_world = settings.data == WORLD
    choice = Clean(
        profile=settings.profile,
        seed=settings.seed if on_world else 0,
        data=settings.data,
        annotators=SIMULATED if on_world else COMMITTEE,
    )
    everything = clean(choice, profile)
    cleaned, train, test = prompts_of(everything, settings, profile)
    return Setting(settings, profile, without_prompts(cleaned, test), everything.data, train, test)


def _check_size(size: str, released: str | None) -> None:
    if size == SMALL and released is not None:
        raise ValueError(f"{released} has one size: small are models made from scratch")


def _small(profile: Profile) -> Profile:
    """The profile whose models made from scratch, of the world and of real text, are small."""
    small, text = profile.alignment.small, profile.text_backbone
    on_text = small.model_copy(update={"max_length": text.size.max_length})
    return profile.model_copy(
        update={
            "world_backbone": profile.world_backbone.model_copy(update={"size": small}),
            "text_backbone": text.model_copy(update={"size": on_text}),
        }
    )


def _say(line: str) -> None:
    print(f"policy: {line}", flush=True)
