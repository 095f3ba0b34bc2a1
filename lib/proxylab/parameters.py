"""The parameters of a run notebook: declared once, checked before anything runs.

papermill only warns about a name that a notebook does not know, and never looks at types. So every
run notebook hands what it was given to `read_parameters` in the cell after its `parameters` cell,
and a test holds that cell to the model through `check_notebook_parameters`. Left out: which
parameters there are; `proxylab.runs` defines those.
"""

import ast
import contextlib
import importlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from proxylab.names import did_you_mean

INJECTED_MARK = "# Parameters"  # the first line of the cell that papermill injects
PLAIN_TYPES = (bool, int, float, str, list, tuple, dict, set, type(None))


class ParameterError(ValueError):
    """A parameter that the notebook does not have, or a value of the wrong type."""


class RunParameters(BaseModel):
    """What every run notebook takes; a notebook's own model inherits from this.

    A subclass names its `notebook` (the file's stem) and its `result_version`, an integer that is
    raised when the meaning of a recorded number changes: older runs then count as missing. Every
    field has a default. Sequences are declared as tuples; a list is taken for one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    notebook: ClassVar[str] = ""
    result_version: ClassVar[int] = 1

    profile: str = "cpu"
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _lists_for_tuples(cls, values: Any) -> Any:
        """Notebooks and YAML write a sequence as a list, which strict pydantic refuses.

        papermill's `-p name '["a", "b"]'` hands it over as text, which is read as JSON.
        """
        if not isinstance(values, Mapping):
            return values
        return {
            name: _as_tuple(value) if _takes_tuple(cls, name) else value
            for name, value in values.items()
        }


Model = TypeVar("Model", bound=RunParameters)


def defaults_of(model: type[RunParameters]) -> dict[str, Any]:
    """Return the default of each parameter of `model`."""
    return {name: field.get_default() for name, field in model.model_fields.items()}


def model_for(notebook: str) -> type[RunParameters] | None:
    """Return the model that names `notebook` as its own, or None where no model does."""
    if importlib.util.find_spec("proxylab.runs") is not None:
        importlib.import_module("proxylab.runs")
    pending = [RunParameters]
    while pending:
        model = pending.pop()
        if model.notebook == notebook and notebook:
            return model
        pending.extend(model.__subclasses__())
    return None


def check_parameters(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Build `model` from `values`.

    Raises ParameterError that lists every unknown name, with the nearest known one, and every value
    of the wrong type.
    """
    try:
        return model(**values)
    except ValidationError as error:
        lines = [_describe(model, problem) for problem in error.errors(include_url=False)]
        raise ParameterError("; ".join(lines)) from None


def read_parameters(model: type[Model], namespace: Mapping[str, Any]) -> Model:
    """Return the parameters that a notebook was given, read from its `globals()`.

    In a notebook, the names that count are those of the cell papermill injected and of the last
    cell that only assigns literals to parameters, so later variables of an interactive session do
    not disturb. Elsewhere every public name with a plain value counts. Raises ParameterError.
    """
    cells = [cell for cell in namespace.get("In", []) if cell]
    given = _assigned_in(cells, model) if cells else _plain_names(namespace)
    known = set(model.model_fields) & set(namespace)
    return check_parameters(model, {name: namespace[name] for name in sorted(given | known)})


def check_notebook_parameters(path: Path, model: type[RunParameters]) -> None:
    """Raise ParameterError unless the `parameters` cell has the model's fields and defaults."""
    declared = declared_parameters(path)
    expected = defaults_of(model)
    problems = [f"`{name}` is missing" for name in expected.keys() - declared.keys()]
    problems += [
        f"`{name}` is not a field of {model.__name__}" for name in declared.keys() - expected.keys()
    ]
    problems += [
        f"`{name}` is {declared[name]!r} here and {expected[name]!r} in {model.__name__}"
        for name in declared.keys() & expected.keys()
        if _comparable(declared[name]) != _comparable(expected[name])
    ]
    if problems:
        raise ParameterError(f"{path.name}, parameters cell: {'; '.join(sorted(problems))}")


def declared_parameters(path: Path) -> dict[str, Any]:
    """Return the names and literal defaults of a notebook's one `parameters` cell.

    Raises ParameterError where there is no such cell, more than one, or one that does more than
    assign literals.
    """
    import nbformat  # takes over a second, and no run needs it

    notebook = nbformat.read(path, as_version=4)
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(
            f"{path.name}: expected exactly one cell tagged `parameters`, found {len(cells)}"
        )
    declared = _literal_assignments(cells[0].source)
    if declared is None:
        raise ParameterError(f"{path.name}: the parameters cell may only assign literals to names")
    return declared


def _describe(model: type[RunParameters], problem: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else "parameters"
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter `{name}`{did_you_mean(name, model.model_fields)}"
    message = problem["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"parameter `{name}` {message} (got {problem['input']!r})"


def _takes_tuple(model: type[RunParameters], name: str) -> bool:
    field = model.model_fields.get(name)
    annotation = field.annotation if field else None
    choices = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    return any(choice is tuple or get_origin(choice) is tuple for choice in choices)


def _as_tuple(value: Any) -> Any:
    """A list, or text that is one in JSON, as a tuple; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with contextlib.suppress(json.JSONDecodeError):
            value = json.loads(value)
    return tuple(value) if isinstance(value, list) else value


def _assigned_in(cells: list[str], model: type[RunParameters]) -> set[str]:
    """Names assigned by the last injected cell and by the last hand-written parameters cell."""
    injected, written = set(), set()
    for cell in cells:
        assigned = set(_literal_assignments(cell) or ())
        if cell.lstrip().startswith(INJECTED_MARK):
            injected = assigned
        elif assigned & set(model.model_fields):
            written = assigned
    return injected | written


def _plain_names(namespace: Mapping[str, Any]) -> set[str]:
    """Public names with a value such as papermill could inject; IPython's own are left out."""
    return {
        name
        for name, value in namespace.items()
        if isinstance(value, PLAIN_TYPES)
        and not name.startswith(("_", "PAPERMILL_"))
        and name not in ("In", "Out")
    }


def _literal_assignments(source: str) -> dict[str, Any] | None:
    """The names and values of a cell that only assigns literals, None for any other cell."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # IPython magics
        return None
    assigned = {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            return None
        try:
            assigned[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):  # not a name, not a literal
            return None
    return assigned


def _comparable(value: Any) -> Any:
    """Tell 1 from True and 1.0, but a tuple not from a list."""
    if isinstance(value, list | tuple):
        return tuple(_comparable(item) for item in value)
    return type(value).__name__, value
