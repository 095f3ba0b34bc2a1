"""Settings of the loop: how much is labelled, chosen how, and how the proxy is refitted."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from proxylab.rewards.ranked import RankedTraining
from proxylab.shf_cas.faults import check_faults


class LoopSettings(BaseModel):
    """Settings of one loop; an unknown key is an error.

    With `rounds=1` this is the single round of the paper's released code, under a budget. `faults`
    are those of that code (`FAULTS`): "inverted_selection" and "reversed_labels" act in the loop,
    "unmasked_logprob" where the candidates are made (`unmasked_logprobs`), and the others in
    `evaluate_round`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: str
    rounds: int = Field(default=3, ge=1)
    budget: int = Field(ge=1, description="labelled completions in all; first rounds take the rest")
    logprob_kind: Literal["sum", "per_token", "length_residual"] = "sum"
    training: RankedTraining = Field(
        default=RankedTraining(), description="of each refit; the loop's own seed takes its place"
    )
    n_replay: int = Field(default=500, ge=0, description="pairs of the original data in a refit")
    kl: float = Field(default=0.7, gt=0, description="nats that the optimised policy may spend")
    refit: Literal["warm", "scratch"] = Field(
        default="warm",
        description="warm: the original proxy, on replay and labels; scratch, as in the paper: a "
        "new reward model from the backbone, on all original pairs and labels",
    )
    faults: tuple[str, ...] = ()
    seed: int = Field(ge=0)

    @field_validator("faults")
    @classmethod
    def _known_faults(cls, faults: tuple[str, ...]) -> tuple[str, ...]:
        return check_faults(faults)

    @model_validator(mode="after")
    def _a_label_a_round(self):
        if self.budget < self.rounds:
            raise ValueError(f"budget {self.budget} leaves one of {self.rounds} rounds without one")
        return self

    @property
    def budgets(self) -> list[int]:
        """Completions that each round buys."""
        share, rest = divmod(self.budget, self.rounds)
        return [share + (number < rest) for number in range(self.rounds)]
