"""Where an item of the ledger is answered, as links within the site: page, run notebook, code.

Run notebooks are not pages of the site: a run leads to its parameters in the reference, which say
how to start it, and code to its module there.
"""

from functools import cache

from proxylab.pages.ledger.entries import Entry
from proxylab.pages.reference.rooms import PAGES, all_entries, anchor
from proxylab.parameters import model_for

START = "index"
RUNS = "runs"  # the room with a model of parameters for every run notebook


def links(entry: Entry) -> str:
    """Page, runs and code of one entry, each a link."""
    runs = [f"run [`{name}`]({run_target(name)})" for name in entry.runs]
    code = f"code [`{entry.code}`]({code_target(entry.code)})"
    return " · ".join([f"[page]({page_target(entry)})", *runs, code])


def page_target(entry: Entry) -> str:
    """The page's file, from the folder of the pages, with the place on it if one is named."""
    name, mark, place = entry.page.partition("#")
    return f"{'../../index.qmd' if name == START else f'{name}.ipynb'}{mark}{place}"


@cache
def run_target(notebook: str) -> str:
    """The reference's entry on a run notebook's parameters."""
    model = model_for(notebook)
    entry = next(e for e in all_entries() if e.room == RUNS and e.name == model.__name__)
    return f"{entry.page}.ipynb#{anchor(entry)}"


@cache
def code_target(code: str) -> str:
    """The reference's section on a room or module, else the first in it, else that on its room.

    Raises ValueError for a module of a room that the reference leaves out.
    """
    room = code.partition(".")[0]
    page = next((name for name, (_, rooms) in PAGES.items() if room in rooms), None)
    if page is None:
        raise ValueError(f"the reference has no room {room!r}: name a module that it shows")
    modules = [entry.module for entry in all_entries() if entry.room == room]
    inside = [name for name in modules if f"{name}.".startswith(f"{code}.")]
    place = f"room-{room}" if code == room or not inside else f"module-{inside[0]}"
    return f"{page}.ipynb#{place}"
