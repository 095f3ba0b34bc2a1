"""Which run notebooks a page reads, so that a new run of one redoes the pages that show it.

A page reads what its code names: the string "align" in the page's own cells, or in a function or
constant of `proxylab.pages` that they reach by name. A column called "judge" counts too, and costs
a page that is made once too often. Nothing is imported or executed: the Snakefile asks at each
start. Left out: names that are put together at run time, and the rest of the library, which reads
no result for a page.
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sources import module_file, notebook_code

PAGES = "proxylab.pages"
READERS = {
    f"proxylab.results.{name}" for name in ("available", "gather", "gather_metrics", "load_runs")
}


@dataclass(frozen=True)
class Source:
    """A module by its top-level names: what defines each, and where an imported one is from."""

    defined: dict[str, ast.AST]
    imported: dict[str, str]


def read_by(page: Path, runs: Collection[str]) -> set[str]:
    """The run notebooks, of those in `runs`, whose results a page notebook reads."""
    tree = ast.parse(notebook_code(page))
    imported, found, seen = _imports(tree), set(), set()
    waiting = [("", tree)]
    while waiting:
        module, node = waiting.pop()
        own = _source(module).imported if module else imported
        found |= {text for text in _texts(node) if text in runs}
        for target in _targets(node, module, own):
            if target not in seen:
                seen.add(target)
                waiting += _definitions(target)
    return found if seen & READERS else set()


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _targets(node: ast.AST, module: str, imported: dict[str, str]) -> Iterator[str]:
    """Full names of what a piece of code uses: its own module's, imported ones, `module.name`."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield imported.get(part.id, f"{module}.{part.id}")
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield f"{imported.get(part.value.id, '')}.{part.attr}"


def _definitions(target: str) -> Iterator[tuple[str, ast.AST]]:
    """(module, code) of a full name, through the modules that only pass it on."""
    module, _, name = target.rpartition(".")
    if not module.startswith(PAGES) or module_file(module) is None:
        return
    source = _source(module)
    if name in source.defined:
        yield module, source.defined[name]
    elif name in source.imported:
        yield from _definitions(source.imported[name])


@cache
def _source(module: str) -> Source:
    tree = ast.parse(module_file(module).read_text(encoding="utf-8"))
    defined = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for goal in targets for part in ast.walk(goal) if hasattr(part, "id")]
            defined |= dict.fromkeys(names, node)
    return Source(defined, _imports(tree))


def _imports(tree: ast.AST) -> dict[str, str]:
    """Full name by the name that an import gives it, wherever in the module it stands."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
