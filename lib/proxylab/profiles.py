"""Profiles: every number that depends on scale, in one checked file each under `profiles/`.

A profile changes sizes and model ids, never the branch that the code takes. An unknown key, a
wrong type or a value out of range is an error that names the file and the key.
"""

import itertools
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxylab.alignment.dpo import DPOSettings
from proxylab.alignment.ppo import PPOSettings
from proxylab.alignment.pro import PROSettings
from proxylab.alignment.sft import SFTSettings
from proxylab.environment import project_root
from proxylab.names import did_you_mean
from proxylab.policies.language_model import LanguageModelSettings, TrainingSettings
from proxylab.rewards.ranked import RankedTraining
from proxylab.rewards.training import RewardTraining
from proxylab.world.settings import WorldSettings


class ProfileError(ValueError):
    """A profile that does not exist or does not hold what a profile must."""


class Section(BaseModel):
    """A part of a profile: unknown keys are errors, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BackboneSettings(Section):
    """A language model: from scratch at the given size, or a hub id or folder (`base`)."""

    base: str | None = None
    revision: str | None = None
    size: LanguageModelSettings = LanguageModelSettings()
    vocabulary_size: int = Field(default=2048, ge=300, description="of the BPE; words need none")
    n_dialogues: int = Field(default=12_000, ge=1, description="pretraining dialogues, at most")
    pretraining: TrainingSettings = TrainingSettings(epochs=1, learning_rate=3e-3, batch_size=64)


class PolicySettings(Section):
    """How the base policy is fine-tuned on demonstrations in its topics, and sampled."""

    n_demonstrations: int = Field(default=12_000, ge=1)
    fine_tuning: TrainingSettings = TrainingSettings(epochs=2, learning_rate=3e-3, batch_size=64)
    n_prompts: int = Field(default=600, ge=10)
    n_samples: int = Field(default=8, ge=2, description="completions a prompt")
    temperature: float = Field(default=0.7, gt=0)
    max_new_tokens: int = Field(default=28, ge=1)


class RewardModelSettings(Section):
    """How a reward model is trained; the rest is for the proxies of the world alone."""

    training: RewardTraining = RewardTraining()
    proxy_training: RankedTraining = RankedTraining(
        epochs=2, learning_rate=2e-3, batch_size=64, warmup_steps=20
    )
    n_proxy_pairs: int = Field(default=8_000, ge=10)


class CleaningSettings(Section):
    """Who relabels in the controlled world, and what is swept."""

    annotator_bias_sd: float = Field(default=0.1, ge=0, description="gold reward per feature unit")
    missing_rate: float = Field(default=0.03, ge=0, le=1)
    toxic_miss_rate: float = Field(default=0.05, ge=0, le=1)
    toxic_false_alarm_rate: float = Field(default=0.01, ge=0, le=1)
    sweep_n_annotators: tuple[int, ...] = (2, 3, 4, 8)
    sweep_temperatures: tuple[float, ...] = (0.1, 0.3, 0.6, 1.2)
    committee_folds: int = Field(default=5, ge=2)


class AggregationSettings(Section):
    """What aggregates votes, and the crowds of the controlled world that it is tried on."""

    n_pairs: int = Field(default=2000, ge=50, description="training pairs of the world")
    n_annotators: tuple[int, ...] = (2, 3, 4, 8)
    methods: tuple[str, ...] = ("majority", "dawid_skene", "mace", "crowdlab")
    thresholds: tuple[float, ...] = Field(default=(0.6, 0.75, 0.9), description="of a posterior")
    folds: int = Field(default=3, ge=2, description="of the classifier that CROWDLAB asks")
    pool_below: int = Field(default=50, ge=0, description="votes: fewer share one profile")
    em_steps: int = Field(default=50, ge=1, description="of expectation-maximisation")
    n_record_draws: int = Field(default=3, ge=1, description="of the vote that is the record")


class ConflictSettings(Section):
    """The conflict study: what is sampled, swept, labelled and refitted."""

    n_pool: int = Field(default=300, ge=10, description="prompts that labels are bought on")
    n_held_out: int = Field(default=300, ge=10, description="prompts that results are measured on")
    misinformed_share: float = Field(default=0.4, ge=0, le=1, description="of the labellers' facts")
    n_task_pairs: int = Field(default=8000, ge=10, description="of the misinformed labellers")

    n_members: int = Field(default=3, ge=2, description="of the ensemble behind uncertainty")
    n_member_pairs: int = Field(default=1500, ge=10)
    member_training: RankedTraining = RankedTraining(epochs=1, learning_rate=2e-3)

    sweep_n_samples: tuple[int, ...] = (4, 8, 16)
    sweep_temperatures: tuple[float, ...] = (0.4, 0.7, 1.0, 1.4)
    score_doses: tuple[float, ...] = Field(
        default=(0.5, 2.0), description="standard deviations of the proxy's reward"
    )
    share_doses: tuple[float, ...] = Field(default=(0.2, 0.5), description="shares of the pairs")
    ambiguity_scale: float = Field(default=0.5, gt=0, description="gold-reward units")
    n_bias_pairs: int = Field(default=1000, ge=10)
    bias_training: RankedTraining = RankedTraining(epochs=1, learning_rate=2e-3)

    n_text_prompts: int = Field(default=300, ge=10, description="real prompts that are sampled")
    text_new_tokens: int = Field(default=48, ge=1)

    budget: int = Field(default=720, ge=2, description="labelled completions in all")
    rounds: int = Field(default=3, ge=1)
    n_replay: int = Field(default=500, ge=0, description="pairs of the original data in a refit")
    refinement: RankedTraining = RankedTraining()
    kl: float = Field(default=0.7, gt=0, description="nats that the optimised policy may spend")


class AlignmentSettings(Section):
    """The alignment study: prompts, samples, proxies, and the settings of every algorithm."""

    small: LanguageModelSettings = LanguageModelSettings(hidden_size=32, n_layers=1, n_heads=2)
    n_strong_pairs: int = Field(default=16_000, ge=10, description="noise-free, all topics")
    n_train_prompts: int = Field(default=4_000, ge=1)
    n_test_prompts: int = Field(default=600, ge=4)
    n_samples: int = Field(default=2, ge=1, description="completions of a test prompt")
    n_scale_prompts: int = Field(default=200, ge=2, description="that put proxies on one scale")
    n_scale_samples: int = Field(default=4, ge=2, description="completions of each of them")
    n_perturbed: int = Field(default=100, ge=1, description="test prompts asked otherwise")
    n_preference_pairs: int = Field(default=1_000, ge=1, description="held-out pairs, noisy")
    n_monitor_prompts: int = Field(default=64, ge=1)
    n_monitor_samples: int = Field(default=4, ge=1)
    monitor_every: int = Field(default=10, ge=1, description="optimiser steps")

    proxies: tuple[str, ...] = ("raw@0.1", "raw", "cleaned", "strong")
    n_proxy_labelled: int = Field(default=3_000, ge=2, description="pairs that a proxy orders")
    n_choice_prompts: int = Field(default=150, ge=1)
    n_candidates: int = Field(default=128, ge=2, description="completions of each such prompt")
    best_of: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    kls: tuple[float, ...] = Field(default=(0.1, 0.3, 0.7, 1.2, 2.0, 3.0), description="nats")

    sft: SFTSettings = SFTSettings()
    dpo: DPOSettings = DPOSettings()
    pro: PROSettings = PROSettings()
    ppo: PPOSettings = PPOSettings()

    def settings_of(self, algorithm: str) -> BaseModel | None:
        """The settings of an algorithm that trains; None for one that does not."""
        return getattr(self, algorithm, None)


class CorrelationSettings(Section):
    """How many responses the correlation study scores, and how often shards are drawn again."""

    n_samples: int = Field(default=8, ge=2, description="responses of the policy to a test prompt")
    best_of: int = Field(default=4, ge=2, description="that an aligned response is chosen from")
    n_assignments: int = Field(default=1000, ge=10, description="of items to shards")


class JudgeStudySettings(Section):
    """Which replies a judge compares, how wrong it is made, and the people beside it."""

    n_pairs: int = Field(default=150, ge=2, description="test prompts, each policy's reply to it")
    best_of: int = Field(default=16, ge=1, description="completions that a policy chooses among")
    position_biases: tuple[float, ...] = Field(
        default=(0.0, 0.5, 1.0, 2.0), description="gold-reward units for the first place"
    )
    wobble: float = Field(default=0.3, ge=0, description="noise anew in each answer, gold units")
    tie_width: float = Field(default=0.1, ge=0, description="of judge and people, gold units")
    n_people: int = Field(default=3, ge=1, description="simulated")
    people_temperature: float = Field(default=0.3, ge=0, description="gold-reward units")


class AuditSettings(Section):
    """How many probes an audit asks in the world, and which biases it is to find."""

    n_probes: int = Field(default=160, ge=4, description="prompts that a proxy is audited on")
    n_fresh_probes: int = Field(default=300, ge=4, description="that say what is true of it")
    n_pairs: int = Field(default=1000, ge=2, description="labelled pairs, for calibration")
    n_calibration_resamples: int = Field(default=200, ge=2)
    # Doses of scores in units of the proxy's scale, of data as shares of the pairs.
    biases: tuple[str, ...] = (
        "length_bias=0.02",
        "length_bias=0.05",
        "length_bias=0.2",
        "refusal_bias=1",
        "refusal_bias=2",
        "refusal_bias=4",
        "score_noise=0.5",
        "score_noise=1",
        "score_noise=2",
        "saturation=1",
        "saturation=4",
        "sign_flip=0.2",
        "sign_flip=0.5",
        "uniform_flips=0",
        "uniform_flips=0.2",
        "sycophancy_prefix=0.5",
        "sycophancy_prefix=1",
        "format_marks=0.5",
        "format_marks=1",
        "coverage_gap=1",
    )


class PlannedRun(Section):
    """One line of the batch: a run notebook, and the values of its parameters to cross."""

    notebook: str
    parameters: dict[str, tuple[Any, ...]] = {}
    needs: Literal["nothing", "data"] = "nothing"


class Profile(Section):
    """All settings of one scale."""

    name: str
    seeds: tuple[int, ...] = Field(min_length=1)
    n_resamples: int = Field(default=1000, ge=100, description="bootstrap resamples")
    max_text_pairs: int | None = Field(default=None, ge=10, description="of real text, to train")
    world: WorldSettings = WorldSettings()
    world_backbone: BackboneSettings = BackboneSettings()
    text_backbone: BackboneSettings = BackboneSettings()
    policy: PolicySettings = PolicySettings()
    world_reward_model: RewardModelSettings = RewardModelSettings()
    text_reward_model: RewardModelSettings = RewardModelSettings()
    cleaning: CleaningSettings = CleaningSettings()
    aggregation: AggregationSettings = AggregationSettings()
    conflict: ConflictSettings = ConflictSettings()
    alignment: AlignmentSettings = AlignmentSettings()
    correlation: CorrelationSettings = CorrelationSettings()
    judging: JudgeStudySettings = JudgeStudySettings()
    audit: AuditSettings = AuditSettings()
    batch: tuple[PlannedRun, ...] = ()

    def world_of(self, seed: int) -> WorldSettings:
        """The settings of the controlled world of one seed."""
        return self.world.model_copy(update={"seed": seed})

    def planned_runs(self, *, with_data: bool) -> list[tuple[str, dict[str, Any]]]:
        """Notebook and parameters of every run of the batch, in order; seeds where none are given.

        Runs that need a folder of real data are left out unless `with_data`.
        """
        runs = []
        for line in self.batch:
            if line.needs == "data" and not with_data:
                continue
            values = {"profile": (self.name,), "seed": self.seeds, **line.parameters}
            crossed = itertools.product(*values.values())
            runs += [(line.notebook, dict(zip(values, row, strict=True))) for row in crossed]
        return runs


def load_profile(name: str, *, root: Path | None = None) -> Profile:
    """Read and check `profiles/<name>.yaml`.

    Raises ProfileError that names the file and every wrong key, with the nearest known one.
    """
    folder = (root or project_root()) / "profiles"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise ProfileError(f"there is no profile {name!r}{did_you_mean(name, known)}")
    shown = f"profiles/{path.name}"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        profile = Profile.model_validate(values)
    except yaml.YAMLError as error:
        raise ProfileError(f"{shown} is not YAML: {error}") from None
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise ProfileError("\n".join(_describe(shown, problem) for problem in problems)) from None
    if profile.name != name:
        raise ProfileError(f"{shown}: `name` is {profile.name!r}, and must be the file's: {name!r}")
    return profile


def _describe(shown: str, problem: Any) -> str:
    path = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        return f"{shown}: unknown key `{path}`{did_you_mean(str(key), _keys(parents))}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{shown}: `{path or 'profile'}`: {message} (got {problem['input']!r})"


def _keys(parents: list) -> list[str]:
    """The keys that the section at this path of a profile may hold."""
    model: Any = Profile
    for name in parents:
        model = PlannedRun if isinstance(name, int) else model.model_fields[name].annotation
    return list(model.model_fields)
