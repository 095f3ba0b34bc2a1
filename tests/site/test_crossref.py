"""Numbers and references on pandoc's tree."""

import json

import pytest
from proxylab.site.blocks import apply_blocks, page_link
from proxylab.site.crossref import resolve
from proxylab.site.pandoc import elements, parse, plain_text, run_pandoc


@pytest.fixture
def render(tmp_path):
    """Return (HTML, findings) of Markdown."""

    def run(markdown, number_sections=True):
        document = parse(markdown, folder=tmp_path)
        blocks = apply_blocks(document["blocks"], source="a/b.ipynb", pages={"c.qmd": "c.html"})
        blocks, findings = resolve(blocks, "b", number_sections=number_sections)
        html = run_pandoc(
            ["-f", "json", "-t", "html5", "--mathml", "--wrap=none"],
            json.dumps({**document, "blocks": blocks}),
            folder=tmp_path,
        )[0]
        return html, [str(finding) for finding in findings]

    return run


def test_each_kind_is_numbered_on_its_own(render):
    html, findings = render(
        "![A](a.svg){#fig-a}\n\n![B](b.svg){#fig-b}\n\n| x |\n|--|\n| 1 |\n\n: T {#tbl-a}\n\n"
        "$$ e = 1 $$ {#eq-a}\n\nSee @fig-b, @tbl-a, @eq-a."
    )
    assert findings == []
    assert '<a href="#fig-b" class="xref">Figure\u00a02</a>' in html
    assert '<a href="#tbl-a" class="xref">Table\u00a01</a>' in html
    assert '<a href="#eq-a" class="xref">Equation\u00a01</a>' in html
    assert '<span class="eq-number">(1)</span>' in html
    assert '<span class="float-number">Figure\u00a02:</span> B' in html


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[-@fig-a]", ">1</a>"),  # the number alone
        ("[Fig. @fig-a]", ">Fig.\u00a01</a>"),
        ("@Fig-a", ">Figure\u00a01</a>"),  # a capital begins a sentence
        ("[@fig-a; @fig-b]", '>Figure\u00a01</a>, <a href="#fig-b" class="xref">Figure\u00a02</a>'),
    ],
)
def test_the_forms_of_a_reference(render, written, shown):
    html, findings = render(f"![A](a.svg){{#fig-a}}\n\n![B](b.svg){{#fig-b}}\n\nSee {written}.")
    assert findings == []
    assert shown in html


def test_headings_are_numbered_from_the_pages_highest_level(render):
    html, _ = render(
        "## A\n\n### B {#sec-b}\n\n## C\n\n## D {.unnumbered}\n\n### E {#sec-e}\n\n@sec-e"
    )
    assert ">1</span> A" in html
    assert ">1.1</span> B" in html
    assert ">2</span> C" in html
    assert ">D</h2>" in html
    assert "Section\u00a02.1</a>" in html  # D is not counted, so E belongs to C


def test_a_reference_to_nothing_names_the_nearest_label(render):
    _, findings = render("![A](a.svg){#fig-curve}\n\nSee @fig-curv and @tbl-zzz.")
    assert findings == [
        "b: @fig-curv: refers to nothing; did you mean @fig-curve?",
        "b: @tbl-zzz: refers to nothing; no such label on this page",
    ]


def test_a_label_twice_and_a_mixed_bracket_are_findings(render):
    _, findings = render("![A](a.svg){#fig-a}\n\n![B](b.svg){#fig-a}\n\n[@fig-a; @smith2020]")
    assert [line.split(": ", 1)[1] for line in findings] == [
        "@fig-a: the same label stands twice on this page",
        "@fig-a: labels and sources mixed: fig-a, smith2020",
    ]


def test_a_figure_div_takes_its_last_paragraph_as_caption(render):
    html, _ = render("::: {#fig-a}\n\n![](a.svg){fig-alt=Alt}\n\nThe *caption*.\n\n:::\n\n@fig-a")
    assert 'alt="Alt"' in html
    assert html.index("<img") < html.index("Figure\u00a01:</span> The <em>caption</em>.")


def test_two_renderings_are_marked_by_theme(render):
    html, _ = render(
        ':::: {.cell renderings="light,dark"}\n\n::: {.cell-output-display}\nA\n:::\n\n'
        "::: {.cell-output-display}\nB\n:::\n::::"
    )
    assert 'class="cell-output-display light-content">\n<p>A' in html
    assert 'class="cell-output-display dark-content">\n<p>B' in html


def test_a_table_scrolls_and_keeps_its_alignment(render):
    html, _ = render(f"| a | b |\n|:--|--:|\n| {'x' * 200} | 1 |\n\n: T {{#tbl-a}}")
    assert '<div class="table-box" role="region" tabindex="0" aria-label="Table 1">' in html
    assert '<td style="text-align: right;">1</td>' in html
    assert "<col" not in html  # a long row must not force equal column widths
    assert html.index("figcaption") < html.index("<table")


def test_callouts_fold_and_take_a_heading_for_title(render):
    html, _ = render(
        '::: {.callout-warning collapse="true" title="a < b"}\nx\n:::\n\n'
        "::: {.callout-tip}\n## Told\ny\n:::\n\n::: {.callout-note}\nz\n:::"
    )
    assert '<details class="callout callout-warning"><summary class="callout-title">' in html
    assert "a &lt; b" in html
    assert "Told" in html
    assert "<h2" not in html  # the title is no section of the page
    assert "Note" in html


def test_code_folds_only_in_cells(render):
    html, _ = render(
        '``` {.python .cell-code code-fold=true code-summary="Show"}\nx\n```\n\n```\ny\n```'
    )
    assert html.count("<details") == 1
    assert "<summary>Show</summary>" in html


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("../c.qmd#x", "../c.html#x"),
        ("../c.qmd", "../c.html"),
        ("../other.qmd", "../other.qmd"),  # no page of the site
        ("https://a.b/c.qmd", "https://a.b/c.qmd"),
        ("#here", "#here"),
    ],
)
def test_links_between_pages_lead_to_html(target, expected):
    assert page_link(target, source="a/b.ipynb", pages={"c.qmd": "c.html"}) == expected


def test_plain_text_keeps_code_and_spaces(tmp_path):
    blocks = parse("## A `b` *c*", folder=tmp_path)["blocks"]
    assert plain_text(next(elements(blocks, "Header"))["c"][2]) == "A b c"
