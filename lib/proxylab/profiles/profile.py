"""A whole profile: its sections, the runs that it plans, and how it is read and checked."""

import itertools
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import yaml
from pydantic import Field, ValidationError

from proxylab.environment import project_root
from proxylab.names import did_you_mean
from proxylab.profiles.alignment import AlignmentSettings
from proxylab.profiles.audit import AuditSettings
from proxylab.profiles.conflict import ConflictSettings
from proxylab.profiles.models import (
    BackboneSettings,
    PolicySettings,
    RegionSettings,
    RewardModelSettings,
    TextGoldSettings,
    TextPolicySettings,
)
from proxylab.profiles.people import (
    AggregationSettings,
    CleaningSettings,
    CorrelationSettings,
    JudgeStudySettings,
)
from proxylab.profiles.section import Section
from proxylab.world.settings import WorldSettings


class ProfileError(ValueError):
    """A profile that does not exist or does not hold what a profile must."""


class PlannedRun(Section):
    """One line of the batch: a run notebook, and the values of its parameters to cross."""

    notebook: str
    parameters: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
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
    text_policy: TextPolicySettings = TextPolicySettings()
    text_gold: TextGoldSettings = TextGoldSettings()
    text_regions: RegionSettings = RegionSettings()
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
        kind = PlannedRun if isinstance(name, int) else model.model_fields[name].annotation
        model = next((part for part in get_args(kind) if part is not NoneType), kind)  # X | None
    return list(model.model_fields)
