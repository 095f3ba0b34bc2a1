"""One check and its outcome, the error of those that failed, and a table for report cards."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it passed, and what was seen."""

    name: str
    passed: bool
    detail: str


class RewardModelSelfTestError(ValueError):
    """A proxy failed its self-test; `failed` holds the checks that did, `checks` all of them."""

    def __init__(self, name: str, checks: Sequence[Check]):
        self.checks = tuple(checks)
        self.failed = tuple(check for check in checks if not check.passed)
        lines = [f"  {check.name}: {check.detail}" for check in self.failed]
        super().__init__("\n".join([f"reward model {name!r} failed its self-test", *lines]))


def checks_table(checks: Sequence[Check]) -> pd.DataFrame:
    """One row a check: name, passed, detail."""
    rows = [(check.name, check.passed, check.detail) for check in checks]
    return pd.DataFrame(rows, columns=["name", "passed", "detail"])
