"""The reference pages: an index of names by room, then each room, its modules and their names."""

from importlib.metadata import version

import griffe
from IPython.display import Markdown

import proxylab
from proxylab.environment import project_root
from proxylab.pages.reference.docstrings import code_block, docstring_markdown, inline_markdown
from proxylab.pages.reference.rooms import (
    INDEX,
    LEFT_OUT,
    PAGES,
    Entry,
    all_entries,
    anchor,
    entries,
    package,
    rooms_of,
    summary_of,
)
from proxylab.pages.reference.signatures import methods, one_line, signature
from proxylab.results.provenance import git_state
from proxylab.tables import escaped

# Shape alone, which suits both themes: long signatures wrap, names of an index stay whole.
STYLE = """```{=html}
<style>
pre.code-overflow-wrap, pre.code-overflow-wrap > code {
  white-space: pre-wrap; overflow-wrap: anywhere;
}
article h4, main h4 { margin-top: 2.6rem; overflow-wrap: anywhere; }
.names { line-height: 1.9; }
.names p { max-width: none; }
.names a { margin-right: 0.7em; }
.place { overflow-wrap: anywhere; }
</style>
```
"""


def style() -> Markdown:
    """The few rules of these pages' own."""
    return Markdown(STYLE)


def index(page: str) -> Markdown:
    """The public names of one page's rooms, each a link within that page."""
    return Markdown("\n\n".join(_room_index(room, "") for room in rooms_of(page)))


def index_of_all() -> Markdown:
    """The public names of every page, by page and room, each a link."""
    parts = []
    for page, (title, rooms) in PAGES.items():
        heading = title.partition(": ")[2]
        parts.append(f"## {heading[0].upper()}{heading[1:]} {{.unnumbered}}")
        parts += [_room_index(room, f"{page}.ipynb") for room in rooms]
    return Markdown("\n\n".join(parts))


def _room_index(room: str, page: str) -> str:
    names = sorted(entries(room), key=lambda entry: entry.name.lower())
    links = [f"[`{entry.name}`]({page}#{anchor(entry)})" for entry in names]
    title = f"[**{escaped(room)}**]({page}#room-{room})"
    says = inline_markdown(f"{summary_of(package()[room]).rstrip('.:')}.")
    return f"{title}: {says}\n\n::: {{.names}}\n{' '.join(links)}\n:::\n"


def reference(page: str) -> Markdown:
    """Everything that a page's rooms offer: signature, docstring and place of each name."""
    return Markdown("\n\n".join(_room(room) for room in rooms_of(page)))


def _room(room: str) -> str:
    parts = [f"## {escaped(room)} {{#room-{room} .unnumbered}}", _said_by(package()[room])]
    names = entries(room)
    for path in dict.fromkeys(entry.module for entry in names):
        if path != room:
            heading = f"### {escaped(path)} {{#module-{path} .unnumbered}}"
            parts += [heading, _said_by(package()[path])]
        level = "###" if path == room else "####"
        parts += [_entry(entry, level) for entry in names if entry.module == path]
    return "\n\n".join(part for part in parts if part)


def _said_by(item: griffe.Object) -> str:
    return docstring_markdown(item.docstring.value) if item.docstring else ""


def _entry(entry: Entry, level: str) -> str:
    item = entry.item
    parts = [
        f"{level} `{entry.name}` {{#{anchor(entry)} .unnumbered}}",
        code_block(signature(item)),
        _said_by(item),
    ]
    if item.is_class:
        parts += [_method(member) for member in methods(item)]
    parts.append(f"[`{entry.place}`]{{.place}}")
    return "\n\n".join(part for part in parts if part)


def _method(member: griffe.Object) -> str:
    """A method as an item of a list: how it is called, then what it says."""
    name = member.name if member.name == "__call__" else f".{member.name}"
    said = _said_by(member).replace("\n", "\n    ")
    return f"-   `{one_line(member, name)}`\n\n    {said}"


def left_out() -> Markdown:
    """What the reference does not show, and why."""
    return Markdown("\n".join(f"- `{name}`: {why}." for name, why in LEFT_OUT.items()))


def made_by(page: str) -> Markdown:
    """How a reference page was made, so that it can be made again."""
    shown = [entry for entry in all_entries() if page in (entry.page, INDEX)]
    state = git_state(project_root())
    changed = " with uncommitted changes" if state["dirty"] else ""
    return Markdown(
        "## How this page was made {.unnumbered}\n\n"
        f"```\npython -m proxylab page notebooks/pages/{page}.ipynb\n```\n\n"
        f"{len(shown)} names, read with griffe {version('griffelib')} from the source of proxylab "
        f"{proxylab.__version__}; commit {(state['commit'] or 'no checkout')[:12]}{changed}. "
        "No results are read."
    )
