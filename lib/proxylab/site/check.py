"""Checks on a rendered site, whichever renderer made it: what a reader would trip over.

Looked for, page by page: references that were not resolved, links and files that are not there,
anything fetched from the network, images without alternative text, bare pandas frames, more or
fewer than one main heading, tracebacks.  Links that a reader may follow to the web are no fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from .findings import Finding

UNRESOLVED = {
    r"\?@": "an unresolved cross-reference",
    r"(?<![\w.?])@(?:fig|tbl|eq|sec)-\w": "a cross-reference left as text",
    r"\{#(?:fig|tbl|eq|sec)-": "a label left as text",
    r"\?\?": "an unresolved reference",
    r"\[\?\]": "an unresolved citation",
    r"\{\{<": "a Quarto shortcode left as text",
    r"^:::+": "a fence left as text",
}
LOST_CITATION = re.compile(r"^\(?\??[\w:.#$%&+?<>~/-]+\?$")  # pandoc writes <strong>key?</strong>
TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^-+> ?\d+ ", re.MULTILINE)
REMOTE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
REMOTE_CSS = re.compile(r"(?:@import\s+|url\(\s*)['\"]?(?:url\(\s*['\"]?)?(?:https?:)?//", re.I)
FETCHED = {"src", "srcset", "poster", "data", "background"}
LINK_FETCHES = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "modulepreload",
    "manifest",
    "dns-prefetch",
}
VERBATIM = {"pre", "code", "script", "style", "math", "template", "annotation"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class PageFacts(HTMLParser):
    """What one HTML file holds: identifiers, links, local files, and the faults seen on the way."""

    page: str
    ids: set[str] = field(default_factory=set)
    targets: list[tuple[int, str, str]] = field(default_factory=list)  # (line, element, target)
    faults: list[Finding] = field(default_factory=list)
    headings: int = 0

    def __post_init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.in_citation = 0  # the depth at which a citation was opened

    def fault(self, element: str, message: str) -> None:
        """Note a fault at the parser's line."""
        self.faults.append(Finding(self.page, f"line {self.getpos()[0]}, {element}", message))

    def handle_starttag(self, tag, attrs):
        """Note what the element names, fetches and lacks."""
        values = {key: value or "" for key, value in attrs}
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        self.headings += tag == "h1"
        self._references(tag, values)
        if tag == "img" and not values.get("alt", "").strip() and not _decorative(values):
            self.fault(f"<img src={values.get('src', '')!r}>", "has no alternative text")
        if "dataframe" in values.get("class", "").split():
            self.fault(f"<{tag}>", "is a bare pandas frame; emit a Markdown table")
        if REMOTE_CSS.search(values.get("style", "")):
            self.fault(f"<{tag} style>", "fetches from the network")
        if tag not in VOID:
            self.open.append(tag)
            if "citation" in values.get("class", "").split():
                self.in_citation = len(self.open)

    def handle_startendtag(self, tag, attrs):
        """An element closed in its own tag opens nothing."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        """Close the element, and whatever was left open inside it."""
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]
            if len(self.open) < self.in_citation:
                self.in_citation = 0

    def handle_data(self, data):
        """Look for what should not stand in a page's text."""
        inside = VERBATIM.intersection(self.open)
        if "style" in inside and REMOTE_CSS.search(data):
            self.fault("<style>", "fetches from the network")
        if not inside & {"script", "style"} and TRACEBACK.search(data):
            self.fault(f"<{self.open[-1] if self.open else ''}>", "shows a traceback")
        if inside:
            return
        for pattern, what in UNRESOLVED.items():
            if found := re.search(pattern, data.strip()):
                self.fault(f"{_around(data.strip(), found.start())!r}", f"holds {what}")
        if self.in_citation and self.open[-1] == "strong" and LOST_CITATION.match(data.strip()):
            self.fault(repr(data.strip()), "is a citation that the bibliography lacks")

    def _references(self, tag: str, values: dict[str, str]) -> None:
        line = self.getpos()[0]
        rel = set(values.get("rel", "").lower().split())
        fetched = [values[key] for key in FETCHED & values.keys()]
        if tag == "link" and rel & LINK_FETCHES:
            fetched.append(values.get("href", ""))
        for target in fetched:
            if REMOTE.match(target):
                self.fault(f"<{tag}>", f"fetches {target} from the network")
            elif not target.startswith("data:"):
                self.targets.append((line, f"<{tag}>", target.split(" ")[0]))
        if tag == "a" and values.get("href"):
            self.targets.append((line, "<a>", values["href"]))


def check_site(
    site: Path, pages: Iterable[str], *, placeholders: Collection[str] = ()
) -> list[Finding]:
    """Return every fault of the site's pages, sorted by page.

    `pages` are the HTML files the site must hold, relative to `site`.  A link into a page of
    `placeholders` need not find its anchor: the page has not been computed.
    """
    facts, findings = {}, []
    for name in pages:
        if (site / name).is_file():
            facts[name] = _read(site, name)
        else:
            findings.append(Finding(name, "file", "was not rendered"))
    for name, page in facts.items():
        findings += page.faults
        if page.headings != 1:
            findings.append(Finding(name, "<h1>", f"has {page.headings} main headings, not one"))
        for line, element, target in page.targets:
            message = _broken(site, name, target, facts, placeholders)
            if message:
                findings.append(Finding(name, f"line {line}, {element}", message))
    return sorted({*findings, *_stylesheets(site)})


def _read(site: Path, name: str) -> PageFacts:
    facts = PageFacts(name)
    facts.feed((site / name).read_text(encoding="utf-8"))
    facts.close()
    return facts


def _broken(site: Path, name: str, target: str, facts: dict, placeholders) -> str:
    """Why a local link leads nowhere, or an empty string."""
    if re.match(r"^[a-z][a-z0-9+.-]*:|^//|^#?$", target, re.IGNORECASE):
        return ""
    path, _, fragment = target.partition("#")
    path = unquote(path.partition("?")[0])
    file = (site / name).parent / path if path else site / name
    file = (file / "index.html" if file.is_dir() else file).resolve()
    if not file.is_relative_to(site.resolve()):
        return f"{target} leads out of the site"
    if not file.is_file():
        return f"{target} is not there"
    page = file.relative_to(site.resolve()).as_posix()
    if not fragment or page in placeholders or file.suffix != ".html":
        return ""
    ids = facts[page].ids if page in facts else _read(site, page).ids
    return "" if unquote(fragment) in ids else f"{target}: no such anchor on that page"


def _stylesheets(site: Path) -> list[Finding]:
    """Style sheets that import a style or a font from the network."""
    found = []
    for file in sorted(site.rglob("*.css")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if match := REMOTE_CSS.search(line):
                text = line[match.start() : match.start() + 80]
                name = file.relative_to(site).as_posix()
                found.append(Finding(name, f"line {number}", f"fetches from the network: {text}"))
    return found


def _decorative(values: dict[str, str]) -> bool:
    return values.get("role") in ("presentation", "none") or values.get("aria-hidden") == "true"


def _around(text: str, position: int) -> str:
    return text[max(0, position - 20) : position + 30]
