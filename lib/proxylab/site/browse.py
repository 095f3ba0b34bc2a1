"""A walk through a built site in headless Chromium: what a reader would stumble over.

Every page, in both themes and two widths: the console, any request to the network, sideways
overflow, and accessibility by axe-core (WCAG 2.2 A and AA, and its best practices). Once a page:
whether Tab reaches everything and shows where it is, and what paper would cut off. Both renderers
write pages that this walks. Left out: what only one renderer has (theme toggle, menus, notes).

Needs Chromium and the packages `playwright` and `axe-playwright-python`, which bundles axe-core;
nothing is fetched while it runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import product
from pathlib import Path

from .findings import Finding, SiteError
from .screenshots import find_chromium

WIDTHS = (1360, 390)  # CSS pixels: a laptop and a phone
THEMES = ("light", "dark")
HEIGHT = 900
PAPER = 688  # CSS pixels of an A4 page between the margins of 14 mm that the themes set
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")  # the rules that a theme can break
LOCAL = ("file:", "data:", "blob:", "about:")
SHOWN = 3  # of the elements that break one rule on one page
QUESTIONS = Path(__file__).with_name("walk.js")
INSTALL = "a walk needs playwright and axe-playwright-python: pip install 'proxylab[test]'"


@contextmanager
def browser() -> Iterator:
    """A headless Chromium, closed at the end.

    Raises ValueError, saying what to install, where the browser or its driver is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SiteError(INSTALL) from None
    program = find_chromium()
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def window(chromium, *, width: int = WIDTHS[0], theme: str = "light", script: bool = True):
    """A tab without network, storage or motion, of a width in CSS pixels; closed at the end."""
    context = chromium.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme=theme,
        reduced_motion="reduce",
        java_script_enabled=script,
        offline=True,
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def walk_site(
    site: Path, pages: Iterable[str], *, widths: Sequence[int] = WIDTHS, chromium=None
) -> list[Finding]:
    """Return what a reader of any of the pages would stumble over, sorted by page.

    `pages` are HTML files relative to `site`; `chromium` is an open browser, if there is one. A
    fault that is not seen in every theme and width says in which. Raises ValueError as `browser`.
    """
    pages, seen = list(pages), {}
    with browser() if chromium is None else nullcontext(chromium) as opened:
        for theme, width in product(THEMES, widths):
            first = (theme, width) == (THEMES[0], widths[0])
            with window(opened, width=width, theme=theme) as tab:
                for page in pages:
                    for finding in _faults(tab, Path(site), page, theme=theme, whole=first):
                        seen.setdefault(finding, []).append(f"{theme} {width}")
    return sorted(_said(finding, where, widths) for finding, where in seen.items())


def _said(finding: Finding, where: list[str], widths) -> Finding:
    """The finding, with the themes and widths it was seen in unless that is all that were asked."""
    rule = finding.where.removeprefix("axe ")
    themes = 1 if rule != finding.where and rule not in COLOURS else len(THEMES)
    times = 1 if finding.where in ("keyboard", "print") else themes * len(widths)
    tail = "" if len(where) == times else f" ({', '.join(where)})"
    return Finding(finding.page, finding.where, finding.message + tail)


def _faults(tab, site: Path, page: str, *, theme: str, whole: bool) -> set[Finding]:
    """The faults of one page in one tab; keyboard and print too if `whole`.

    What does not depend on colours is asked in the first theme only, because it takes long.
    """
    said: set[tuple[str, str]] = set()
    listeners = _listeners(said)
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto((site / page).resolve().as_uri(), wait_until="load")
    tab.evaluate(QUESTIONS.read_text(encoding="utf-8"))
    said |= {("width", f"sticks out: {name}") for name in tab.evaluate("proxylabWalk.wide()")}
    said |= accessibility(tab, rules=() if theme == THEMES[0] else COLOURS)
    if whole:
        said |= keyboard(tab) | on_paper(tab)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return {Finding(page, where, message) for where, message in said}


def _listeners(said: set) -> dict:
    """What to hear while a page is open: its console, its errors, and any request it makes."""

    def console(message):
        if message.type in ("error", "warning"):
            said.add(("console", message.text))

    def request(asked):
        if not asked.url.startswith(LOCAL):
            said.add(("network", f"asks for {asked.url}"))

    return {
        "console": console,
        "pageerror": lambda error: said.add(("console", str(error))),
        "request": request,
    }


def accessibility(tab, *, rules: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """What axe-core finds on the open page, by `rules` or by all of `TAGS`: (rule, what and where).

    Raises SiteError where the package that brings axe-core is missing.
    """
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        raise SiteError(INSTALL) from None
    # Preloading asks for the style sheets once more, which pages opened from disk may not.
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    options = {"runOnly": only, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(tab, options=options).response["violations"]
    return {(f"axe {rule['id']}", text) for rule in found for text in _places(rule)}


def _places(rule: dict) -> list[str]:
    """One text for each of a rule's first elements, and how many more there are."""
    nodes = rule["nodes"]
    texts = []
    for node in nodes[:SHOWN]:
        why = next((check["message"] for kind in ("any", "all") for check in node[kind]), "")
        texts.append(f"{rule['help']}: {' '.join(map(str, node['target']))}: {why}".rstrip(": "))
    more = len(nodes) - SHOWN
    return [*texts, f"{rule['help']}: {more} more"] if more > 0 else texts


def keyboard(tab) -> set[tuple[str, str]]:
    """What Tab does not reach, or reaches without showing it; `walk.js` must be on the page."""
    stops = tab.evaluate("proxylabWalk.watchFocus()")
    for _ in range(stops + 3):  # a few more, for what is a stop only because it scrolls
        tab.keyboard.press("Tab")
    found = tab.evaluate("proxylabWalk.focusFaults()")
    missed = {("keyboard", f"Tab does not reach {name}") for name in found["missed"]}
    return missed | {("keyboard", f"shows no focus on {name}") for name in found["unseen"]}


def on_paper(tab) -> set[tuple[str, str]]:
    """What an A4 page would cut off; `walk.js` must be on the page, whose size is put back."""
    size = tab.viewport_size
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": PAPER, "height": HEIGHT})
    found = tab.evaluate("proxylabWalk.cut()")
    tab.emulate_media(media="screen")
    tab.set_viewport_size(size)
    return {("print", f"cut off: {name}") for name in found}
