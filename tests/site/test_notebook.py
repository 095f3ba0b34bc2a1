"""Cells and their options as pandoc Markdown, and what is refused."""

import re

import nbformat
import pytest
from proxylab.site.cells import cell_options, notebook_findings
from proxylab.site.notebook import read_source, split_front_matter

from .conftest import SVG, TABLE, code, notebook, shown, text


def source(tmp_path, *cells, **defaults):
    """The page made of these cells."""
    nbformat.write(notebook(*cells), tmp_path / "p.ipynb")
    return read_source(tmp_path / "p.ipynb", execute=defaults, html={})


def problems(*cells):
    """The findings of a notebook of these cells, as text."""
    return [str(finding) for finding in notebook_findings(notebook(*cells), "p.ipynb")]


def test_options_are_the_leading_comment_lines():
    options, rest = cell_options(
        "#| label: fig-a\n#| fig-cap: |\n#|   One\n#|   two\n\nx = 1  #| no"
    )
    assert options == {"label": "fig-a", "fig-cap": "One\ntwo"}
    assert rest == "x = 1  #| no"


def test_front_matter_is_read_from_the_first_raw_cell(tmp_path):
    page = source(tmp_path, text("Body."))
    assert page.meta == {"title": "One"}
    assert page.markdown == "Body.\n"


def test_malformed_front_matter_says_so():
    with pytest.raises(ValueError, match="front matter is not valid YAML"):
        split_front_matter("---\na: [\n---\n")


def test_a_cell_that_is_not_included_leaves_nothing(tmp_path):
    page = source(tmp_path, code("#| include: false\nsecret()", shown(plain="value")))
    assert page.markdown.strip() == ""


def test_echo_false_keeps_the_output_and_hides_the_code(tmp_path):
    page = source(tmp_path, code("#| echo: false\nsecret()", shown(md="**kept**")))
    assert "**kept**" in page.markdown
    assert "secret" not in page.markdown


def test_the_sites_default_is_overridden_by_the_cell(tmp_path):
    page = source(tmp_path, code("hidden()"), code("#| echo: true\nvisible()"), echo=False)
    assert "visible()" in page.markdown
    assert "hidden()" not in page.markdown


def test_a_labelled_table_becomes_a_float_with_its_caption_last(tmp_path):
    page = source(tmp_path, code("#| label: tbl-a\n#| tbl-cap: A\nf()", shown(md=TABLE)))
    assert "{#tbl-a .float-tbl}" in page.markdown
    assert page.markdown.index(TABLE) < page.markdown.index("\nA\n")


def test_images_are_written_by_label_with_their_alternative_text(tmp_path):
    options = '#| label: fig-a\n#| fig-cap: C\n#| fig-alt: It\'s "so"\n'
    page = source(tmp_path, code(options, shown(svg=SVG, plain="<Figure>")))
    assert page.images == {"p_files/fig-a-output-1.svg": SVG.encode()}
    assert '![](p_files/fig-a-output-1.svg){fig-alt="It\'s \\"so\\""}' in page.markdown


def test_markdown_wins_over_plain_text_and_plot_values_are_dropped(tmp_path):
    value = nbformat.v4.new_output("execute_result", data={"text/plain": "<Axes: xlabel='x'>"})
    page = source(tmp_path, code("f()", shown(md="shown", plain="not"), value, shown(svg=SVG)))
    assert "shown" in page.markdown
    assert "not" not in page.markdown
    assert "Axes" not in page.markdown


def test_printed_text_cannot_break_out_of_its_fence(tmp_path):
    out = nbformat.v4.new_output("stream", name="stdout", text="```\n# not a heading\n")
    page = source(tmp_path, code("f()", out))
    assert "````" in page.markdown  # one backtick more than the longest run inside


def test_asis_output_stands_without_a_cell_around_it(tmp_path):
    out = nbformat.v4.new_output("stream", name="stdout", text="## Made by code\n")
    page = source(tmp_path, code("#| output: asis\n#| echo: false\nf()", out))
    assert page.markdown.strip() == "## Made by code"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code("f()", shown(html="<table></table>")), "has a text/html output.*emit Markdown"),
        (code("#| fig_cap: A\nf()"), "unknown cell option `fig_cap`; did you mean `fig-cap`"),
        (code("#| a: [\nf()"), "cell options are not valid YAML"),
        (code("#| label: tbl-x\nf()"), "(tbl-x).*one output, the cell shows 0"),
        (
            code("#| renderings: [light, dark]\n#| label: fig-x\nf()", shown(svg=SVG)),
            "`renderings` cannot stand with `label`",
        ),
        (
            code("#| renderings: [light, dark]\nf()", shown(svg=SVG)),
            "names 2 outputs, the cell shows 1",
        ),
    ],
)
def test_what_no_renderer_could_show_is_named_by_cell(cell, message):
    found = problems(text("first"), cell)
    assert any(re.search(message, line) for line in found), found
    assert all(line.startswith("p.ipynb: cell 3") for line in found)  # raw, text, then this cell


def test_a_failed_cell_is_a_finding_even_if_it_is_not_shown():
    out = nbformat.v4.new_output("error", ename="KeyError", evalue="'a'", traceback=["..."])
    assert problems(code("#| include: false\nf()", out)) == [
        "p.ipynb: cell 2: ended in KeyError: 'a'"
    ]


def test_html_that_is_not_shown_is_no_fault():
    assert problems(code("#| output: false\nf()", shown(html="<b>x</b>"))) == []


def test_a_markdown_page_with_a_cell_to_execute_is_refused(tmp_path):
    (tmp_path / "a.qmd").write_text("---\ntitle: A\n---\n\n```{python}\n1\n```\n")
    with pytest.raises(ValueError, match="line 5: an executable cell"):
        read_source(tmp_path / "a.qmd", execute={}, html={})
