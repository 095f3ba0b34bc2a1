"""A Markdown page that shows what a notebook computed, such as the front page its findings.

A line `<!-- outputs of notebooks/pages/front.ipynb -->` is replaced by the Markdown outputs of the
executed copy, its links turned to the page's own folder. To any other reader of the page's source
the line is a comment. Outputs of other kinds, and the notebook's code and prose, are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import nbformat

MARK = re.compile(r"^<!-- outputs of (?P<notebook>\S+\.ipynb) -->[ \t]*$", re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|/")


def notebooks_shown(text: str) -> list[str]:
    """The notebooks, by path in the project, whose outputs a Markdown page asks for."""
    return [found["notebook"] for found in MARK.finditer(text)]


def with_outputs(text: str, source: str, markdown_of: Callable[[str], str]) -> str:
    """`text` of the page `source` with every mark replaced.

    Arguments: `markdown_of` gives the Markdown to show for a notebook's path.
    """

    def shown(found: re.Match) -> str:
        notebook = found["notebook"]
        here, there = str(PurePosixPath(source).parent), str(PurePosixPath(notebook).parent)
        return turned(markdown_of(notebook), start=there, to=here)

    return MARK.sub(shown, text)


def turned(markdown: str, *, start: str, to: str) -> str:
    """Links relative to the folder `start` made relative to `to`; both lie in the project."""

    def link(found: re.Match) -> str:
        target = found["target"]
        if ELSEWHERE.match(target):
            return found[0]
        return f"]({posixpath.relpath(posixpath.join(start, target), to)})"

    return LINK.sub(link, markdown)


def markdown_outputs(executed: Path) -> str:
    """The Markdown that an executed notebook displays, in order."""
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [out for cell in cells for out in cell.get("outputs", []) if "data" in out]
    texts = [out["data"]["text/markdown"] for out in outputs if "text/markdown" in out["data"]]
    return "\n\n".join(texts)
