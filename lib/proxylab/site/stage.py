"""The staging folder: the project's sources, with executed notebooks in place of the bare ones.

Every file keeps its path relative to the project, so either renderer sees an ordinary Quarto
project whose notebooks already hold their outputs.  Nothing is executed here.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat

from .blocks import local_targets
from .book import CONFIG, Book
from .cells import notebook_findings
from .findings import Finding, SiteError
from .notebook import read_source, split_front_matter
from .outputs import markdown_outputs, notebooks_shown, with_outputs
from .pandoc import parse

THEME = "theme"


@dataclass(frozen=True)
class Staged:
    """The staging folder and the pages that stand in it as placeholders."""

    folder: Path
    missing: tuple[str, ...]


def stage(project: Path, executed: Path, folder: Path, book: Book) -> Staged:
    """Write the staging folder anew and return it.

    `executed` holds the executed page notebooks by name.  A notebook that is missing there is
    replaced by a page that says so.  Raises SiteError if an executed notebook holds a failed
    cell, an output that cannot be shown offline, or a malformed cell option.
    """
    _clear(folder)
    for name in (CONFIG, THEME, *book.bibliography):
        _copy(project / name, folder / name)
    missing, findings = [], []
    for source in book.sources:
        target = folder / source
        if not source.endswith(".ipynb"):
            _copy(project / source, target)
            findings += _show_outputs(target, source, project, executed)
            continue
        copy = executed / Path(source).name
        if not copy.is_file():
            missing.append(source)
            _write(_placeholder(project / source, source, copy), target)
            continue
        notebook = nbformat.read(copy, as_version=4)
        findings += notebook_findings(notebook, source)
        _write(tidy(notebook), target)
    if findings:
        raise SiteError("executed pages cannot be shown:", findings)
    _copy_linked(project, folder, book)
    return Staged(folder, tuple(missing))


def _show_outputs(page: Path, source: str, project: Path, executed: Path) -> list[Finding]:
    """Put the outputs of the notebooks that a Markdown page names into its staged copy."""
    text, findings = page.read_text(encoding="utf-8"), []

    def markdown_of(name: str) -> str:
        copy = executed / Path(name).name
        if not copy.is_file():
            return _not_computed(name, copy)
        findings.extend(notebook_findings(nbformat.read(copy, as_version=4), name))
        return markdown_outputs(copy)

    for name in notebooks_shown(text):
        if not (project / name).is_file():
            findings.append(Finding(source, "outputs of", f"{name!r} does not exist"))
    page.write_text(with_outputs(text, source, markdown_of), encoding="utf-8")
    return findings


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Strip what execution wrote about itself and hide the cell that papermill injected.

    papermill records absolute paths and times in the metadata, which Quarto would carry into the
    page; and Quarto ignores the tag `injected-parameters`, so that cell gets `include: false`.
    """
    kept = ("kernelspec", "language_info")
    notebook.metadata = {key: notebook.metadata[key] for key in kept if key in notebook.metadata}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.source = f"#| include: false\n{cell.source}"
        cell.metadata = {"tags": tags} if tags else {}
    return notebook


def _placeholder(bare: Path, source: str, copy: Path) -> nbformat.NotebookNode:
    """A page for a notebook that has not been run: its own title, and what to run."""
    meta, _ = _front_matter(bare)
    title = str(meta.get("title") or bare.stem.replace("_", " ").capitalize())
    text = _not_computed(source, copy)
    front = nbformat.v4.new_raw_cell(f"---\ntitle: {json.dumps(title)}\n---")
    notebook = nbformat.v4.new_notebook(cells=[front, nbformat.v4.new_markdown_cell(text)])
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return notebook


def _not_computed(source: str, copy: Path) -> str:
    """A callout in place of what a notebook would show."""
    shown = "/".join(copy.parts[-3:])
    return (
        '::: {.callout-warning title="Not computed yet"}\n'
        f"This page shows the results of `{source}`, and that notebook has not been run. "
        f"`make site` runs it and everything it needs; to run it alone:\n\n"
        f"```bash\npapermill {source} {shown}\n```\n:::\n"
    )


def _front_matter(bare: Path) -> tuple[dict, str]:
    cells = nbformat.read(bare, as_version=4).cells
    return split_front_matter(cells[0].source if cells else "")


def _copy_linked(project: Path, folder: Path, book: Book) -> None:
    """Copy the project's own files that a page shows or links to, such as a figure or a table."""
    findings = []
    for source in book.sources:
        try:
            page = read_source(folder / source, execute={}, html={})
        except ValueError as error:
            findings.append(Finding(source, "source", str(error)))
            continue
        for target in local_targets(parse(page.markdown, folder=folder)["blocks"]):
            path = (project / source).parent / target
            inside = path.resolve().is_relative_to(project.resolve())
            staged = (folder / source).parent / target
            if inside and path.is_file() and not staged.exists():
                _copy(path, staged)
    if findings:
        raise SiteError("pages cannot be read:", findings)


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise SiteError(f"{source}: named by {CONFIG} or needed by the site, and not there")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _write(notebook: nbformat.NotebookNode, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _clear(folder: Path) -> None:
    """Remove an earlier staging folder, and nothing that is not one."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / CONFIG).is_file():
            raise SiteError(f"{folder}: exists and is no staging folder (no {CONFIG} in it)")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
