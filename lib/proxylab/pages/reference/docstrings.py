"""A docstring as Markdown: our prose with its marked parts, escaped but for code and emphasis.

A part begins with "Arguments:", "Raises", "Returns" or "Source:" at a sentence's start. A block
that is indented by four or more is code; lines that begin with "- " are a list.
"""

import re
import textwrap
from itertools import groupby

from proxylab.tables import escaped

PART = re.compile(r"(?:^|(?<=[.:;)] ))(?=(?:Arguments:|Raises |Returns |Source:))")
LEAD = re.compile(r"^(Arguments:?|Raises|Returns|Source:)")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=[^\s*])\*(?![\w*])")
ITEM = re.compile(r"^- ", re.MULTILINE)


def docstring_markdown(text: str) -> str:
    """A docstring as Markdown, block by block."""
    blocks = re.split(r"\n[ \t]*\n", textwrap.dedent(text).strip("\n"))
    runs = [(code, "\n\n".join(run)) for code, run in groupby(blocks, _is_code)]
    return "\n\n".join(
        code_block(textwrap.dedent(run)) if code else "\n\n".join(map(_block, run.split("\n\n")))
        for code, run in runs
    )


def _is_code(block: str) -> bool:
    return all(line.startswith("    ") for line in block.splitlines())


def _block(block: str) -> str:
    head, *items = ITEM.split(block)
    parts = [_marked(part) for part in PART.split(_one_line(head)) if part.strip()]
    if items:
        parts.append("\n".join(f"- {inline_markdown(_one_line(item))}" for item in items))
    return "\n\n".join(parts)


def code_block(code: str) -> str:
    """Python code in a fence that no content can close, wrapped where the page is narrow."""
    ticks = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence} {{.python .code-overflow-wrap}}\n{code}\n{fence}"


def _marked(part: str) -> str:
    """A part with its leading word in bold."""
    part = part.strip()
    lead = LEAD.match(part)
    if not lead:
        return inline_markdown(part)
    return f"**{lead[0]}**{inline_markdown(part[lead.end() :])}"


def inline_markdown(text: str) -> str:
    """One line of docstring prose: code spans and emphasis kept, everything else escaped."""
    found, end = [], 0
    for span in CODE.finditer(text):
        found += [_prose(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*found, _prose(text[end:])])


def _prose(text: str) -> str:
    found, end = [], 0
    for span in EMPHASIS.finditer(text):
        found += [_escaped(text[end : span.start()]), f"*{_escaped(span[1])}*"]
        end = span.end()
    return "".join([*found, _escaped(text[end:])])


def _escaped(text: str) -> str:
    """`escaped`, with a blank kept at either end: it stands beside code."""
    before, after = text[:1].isspace(), text[-1:].isspace() and bool(text.strip())
    return " " * before + escaped(text) + " " * after


def _one_line(text: str) -> str:
    return " ".join(text.split())
