"""What can be varied in the controlled world, and what each number means."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proxylab.cleaning.categories import CATEGORIES

Share = Field(ge=0.0, le=1.0)
Shares = tuple[Annotated[float, Share], Annotated[float, Share], Annotated[float, Share]]
VAGUE_GAP = 0.05  # gold-reward units, at most: a slip of fluency, or one claim more that is true


class NoiseRates(BaseModel):
    """Shares of the six categories among the pairs of one set; they sum to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    Same: float = Share
    Opposite: float = Share
    Toxic: float = Share
    Vague: float = Share
    Repetitive: float = Share
    Empty: float = Share

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = sum(getattr(self, name) for name in CATEGORIES)
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the shares of the six categories sum to {total:.6f}, not to 1")
        return self


# Same and Empty are the paper's (figure 3: 67.8 % of train, 51.5 % of Helpful-online, about
# 0.07 % empty). How the rest divides is not legible in the paper; that part is our choice.
TRAIN_NOISE = NoiseRates(
    Same=0.678, Opposite=0.13, Toxic=0.05, Vague=0.1313, Repetitive=0.01, Empty=0.0007
)
ONLINE_NOISE = NoiseRates(
    Same=0.515, Opposite=0.2, Toxic=0.03, Vague=0.2443, Repetitive=0.01, Empty=0.0007
)


class WorldSettings(BaseModel):
    """Size, phrasing, graded knowledge and noise of one controlled world."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0)
    n_openers: int = Field(
        default=8, ge=1, le=8, description="phrasing: words a reply may open with"
    )
    n_closers: int = Field(
        default=8, ge=1, le=8, description="phrasing: words a reply may end with"
    )
    n_subjects: int = Field(
        default=6, ge=1, le=6, description="subjects of a topic; each has four facts to know"
    )
    multi_turn_rate: float = Field(default=0.2, ge=0, le=1, description="prompts after a greeting")

    # Graded knowledge: how often the policy's demonstrations state a fact of that grade truly.
    # Chance is 1/4 for a claim and 1/2 for "is this act harmful here".
    grade_shares: Shares = (0.3, 0.45, 0.25)
    claim_reliability: Shares = (0.95, 0.65, 0.25)
    harm_reliability: Shares = (0.95, 0.75, 0.5)

    n_train_pairs: int = Field(default=6000, ge=40, description="training pairs, all four tranches")
    n_test_pairs: int = Field(default=2000, ge=40, description="test pairs, all four tranches")
    train_noise: NoiseRates = TRAIN_NOISE
    online_noise: NoiseRates = ONLINE_NOISE
    # Above the bound, pairs of some prompts and tranches could never be drawn.
    clear_gap: float = Field(
        default=0.2, gt=VAGUE_GAP, le=2.0, description="least gold gap of a Same/Opposite pair"
    )

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        if abs(sum(self.grade_shares) - 1.0) > 1e-9:
            raise ValueError(f"grade_shares must sum to 1, got {self.grade_shares}")
        return self
