"""A tiny project with one Markdown page and two notebooks, and cells to build notebooks from."""

import shutil
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"></svg>'
CONFIG = """
project:
  type: website
  output-dir: _site
  render: [index.qmd, notebooks/pages/one.ipynb, notebooks/pages/two.ipynb]
website:
  title: Sample
  sidebar:
    contents:
      - text: Start
        href: index.qmd
      - section: Results
        contents: [notebooks/pages/one.ipynb, notebooks/pages/two.ipynb]
bibliography: references.bib
execute: {enabled: false}
format:
  html: {number-sections: true, code-fold: true}
"""
BIB = "@misc{smith2020, title={A Title}, author={Smith, Ann}, year={2020}}"
INDEX = """---
title: Sample
---

## Read {#sec-read}

See [one](notebooks/pages/one.ipynb#tbl-a), [the data](data/a.csv), @sec-read and @smith2020.
"""


def code(source, *outputs, tags=()):
    """A code cell with outputs; `tags` go into its metadata."""
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    cell.metadata["papermill"] = {"duration": 1.0}
    return cell


def shown(**data):
    """A display output; `svg`, `md`, `html` and `plain` name its kinds."""
    kinds = {"svg": "image/svg+xml", "md": "text/markdown", "html": "text/html"}
    data = {kinds.get(key, "text/plain"): value for key, value in data.items()}
    return nbformat.v4.new_output("display_data", data=data)


def text(source):
    """A Markdown cell."""
    return nbformat.v4.new_markdown_cell(source)


def notebook(*cells, title="One"):
    """A notebook whose first raw cell is the front matter."""
    front = nbformat.v4.new_raw_cell(f"---\ntitle: {title}\n---")
    return nbformat.v4.new_notebook(cells=[front, *cells])


@pytest.fixture
def project(tmp_path):
    """A project whose notebook `one` has been executed and whose notebook `two` has not."""
    folder = tmp_path / "project"
    (folder / "notebooks/pages").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data/a.csv").write_text("x\n1\n")
    (folder / "_quarto.yml").write_text(CONFIG)
    (folder / "references.bib").write_text(BIB)
    (folder / "index.qmd").write_text(INDEX)
    shutil.copytree(ROOT / "theme", folder / "theme")
    for name in ("one", "two"):
        nbformat.write(notebook(title=name.title()), folder / f"notebooks/pages/{name}.ipynb")
    execute(folder, "one", code("#| label: tbl-a\n#| tbl-cap: Counts.\nf()", shown(md=TABLE)))
    return folder


TABLE = "| a | b |\n|:--|--:|\n| x | 1 |"


def execute(folder, name, *cells):
    """Write the executed copy of a page notebook, as papermill would leave it."""
    made = notebook(*cells, title=name.title())
    made.metadata["papermill"] = {"input_path": "/home/someone/secret.ipynb"}
    (folder / "build/pages").mkdir(parents=True, exist_ok=True)
    nbformat.write(made, folder / f"build/pages/{name}.ipynb")
