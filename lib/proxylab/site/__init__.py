"""The website: Quarto sources and executed notebooks in, checked pages that open offline out.

`build_site` stages the sources, renders them with Quarto or with the preview renderer, and checks
the result.  Design: the notebooks and site section; nothing is ever executed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .book import Book, Page, read_book
from .check import check_site
from .findings import Finding, SiteError
from .preview import render_preview
from .quarto import find_quarto, render_quarto
from .stage import stage

__all__ = ["Book", "Finding", "Page", "SiteError", "SiteReport", "build_site", "read_book"]

RENDERERS = ("auto", "quarto", "preview")


@dataclass(frozen=True)
class SiteReport:
    """What was built: the folder, by what and why, its pages, and the pages not computed yet."""

    site: Path
    renderer: str
    reason: str
    pages: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{len(self.pages)} pages in {self.site}, by {self.renderer} ({self.reason})",
            *(f"not computed yet, a placeholder stands in: {name}" for name in self.missing),
        ]
        return "\n".join(lines)


def build_site(
    project: Path,
    build: Path,
    *,
    renderer: Literal["auto", "quarto", "preview"] = "auto",
) -> SiteReport:
    """Build and check the site of `project`, and return what was built.

    Executed notebooks are read from `build`/pages; the staging folder is `build`/book, the site
    `build`/site (both replaced).  `renderer="auto"` takes Quarto where a recent enough one is
    installed.  Raises SiteError, with every finding, where the sources cannot be rendered or the
    rendered pages fail a check.
    """
    if renderer not in RENDERERS:
        raise SiteError(f"renderer {renderer!r}: must be one of {', '.join(RENDERERS)}")
    project, build = Path(project), Path(build)
    book = read_book(project)
    quarto, reason = (None, "asked for") if renderer == "preview" else find_quarto()
    if renderer == "quarto" and quarto is None:
        raise SiteError(f"renderer 'quarto' was asked for: {reason}")
    staged = stage(project, build / "pages", build / "book", book)
    site = build / "site"
    if quarto is None:
        render_preview(staged.folder, site, book)
    else:
        render_quarto(quarto, staged.folder, site, output_dir=book.output_dir)
    pages = tuple(page.output for page in book.pages)
    missing = {page.output for page in book.pages if page.source in staged.missing}
    findings = check_site(site, pages, placeholders=missing)
    name = quarto.name if quarto else "the preview renderer"
    if findings:
        raise SiteError(f"the site rendered by {name} fails its checks:", findings)
    return SiteReport(site, name, reason, pages, staged.missing)
