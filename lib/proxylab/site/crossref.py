"""Numbering and cross-references on pandoc's tree, with Quarto's syntax and Quarto's numbers.

Labels begin with fig-, tbl-, eq- or sec-; each kind is numbered on its own, page by page, as in a
Quarto website.  Accepted: `![caption](file){#fig-x}`, a table caption `: caption {#tbl-x}`,
`::: {#fig-x}` ending in a caption paragraph, `$$...$$ {#eq-x}`, `## Title {#sec-x}`; referred to
by `@fig-x`, `[@fig-x; @fig-y]`, `[Fig. @fig-x]` or `[-@fig-x]` (the number alone).
Left out: sub-figures, theorems, listings, numbered callouts.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from .findings import Finding
from .pandoc import attr, div, elements, raw, walk, words

NAMES = {"fig": "Figure", "tbl": "Table", "eq": "Equation", "sec": "Section"}
EQUATION_LABEL = re.compile(r"^\{#(eq-[^ }]+)\}(.*)$", re.DOTALL)


@dataclass
class Labels:
    """The numbers given so far, by label, and what went wrong."""

    numbers: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, label: str, number: str | None = None) -> str:
        """Number a label (the next of its kind unless given) and return the number."""
        kind = kind_of(label)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if label in self.numbers:
            self.problems.append((label, "the same label stands twice on this page"))
        self.numbers[label] = number or str(self.counts[kind])
        return self.numbers[label]


def kind_of(label: str) -> str:
    """Return fig, tbl, eq or sec for a cross-reference label, else an empty string."""
    kind = label.split("-")[0].lower()
    return kind if kind in NAMES and "-" in label else ""


def resolve(blocks: list, page: str, *, number_sections: bool) -> tuple[list, list[Finding]]:
    """Return the blocks with floats numbered and references linked, and the findings.

    A reference to a label that is not on the page is a finding that names the nearest label.
    """
    labels = Labels()
    blocks = _number_headers(blocks, labels, number_sections)
    blocks = walk(blocks, lambda element: _number_float(element, labels))
    blocks = walk(blocks, lambda element: _link(element, labels))
    return blocks, [Finding(page, f"@{label}", text) for label, text in labels.problems]


def _number_headers(blocks: list, labels: Labels, shown: bool) -> list:
    """Number the headings; the page's highest level counts as the first."""
    headers = list(elements(blocks, "Header"))
    top = min((header["c"][0] for header in headers), default=1)
    counts = [0] * 7
    for header in headers:
        level, (identifier, classes, _), inlines = header["c"]
        if "unnumbered" in classes:
            continue
        depth = level - top
        counts[depth] += 1
        counts[depth + 1 :] = [0] * (6 - depth)
        number = ".".join(map(str, counts[: depth + 1]))
        if kind_of(identifier) == "sec":
            labels.add(identifier, number)
        if shown:
            mark = {"t": "Span", "c": [attr("", ("header-section-number",)), words(number)]}
            inlines[:0] = [mark, {"t": "Space"}]
    return blocks


def _number_float(element: dict, labels: Labels):
    kind, content = element["t"], element.get("c")
    if kind == "Figure":
        return _figure(content[0][0], "fig", content[1][1], content[2], labels)
    if kind == "Table":
        return _table(element, labels)
    if kind == "Div" and (name := _float_kind(content[0])):
        body, caption = _split_caption(content[1])
        return _figure(content[0][0], name, caption, body, labels)
    if kind in ("Para", "Plain"):
        return {"t": kind, "c": _equations(content, labels)}
    return None


def _float_kind(attributes: list) -> str:
    identifier, classes, _ = attributes
    kind = kind_of(identifier)
    if kind in ("fig", "tbl"):
        return kind
    return next((name[6:] for name in classes if name in ("float-fig", "float-tbl")), "")


def _split_caption(blocks: list) -> tuple[list, list]:
    """A float's content and its caption: the last paragraph, if it is not the content itself."""
    if len(blocks) > 1 and blocks[-1]["t"] == "Para":
        return blocks[:-1], [{"t": "Plain", "c": blocks[-1]["c"]}]
    return blocks, []


def _table(element: dict, labels: Labels):
    """A table in a scrolling box, and in a figure where it has a label or a caption."""
    attributes, caption = element["c"][0], element["c"][1][1]
    identifier, attributes[0] = attributes[0], ""
    element["c"][1] = [None, []]
    box = div([element], "table-box", role="region", tabindex="0", aria_label="Table")
    if not (identifier or caption):
        return box
    return _figure(identifier, "tbl", caption, [box], labels)


def _figure(identifier: str, kind: str, caption: list, body: list, labels: Labels) -> list:
    """A figure element: the caption above a table, below anything else."""
    if kind_of(identifier) == kind:
        number = labels.add(identifier)
        caption = _numbered(caption, f"{NAMES[kind]}\u00a0{number}")
        for box in elements(body, "Div"):
            box["c"][0][2] = [
                [key, f"Table {number}" if key == "aria-label" else value]
                for key, value in box["c"][0][2]
            ]
    name = f' id="{identifier}"' if identifier else ""
    head = [raw("<figcaption>"), *caption, raw("</figcaption>")] if caption else []
    content = [*head, *body] if kind == "tbl" else [*body, *head]
    return [raw(f'<figure{name} class="float-{kind}">'), *content, raw("</figure>")]


def _numbered(caption: list, name: str) -> list:
    """The caption with its number before it; Quarto writes `Figure 1: caption`."""
    first = caption[0]["c"] if caption else []
    mark = {"t": "Span", "c": [attr("", ("float-number",)), words(f"{name}:" if first else name)]}
    return [{"t": "Plain", "c": [mark, *([{"t": "Space"}] if first else []), *first]}, *caption[1:]]


def _equations(inlines: list, labels: Labels) -> list:
    """Inlines with each `$$...$$ {#eq-x}` numbered."""
    out: list = []
    for inline in inlines:
        found = EQUATION_LABEL.match(inline["c"]) if inline["t"] == "Str" else None
        before = [i for i in out[-2:] if i["t"] not in ("Space", "SoftBreak")]
        if not found or not before or before[-1]["t"] != "Math":
            out.append(inline)
            continue
        while out[-1]["t"] != "Math":
            out.pop()
        number = labels.add(found[1])
        mark = raw(f'<span class="eq-number">({number})</span>', inline=True)
        out[-1] = {"t": "Span", "c": [attr(found[1], ("equation",)), [out[-1], mark]]}
        out += words(found[2]) if found[2] else []
    return out


def _link(element: dict, labels: Labels):
    """A citation whose keys are labels becomes links; any other is left to pandoc's citeproc."""
    if element["t"] != "Cite":
        return None
    citations = element["c"][0]
    kinds = [kind_of(citation["citationId"]) for citation in citations]
    if not any(kinds):
        return None
    if not all(kinds):
        keys = ", ".join(citation["citationId"] for citation in citations)
        labels.problems.append((citations[0]["citationId"], f"labels and sources mixed: {keys}"))
        return None
    out: list = []
    for citation in citations:
        out += [*(words(", ") if out else []), _reference(citation, labels)]
    return out


def _reference(citation: dict, labels: Labels) -> dict:
    written = citation["citationId"]
    label = written[0].lower() + written[1:]
    if label not in labels.numbers:
        near = difflib.get_close_matches(label, labels.numbers, n=1)
        hint = f"did you mean @{near[0]}?" if near else "no such label on this page"
        labels.problems.append((written, f"refers to nothing; {hint}"))
        return {"t": "Str", "c": f"?@{written}"}
    number = labels.numbers[label]
    if citation["citationPrefix"]:
        text = [*citation["citationPrefix"], {"t": "Str", "c": f"\u00a0{number}"}]
    elif citation["citationMode"]["t"] == "SuppressAuthor":
        text = words(number)
    else:
        text = words(f"{NAMES[kind_of(label)]}\u00a0{number}")
    return {"t": "Link", "c": [attr("", ("xref",)), text, [f"#{label}", ""]]}
