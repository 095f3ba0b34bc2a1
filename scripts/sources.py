"""Where code lies that a notebook uses, for what reads it without running it."""

import json
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {"proxylab": ROOT / "lib", "benchmarks": ROOT}  # our packages, and where each lies


def notebook_code(notebook: Path) -> str:
    """The code cells of a notebook, one after the other."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@cache
def module_file(module: str) -> Path | None:
    """The file of a module of ours by its full name; None for anything else."""
    package, *_ = parts = module.split(".")
    if package not in FOLDERS:
        return None
    place = FOLDERS[package].joinpath(*parts)
    return next((f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_file()), None)
