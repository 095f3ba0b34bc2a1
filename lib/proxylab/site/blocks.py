"""What Quarto's own filters add to pandoc and a page here may use: folded code, callouts, figures
for two themes, alternative text, and links between source pages.
"""

from __future__ import annotations

import html
import posixpath
from urllib.parse import unquote

from .pandoc import attr, attributes, div, elements, plain_text, raw, walk, words

CALLOUTS = {
    "callout-note": "Note",
    "callout-tip": "Tip",
    "callout-warning": "Warning",
    "callout-important": "Important",
    "callout-caution": "Caution",
}


def apply_blocks(blocks: list, *, source: str, pages: dict[str, str]) -> list:
    """Return the blocks with folds, callouts, renderings, images and page links written for HTML.

    `source` is the page's path in the project; `pages` maps every page's source to its output.
    """

    def visit(element: dict):
        kind, content = element["t"], element.get("c")
        if kind == "CodeBlock":
            return _fold(content)
        if kind == "Image":
            return _image(content)
        if kind == "Link":
            content[2][0] = page_link(content[2][0], source=source, pages=pages)
        if kind == "Div":
            return _callout(content) or _renderings(content)
        return None

    return walk(blocks, visit)


def page_link(target: str, *, source: str, pages: dict[str, str]) -> str:
    """Return a link target with a source page's path replaced by that page's HTML file."""
    path, mark, fragment = target.partition("#")
    if not path or "://" in path or path.startswith(("/", "mailto:")):
        return target
    folder = posixpath.dirname(source)
    wanted = posixpath.normpath(posixpath.join(folder, unquote(path)))
    if wanted not in pages:
        return target
    return posixpath.relpath(pages[wanted], folder or ".") + mark + fragment


def local_targets(blocks: list) -> list[str]:
    """Return the local files that images and links name, as written, without fragments."""
    targets = [element["c"][2][0] for element in elements(blocks, "Image", "Link")]
    paths = [unquote(target.partition("#")[0]) for target in targets if "://" not in target]
    return [path for path in paths if path and not path.startswith(("/", "mailto:", "data:"))]


def _fold(content: list) -> list | None:
    """A code cell's source; folded in a details element if its `code-fold` asks for it."""
    identifier, classes, _ = content[0]
    options = attributes(content[0])
    if "cell-code" not in classes:
        return None
    fold = options.get("code-fold", "false")
    block = {"t": "CodeBlock", "c": [[identifier, classes, []], content[1]]}
    if fold not in ("true", "show"):
        return [block]
    state = " open" if fold == "show" else ""
    summary = html.escape(options.get("code-summary", "Code"))
    head = raw(f'<details class="code-fold"{state}><summary>{summary}</summary>')
    return [head, block, raw("</details>")]


def _image(content: list) -> None:
    """Quarto's `fig-alt` is the text an image's readers hear; else the caption is."""
    values = attributes(content[0])
    alt = values.pop("fig-alt", "") or plain_text(content[1])
    content[0][2] = [[key, value] for key, value in values.items()]
    content[1] = words(alt) if alt else []


def _callout(content: list) -> list | None:
    """A callout: its title from the attribute or a leading heading, else its kind's name."""
    name = next((name for name in content[0][1] if name in CALLOUTS), None)
    if name is None:
        return None
    options, blocks = attributes(content[0]), content[1]
    title = words(options.get("title", CALLOUTS[name]))
    if "title" not in options and blocks and blocks[0]["t"] == "Header":
        title, blocks = blocks[0]["c"][2], blocks[1:]
    collapse = options.get("collapse")
    tags = ("div", "div") if collapse is None else ("details", "summary")
    state = " open" if collapse == "false" else ""
    anchor = f' id="{html.escape(content[0][0])}"' if content[0][0] else ""
    return [
        raw(f'<{tags[0]} class="callout {name}"{anchor}{state}><{tags[1]} class="callout-title">'),
        {"t": "Plain", "c": title},
        raw(f"</{tags[1]}>"),
        div(blocks, "callout-body"),
        raw(f"</{tags[0]}>"),
    ]


def _renderings(content: list) -> None:
    """Mark a cell's outputs as the one for the light theme and the one for the dark theme."""
    options = attributes(content[0])
    if "renderings" not in options:
        return
    content[0] = attr(content[0][0], tuple(content[0][1]))
    shown = [b for b in content[1] if b["t"] == "Div" and "cell-output-display" in b["c"][0][1]]
    for theme, block in zip(options["renderings"].split(","), shown, strict=True):
        block["c"][0][1].append(f"{theme.strip()}-content")
