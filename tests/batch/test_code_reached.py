"""Which code a notebook reaches, and what makes that safe to ask of the source alone."""

import ast
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "lib" / "proxylab"
FILES = {
    "__init__.py": 'def __getattr__(name):\n    import_module("proxylab.lazy")\n',
    "lazy.py": "",
    "alone.py": "def f():\n    from proxylab.deep.inner import g\n",
    # passes names on, and so leads to the module of a name
    "room/__init__.py": '"""Says."""\nfrom .a import f\nfrom proxylab.room.b import g\n',
    "room/a.py": "from . import near\nfrom .near import x\n",
    "room/b.py": "",
    "room/near.py": "import json, numpy\n",
    "room/texts.json": "[]",
    "room/far/texts/more.json": "[]",
    "room/__pycache__/a.cpython-311.pyc": "",
    "room/.hidden": "",
    # does more, and so counts with all that it imports
    "deep/__init__.py": "from proxylab.alone import f\nTABLE = dict(f=f)\n",
    "deep/inner.py": "",
    "deep/texts.json": "[]",
    "named/__init__.py": "",
    "named/registry.py": "import importlib\nfor name in 'ab':\n    importlib.import_module(name)\n",
    "named/more/__init__.py": "",
    "named/more/mine.py": "from proxylab.room.b import g\n",
}
TOP = {"__init__.py"}
NEAR = {"room/__init__.py", "room/a.py", "room/near.py", "room/texts.json"}
NEAR |= {"room/far/texts/more.json"}
ROOM = NEAR | {"room/b.py"}
DEEP = {"deep/__init__.py", "deep/inner.py", "deep/texts.json", "alone.py"}
MORE = ROOM - {"room/a.py", "room/near.py"} | {"named/more/mine.py", "named/more/__init__.py"}
MORE |= {"named/__init__.py"}


@pytest.fixture
def reached(scripts, tmp_path, monkeypatch):
    """What a cell reaches in a small library, by the files' paths in it."""
    import code_reached
    import sources

    library = tmp_path / "proxylab"
    for name, text in FILES.items():
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(text)
    caches = (sources.module_file, code_reached._source, code_reached._data)
    monkeypatch.setattr(sources, "FOLDERS", {"proxylab": tmp_path})

    def of(cell, **options):
        notebook = tmp_path / "own.ipynb"
        cells = [nbformat.v4.new_code_cell(cell), nbformat.v4.new_markdown_cell("import proxylab")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
        found = code_reached.code_reached(notebook, **options)
        return {file.relative_to(library).as_posix() for file in found}

    for cache in caches:
        cache.cache_clear()
    yield of
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("import numpy\n'proxylab.room'", set()),
        ("from proxylab.room import f", TOP | NEAR),
        ("from proxylab.room import f as g", TOP | NEAR),
        ("from proxylab.room.near import x", TOP | NEAR - {"room/a.py"}),
        ("from proxylab.room import near", TOP | NEAR - {"room/a.py"}),
        ("from proxylab.room import *", TOP | ROOM),
        ("from proxylab import room", TOP | ROOM),
        ("def f():\n    import proxylab.room as r", TOP | ROOM),
        ("from proxylab.deep import inner", TOP | DEEP),
        ("from proxylab.alone import f", TOP | DEEP),
        ("from proxylab import lazily", TOP | {"lazy.py"}),
        ("import importlib\nimportlib.import_module('proxylab.lazy')", TOP | {"lazy.py"}),
        ("from proxylab.named.registry import name", TOP | MORE | {"named/registry.py"}),
        ("from proxylab.named.more import mine", TOP | MORE),
    ],
)
def test_imports_are_followed_wherever_they_stand(reached, cell, expected):
    assert reached(cell) == expected


def test_a_room_that_is_left_out_is_not_looked_into(reached):
    cell = "from proxylab.named.more.mine import g\nfrom proxylab.alone import f"
    expected = TOP | DEEP | MORE - ROOM
    assert reached(cell, leave_out={"room"}) == expected


@pytest.fixture(scope="module")
def rooms():
    """The modules of the library, less those of rooms that cannot change a number."""
    harmless = {"site", "pages", "plots", "tables", "doctor", "runner", "kernels", "cost"}
    harmless |= {"light_jsonschema", "__main__"}
    files = {file.relative_to(LIBRARY): file for file in LIBRARY.rglob("*.py")}
    return {
        name.as_posix(): ast.parse(file.read_text())
        for name, file in files.items()
        if name.parts[0].removesuffix(".py") not in harmless
    }


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("judge/verdict.py", {"judge"}),
        ("audit/english.json", {"audit"}),
        ("people/tasks.py", set()),
        ("alignment/ppo/trainer.py", {"align", "benchmark", "verify_optimisers"}),
    ],
)
def test_a_change_that_few_runs_reach_leaves_the_others_alone(scripts, changed, again):
    from code_reached import code_reached

    notebooks = (ROOT / "notebooks" / "runs").glob("*.ipynb")
    found = {path.stem for path in notebooks if LIBRARY / changed in code_reached(path)}
    assert found == again


def test_no_room_does_anything_when_it_is_imported(rooms):
    """Else a module would count that is only imported because its package passes names on."""
    defines = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    acting = {
        (name, ast.unparse(node).partition("\n")[0])
        for name, tree in rooms.items()
        for node in tree.body[isinstance(tree.body[0], ast.Expr) if tree.body else 0 :]
        if not isinstance(node, defines)
    }
    assert acting == {
        ("__init__.py", "set_runtime_environment()"),  # its package passes nothing on
        ("hub_revisions.py", "if TYPE_CHECKING:"),
        ("machine/gpu_slots.py", "if __name__ == '__main__':"),
        ("policies/language_model.py", "transformers_logging.disable_progress_bar()"),
    }


def test_no_room_registers_what_it_defines(rooms):
    others = {"cache", "contextmanager", "dataclass", "inference_mode", "runtime_checkable"}
    decorators = {
        ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
        for tree in rooms.values()
        for node in tree.body
        for decorator in getattr(node, "decorator_list", [])
    }
    assert decorators <= others
    hooks = {"__init_subclass__", "__set_name__"}
    assert not hooks & {getattr(part, "name", "") for t in rooms.values() for part in ast.walk(t)}


def test_code_is_found_by_import_alone(rooms):
    """What a reader names (a proxy in a file of their own) is left out, and nothing else."""
    ways = {"run_module", "run_path", "spec_from_file_location", "exec_module", "load_module"}
    found = {
        name
        for name, tree in rooms.items()
        for part in ast.walk(tree)
        if (isinstance(part, ast.Attribute) and part.attr in ways)
        or (isinstance(part, ast.Name) and part.id in ways | {"exec", "eval"})
    }
    assert found == {"rewards/loading.py"}


def test_no_room_reads_docstrings_or_source(rooms):
    """Else what they say would change what is computed, and no run would be made again."""
    readers = {"__doc__", "getdoc", "getsource", "getsourcelines", "use_attribute_docstrings"}
    readers |= {"model_json_schema", "get_annotations"}
    names = {
        (name, getattr(part, "attr", getattr(part, "id", getattr(part, "arg", None))))
        for name, tree in rooms.items()
        for part in ast.walk(tree)
    }
    assert not {(name, used) for name, used in names if used in readers}
