"""Which code a run notebook can reach, so that a run is made again only where that has changed.

From the notebook's cells on, every import is followed, wherever in a module it stands. Of a package
whose `__init__` only passes names on, a name leads to the module that it is from and not to that
one's siblings. They are executed too, but none does anything then except to define, which a test
holds (tests/batch/test_code_reached.py); any other `__init__` counts with all that it imports. A
module that puts the name of what it imports together counts with its whole package, and every
module with the data files of its folder. Nothing is imported or executed. Left out: what a
parameter or a profile names, such as a proxy in a file of one's own.
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sources import module_file, notebook_code

EVERYTHING = "*"  # of a module
PASSED = ""  # a package on the way to one of its modules
LAZY = "__getattr__"  # of a module: imports when a name is first asked for (PEP 562)
Asked = tuple[str, str]  # a module, and a name of it


@dataclass(frozen=True)
class Source:
    """What a module asks of others: in any case, when a name is not there, and by the name."""

    asks: list[Asked]
    asks_lazily: list[Asked]
    passes_on: dict[str, Asked]  # for a package whose `__init__` does nothing else


def code_reached(notebook: Path, *, leave_out: Collection[str] = ()) -> set[Path]:
    """The files of our code, and data beside it, that can change what a notebook computes.

    Arguments: `leave_out` names rooms of the library that cannot, and are not looked into.
    """
    outside = {("proxylab", room) for room in leave_out}
    files, seen = set(), set()
    waiting = list(_asked(ast.parse(notebook_code(notebook)), ""))
    while waiting:
        asked = waiting.pop()
        file = module_file(asked[0])
        if file is None or asked in seen or tuple(asked[0].split(".")[:2]) in outside:
            continue
        seen.add(asked)
        files.add(file)
        waiting += _leads_to(*asked)
    return files | {data for folder in {file.parent for file in files} for data in _data(folder)}


def _leads_to(module: str, name: str) -> list[Asked]:
    """What else is reached where a name is asked of a module."""
    source, above = _source(module), module.rpartition(".")[0]
    parents = [(above, PASSED)] if above else []
    if name == PASSED:
        return parents + ([] if source.passes_on else source.asks)
    if name in source.passes_on:
        return [*parents, source.passes_on[name]]
    if module_file(f"{module}.{name}"):
        return [(f"{module}.{name}", EVERYTHING)]  # which leads up to this one
    return [*parents, *source.asks, *source.asks_lazily]


@cache
def _source(module: str) -> Source:
    file = module_file(module)
    tree = ast.parse(file.read_bytes(), filename=str(file))
    is_package = file.name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    asks, lazily = [], []
    for node in tree.body:
        is_lazy = isinstance(node, ast.FunctionDef) and node.name == LAZY
        (lazily if is_lazy else asks).extend(_asked(node, package))
    only = is_package and all(map(_passes_on_or_says, tree.body))
    names = {
        alias.asname or alias.name: (_origin(node, package), alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return Source(asks, lazily, names if only else {})


def _passes_on_or_says(node: ast.stmt) -> bool:
    """Whether a statement only imports names, says something, or lists names in `__all__`."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.ImportFrom)


def _asked(code: ast.AST, package: str) -> Iterator[Asked]:
    """What a piece of code imports, by statement or by name."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from ((alias.name, EVERYTHING) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((_origin(node, package), alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            named = node.args[0] if node.args else None
            if isinstance(named, ast.Constant):
                yield named.value, EVERYTHING
            else:
                yield from ((module, EVERYTHING) for module in _modules(package))


def _origin(node: ast.ImportFrom, package: str) -> str:
    """The full name of the module that names are imported from."""
    if not node.level:
        return node.module
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _modules(package: str) -> list[str]:
    """A package and every module in it, however deep."""
    folder = module_file(package).parent
    inner = (file.relative_to(folder).with_suffix("").parts for file in folder.rglob("*.py"))
    names = {".".join((package, *parts)).removesuffix(".__init__") for parts in inner}
    return sorted(name for name in names if module_file(name))


@cache
def _data(folder: Path) -> list[Path]:
    """The files of a package's folder that are no code; those in a folder of no package too."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py")
    return [path for path in found if _package_folder(path) == folder]


def _package_folder(file: Path) -> Path | None:
    """The folder of the package that a file belongs to; None for what tools leave there."""
    for path in (file, *file.parents):
        if path.name.startswith(".") or path.name == "__pycache__":
            return None
        if (path / "__init__.py").is_file():
            return path
    return None
