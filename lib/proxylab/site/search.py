"""The preview site's search index: one entry a section, written as a script.

A page opened from disk may not fetch a JSON file but may load a script. Quarto brings a search of
its own. Left out: stemming, and tables' numbers, which nobody searches for.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from .pandoc import attributes, elements, plain_text

INDEX = "search-index.js"
MOST_BYTES = 300_000  # of the whole index
LENGTHS = (3000, 1500, 800, 400, 200, 100, 0)  # characters of a section's text, the longest first
LEVELS = (2, 3)
LEFT_OUT = ("Math", "Cite")  # a formula's source and a citation's key are nothing to read
WORD = re.compile(r"[^\W\d_]{2}")

Section = tuple[str, str, str]  # anchor, heading, text


def sections_of(blocks: list) -> tuple[Section, ...]:
    """The sections of a page, from pandoc's blocks: what stands before the first heading too."""
    found: list[tuple[str, str, list[str]]] = [("", "", [])]
    for block in blocks:
        if block["t"] == "Header" and block["c"][0] in LEVELS and block["c"][1][0]:
            found.append((block["c"][1][0], _heading(block), []))
        else:
            found[-1][2].append(_words(block))
    return tuple((anchor, name, " ".join(filter(None, text))) for anchor, name, text in found)


def _heading(block: dict) -> str:
    """A heading's text without its number."""
    numbers = [plain_text(span) for span in elements(block, "Span") if _is_number(span)]
    return plain_text(block["c"][2]).removeprefix("".join(numbers)).strip()


def _is_number(span: dict) -> bool:
    return "header-section-number" in span["c"][0][1]


def _words(block: dict) -> str:
    """A block's text; of tables and lists the words alone; code that readers unfold not at all."""
    if block["t"] == "CodeBlock" and "cell-code" in block["c"][0][1]:
        return ""
    if block["t"] == "Div" and attributes(block["c"][0]).get("hidden"):
        return ""
    parts = []
    for part in elements(block, "Para", "Plain", "Header"):
        inlines = part["c"][2] if part["t"] == "Header" else part["c"]
        words = plain_text([one for one in inlines if one["t"] not in LEFT_OUT]).split()
        parts += words if part["t"] == "Para" else [word for word in words if WORD.search(word)]
    return " ".join(parts)


def write_index(pages: Iterable[tuple[str, str, tuple[Section, ...]]], file: Path) -> None:
    """Write the index of (output, title, sections) to `file`, each text cut until all fit.

    Texts are cut to the longest of `LENGTHS` with which the file stays under `MOST_BYTES`.
    """
    pages = list(pages)
    for most in LENGTHS:
        rows = [
            [output, anchor, title, heading, text[:most]]
            for output, title, sections in pages
            for anchor, heading, text in sections
        ]
        script = f"window.proxylabSearch = {json.dumps(rows, ensure_ascii=False)};\n"
        if len(script.encode()) <= MOST_BYTES:
            break
    file.write_text(script, encoding="utf-8")
