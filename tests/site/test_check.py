"""The checks on rendered pages: each fault alone is found, and a sound page has none."""

import pytest
from proxylab.site.check import check_site
from proxylab.site.quarto import log_findings

SOUND = (
    '<!DOCTYPE html><html><head><link rel="stylesheet" href="a.css"></head><body><h1>T</h1>\n'
    '<p id="x">Good, <a href="#x">here</a>, <a href="https://example.org">out</a>, '
    '<a href="b.html#y">there</a>, a@b.org, <strong>Why?</strong></p>\n'
    '<pre>?@fig-a @fig-b ?? [?] :::</pre><img src="a.svg" alt="A"><img src="a.svg" alt="" '
    'role="presentation"></body></html>'
)


@pytest.fixture
def check(tmp_path):
    """Return the findings of a site whose page a.html is SOUND with `added` in its body."""
    (tmp_path / "a.css").write_text('a { background: url("data:image/svg+xml,http://w3.org") }')
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "b.html").write_text('<h1 id="y">B</h1>')

    def run(added="", page=SOUND, **options):
        (tmp_path / "a.html").write_text(page.replace("</body>", f"{added}\n</body>"))
        return [str(found) for found in check_site(tmp_path, ["a.html", "b.html"], **options)]

    return run


def test_a_sound_site_has_no_finding(check):
    assert check() == []


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("<p><strong>?@fig-x</strong></p>", "holds an unresolved cross-reference"),
        ("<p>see @tbl-x</p>", "holds a cross-reference left as text"),
        ("<p>$$x$$ {#eq-x}</p>", "holds a label left as text"),
        ("<p>Table ??</p>", "holds an unresolved reference"),
        ("<p>[?]</p>", "holds an unresolved citation"),
        ("<p>{{&lt; include x &gt;}}</p>", "shortcode left as text"),
        ("<p>::: {.callout}</p>", "a fence left as text"),
        ('<span class="citation">(<strong>smith?</strong>)</span>', "the bibliography lacks"),
        ('<a href="gone.html">x</a>', "gone.html is not there"),
        ('<a href="../../etc">x</a>', "leads out of the site"),
        ('<a href="#gone">x</a>', "#gone: no such anchor"),
        ('<a href="b.html#gone">x</a>', "b.html#gone: no such anchor"),
        ('<img src="gone.png" alt="x">', "gone.png is not there"),
        ('<img src="a.svg" alt="">', "has no alternative text"),
        ('<img src="a.svg">', "has no alternative text"),
        ('<script src="https://cdn.example.org/x.js"></script>', "from the network"),
        ('<img src="//example.org/x.png" alt="x">', "from the network"),
        ('<link rel="stylesheet" href="http://e.org/x.css">', "from the network"),
        ("<style>@import 'https://e.org/x.css';</style>", "fetches from the network"),
        ('<p style="background:url(http://e.org/x)">x</p>', "fetches from the network"),
        ('<table class="dataframe"></table>', "bare pandas frame"),
        ("<h1>Second</h1>", "has 2 main headings"),
        ("<pre>Traceback (most recent call last)</pre>", "shows a traceback"),
    ],
)
def test_each_fault_is_found_once_with_its_place(check, added, message):
    found = check(added)
    assert len(found) == 1, found
    assert message in found[0]
    assert found[0].startswith("a.html: ")
    assert "line 3" in found[0] or "<h1>" in found[0]  # `added` stands on the third line


def test_a_style_sheet_that_imports_a_font_is_found(check, tmp_path):
    (tmp_path / "a.css").write_text('a {}\n@import url("https://fonts.example.org/f.css");\n')
    assert [line.split(": ")[:3] for line in check()] == [
        ["a.css", "line 2", "fetches from the network"]
    ]


def test_a_page_that_was_not_rendered_is_found(tmp_path):
    assert [str(f) for f in check_site(tmp_path, ["a.html"])] == ["a.html: file: was not rendered"]


def test_an_anchor_in_a_placeholder_is_forgiven_and_a_missing_page_is_not(check):
    assert check('<a href="b.html#later">x</a>', placeholders={"b.html"}) == []
    assert len(check('<a href="c.html#later">x</a>', placeholders={"b.html"})) == 1


def test_quartos_log_is_read_for_what_its_status_hides():
    log = (
        "[1/2] index.qmd\n[2/2] notebooks/pages/one.ipynb\n"
        "\x1b[33mWARN: [WARNING] Citeproc: citation nope not found\x1b[39m\n"
        "WARNING (refs.lua:128) Unable to resolve crossref @fig-x\n"
        "Output created: _site/index.html\n"
    )
    found = log_findings(log)
    assert {finding.page for finding in found} == {"notebooks/pages/one.ipynb"}
    assert [finding.message for finding in found] == [
        "WARN: [WARNING] Citeproc: citation nope not found",
        "WARNING (refs.lua:128) Unable to resolve crossref @fig-x",
    ]
