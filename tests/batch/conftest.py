"""A project of four pages and two runs whose jobs are stand-ins: the test is what is planned."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from proxylab.parameters import check_parameters, model_for
from proxylab.results import run_folder

RUNS = ("simulate_conflict", "verify_optimisers")  # no page reads the second
PROFILE = """name: tiny
seeds: [0]
batch:
  - notebook: simulate_conflict
  - notebook: verify_optimisers
  - notebook: clean
    parameters: {data: [hh-rlhf]}
    needs: data
  - notebook: measure_scores
    needs: data
"""
RECORD = {"wall_time_s": 120}

# Found before the library, because Python looks for `-m proxylab` in the folder it is started in.
JOB = '''"""Stands in for the library in a job of Snakemake: only writes what the job should."""
import json, sys
from pathlib import Path

command, notebook = sys.argv[1:3]
page = Path("build/pages") / Path(notebook).name
places = json.loads(Path("places.json").read_text())
output = page if command == "page" else Path(places[Path(notebook).stem])
output.parent.mkdir(parents=True, exist_ok=True)
output.write_text(json.dumps({"wall_time_s": 120}))
with Path("made.txt").open("a") as made:
    made.write(f"{Path(notebook).stem}\\n")
'''
SLOTS = """import os, sys
command = sys.argv[sys.argv.index("--") + 1 :]
os.execv(command[0], command)
"""


class Batch:
    """Snakemake in the project: `run` gives its standard error, and `planned` the outputs."""

    def __init__(self, folder: Path):
        self.folder = folder
        own = {"PROXYLAB_ROOT": str(folder), "PROXYLAB_BUILD": "build"}
        left = ("PROXYLAB_DATA", "PROXYLAB_KERNELS")
        self.environment = {k: v for k, v in os.environ.items() if k not in left} | own

    def run(self, *options: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock"]
        if "--config" not in options:
            options = (*options, "--config")
        return subprocess.run(
            [*command, *options, "profile=tiny"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )

    def planned(self, *options: str) -> set[str]:
        """Names of the jobs that a dry run would start: a page's, or a run's notebook."""
        text = self.run("-n", *options).stdout
        lines = [
            line.split(":", 1)[1] for line in text.splitlines() if line.startswith("    output:")
        ]
        return {
            Path(line.strip()).stem if "build/" in line else Path(line.strip()).parts[2]
            for line in lines
        }

    def made(self) -> list[str]:
        """The notebooks of the jobs since the last call."""
        file = self.folder / "made.txt"
        names = sorted(file.read_text().split()) if file.is_file() else []
        file.unlink(missing_ok=True)
        return names

    def record(self, profile: str, notebook: str) -> Path:
        """A run of one's own, that no plan has."""
        folder = self.folder / "results" / profile / notebook / "seed=7-0123abcd"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(RECORD))
        return folder


def page(*cells: str) -> str:
    new = nbformat.v4
    return nbformat.writes(new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells]))


@pytest.fixture
def scripts(monkeypatch):
    """The folder of what the Snakefile imports, on the import path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture(scope="module")
def batch(tmp_path_factory) -> Batch:
    folder, root = tmp_path_factory.mktemp("project"), Path(__file__).parents[2]
    pages, stand_in = folder / "notebooks" / "pages", folder / "proxylab" / "machine"
    for made in (pages, stand_in, folder / "notebooks" / "explore", folder / "profiles"):
        made.mkdir(parents=True)
    for name in ("data", "notebooks/runs", "scripts", "Snakefile", "_quarto.yml"):
        (folder / name).symlink_to(root / name)
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "lib", folder / "lib", ignore=leave_out)  # a test changes it
    (folder / "profiles" / "tiny.yaml").write_text(PROFILE)
    reader = "from proxylab.results import load_runs\n"
    (pages / "theory.ipynb").write_text(page(f'{reader}load_runs("simulate_conflict")'))
    (pages / "labels.ipynb").write_text(page(f'{reader}load_runs("clean")'))
    (pages / "words.ipynb").write_text(page('"clean"'))
    (pages / "reference.ipynb").write_text(page('"shows docstrings"'))
    (stand_in.parent / "__init__.py").touch()
    (stand_in / "__init__.py").touch()
    (stand_in.parent / "__main__.py").write_text(JOB)
    (stand_in / "gpu_slots.py").write_text(SLOTS)
    places = {name: str(place_of(name, folder)) for name in RUNS}
    (folder / "places.json").write_text(json.dumps(places))
    return Batch(folder)


def place_of(notebook: str, folder: Path) -> Path:
    parameters = check_parameters(model_for(notebook), {"profile": "tiny", "seed": 0})
    return run_folder(notebook, parameters, root=folder) / "result.json"
