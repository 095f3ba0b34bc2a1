"""What the batch plans, and what it says before it starts; every job is a stand-in.

The tests use one project one after the other: Snakemake takes seconds to start.
"""

import shutil

import pytest

pytestmark = pytest.mark.slow
PAGES = ["labels", "reference", "theory", "words"]
RUNS = ["simulate_conflict", "verify_optimisers"]
# What `make` gives to Snakemake where RERUN=missing.
MISSING = ("--rerun-triggers", "software-env", "--forcerun", "page", "--config", "rerun=missing")


def edit(batch, module, old, new):
    """Change the first place in a module of the project's library where `old` stands."""
    file = batch.folder / "lib" / "proxylab" / module
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def said(done):
    return [line for line in done.stderr.splitlines() if line.startswith("proxylab:")]


def test_the_first_start_makes_all_and_says_what_is_left_out_once(batch):
    assert said(batch.run("--resources", "max_minutes=10")) == [  # every run asks for 15
        "proxylab: 2 planned run(s) need real data and are left out: PROXYLAB_DATA names no folder",
        "proxylab: 2 planned run(s) may need more than max_minutes=10 on one GPU: the page on "
        "scale says how several GPUs share a run",
    ]
    assert batch.made() == sorted(PAGES + RUNS)


def test_a_run_of_ones_own_redoes_the_pages_that_read_its_notebook(batch):
    own = [batch.record("tiny", "clean"), batch.record("other", "simulate_conflict")]
    assert batch.planned() == {"labels"}
    for folder in own:
        shutil.rmtree(folder)
    assert batch.planned() == set()  # what is gone again is no missing input


def test_a_comment_or_a_docstring_redoes_what_shows_it_and_no_run(batch):
    edit(batch, "results/writing.py", '"""', '# one of mine\n"""Mine: ')
    batch.run()
    assert batch.made() == ["reference"]


def test_a_change_of_code_makes_the_runs_that_reach_it_again_and_says_so_first(batch):
    edit(batch, "conflict/simulation.py", "\n\n\n", "\n\nMINE = 1\n\n\n")
    (_, line) = said(batch.run())
    assert line.startswith("proxylab: 1 recorded run(s) are made again, 2 minutes by what they")
    assert batch.made() == sorted([*PAGES, "simulate_conflict"])  # the other run is left alone


def test_only_what_is_missing_is_made_whatever_has_changed(batch):
    edit(batch, "results/writing.py", "import hashlib\n", "import hashlib\nimport mine\n")
    profile = batch.folder / "profiles" / "tiny.yaml"
    more = "  - notebook: clean\n    parameters: {data: [world]}\n"
    profile.write_text(profile.read_text() + more)
    assert batch.planned(*MISSING) == {"clean", *PAGES}
