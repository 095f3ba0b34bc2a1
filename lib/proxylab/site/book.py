"""The site's plan: `_quarto.yml` read into pages, their order and the options in use here.

Quarto reads the same file, so nothing here is a format of ours.  What Quarto leaves open (any
option under `format: html`) stays open; the closed parts (`project`, the website's own keys) are
checked, because a misspelt key there would silently change the site.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from .findings import SiteError

CONFIG = "_quarto.yml"
PAGE_SUFFIXES = (".qmd", ".ipynb", ".md")
PROJECT_KEYS = ("type", "title", "output-dir", "render", "resources", "lib-dir", "execute-dir")
WEBSITE_KEYS = (
    *("title", "description", "favicon", "search", "navbar", "sidebar", "page-navigation"),
    *("page-footer", "back-to-top-navigation", "bread-crumbs", "reader-mode", "open-graph"),
    *("site-url", "repo-url", "repo-actions", "body-header", "body-footer", "margin-header"),
)


@dataclass(frozen=True)
class Page:
    """One page: its source path in the project, its group in the sidebar, its link text."""

    source: str
    section: str = ""
    text: str = ""

    @property
    def output(self) -> str:
        """The HTML file's path relative to the site."""
        return str(PurePosixPath(self.source).with_suffix(".html"))


@dataclass(frozen=True)
class Book:
    """What `_quarto.yml` says: the title, the pages in reading order, and the options in use."""

    file: Path
    title: str
    description: str
    pages: tuple[Page, ...]
    output_dir: str
    bibliography: tuple[str, ...]
    footer: str
    lang: str
    html: dict
    execute: dict

    @property
    def sources(self) -> tuple[str, ...]:
        """Every page's source path, in reading order."""
        return tuple(page.source for page in self.pages)


def read_book(project: Path) -> Book:
    """Return the plan in `project`/_quarto.yml.

    Raises SiteError, naming the file and the key, for a missing or malformed file, a key that
    Quarto does not know in `project` or `website`, a page that is listed but not rendered, or the
    reverse.
    """
    file = Path(project) / CONFIG
    config = _load(file)
    site = _mapping(file, config, "website")
    _known(file, "project", _mapping(file, config, "project"), PROJECT_KEYS)
    _known(file, "website", site, WEBSITE_KEYS)
    if config["project"].get("type") != "website":
        raise _error(file, "project.type", "must be `website`")
    html = _mapping(file, _mapping(file, config, "format"), "html", "format.")
    pages = _pages(file, site)
    _same_pages(file, pages, config["project"].get("render"))
    return Book(
        file=file,
        title=_text(file, site, "title", "website."),
        description=str(site.get("description") or ""),
        pages=pages,
        output_dir=str(config["project"].get("output-dir") or "_site"),
        bibliography=tuple(_list(config.get("bibliography"))),
        footer=_footer(site.get("page-footer")),
        lang=str(config.get("lang") or "en"),
        html=html,
        execute=dict(config.get("execute") or {}),
    )


def _load(file: Path) -> dict:
    if not file.is_file():
        raise SiteError(f"{file}: no such file; the site's pages and order are read from it")
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SiteError(f"{file}: not valid YAML: {error}") from None
    if not isinstance(config, dict):
        raise SiteError(f"{file}: must hold keys and values, found {type(config).__name__}")
    return config


def _pages(file: Path, site: dict) -> tuple[Page, ...]:
    """Pages in reading order: the sidebar's contents, then what only the navbar lists."""
    sidebar = site.get("sidebar") or {}
    if not isinstance(sidebar, dict):
        raise _error(file, "website.sidebar", "must be one sidebar (keys and values), not a list")
    found = list(_contents(file, "website.sidebar.contents", sidebar.get("contents")))
    navbar = site.get("navbar") or {}
    for side in ("left", "right"):
        found += _contents(file, f"website.navbar.{side}", navbar.get(side))
    if not found:
        raise _error(file, "website.sidebar.contents", "lists no page")
    pages: dict[str, Page] = {}
    for page in found:
        pages.setdefault(page.source, page)
    return tuple(pages.values())


def _contents(file: Path, key: str, items, section: str = "") -> Iterator[Page]:
    for position, item in enumerate(_list(items)):
        where = f"{key}[{position}]"
        entry = {"href": item} if isinstance(item, str) else item
        if not isinstance(entry, dict):
            raise _error(file, where, "must be a path or a mapping with `href` or `section`")
        if "section" in entry:
            yield from _contents(file, f"{where}.contents", entry.get("contents"), entry["section"])
        elif "://" not in str(entry.get("href", "")):
            yield Page(_source(file, where, entry), section, str(entry.get("text") or ""))


def _source(file: Path, where: str, entry: dict) -> str:
    """The checked path of one sidebar entry."""
    source = entry.get("href")
    if not isinstance(source, str) or not source.endswith(PAGE_SUFFIXES):
        raise _error(file, where, f"{source!r} is not a page ({', '.join(PAGE_SUFFIXES)})")
    if source.startswith("/") or ".." in PurePosixPath(source).parts:
        raise _error(file, where, f"{source!r} must lie inside the project")
    if not (file.parent / source).is_file():
        raise _error(file, where, f"{source!r} does not exist")
    return source


def _same_pages(file: Path, pages: tuple[Page, ...], render) -> None:
    """Hold the render list and the navigation to the same pages: one built alone is lost."""
    if not isinstance(render, list):
        raise _error(file, "project.render", "must list the pages to render, one path each")
    listed = {page.source for page in pages}
    for source in sorted(listed.symmetric_difference(render)):
        where = "the navigation" if source in listed else "project.render"
        raise _error(file, "project.render", f"{source!r} is only in {where}")


def _known(file: Path, name: str, mapping: dict, allowed: tuple[str, ...]) -> None:
    for key in mapping:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(allowed)}"
            raise _error(file, f"{name}.{key}", f"unknown key{hint}")


def _mapping(file: Path, config: dict, key: str, prefix: str = "") -> dict:
    value = config.get(key)
    if not isinstance(value, dict):
        raise _error(file, prefix + key, "is missing" if value is None else "must be a mapping")
    return value


def _text(file: Path, config: dict, key: str, prefix: str) -> str:
    if not isinstance(config.get(key), str):
        raise _error(file, prefix + key, "must be text")
    return config[key]


def _footer(footer) -> str:
    """The footer's Markdown: Quarto takes a string or left, center and right parts."""
    if isinstance(footer, dict):
        return " ".join(str(footer[side]) for side in ("left", "center", "right") if side in footer)
    return str(footer or "")


def _list(value) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _error(file: Path, key: str, message: str) -> SiteError:
    return SiteError(f"{file}: `{key}`: {message}")
