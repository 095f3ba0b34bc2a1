"""A Markdown page that shows a notebook's outputs: where they go, their links, what is missing."""

import pytest
from proxylab.site import SiteError, build_site
from proxylab.site.outputs import notebooks_shown, turned, with_outputs

from .conftest import INDEX, code, execute, shown

MARK = "<!-- outputs of notebooks/pages/two.ipynb -->"


def test_links_turn_to_the_pages_folder():
    text = "[a](one.ipynb#tbl-a) ![](../../figures/cpu/x.svg) [b](https://x.org/y) [c](#sec)"
    assert turned(text, start="notebooks/pages", to=".") == (
        "[a](notebooks/pages/one.ipynb#tbl-a) ![](figures/cpu/x.svg) [b](https://x.org/y) [c](#sec)"
    )


def test_only_a_line_of_its_own_is_a_mark():
    assert notebooks_shown(f"{MARK}\n\nsee {MARK}") == ["notebooks/pages/two.ipynb"]
    # The page lies one folder down, so a link of the notebook's folder goes up once.
    found = with_outputs(f"before\n\n{MARK}\n", "docs/page.qmd", lambda name: f"[{name}](a.md)")
    assert found == "before\n\n[notebooks/pages/two.ipynb](../notebooks/pages/a.md)\n"


def test_the_outputs_stand_where_the_mark_was(project):
    (project / "index.qmd").write_text(f"{INDEX}\n{MARK}\n")
    finding = code("f()", shown(md="Found in [one](one.ipynb)."), shown(plain="not Markdown"))
    execute(project, "two", finding)
    site = build_site(project, project / "build", renderer="preview").site
    page = (site / "index.html").read_text()
    assert 'Found in <a href="notebooks/pages/one.html">one</a>.' in page
    assert "not Markdown" not in page


def test_what_was_not_run_is_said_and_does_not_fail_the_site(project):
    (project / "index.qmd").write_text(f"{INDEX}\n{MARK}\n")
    site = build_site(project, project / "build", renderer="preview").site
    assert "has not been run" in (site / "index.html").read_text()


@pytest.mark.parametrize("name", ["three", "tow"])
def test_a_notebook_that_does_not_exist_is_named(project, name):
    (project / "index.qmd").write_text(f"{INDEX}\n{MARK.replace('two', name)}\n")
    with pytest.raises(SiteError, match=f"index.qmd: .*notebooks/pages/{name}.ipynb"):
        build_site(project, project / "build", renderer="preview")
