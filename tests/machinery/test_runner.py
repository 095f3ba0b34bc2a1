import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from proxylab import runner
from proxylab.__main__ import main
from proxylab.parameters import ParameterError, check_parameters, model_for
from proxylab.results import load_runs, run_folder

MODEL = """
from typing import ClassVar
from proxylab.parameters import RunParameters

class TinyParameters(RunParameters):
    notebook: ClassVar[str] = "tiny"
    steps: int = 2
    behaviour: str = "good"
"""
PARAMETERS = 'profile = "cpu"\nseed = 0\nsteps = 2\nbehaviour = "good"'
READ = """
from proxylab.parameters import read_parameters
from proxylab.results import start_run
from tiny_model import TinyParameters

settings = read_parameters(TinyParameters, globals())
"""
WORK = """
#| label: the work
import os, signal, sys
if settings.behaviour == "raise":
    raise ValueError("no such topic")
if settings.behaviour == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if settings.behaviour != "forget":
    with start_run("tiny", settings) as run:
        run.log_metric("steps", settings.steps, n_effective=1)
        run.sources["interpreter"] = sys.prefix
        run.sources["folder"] = os.path.basename(os.getcwd())
"""


@pytest.fixture
def notebook(project, monkeypatch):
    """A run notebook `tiny` with its model, importable here and in kernels."""
    (project / "tiny_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(project)
    monkeypatch.setenv("PYTHONPATH", str(project))
    sys.modules.pop("tiny_model", None)
    __import__("tiny_model")
    path = project / "notebooks" / "runs" / "tiny.ipynb"
    write(path, [(PARAMETERS, ["parameters"]), (READ, []), (WORK, []), ("settings", [])])
    return path


def write(path: Path, cells):
    made = [nbformat.v4.new_code_cell(s.strip(), metadata={"tags": t}) for s, t in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)


def files_in(folder: Path):
    return [p for p in folder.rglob("*") if p.is_file()] if folder.exists() else []


def test_a_notebook_is_run_recorded_and_then_skipped(project, notebook, capfd):
    assert main(["run", str(notebook), "-p", "seed", "3"]) == 0
    assert "results/cpu/tiny/seed=3-" in capfd.readouterr().out
    (run,) = load_runs("tiny")
    assert run.parameters == {"profile": "cpu", "seed": 3, "steps": 2, "behaviour": "good"}
    assert run.record["sources"]["interpreter"].endswith(Path(sys.prefix).name)
    assert run.record["sources"]["folder"] == "project"  # not the notebook's folder
    executed = project / "build" / "runs" / "cpu" / "tiny" / f"{run.run_id}.ipynb"
    assert files_in(project / "build") == [executed]
    assert files_in(notebook.parent) == [notebook]

    written = run.folder.joinpath("result.json").stat().st_mtime_ns
    assert main(["run", str(notebook), "-p", "seed", "3"]) == 0
    assert "is there already" in capfd.readouterr().out
    assert run.folder.joinpath("result.json").stat().st_mtime_ns == written
    report = runner.run_notebook(notebook, {"seed": 3}, force=True)
    assert (report.result, report.notebook, report.skipped) == (run.folder, executed, False)
    assert run.folder.joinpath("result.json").stat().st_mtime_ns > written


def test_a_damaged_result_is_named_and_made_again_where_told(project, notebook, capfd):
    values = runner.resolve_parameters(notebook, {"seed": 3})
    result = run_folder("tiny", check_parameters(model_for("tiny"), values), root=project)
    result.mkdir(parents=True)
    for text in ('{"schema_version": 1', "{}", "[]"):
        (result / "result.json").write_text(text)
        assert main(["run", str(notebook), "-p", "seed", "3"]) == 1
        assert f"result.json of run {result.name} cannot be read" in capfd.readouterr().err
    assert not runner.run_notebook(notebook, {"seed": 3}, force=True).skipped
    assert load_runs("tiny")[0].run_id == result.name


def test_the_command_line_fails_with_one_line(notebook, capfd):
    assert main(["run", str(notebook), "-p", "seed", "three"]) == 1
    assert capfd.readouterr().err.startswith("proxylab: parameter `seed`")


@pytest.mark.parametrize("value", ['["a"', "[random, conflict]", "random"])
def test_a_list_that_is_none_names_its_parameter_and_shows_the_form(project, capfd, value):
    page = project / "notebooks" / "pages" / "about.ipynb"
    write(page, [("selectors = []", ["parameters"]), ("print(selectors)", [])])
    assert main(["page", str(page), "-p", "selectors", value]) == 1
    said = capfd.readouterr().err
    assert 'parameter `selectors` must be a list, written \'["a", "b"]\'' in said
    assert repr(value) in said
    given = [["a"], ("a",), '["a"]']  # the last as papermill itself hands it over
    for value in given:
        assert runner.resolve_parameters(page, {"selectors": value}) == {"selectors": value}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sede": 3}, r"tiny\.ipynb: unknown parameter `sede` \(did you mean `seed`\?\)"),
        ({"seed": "three"}, r"parameter `seed` .*got 'three'"),
        ({"steps": 2.5}, r"parameter `steps` .*got 2\.5"),
    ],
)
def test_a_wrong_parameter_is_an_error_before_anything_runs(project, notebook, given, message):
    with pytest.raises(ParameterError, match=message):
        runner.run_notebook(notebook, given)
    assert not (project / "build").exists()
    assert not (project / "results").exists()


def test_a_notebook_that_is_not_there_is_named_with_the_nearest(notebook):
    with pytest.raises(ParameterError, match=r"did you mean `tiny\.ipynb`"):
        runner.run_notebook(notebook.with_name("tinny.ipynb"))


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("raise", r"tiny\.ipynb, code cell 3 \('import os.*'\): ValueError: no such topic"),
        ("die", r"tiny\.ipynb, code cell 3 \('import os.*'\): the kernel died"),
        ("forget", r"tiny\.ipynb ran to its end but recorded no result"),
    ],
)
def test_a_run_that_fails_names_notebook_cell_and_exception(project, notebook, behaviour, message):
    with pytest.raises(runner.NotebookFailed, match=message):
        runner.run_notebook(notebook, {"behaviour": behaviour})
    assert [p.name for p in files_in(project / "results") if p.suffix] == []
    left = [p.name for p in files_in(project / "build")]
    assert all(name.endswith(".unfinished.ipynb") for name in left)


def test_a_page_is_executed_into_the_build_folder(project, capfd):
    page = project / "notebooks" / "pages" / "about.ipynb"
    write(page, [('profile = "cpu"', ["parameters"]), ("print(profile)", [])])
    assert main(["page", str(page), "-p", "profile", "smoke"]) == 0
    executed = nbformat.read(project / "build" / "pages" / "about.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "smoke\n"
    assert main(["page", str(page), "-p", "profil", "smoke"]) == 1
    assert "did you mean `profile`" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("true", True),
        ("None", None),
        ("ppo", "ppo"),
        ("[1, 2]", [1, 2]),
        ("[1", "[1"),
    ],
)
def test_values_are_read_as_papermill_reads_them(text, value):
    assert runner.parse_value(text) == value


def plain_papermill(project, *options):
    notebook = "notebooks/runs/tiny.ipynb"
    command = [sys.executable, "-m", "papermill", notebook, "out.ipynb", "--no-progress-bar"]
    return subprocess.run(
        [*command, *options], cwd=project, env=os.environ, capture_output=True, text=True
    )


def test_plain_papermill_runs_a_notebook(project, notebook):
    done = plain_papermill(project, "-p", "seed", "3")
    assert done.returncode == 0, done.stderr
    assert load_runs("tiny")[0].parameters["seed"] == 3


def test_plain_papermill_with_an_unknown_parameter_fails_and_records_nothing(project, notebook):
    done = plain_papermill(project, "-p", "sede", "3")
    assert done.returncode != 0
    assert "unknown parameter `sede` (did you mean `seed`?)" in done.stderr
    assert not (project / "results").exists()
