"""Which run notebooks a page reads, found in its source."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
RUNS = {path.stem for path in (ROOT / "notebooks" / "runs").glob("*.ipynb")}


@pytest.fixture
def read_by(scripts):
    import page_reads

    return lambda page: page_reads.read_by(page, RUNS)


def page_of(name):
    return ROOT / "notebooks" / "pages" / f"{name}.ipynb"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("world", {"build_world"}),
        ("scale", {"measure_cost", "train_reward_model"}),
        ("speed", {"benchmark"}),
        # reward models are compared with rulers, through functions of another page
        ("model_cards", {"align", "build_world", "measure_rulers", "train_reward_model"}),
        ("method", set()),
        ("reference", set()),  # names rooms of the library: "audit", "judge"
    ],
)
def test_a_page_reads_what_it_names_however_far_away(read_by, page, expected):
    assert read_by(page_of(page)) == expected


def test_every_page_reads_what_its_last_cell_says(read_by):
    from proxylab.pages.deviations import listing
    from proxylab.pages.negative_results import table
    from proxylab.pages.real_text import hardware

    for page, known in (
        ("deviations", listing.NOTEBOOKS),
        ("negative_results", table.NOTEBOOKS),
        ("real_text", hardware.READ),
    ):
        assert set(known) <= read_by(page_of(page)), page


def test_a_page_of_ones_own(read_by, tmp_path):
    source = 'from proxylab.results import gather\ngather("judge", "tables")'
    cell = nbformat.v4.new_code_cell(source)
    page = tmp_path / "mine.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), page)
    assert read_by(page) == {"judge"}
