"""How much the conflict study samples, sweeps, labels and refits."""

from typing import Literal

from pydantic import Field

from proxylab.profiles.section import Section
from proxylab.rewards.ranked import RankedTraining


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
        default=(0.5, 2.0),
        description="standard deviations of the proxy's reward, for length a word",
    )
    share_doses: tuple[float, ...] = Field(default=(0.2, 0.5), description="shares of the pairs")
    ambiguity_scale: float = Field(default=0.5, gt=0, description="gold-reward units")
    n_bias_pairs: int = Field(default=1000, ge=10)
    bias_training: RankedTraining = RankedTraining(epochs=1, learning_rate=2e-3)

    budget: int = Field(default=720, ge=2, description="labelled completions in all")
    rounds: int = Field(default=3, ge=1)
    n_replay: int = Field(default=500, ge=0, description="pairs of the original data in a refit")
    refinement: RankedTraining = RankedTraining()
    refit: Literal["warm", "scratch"] = Field(
        default="warm", description="of the proxies `shf_cas:...` that policies are aligned with"
    )
    kl: float = Field(default=0.7, gt=0, description="nats that the optimised policy may spend")
