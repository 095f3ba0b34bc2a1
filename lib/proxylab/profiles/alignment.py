"""How much the alignment study samples and trains, and the settings of every algorithm."""

from pydantic import BaseModel, Field

from proxylab.alignment.dpo import DPOSettings
from proxylab.alignment.ppo import PPOSettings
from proxylab.alignment.pro import PROSettings
from proxylab.alignment.sft import SFTSettings
from proxylab.policies.language_model import LanguageModelSettings
from proxylab.profiles.section import Section


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
    n_checkpoints: int = Field(default=6, ge=1, description="of a policy while it is trained")

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
