"""The walk finds nothing on a sound site, and names each fault that is put into one."""

import shutil

import pytest
from proxylab.site.browse import PAPER, accessibility, walk_site

PAGES = ("index.html", "more.html")


def test_a_sound_site_is_walked_without_a_finding(chromium, site):
    assert walk_site(site, PAGES, chromium=chromium) == []


# What is put into the page, and the place and words of the finding that it must cause.
FAULTS = {
    "console": ("<script>console.error('lost')</script>", "console", "lost"),
    "error": ("<script>nowhere()</script>", "console", "nowhere is not defined"),
    "network": ("<img alt='a' src='https://a.example/b.png'>", "network", "https://a.example/b"),
    "width": ("<div style='width: 2000px'>wide</div>", "width", "sticks out: div 'wide'"),
    "contrast": ("<p style='color: #ccc; background: #fff'>pale</p>", "axe color-contrast", "1.6"),
    "name": ("<button></button>", "axe button-name", "Buttons must have discernible text"),
    "focus": (
        "<a href='#content' style='outline: none'>unseen</a>",
        "keyboard",
        "shows no focus on a 'unseen'",
    ),
    "print": (
        "<div tabindex=0 role=region aria-label=b style='overflow: auto'>"
        "<div style='width: 3000px'>long</div></div>",
        "print",
        "cut off: div 'long'",
    ),
    "trap": (
        "<button onkeydown='event.preventDefault()'>trap</button><a href='#content'>far</a>",
        "keyboard",
        "Tab does not reach a 'far'",
    ),
}


@pytest.fixture(scope="module")
def found(chromium, site, tmp_path_factory):
    """What the walk finds on one page into which every fault was put, the trap last."""
    broken = tmp_path_factory.mktemp("broken") / "site"
    shutil.copytree(site, broken)
    page = broken / "more.html"
    html = "".join(html for html, _, _ in FAULTS.values())
    page.write_text(page.read_text().replace("</article>", html + "</article>"))
    return walk_site(broken, ("more.html",), widths=(1360,), chromium=chromium)


@pytest.mark.parametrize(("where", "message"), [fault[1:] for fault in FAULTS.values()], ids=FAULTS)
def test_each_fault_is_named(found, where, message):
    assert any(one.where == where and message in one.message for one in found), found


def test_a_fault_of_one_theme_says_so(chromium, site, tmp_path):
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    page = broken / "more.html"
    # Near-black text is legible on the light page and not on the dark one.
    page.write_text(page.read_text().replace("A zebra", "<b style='color: #222'>A zebra</b>"))
    found = walk_site(broken, ("more.html",), widths=(1360,), chromium=chromium)
    assert [one.where for one in found] == ["axe color-contrast"]
    assert found[0].message.endswith("(dark 1360)")


def test_without_scripts_the_page_is_whole(open_page):
    """Tables stand complete, and what only a script can do is not offered."""
    tab = open_page(script=False)
    assert tab.locator(".browse-table tbody tr").count() == 4
    assert tab.locator(".map-explorer tbody tr").count() == 2
    assert not tab.locator(".search").is_visible()
    assert not tab.locator(".theme-toggle").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_paper_is_light_and_holds_the_whole_table(open_page, theme):
    tab = open_page(theme=theme)
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": PAPER, "height": 900})
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(35, 40, 47)"  # #23282f
    assert tab.locator("img.light-content").is_visible()
    assert not tab.locator("img.dark-content").is_visible()
    assert not tab.locator(".sidebar").is_visible()
    last = tab.locator("#tbl-wide td").last.bounding_box()
    assert last["x"] + last["width"] <= PAPER
    assert tab.locator("text=a link that is folded away").is_visible()
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_the_rules_can_be_chosen(open_page):
    tab = open_page()
    tab.evaluate("document.querySelector('article p').innerHTML = '<button></button>'")
    assert {where for where, _ in accessibility(tab)} == {"axe button-name"}
    assert accessibility(tab, rules=("color-contrast",)) == set()
