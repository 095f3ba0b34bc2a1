"""A budget that is asked before each request: requests, tokens, money.

What a question may cost at most is set aside before it is sent and settled when its answer is in,
so that questions under way at once cannot pass the budget together. Left out: budgets over several
runs; what is cached costs nothing.
"""

import threading
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

PER = 1_000_000  # prices are quoted per million tokens
BYTES_A_TOKEN = 3  # English has four or more: the estimate is rather too high


class BudgetSettings(BaseModel):
    """Limits, None for none, and prices in the user's currency per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_requests: int | None = Field(default=None, ge=0, description="retries count as requests")
    max_tokens: int | None = Field(default=None, ge=0, description="read and written, together")
    max_cost: float | None = Field(default=None, ge=0, description="currency of the prices")
    price_in: float = Field(default=0.0, ge=0, description="per million tokens read")
    price_out: float = Field(default=0.0, ge=0, description="per million tokens written")

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """The price of these tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / PER


@dataclass
class Spent:
    """Requests and tokens: spent, or set aside for one question."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, other: "Spent", sign: int = 1) -> None:
        """Add the other's counts, or take them away."""
        self.requests += sign * other.requests
        self.tokens_in += sign * other.tokens_in
        self.tokens_out += sign * other.tokens_out


@dataclass
class Budget:
    """What is left of a budget; safe to use from several threads."""

    settings: BudgetSettings
    spent: Spent = field(default_factory=Spent)
    _aside: Spent = field(default_factory=Spent)
    _n_aside: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def reserve(self, requests: int, tokens_in: int, tokens_out: int) -> Spent | None:
        """Set aside what a question may cost at most, and fewer `requests` if only they are left.

        Waits while what others have set aside could come back. None if it does not fit.
        """
        with self._changed:
            while True:
                left = self._requests_left(requests)
                if left and self._fits(tokens_in, tokens_out):
                    wanted = Spent(left, tokens_in, tokens_out)
                    self._aside.add(wanted)
                    self._n_aside += 1
                    return wanted
                if not self._n_aside:
                    return None
                self._changed.wait()

    def settle(self, reserved: Spent, used: Spent) -> None:
        """Give back what was set aside and book what was used."""
        with self._changed:
            self._aside.add(reserved, -1)
            self._n_aside -= 1
            self.spent.add(used)
            self._changed.notify_all()

    @property
    def cost(self) -> float:
        """What was spent, in money."""
        return self.settings.cost(self.spent.tokens_in, self.spent.tokens_out)

    def _requests_left(self, wanted: int) -> int:
        if self.settings.max_requests is None:
            return wanted
        return max(0, min(wanted, self.settings.max_requests - self._sum("requests")))

    def _fits(self, tokens_in: int, tokens_out: int) -> bool:
        read, written = self._sum("tokens_in") + tokens_in, self._sum("tokens_out") + tokens_out
        limits = self.settings
        too_many = limits.max_tokens is not None and read + written > limits.max_tokens
        too_dear = limits.max_cost is not None and limits.cost(read, written) > limits.max_cost
        return not (too_many or too_dear)

    def _sum(self, name: str) -> int:
        return getattr(self.spent, name) + getattr(self._aside, name)


def estimated_tokens(message: str) -> int:
    """About how many tokens a message has, for English rather too many."""
    return -(-len(message.encode()) // BYTES_A_TOKEN)
