"""Every public name says what it is, and the reference shows each of them once."""

from collections import Counter
from pathlib import Path

import pytest
from proxylab.pages.reference import rooms
from proxylab.pages.reference.rooms import LEFT_OUT, PAGES, all_entries, entries

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "lib" / "proxylab"
ENTRIES = {f"{entry.room}.{entry.name}": entry for entry in all_entries()}
SAYING = {k: e for k, e in ENTRIES.items() if e.item.is_function or e.item.is_class}


def test_every_room_has_a_page_or_a_reason_to_have_none():
    here = {p.stem for p in LIBRARY.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    shown = [room for _, page_rooms in PAGES.values() for room in page_rooms]
    assert max(Counter(shown).values()) == 1
    assert set(shown) | set(LEFT_OUT) == here - {"__init__"}


@pytest.mark.parametrize("name", SAYING)
def test_a_public_name_says_what_it_is_in_a_first_sentence(name):
    text = SAYING[name].item.docstring
    assert text, f"{name} has no docstring"
    first = text.value.partition("\n\n")[0].rstrip()
    # A paragraph ends in a full stop, or introduces what follows.
    assert first.endswith((".", ":")), first


def test_every_name_appears_exactly_once():
    assert Counter(entry.item.path for entry in all_entries()).most_common(1)[0][1] == 1
    assert len(ENTRIES) == len(all_entries())


def test_what_a_room_exports_is_what_its_page_shows():
    from proxylab import results, selection, stats

    for room in (results, selection, stats):
        shown = [entry.name for entry in entries(room.__name__.removeprefix("proxylab."))]
        assert sorted(shown) == sorted(room.__all__)


def test_nothing_private_and_no_module_is_shown():
    for entry in all_entries():
        path = entry.item.path.split(".")
        assert not [part for part in path if part.startswith("_")], entry.item.path
        assert not entry.item.is_module


def test_places_are_lines_of_files_that_define_the_name():
    for entry in all_entries():
        file, line = entry.place.rsplit(":", 1)
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        # A decorated definition begins with its decorators.
        assert any(entry.name in text for text in lines[int(line) - 1 : int(line) + 12]), (
            entry.place
        )


def test_a_name_that_hides_a_module_is_the_name():
    # proxylab.bias.compose is a module, and a function of that module that the room exports.
    found = next(entry for entry in entries("bias") if entry.name == "compose")
    assert found.item.is_function
    assert found.module == "bias.compose"


def test_constants_that_are_assigned_together_are_found():
    assert {"RESPONSE_FIRST", "OPPONENT_FIRST"} <= {entry.name for entry in entries("judge")}


def test_an_unknown_room_is_named():
    with pytest.raises(ValueError, match="no reference page shows the room 'world_models'"):
        rooms.entries("world_models")
