"""What is public: the rooms by page, and the names that each of them offers, read with griffe.

griffe (https://mkdocstrings.github.io/griffe) reads the source and imports nothing, so that torch
is not loaded to print a signature. quartodoc, which is built on it, was not chosen: it writes pages
from a section of `_quarto.yml` that only Quarto's own filters finish, its docstrings are numpydoc,
Google or Sphinx, ours are prose, and it brings twenty packages more.

A room's public names are those of its `__all__`; a room or a module without one offers every
function and class that has no underscore. Left out: what no user of the library calls (`LEFT_OUT`).
"""

import ast
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import griffe

import proxylab

PACKAGE = "proxylab"
INDEX = "reference"  # the page that lists the names of all others
PAGES = {
    "reference_data": (
        "Reference: data and people",
        ("preferences", "world", "annotators", "people", "cleaning"),
    ),
    "reference_rewards": ("Reference: reward models", ("rewards", "accuracy")),
    "reference_conflict": (
        "Reference: bias, audit and conflict",
        ("bias", "audit", "conflict", "selection", "shf_cas"),
    ),
    "reference_alignment": (
        "Reference: alignment and judges",
        ("policies", "alignment", "evaluate", "judge"),
    ),
    "reference_machinery": (
        "Reference: machinery",
        (
            *("stats", "results", "plots", "tables", "profiles", "parameters", "runs", "runner"),
            *("artifacts", "hub_revisions", "cost", "machine", "environment"),
            *("paper_values", "names", "site"),
        ),
    ),
}
LEFT_OUT = {
    "__main__": "the command line, which `python -m proxylab --help` describes",
    "studies": "what the run notebooks do, one module a study: read it with its notebook",
    "pages": "what the page notebooks show",
    "kernels": "how the batch starts its kernels",
    "doctor": "what `proxylab doctor` prints",
    "light_jsonschema": "a faster check of notebook files for the batch",
}


@dataclass(frozen=True)
class Entry:
    """A public name: the page and room that show it, the module that defines it, its anchor."""

    name: str
    page: str
    room: str
    item: griffe.Object

    @property
    def module(self) -> str:
        """The module that defines it, such as `stats.intervals`."""
        return self.item.parent.path.removeprefix(f"{PACKAGE}.")

    @property
    def place(self) -> str:
        """File and line, from the project's folder."""
        return f"{source_path(self.item)}:{self.item.lineno}"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring; empty without one."""
        return summary_of(self.item)


@cache
def package() -> griffe.Module:
    """The library's source, parsed."""
    folder = Path(proxylab.__file__).parents[1]
    extensions = griffe.load_extensions(AssignedTogether)
    return griffe.load(PACKAGE, search_paths=[folder], extensions=extensions, resolve_aliases=True)


class AssignedTogether(griffe.Extension):
    """Constants that one statement assigns, `A, B = 1, 2`, which griffe itself passes over."""

    def on_module_members(self, *, node: ast.AST, mod: griffe.Module, **kwargs) -> None:
        """Add them to the module; each has the whole statement as its source."""
        for statement in getattr(node, "body", []):
            targets = getattr(statement, "targets", [])
            names = [
                name for target in targets if isinstance(target, ast.Tuple) for name in target.elts
            ]
            for name in names:
                lines = {"lineno": statement.lineno, "endlineno": statement.end_lineno}
                mod.set_member(name.id, griffe.Attribute(name.id, parent=mod, **lines))


@cache
def entries(room: str) -> tuple[Entry, ...]:
    """A room's public names, by module and then in the order of the file.

    Raises ValueError for a room that no page shows, and for a name that it exports and lacks.
    """
    page = next((name for name, (_, rooms) in PAGES.items() if room in rooms), None)
    if page is None:
        raise ValueError(f"no reference page shows the room {room!r}")
    found = [Entry(item.name, page, room, item) for item in _items(package()[room])]
    return tuple(sorted(found, key=lambda entry: (entry.module, entry.item.lineno)))


def rooms_of(page: str) -> tuple[str, ...]:
    """The rooms that a page shows, in order."""
    return PAGES[page][1]


def all_entries() -> list[Entry]:
    """Every public name of every page."""
    return [entry for _, rooms in PAGES.values() for room in rooms for entry in entries(room)]


def anchor(entry: Entry) -> str:
    """The identifier of an entry on its page: its name, and the room before it if that is taken."""
    _, rooms = PAGES[entry.page]
    first = next(other for room in rooms for other in entries(room) if other.name == entry.name)
    return entry.name if first.room == entry.room else f"{entry.room}.{entry.name}"


def source_path(item: griffe.Object) -> str:
    """The file of a parsed object, from the project's folder."""
    return item.filepath.relative_to(Path(proxylab.__file__).parents[2]).as_posix()


def summary_of(item: griffe.Object) -> str:
    """The first sentence of an object's docstring; empty without one."""
    text = item.docstring.value if item.docstring else ""
    return " ".join(text.partition("\n\n")[0].partition(".\n")[0].split())


def _items(room: griffe.Module) -> list[griffe.Object]:
    names = _exported(room)
    if names is None:
        return [item for module in _modules(room) for item in _defined(module)]
    return [_definition(room, name) for name in names]


def _exported(room: griffe.Module) -> list[str] | None:
    """The names in `__all__`; asked of the room itself where the source computes them."""
    if "__all__" not in room.members:
        return None
    return list(room.exports or importlib.import_module(room.path).__all__)


def _definition(room: griffe.Module, name: str) -> griffe.Object:
    """What a room exports under a name: imported there, or loaded when first asked for (PEP 562).

    A module of the same name hides an import of the room, so that is looked for in the modules.
    """
    found = room.members.get(name)
    if found is not None:
        found = found.final_target if found.is_alias else found
        if not found.is_module:
            return found
    for module in _modules(room):
        own = module.members.get(name)
        if own is not None and not own.is_alias and not own.is_module:
            return own
    raise ValueError(f"{room.path} exports {name!r} and none of its modules defines it")


def _modules(room: griffe.Module) -> list[griffe.Module]:
    """The room itself and every public module in it, at any depth."""
    members = sorted(room.members.items())
    own = [m for name, m in members if not (m.is_alias or name.startswith("_")) and m.is_module]
    return [room, *(found for module in own for found in _modules(module))]


def _defined(module: griffe.Module) -> list[griffe.Object]:
    """Functions and classes of a module that have no underscore."""
    return [
        item
        for name, item in module.members.items()
        if not item.is_alias and not name.startswith("_") and (item.is_function or item.is_class)
    ]
