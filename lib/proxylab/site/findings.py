"""What a check of the site reports, and the one error that carries such reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing wrong: the page, where on it (a line, a cell, a label), and what."""

    page: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.page}: {self.where}: {self.message}"


class SiteError(ValueError):
    """The site cannot be built as asked; `findings` holds every reason that was found."""

    def __init__(self, summary: str, findings: Sequence[Finding] = ()):
        self.findings = tuple(findings)
        super().__init__("\n  ".join([summary, *map(str, self.findings)]))
