"""Execute a notebook with papermill: checked before, judged after.

papermill warns about an unknown parameter and goes on, and marks every cell completed after a dead
kernel. So names and types are checked here first, and a run counts only if every code cell was
executed and its result is in the store. The kernel is this very interpreter, in the project's
folder, whatever kernels the machine has registered.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import proxylab.light_jsonschema  # noqa: F401 - saves 1.5 s if it comes before nbformat

# isort: split

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from proxylab.environment import build_folder, project_root, set_runtime_environment
from proxylab.kernels.client import PROVISIONER
from proxylab.machine.processes import is_main, own_folder
from proxylab.names import did_you_mean
from proxylab.parameters import ParameterError, check_parameters, declared_parameters, model_for
from proxylab.results.identity import RESULT_FILE, result_version_of, run_folder

KERNEL = "python3"
QUIET = "--log-level=40"  # ipykernel otherwise warns at every start that it talks over TCP
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(RuntimeError):
    """A notebook that stopped, left cells unexecuted or recorded no result."""


class ThisInterpreter(AsyncKernelManager):
    """A kernel of the running interpreter, even where no kernel is registered for it.

    It is forked from the batch's kernel server where there is one.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return the kernel's command line, and who is to start it."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", QUIET]
        started_by = {"kernel_provisioner": {"provisioner_name": PROVISIONER}}
        return KernelSpec(
            argv=argv, display_name="Python 3", language="python", metadata=started_by
        )


@dataclass(frozen=True)
class RunReport:
    """Where the result and the executed notebook are; `skipped` if the result was there already."""

    result: Path
    notebook: Path
    skipped: bool = False


def run_notebook(
    path: Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    force: bool = False,
    root: Path | None = None,
) -> RunReport:
    """Execute a run notebook and return where its result is.

    Arguments: `parameters` override the notebook's defaults; `force` runs even where a result of
    the current version is present. Raises ParameterError before anything runs, NotebookFailed with
    notebook, cell and exception after.
    """
    root = root or project_root()
    values = resolve_parameters(path, parameters or {})
    model = model_for(path.stem)
    resolved = check_parameters(model, values) if model else values
    defaults = None if model else declared_parameters(path)
    result = run_folder(path.stem, resolved, defaults=defaults, root=root)
    executed = build_folder(root) / "runs" / result.relative_to(root / "results")
    executed = own_folder(executed.with_name(executed.name + ".ipynb"), build_folder(root))
    version = None if force else result_version_of(result / RESULT_FILE)
    if version is not None and version >= getattr(model, "result_version", 1):
        return RunReport(result, executed, skipped=True)
    before = _stamp(result)
    unfinished = _execute(path, executed, parameters or {}, root)
    if is_main() and _stamp(result) == before:
        raise NotebookFailed(
            f"{path.name} ran to its end but recorded no result in "
            f"{result.relative_to(root)}: does it call start_run({path.stem!r}, ...) with the "
            "parameters it read, and finish() at the end?"
        )
    unfinished.replace(executed)
    return RunReport(result, executed)


def execute_page(
    path: Path, parameters: Mapping[str, Any] | None = None, *, root: Path | None = None
) -> Path:
    """Execute a page notebook into the build folder's pages/ and return the executed copy.

    Raises ParameterError for a name that its parameters cell does not declare, NotebookFailed.
    """
    root = root or project_root()
    if parameters:
        resolve_parameters(path, parameters)
    executed = build_folder(root) / "pages" / path.name
    return _execute(path, executed, parameters or {}, root).replace(executed)


def resolve_parameters(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notebook's declared parameters with `given` put in; raises ParameterError."""
    if not path.is_file():
        known = sorted(p.name for p in path.parent.glob("*.ipynb"))
        raise ParameterError(f"there is no notebook {path}{did_you_mean(path.name, known)}")
    declared = declared_parameters(path)
    unknown = [
        f"unknown parameter `{name}`{did_you_mean(name, declared)}"
        for name in given
        if name not in declared
    ]
    if unknown:
        raise ParameterError(f"{path.name}: {'; '.join(unknown)}")
    for name, value in given.items():
        if isinstance(declared[name], list) and not _is_list(value):
            raise ParameterError(
                f"""parameter `{name}` must be a list, written '["a", "b"]' (got {value!r})"""
            )
    return {**declared, **given}


def parse_value(text: str) -> Any:
    """Return a command line's value as papermill's -p reads it; [..] and {..} in JSON are read."""
    literals = {"True": True, "true": True, "False": False, "false": False, "None": None}
    if text in literals:
        return literals[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text[:1] in ("[", "{"):
        with contextlib.suppress(json.JSONDecodeError):  # what it is not fit for will say so
            return json.loads(text)
    return text


def _is_list(value: Any) -> bool:
    """Whether this is a list, or the text of one as papermill's -p hands it over."""
    value = parse_value(value) if isinstance(value, str) else value
    return isinstance(value, list | tuple)


def _execute(path: Path, executed: Path, parameters: Mapping[str, Any], root: Path) -> Path:
    """Execute into a copy whose name says that it is not finished, and return that copy."""
    set_runtime_environment()
    executed.parent.mkdir(parents=True, exist_ok=True)
    unfinished = executed.with_name(executed.stem + ".unfinished.ipynb")
    try:
        papermill.execute_notebook(
            str(path),
            str(unfinished),
            parameters=dict(parameters),
            kernel_name=KERNEL,
            cwd=str(root),
            progress_bar=sys.stderr.isatty(),
            kernel_manager_class=ThisInterpreter,
        )
    except PapermillExecutionError as error:
        raise NotebookFailed(_failure(path, unfinished, _last_line(error))) from None
    except DeadKernelError:
        line = "the kernel died (killed, or out of memory)"
        raise NotebookFailed(_failure(path, unfinished, line)) from None
    if (cell := _unexecuted_cell(unfinished)) is not None:
        raise NotebookFailed(f"{path.name}, code cell {cell} was never executed")
    return unfinished


def _last_line(error: PapermillExecutionError) -> str:
    message = ANSI.sub("", str(error.evalue)).strip()
    return f"{error.ename}: {message}" if message else error.ename


def _failure(path: Path, unfinished: Path, line: str) -> str:
    shown = os.path.relpath(unfinished)
    return f"{path.name}, {_failed_cell(unfinished)}: {line}\n  (executed so far: {shown})"


def _failed_cell(executed: Path) -> str:
    """Name the code cell that raised, or else the last that was started."""
    failed = "no cell"
    for number, cell in enumerate(_code_cells(executed), start=1):
        # papermill's start time can be trusted; its status says "completed" after a dead kernel
        if cell.metadata.get("papermill", {}).get("start_time"):
            failed = _cell_name(number, cell.source)
        if any(output.output_type == "error" for output in cell.outputs):
            break
    return failed


def _unexecuted_cell(executed: Path) -> int | None:
    """Number, from 1, of the first code cell with source but no execution count."""
    for number, cell in enumerate(_code_cells(executed), start=1):
        if cell.source.strip() and cell.execution_count is None:
            return number
    return None


def _code_cells(executed: Path) -> list[Any]:
    """Code cells as numbered in the source notebook: what papermill injected is left out."""
    cells = nbformat.read(executed, as_version=4).cells
    return [c for c in cells if c.cell_type == "code" and not _is_injected(c)]


def _is_injected(cell: Any) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def _cell_name(number: int, source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]
    return f"code cell {number} ({lines[0].strip()[:60]!r})" if lines else f"code cell {number}"


def _stamp(result: Path) -> int | None:
    """A value that changes whenever a result is written."""
    file = result / RESULT_FILE
    return file.stat().st_mtime_ns if file.is_file() else None
