"""The reference's Markdown: escaped prose, signatures that wrap, links that lead to anchors."""

import re
from pathlib import Path

import griffe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.pages import reference
from proxylab.pages.reference.docstrings import docstring_markdown, inline_markdown
from proxylab.pages.reference.rooms import PAGES, all_entries, anchor
from proxylab.pages.reference.signatures import methods, one_line, signature
from proxylab.site.pandoc import elements, parse, plain_text

NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "pages"
SOURCE = '''
import numpy as np
from dataclasses import dataclass
from pydantic import BaseModel, Field

A, B = 1, 2
LONG = {
    "a": 1,
}  # in units

def f(x: np.ndarray, /, y=2, *rest, seed: int = 0, **more) -> float:
    """F."""

def long_name(first_argument: np.ndarray, second_argument: np.ndarray, *, third: int = 1) -> int:
    """Long."""

@dataclass(frozen=True)
class Record:
    """R."""
    low: float
    high: float = 1.0
    _hidden: int = 0

    @property
    def width(self) -> float:
        """High less low."""

    def scaled(self, by: float) -> "Record":
        """Scaled."""

    def silent(self): ...

class Model(BaseModel):
    """M."""
    epochs: int = Field(default=2, gt=0)

class Plain:
    """P."""
    def __init__(self, folder: str): ...
'''


@pytest.fixture(scope="module")
def module():
    return griffe.visit("proxylab.made_up", filepath=Path("made_up.py"), code=SOURCE)


def test_a_signature_has_types_defaults_and_the_marks_of_kinds(module):
    expected = "def f(x: np.ndarray, /, y=2, *rest, seed: int = 0, **more) -> float"
    assert signature(module["f"]) == expected


def test_a_long_signature_has_an_argument_a_line(module):
    lines = signature(module["long_name"]).splitlines()
    assert lines[0] == "def long_name("
    assert lines[1] == "    first_argument: np.ndarray,"
    assert lines[3] == "    *,"
    assert lines[-1] == ") -> int"
    flat = one_line(module["long_name"], ".g")
    assert flat.startswith(".g(first_argument: np.ndarray, second")
    assert flat.endswith("third: int = 1) -> int")


def test_a_record_is_its_fields_and_a_class_its_constructor(module):
    record = "class Record:\n    low: float\n    high: float = 1.0"
    assert signature(module["Record"]) == record
    model = "class Model(BaseModel):\n    epochs: int = Field(default=2, gt=0)"
    assert signature(module["Model"]) == model
    assert signature(module["Plain"]) == "class Plain(folder: str)"


def test_methods_are_the_public_ones_that_say_something(module):
    # `silent` says nothing: in the library such a method overrides one that does.
    assert [member.name for member in methods(module["Record"])] == ["width", "scaled"]


def test_a_docstring_keeps_code_emphasis_lists_and_its_marked_parts():
    text = (
        "A *bold* claim of `a|b` < c.\n\nMore. Raises ValueError for *.\n\n    x = 1\n\n    y = 2\n"
    )
    assert docstring_markdown(text) == (
        "A *bold* claim of `a|b` \\< c.\n\nMore.\n\n**Raises** ValueError for \\*.\n\n"
        "``` {.python .code-overflow-wrap}\nx = 1\n\ny = 2\n```"
    )
    assert docstring_markdown("Names:\n- `a` one,\n  or two;\n- b.") == (
        "Names:\n\n- `a` one, or two;\n- b."
    )


PROSE = st.text(alphabet="ab <>&*_{}[]()#@$^~|!\\.-", max_size=40)


@settings(max_examples=40, deadline=None)
@given(PROSE)
def test_prose_is_shown_as_it_stands(text):
    # Emphasis is the one mark that prose may carry, and pandoc curls quotes: neither is drawn.
    shown = inline_markdown(" ".join(text.replace("*", "").split()))
    document = parse(f"x {shown} y", folder=Path())
    assert not list(elements(document["blocks"], "RawInline", "RawBlock", "Link", "Math", "Cite"))
    words = plain_text(document["blocks"]).translate(str.maketrans("‘’“”–…\u00a0", "''\"\"-. "))
    plain = f"x {' '.join(text.replace('*', '').split())} y"
    assert re.sub(r"[-.\s]+", "", words) == re.sub(r"[-.\s]+", "", plain)


@pytest.fixture(scope="module")
def pages():
    return {page: reference.reference(page).data for page in PAGES}


def test_every_anchor_stands_once_and_every_link_finds_one(pages):
    anchors = {
        page: re.findall(r"^#+ .* \{#(\S+) ", text, re.MULTILINE) for page, text in pages.items()
    }
    for page, found in anchors.items():
        assert len(found) == len(set(found))
        wanted = re.findall(r"\]\(#([^)]+)\)", reference.index(page).data)
        assert set(wanted) <= set(found)
    links = re.findall(r"\]\((\w+)\.ipynb#([^)]+)\)", reference.index_of_all().data)
    assert len(links) > len(all_entries())  # names and rooms
    assert not [(page, name) for page, name in links if name not in anchors[page]]


def test_two_names_alike_on_a_page_have_anchors_of_their_own():
    anchors = [(entry.page, anchor(entry)) for entry in all_entries()]
    assert len(anchors) == len(set(anchors))


def test_every_page_has_its_notebook():
    here = {path.stem for path in NOTEBOOKS.glob("reference*.ipynb")}
    assert here == {"reference", *PAGES}


def test_a_page_says_how_it_was_made():
    text = reference.made_by("reference_conflict").data
    assert "notebooks/pages/reference_conflict.ipynb" in text
    assert "griffe" in text
