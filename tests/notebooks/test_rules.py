"""The rules that keep notebooks thin, and their sources free of outputs and of this machine."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from proxylab.parameters import check_notebook_parameters, declared_parameters, model_for

ROOT = Path(__file__).parents[2]
ALL = sorted(
    p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
)
RUNS = [p for p in ALL if p.parent.name == "runs"]
THIN = [p for p in ALL if p.parent.name in ("runs", "pages")]

MAX_CODE_CELLS, MAX_CODE_LINES, MAX_CELL_LINES = 15, 80, 12
HIDDEN = re.compile(r"^#\|\s*include:\s*false\s*$", re.MULTILINE)
ABSOLUTE_PATH = re.compile(
    r"""(?:(?<=["'(\s=])|^)(?:/(?:home|root|Users|work|tmp|mnt|data|srv|opt|var|scratch)/\w|[A-Za-z]:\\\w|~/\w)""",
    re.MULTILINE,
)
CELL_METADATA = {"tags", "jupyter", "slideshow"}


def name(path):
    return str(path.relative_to(ROOT / "notebooks"))


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=name)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_lines(source):
    """Lines of code: blank lines, comments and cell options do not count."""
    return [line for line in source.splitlines() if line.strip() and line.strip()[0] != "#"]


def problems_of(notebook):
    """Every breach of the rules for a thin notebook, in words."""
    cells = code_cells(notebook)
    lines = [len(code_lines(cell.source)) for cell in cells]
    found = []
    if len(cells) > MAX_CODE_CELLS:
        found.append(f"{len(cells)} code cells, at most {MAX_CODE_CELLS}")
    if sum(lines) > MAX_CODE_LINES:
        found.append(f"{sum(lines)} code lines, at most {MAX_CODE_LINES}")
    for number, cell in enumerate(cells, start=1):
        if lines[number - 1] > MAX_CELL_LINES:
            found.append(f"code cell {number}: {lines[number - 1]} lines, at most {MAX_CELL_LINES}")
        found += [f"code cell {number}: {what}" for what in definitions(cell.source)]
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        found.append(f"{len(tagged)} cells tagged `parameters`, exactly one")
    found += ["the parameters cell is shown" for cell in tagged if not HIDDEN.search(cell.source)]
    return found + front_matter_problems(notebook)


def definitions(source):
    """What a notebook should have in the library instead: functions, classes, named lambdas."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"defines {node.name}"
        named = isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr)
        if named and isinstance(node.value, ast.Lambda):
            yield "assigns a lambda"


def front_matter_problems(notebook):
    first = notebook.cells[0]
    text = first.source.strip()
    if first.cell_type != "raw" or not (text.startswith("---") and text.endswith("---")):
        return ["the first cell is not raw front matter"]
    matter = yaml.safe_load(text.strip("-"))
    return [] if matter.get("title") else ["the front matter has no title"]


def traces_of_execution(notebook):
    """What an executed or a hand-edited notebook leaves behind, in words."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.get("outputs"):
            found.append(f"cell {number} has outputs")
        if cell.get("execution_count") is not None:
            found.append(f"cell {number} has an execution count")
        if extra := sorted(set(cell.metadata) - CELL_METADATA):
            found.append(f"cell {number} has metadata {extra}")
    if (kernel := notebook.metadata.get("kernelspec", {}).get("name")) != "python3":
        found.append(f"the kernel is {kernel}, not python3")
    found += [
        f"metadata {key}"
        for key in ("papermill", "widgets", "execution")
        if key in notebook.metadata
    ]
    return found


def absolute_paths(notebook):
    return [match[0] for cell in notebook.cells for match in ABSOLUTE_PATH.finditer(cell.source)]


def test_there_are_notebooks_to_hold_to_the_rules():
    assert RUNS
    assert len(THIN) > len(RUNS)


@each(THIN)
def test_runs_and_pages_are_thin(path):
    assert problems_of(read(path)) == []


@each(ALL)
def test_sources_hold_no_trace_of_an_execution(path):
    assert traces_of_execution(read(path)) == []


@each(ALL)
def test_sources_name_no_absolute_path(path):
    assert absolute_paths(read(path)) == []


@each(RUNS)
def test_a_run_declares_what_its_model_declares(path):
    model = model_for(path.stem)
    assert model is not None, f"no model in proxylab.runs names the notebook {path.stem!r}"
    check_notebook_parameters(path, model)


@each(THIN)
def test_the_profile_is_a_parameter(path):
    assert "profile" in declared_parameters(path)


# --- the rules themselves, on a notebook made for it


def thin_notebook():
    new = nbformat.v4
    options = {"metadata": {"tags": ["parameters"]}}
    cells = [
        new.new_raw_cell("---\ntitle: A page\n---"),
        new.new_code_cell('#| include: false\nprofile = "cpu"', **options),
        new.new_code_cell("# a comment\n\nx = 1"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def test_a_thin_notebook_breaks_no_rule():
    notebook = thin_notebook()
    assert problems_of(notebook) + traces_of_execution(notebook) + absolute_paths(notebook) == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f():\n    pass", "code cell 2: defines f"),
        ("class A:\n    pass", "code cell 2: defines A"),
        ("f = lambda x: x", "code cell 2: assigns a lambda"),
        ("x = 1\n" * 13, "code cell 2: 13 lines, at most 12"),
    ],
)
def test_a_cell_that_belongs_in_the_library_is_found(source, problem):
    notebook = thin_notebook()
    notebook.cells[2].source = source
    assert problems_of(notebook) == [problem]


def test_a_notebook_that_grew_is_found():
    notebook = thin_notebook()
    notebook.cells += [nbformat.v4.new_code_cell("x = 1\n" * 6) for _ in range(14)]
    assert problems_of(notebook) == [
        "16 code cells, at most 15",
        "86 code lines, at most 80",  # 1 + 1 + 14 x 6
    ]


def test_missing_title_tag_and_option_are_found():
    notebook = thin_notebook()
    notebook.cells[0].source = "---\nauthor: x\n---"
    notebook.cells[1].source = 'profile = "cpu"'
    assert problems_of(notebook) == [
        "the parameters cell is shown",
        "the front matter has no title",
    ]
    notebook.cells[1].metadata.tags = []
    assert "0 cells tagged `parameters`, exactly one" in problems_of(notebook)


def test_traces_of_an_execution_are_found():
    notebook = thin_notebook()
    notebook.cells[2].execution_count = 4
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="1")]
    notebook.cells[2].metadata["execution"] = {"iopub.status.idle": "2026"}
    notebook.metadata.papermill = {}
    notebook.metadata.kernelspec.name = "my-env"
    assert traces_of_execution(notebook) == [
        "cell 3 has outputs",
        "cell 3 has an execution count",
        "cell 3 has metadata ['execution']",
        "the kernel is my-env, not python3",
        "metadata papermill",
    ]


@pytest.mark.parametrize("source", ['open("/home/me/x")', "~/data", "see C:\\data", "/tmp/x"])
def test_absolute_paths_are_found(source):
    notebook = thin_notebook()
    notebook.cells[2].source = source
    assert absolute_paths(notebook)


@pytest.mark.parametrize("source", ["a / b", "https://x.org/data/y", "n/a", "data/cards/hh.md"])
def test_what_only_looks_like_a_path_is_left_alone(source):
    notebook = thin_notebook()
    notebook.cells[2].source = source
    assert absolute_paths(notebook) == []
