"""Commands in the texts: they name what the runs of their profile read."""

import re

import nbformat
import pytest
from proxylab.cost.estimate import downloads
from proxylab.environment import project_root
from proxylab.profiles import load_profile

PROFILE = re.compile(r"(?:--config profile=|PROFILE=|-p profile )(gpu|paper_elephant|paper)\b")


def commands():
    """Every command with a large profile, in the READMEs and on the page on scale."""
    root = project_root()
    page = nbformat.read(root / "notebooks" / "pages" / "scale.ipynb", as_version=4)
    texts = [cell.source for cell in page.cells if cell.cell_type == "markdown"]
    texts += [(root / name).read_text() for name in ("README.md", "profiles/executors/README.md")]
    lines = [line for text in texts for line in text.splitlines()]
    return sorted({line.strip() for line in lines if PROFILE.search(line)})


def test_there_are_commands_to_check():
    assert len(commands()) >= 5


@pytest.mark.parametrize("line", commands())
def test_a_command_names_the_data_and_lets_models_be_fetched(line):
    profile = load_profile(PROFILE.search(line)[1])
    everything, without = (profile.planned_runs(with_data=data) for data in (True, False))
    if "-p profile" not in line and 2 * len(without) < len(everything):  # a batch
        assert "DATA=" in line
    if len(downloads(profile)):
        assert "HF_HUB_OFFLINE=0" in line
