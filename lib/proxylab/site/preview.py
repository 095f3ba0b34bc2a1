"""The preview renderer: the same sources and pages without Quarto, through pandoc and our filters.

One HTML template (theme/preview.html) with a sidebar, previous and next page, an on-page table of
contents, a search box and a theme toggle; nothing is fetched from the network and every page opens
from disk. Left out: every feature of Quarto's that `notebook`, `crossref` and `blocks` do not name.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template

from .blocks import apply_blocks, local_targets
from .book import PAGE_SUFFIXES, Book
from .crossref import kind_of, resolve
from .findings import Finding, SiteError
from .notebook import Source, read_source
from .pandoc import attr, div, elements, parse, plain_text, run_pandoc, words
from .search import INDEX, Section, sections_of, write_index
from .stage import THEME

ASSETS = ("preview.css", "preview.js", "search.js")
TEMPLATE = "preview.html"
WARNING = re.compile(r"^\[WARNING\]\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Rendered:
    """A page's parts, ready for the template and for the search index."""

    source: str
    output: str
    title: str
    subtitle: str
    body: str
    headings: tuple[tuple[int, str, str], ...]  # (level, identifier, text)
    sections: tuple[Section, ...]


def render_preview(folder: Path, site: Path, book: Book) -> None:
    """Render the staging folder into `site`, replacing it.

    Raises SiteError with a finding for each unresolved cross-reference or citation, each formula
    that pandoc cannot convert, and each page without a title.
    """
    outputs = {page.source: page.output for page in book.pages}
    findings: list[Finding] = []
    shutil.rmtree(site, ignore_errors=True)
    pages = [_page(source, folder, site, book, outputs, findings) for source in book.sources]
    if findings:
        raise SiteError("the preview renderer found:", findings)
    template = Template((folder / THEME / TEMPLATE).read_text(encoding="utf-8"))
    footer = run_pandoc(["-f", "markdown", "-t", "html5"], book.footer, folder=folder)[0]
    for position, page in enumerate(pages):
        text = template.substitute(_fields(book, pages, position, footer))
        (site / page.output).write_text(text, encoding="utf-8")
    write_index(((page.output, page.title, page.sections) for page in pages), site / INDEX)
    for name in ASSETS:
        shutil.copyfile(folder / THEME / name, site / name)


def _page(source, folder, site, book, outputs, findings) -> Rendered:
    page = read_source(folder / source, execute=book.execute, html=book.html)
    where = site / Path(outputs[source]).parent
    where.mkdir(parents=True, exist_ok=True)
    for name, data in page.images.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    document = parse(page.markdown, folder=folder)
    _copy_targets(document["blocks"], Path(source).parent, folder, site)
    blocks = apply_blocks(document["blocks"], source=source, pages=outputs)
    numbered = page.meta.get("number-sections", book.html.get("number-sections", False))
    blocks, problems = resolve(blocks, source, number_sections=bool(numbered))
    body, faults = _html({**document, "blocks": _with_references(blocks)}, folder, book)
    findings += [*problems, *(Finding(source, "pandoc", fault) for fault in faults)]
    if not page.meta.get("title"):
        findings.append(Finding(source, "front matter", "has no `title`"))
    return _rendered(page, source, outputs[source], body, blocks)


def _rendered(page: Source, source: str, output: str, body: str, blocks: list) -> Rendered:
    headings = [
        (block["c"][0], block["c"][1][0], plain_text(block["c"][2]))
        for block in blocks
        if block["t"] == "Header" and block["c"][0] in (2, 3) and block["c"][1][0]
    ]
    title, subtitle = (str(page.meta.get(key) or "") for key in ("title", "subtitle"))
    return Rendered(source, output, title, subtitle, body, tuple(headings), sections_of(blocks))


def _copy_targets(blocks: list, parent: Path, folder: Path, site: Path) -> None:
    """Copy the staged files that a page shows or links to, at the same relative path."""
    for target in local_targets(blocks):
        path = (folder / parent / target).resolve()
        if path.is_file() and path.suffix not in PAGE_SUFFIXES:
            copy = site / path.relative_to(folder.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _with_references(blocks: list) -> list:
    """Add a section for the list of references where a source is cited."""
    cites = elements(blocks, "Cite")
    keys = {citation["citationId"] for cite in cites for citation in cite["c"][0]}
    if not any(not kind_of(key) for key in keys):
        return blocks
    heading = {"t": "Header", "c": [2, attr("references", ("unnumbered",)), words("References")]}
    return [*blocks, heading, div([], identifier="refs")]


def _html(document: dict, folder: Path, book: Book) -> tuple[str, list[str]]:
    """The page's body, and what pandoc warned of."""
    arguments = ["-f", "json", "-t", "html5", "--mathml", "--wrap=none", "--citeproc"]
    arguments += [f"--bibliography={name}" for name in book.bibliography]
    arguments += ["--metadata=link-citations:true", f"--metadata=lang:{book.lang}"]
    text, log = run_pandoc(arguments, json.dumps(document), folder=folder)
    return text, WARNING.findall(log)


def _fields(book: Book, pages: list[Rendered], position: int, footer: str) -> dict[str, str]:
    """The template's fields for one page; every text is escaped, every HTML is pandoc's."""
    page = pages[position]
    root = posixpath.relpath(".", posixpath.dirname(page.output) or ".")
    before = pages[position - 1] if position else None
    after = pages[position + 1] if position + 1 < len(pages) else None
    title = page.title if page.title == book.title else f"{page.title} \u2013 {book.title}"
    subtitle = f'<p class="subtitle">{html.escape(page.subtitle)}</p>' if page.subtitle else ""
    return {
        "lang": html.escape(book.lang),
        "head_title": html.escape(title),
        "description": html.escape(book.description),
        "root": root,
        "site_title": html.escape(book.title),
        "home": _relative(page, pages[0]),
        "navigation": _navigation(book, pages, page),
        "title": html.escape(page.title),
        "subtitle": subtitle,
        "contents": _contents(page.headings),
        "body": page.body,
        "previous": _neighbour(page, before, "prev", "Previous"),
        "next": _neighbour(page, after, "next", "Next"),
        "footer": footer,
    }


def _relative(page: Rendered, other: Rendered) -> str:
    return posixpath.relpath(other.output, posixpath.dirname(page.output) or ".")


def _navigation(book: Book, pages: list[Rendered], current: Rendered) -> str:
    items, section = [], ""
    for plan, page in zip(book.pages, pages, strict=True):
        if plan.section != section:
            section = plan.section
            items.append(f'<li class="nav-section">{html.escape(section)}</li>')
        here = ' aria-current="page"' if page is current else ""
        text = html.escape(plan.text or page.title)
        items.append(f'<li><a href="{_relative(current, page)}"{here}>{text}</a></li>')
    return "<ul>" + "".join(items) + "</ul>"


def _contents(headings: tuple[tuple[int, str, str], ...]) -> str:
    if len(headings) < 2:
        return ""
    items = "".join(
        f'<li class="level-{level}"><a href="#{html.escape(name)}">{html.escape(text)}</a></li>'
        for level, name, text in headings
    )
    return f"<details open><summary>On this page</summary><ul>{items}</ul></details>"


def _neighbour(page: Rendered, other: Rendered | None, rel: str, name: str) -> str:
    if other is None:
        return "<span></span>"
    text = f"<small>{name}</small>{html.escape(other.title)}"
    return f'<a class="{rel}" rel="{rel}" href="{_relative(page, other)}">{text}</a>'
