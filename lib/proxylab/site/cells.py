"""Quarto's cell options, and what an executed cell may hold so that both renderers show it alike.

Options are the `#| key: value` lines at the top of a code cell.  What the renderers would not show
alike, or what would need the network (a bare `text/html` output makes Quarto pull scripts from a
content delivery network), is refused with the cell's number.  Not supported: `fig-subcap`, layouts.
"""

from __future__ import annotations

import difflib
import re

import nbformat
import yaml

from .findings import Finding

OPTIONS = (
    *("label", "fig-cap", "fig-alt", "tbl-cap", "echo", "include", "output", "warning"),
    *("code-fold", "code-summary", "renderings", "eval", "error"),
)
IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
REFUSED = ("text/html", "application/javascript", "application/vnd.jupyter.widget-view+json")
# What a plotting call leaves behind as its value, such as <Axes: ...> or [<Line2D ...>].
PLOT_VALUE = re.compile(r"^[<(\[{].*[>)\]}]$|^Text\(", re.DOTALL)


def cell_options(source: str) -> tuple[dict, str]:
    """Return (options, code) of a code cell's source; raise ValueError if an option is not YAML."""
    lines = source.split("\n")
    end = next((i for i, line in enumerate(lines) if not line.startswith("#|")), len(lines))
    try:
        options = yaml.safe_load("\n".join(line[2:].removeprefix(" ") for line in lines[:end]))
    except yaml.YAMLError as error:
        raise ValueError(f"cell options are not valid YAML: {error}") from None
    if options is not None and not isinstance(options, dict):
        raise ValueError(f"cell options must be `#| key: value` lines, found {lines[0]!r}")
    return options or {}, "\n".join(lines[end:]).strip("\n")


def notebook_findings(notebook: nbformat.NotebookNode, page: str) -> list[Finding]:
    """Return what in an executed notebook no renderer could show well, each with its cell."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            try:
                options, _ = cell_options(cell.source)
            except ValueError as error:
                found.append(Finding(page, f"cell {number}", str(error)))
                continue
            where = f"cell {number}" + (f" ({options['label']})" if "label" in options else "")
            problems = [*_option_problems(options), *_output_problems(options, cell.outputs)]
            found += [Finding(page, where, problem) for problem in problems]
    return found


def displayed(outputs: list) -> list:
    """Return the outputs that are no stream, without the values that plotting calls leave."""
    data = [out for out in outputs if out.output_type in ("display_data", "execute_result")]
    has_image = any(set(IMAGES) & set(out.data) for out in data)
    return [out for out in data if out.data and not (has_image and _is_plot_value(out))]


def _is_plot_value(out) -> bool:
    text = str(out.data.get("text/plain", "")).strip()
    return set(out.data) == {"text/plain"} and bool(PLOT_VALUE.match(text))


def float_kind(options: dict) -> str:
    """Return `fig` or `tbl` where the label makes the output a numbered float, else nothing."""
    prefix = str(options.get("label", "")).split("-")[0]
    return prefix if prefix in ("fig", "tbl") else ""


def _option_problems(options: dict) -> list[str]:
    found = []
    for key in options:
        if key not in OPTIONS:
            near = difflib.get_close_matches(str(key), OPTIONS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(OPTIONS)}"
            found.append(f"unknown cell option `{key}`; {hint}")
    clash = {"label", "fig-cap", "tbl-cap"} & options.keys()
    if "renderings" in options and clash:
        found.append(
            f"`renderings` cannot stand with `{sorted(clash)[0]}` in one cell; put the cell "
            "between Markdown cells `::: {#fig-name}` and `Caption.` `:::`"
        )
    return found


def _output_problems(options: dict, outputs: list) -> list[str]:
    failed = [out for out in outputs if out.output_type == "error"]
    if failed:
        return [f"ended in {failed[0].ename}: {failed[0].evalue}"]
    if options.get("include") is False or options.get("output") is False:
        return []
    found = [
        f"has a {kind} output, which needs scripts from the network or escapes the theme; "
        "emit Markdown instead (IPython.display.Markdown)"
        for out in outputs
        for kind in REFUSED
        if kind in out.get("data", {})
    ]
    shown = len(displayed(outputs))
    wanted = len(options["renderings"]) if "renderings" in options else 1
    if "renderings" in options and shown != wanted:
        found.append(f"`renderings` names {wanted} outputs, the cell shows {shown}")
    if float_kind(options) and options.get("output") != "asis" and shown != 1:
        found.append(f"a labelled figure or table is one output, the cell shows {shown}")
    return found
