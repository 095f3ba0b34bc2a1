"""Calls to pandoc, and the few helpers needed to read and rewrite its JSON syntax tree.

An element of the tree is a dict {"t": type, "c": content}; an attribute triple is
[identifier, [classes], [[key, value], ...]].  pandoc comes with the package pypandoc-binary.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from .findings import SiteError

READER = "markdown-tex_math_single_backslash"


def run_pandoc(arguments: list[str], text: str, *, folder: Path) -> tuple[str, str]:
    """Return (stdout, stderr) of pandoc run in `folder` on `text`; raise ValueError if it fails."""
    done = subprocess.run(
        [_program(), *arguments], input=text, capture_output=True, encoding="utf-8", cwd=folder
    )
    if done.returncode:
        raise ValueError(f"pandoc {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout, done.stderr


def _program() -> str:
    """Pandoc's path; imported here because Quarto, where installed, brings its own pandoc."""
    try:
        import pypandoc
    except ImportError:
        raise SiteError("pandoc is needed: `pip install pypandoc-binary`") from None
    return pypandoc.get_pandoc_path()


def parse(markdown: str, *, folder: Path) -> dict:
    """Return pandoc's JSON document for `markdown`."""
    # A row longer than pandoc's line width would give every column of its table the same width.
    arguments = ["-f", READER, "-t", "json", "--columns=10000"]
    return json.loads(run_pandoc(arguments, markdown, folder=folder)[0])


def walk(node, visit: Callable[[dict], object]):
    """Rewrite a tree bottom-up.

    `visit` is given each element after its children; it returns None to keep the element, an
    element to replace it, or a list of elements to put in its place.
    """
    if isinstance(node, list):
        return [out for child in node for out in _spliced(walk(child, visit), child)]
    if not isinstance(node, dict):
        return node
    node = {key: walk(value, visit) for key, value in node.items()}
    if "t" not in node:
        return node
    changed = visit(node)
    return node if changed is None else changed


def _spliced(result, child) -> list:
    """A list that replaces an element is spliced; a list that was a list stays one."""
    return result if isinstance(child, dict) and isinstance(result, list) else [result]


def elements(node, *types: str) -> Iterator[dict]:
    """Yield every element of the given types, in document order, parents before children."""
    if isinstance(node, list):
        for child in node:
            yield from elements(child, *types)
    elif isinstance(node, dict):
        if node.get("t") in types:
            yield node
        for value in node.values():
            yield from elements(value, *types)


def plain_text(node) -> str:
    """Return the text of a tree without its formatting."""
    spaces = {"Space": " ", "SoftBreak": " ", "LineBreak": " "}
    parts = []
    for element in elements(node, "Str", "Code", "Math", *spaces):
        content = element.get("c")
        if element["t"] in spaces:
            parts.append(spaces[element["t"]])
        else:
            parts.append(content if element["t"] == "Str" else content[1])
    return "".join(parts)


def attributes(attr: list) -> dict[str, str]:
    """Return the key-value part of an attribute triple as a dict."""
    return dict(map(tuple, attr[2]))


def attr(identifier: str = "", classes: tuple[str, ...] = (), **values: str) -> list:
    """Return an attribute triple; underscores in keys stand for hyphens."""
    return [identifier, list(classes), [[k.replace("_", "-"), v] for k, v in values.items()]]


def words(text: str) -> list[dict]:
    """Return plain text as inline elements, non-breaking spaces kept."""
    out: list[dict] = []
    for word in text.split(" "):
        out += [{"t": "Space"}, {"t": "Str", "c": word}]
    return out[1:]


def raw(html: str, *, inline: bool = False) -> dict:
    """Return a raw HTML element."""
    return {"t": "RawInline" if inline else "RawBlock", "c": ["html", html]}


def div(content: list, *classes: str, identifier: str = "", **values: str) -> dict:
    """Return a Div element."""
    return {"t": "Div", "c": [attr(identifier, classes, **values), content]}
