"""Sizes and training of the models that the studies share: backbones, policies, reward models."""

from typing import Literal, Self

from pydantic import Field, model_validator

from proxylab.policies.language_model import LanguageModelSettings, TrainingSettings
from proxylab.profiles.section import Section
from proxylab.rewards.ranked import RankedTraining
from proxylab.rewards.training import RewardTraining


class BackboneSettings(Section):
    """A language model: from scratch at the given size, or a hub id or folder (`base`)."""

    base: str | None = None
    revision: str | None = None
    size: LanguageModelSettings = LanguageModelSettings()
    vocabulary_size: int = Field(default=2048, ge=300, description="of the BPE; words need none")
    n_dialogues: int = Field(default=12_000, ge=1, description="pretraining dialogues, at most")
    pretraining: TrainingSettings = TrainingSettings(epochs=1, learning_rate=3e-3, batch_size=64)

    @model_validator(mode="after")
    def _a_base_has_a_length(self) -> Self:
        """Of a base's size the length alone is read, and the default is a small model's."""
        if self.base and "max_length" not in self.size.model_fields_set:
            raise ValueError(
                f"base {self.base} needs size: {{max_length: ...}}, the tokens after which "
                f"dialogues are cut (without it {self.size.max_length})"
            )
        return self


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


class TextPolicySettings(Section):
    """How the base policy of real text is fine-tuned on chosen replies, and sampled."""

    base: str | None = Field(
        default=None, description="hub id or folder; None: the language model of text_backbone"
    )
    revision: str | None = None
    n_demonstrations: int = Field(default=8_000, ge=1, description="chosen replies, at most")
    fine_tuning: TrainingSettings = TrainingSettings(epochs=1, learning_rate=1e-3, batch_size=16)
    n_samples: int = Field(default=8, ge=2, description="completions a prompt")
    temperature: float = Field(default=0.7, gt=0)
    max_new_tokens: int = Field(default=48, ge=1)


class TextGoldSettings(Section):
    """The preference model that stands for gold on real text: it learns from pairs of its own."""

    model: str | None = Field(
        default=None, description="a released reward model, as rewards.loading names it"
    )
    revision: str | None = None
    orientation: Literal[1, -1] = Field(default=1, description="of `model`; -1: a cost model")
    share: float = Field(
        default=0.5, gt=0, lt=1, description="of the training questions, kept for gold alone"
    )
    test_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="of the test questions, where training is poor",
    )
    backbone: BackboneSettings = BackboneSettings()
    training: RankedTraining = RankedTraining(
        epochs=2, learning_rate=3e-4, batch_size=32, warmup_steps=20
    )
    max_length: int = Field(default=128, ge=2, description="tokens, prompt and response together")
    n_test_pairs: int = Field(default=1_000, ge=2, description="gold against people")


class RegionSettings(Section):
    """How prompts of real text are sorted into regions, and who is taught about which."""

    n_regions: int = Field(default=10, ge=4)
    n_components: int = Field(default=50, ge=2, description="of the latent semantic analysis")
