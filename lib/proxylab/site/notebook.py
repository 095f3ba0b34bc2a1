"""A page's source as pandoc Markdown: front matter, cells, and the outputs an executed copy holds.

The Markdown is of the shape that Quarto itself makes of a notebook (a div for each cell and for
each output), so that `blocks` and `crossref` treat both kinds of page alike.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml

from .cells import IMAGES, OPTIONS, cell_options, displayed, float_kind

SHOWN = ("text/markdown", *IMAGES, "text/latex", "text/plain")  # Quarto's order of preference
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
EXECUTABLE = re.compile(r"^ {0,3}(?:`{3,}|~{3,}) *\{\w+\}", re.MULTILINE)


@dataclass
class Source:
    """A page ready for pandoc: front matter, Markdown, and image files by name."""

    meta: dict
    markdown: str
    images: dict[str, bytes] = field(default_factory=dict)


def read_source(path: Path, *, execute: dict, html: dict) -> Source:
    """Return the page at `path` (.ipynb, .qmd or .md) as pandoc Markdown.

    `execute` and `html` are the site's defaults for cell options and for `format: html`; the
    page's front matter overrides them.  Raises ValueError where the front matter is not YAML, or
    where a Markdown page holds a cell to execute.
    """
    if path.suffix != ".ipynb":
        text = path.read_text(encoding="utf-8")
        if found := EXECUTABLE.search(text):
            line = text.count("\n", 0, found.start()) + 1
            raise ValueError(f"line {line}: an executable cell; only notebooks hold outputs")
        return Source(*split_front_matter(text))
    notebook = nbformat.read(path, as_version=4)
    meta, cells = _notebook_parts(notebook)
    defaults = {**html, **execute, **(meta.get("execute") or {})}
    defaults = {key: value for key, value in defaults.items() if key in OPTIONS}
    images: dict[str, bytes] = {}
    folder = f"{path.stem}_files"
    blocks = [_cell(cell, number, defaults, images, folder) for number, cell in cells]
    return Source(meta, "\n\n".join(filter(None, blocks)) + "\n", images)


def split_front_matter(text: str) -> tuple[dict, str]:
    """Return (front matter, rest) of a Markdown text; raise ValueError if it is not YAML."""
    found = FRONT_MATTER.match(text)
    if not found:
        return {}, text
    try:
        meta = yaml.safe_load(found[1]) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"front matter is not valid YAML: {error}") from None
    if not isinstance(meta, dict):
        raise ValueError("front matter must hold keys and values")
    return meta, text[found.end() :]


def _notebook_parts(notebook) -> tuple[dict, list[tuple[int, dict]]]:
    """Front matter (the first raw cell) and the numbered cells that follow it."""
    cells = list(enumerate(notebook.cells, start=1))
    if cells and cells[0][1].cell_type == "raw":
        meta, rest = split_front_matter(cells[0][1].source)
        if meta and not rest.strip():
            return meta, cells[1:]
    return {}, cells


def _cell(cell, number: int, defaults: dict, images: dict, folder: str) -> str:
    if cell.cell_type != "code":
        return cell.source if cell.cell_type == "markdown" else ""
    own, code = cell_options(cell.source)
    options = {**defaults, **own}
    if options.get("include") is False:
        return ""
    outputs = cell.outputs if options.get("output") is not False else []
    texts = _outputs(outputs, options, number, images, folder)
    asis = options.get("output") == "asis"
    shown = "\n\n".join(texts) if asis else _float(options, texts)
    source = _code(code, options) if options.get("echo", True) and code else ""
    parts = [part for part in (source, shown) if part]
    if not parts or asis:
        return "\n\n".join(parts)
    renderings = options.get("renderings") if texts else None
    extra = f' renderings="{",".join(renderings)}"' if renderings else ""
    return _fenced(f".cell{extra}", "\n\n".join(parts), marks=6)


def _code(code: str, options: dict) -> str:
    fold = str(options.get("code-fold", False)).lower()
    summary = _quoted(options.get("code-summary", "Code"))
    return _verbatim(code, f".python .cell-code code-fold={fold} code-summary={summary}")


def _outputs(outputs: list, options: dict, number: int, images: dict, folder: str) -> list[str]:
    index = {id(out): position for position, out in enumerate(displayed(outputs))}
    asis = options.get("output") == "asis"
    name = f"{folder}/{options.get('label', f'cell-{number}')}-output-"
    texts = []
    for out in outputs:
        if out.output_type == "stream":
            if out.name == "stdout" or options.get("warning", True):
                body = out.text if asis else _verbatim(out.text.rstrip("\n"))
                texts.append(body if asis else _fenced(f".cell-output-{out.name}", body))
        elif id(out) in index:
            body = _display(out, options, index[id(out)], name, images)
            texts.append(body if asis else _fenced(".cell-output-display", body))
    return texts


def _display(out, options: dict, index: int, name: str, images: dict) -> str:
    kind = next((kind for kind in SHOWN if kind in out.data), None)
    if kind is None:
        return _verbatim(f"(nothing to show for {', '.join(out.data)})")
    if kind in IMAGES:
        file = f"{name}{index + 1}.{IMAGES[kind]}"
        images[file] = _image_bytes(out.data[kind], kind)
        return _image(file, out, kind, options, index)
    return out.data[kind] if kind != "text/plain" else _verbatim(out.data[kind])


def _image_bytes(data: str, kind: str) -> bytes:
    return data.encode() if kind == "image/svg+xml" else base64.b64decode(data)


def _image(file: str, out, kind: str, options: dict, index: int) -> str:
    alt = options.get("fig-alt") or options.get("fig-cap") or ""
    if isinstance(alt, list):
        alt = alt[index] if index < len(alt) else ""
    size = out.get("metadata", {}).get(kind, {})
    extra = "".join(f" {key}={size[key]}" for key in ("width", "height") if key in size)
    caption = "" if float_kind(options) else _one_line(options.get("fig-cap", ""))
    return f"![{caption}]({file}){{fig-alt={_quoted(alt)}{extra}}}"


def _float(options: dict, texts: list[str]) -> str:
    """Outputs with their label and caption, in the form of Quarto's fenced cross-reference div."""
    body = "\n\n".join(texts)
    kind = float_kind(options)
    caption = _one_line(options.get(f"{kind}-cap", "")) if kind else options.get("tbl-cap", "")
    if not body or not (kind or caption):
        return body
    head = f"#{options['label']} .float-{kind}" if kind else ".float-tbl"
    return _fenced(head, f"{body}\n\n{caption}".rstrip(), marks=5)


def _fenced(head: str, body: str, *, marks: int = 4) -> str:
    # The author's own divs use three or four colons; pandoc pairs fences by nesting, not by count.
    return f"{':' * marks} {{{head}}}\n\n{body}\n\n{':' * marks}"


def _verbatim(text: str, head: str = ".output") -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence} {{{head}}}\n{text}\n{fence}"


def _quoted(value) -> str:
    text = _one_line(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _one_line(value) -> str:
    return " ".join(str(value).split())
