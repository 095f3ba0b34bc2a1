"""The whole way: staging, both renderers, the report, and what stops a build."""

import os
import stat

import nbformat
import pytest
from proxylab.site import SiteError, build_site
from proxylab.site.__main__ import main
from proxylab.site.screenshots import CONSOLE, find_chromium

from .conftest import SVG, code, execute, shown, text


def build(project, **options):
    """Build with the preview renderer into the project's own build folder."""
    return build_site(project, project / "build", **{"renderer": "preview", **options})


def page(project, name):
    """The HTML of a page of the built site."""
    return (project / "build/site" / name).read_text()


def test_a_site_is_built_with_a_placeholder_for_what_was_not_run(project):
    report = build(project)
    assert report.pages == ("index.html", "notebooks/pages/one.html", "notebooks/pages/two.html")
    assert report.missing == ("notebooks/pages/two.ipynb",)
    assert "Not computed yet" in page(project, "notebooks/pages/two.html")
    staged = (project / "build/book/notebooks/pages/two.ipynb").read_text()
    assert "papermill notebooks/pages/two.ipynb build/pages/two.ipynb" in staged
    assert "preview renderer (asked for)" in str(report)


def test_pages_link_to_each_other_and_to_the_data(project):
    build(project)
    index, one = page(project, "index.html"), page(project, "notebooks/pages/one.html")
    assert '<a href="notebooks/pages/one.html#tbl-a">one</a>' in index
    assert '<a class="next" rel="next" href="notebooks/pages/one.html">' in index
    assert '<a class="prev" rel="prev" href="../../index.html">' in one
    assert '<a href="one.html" aria-current="page">One</a>' in one
    assert '<li class="nav-section">Results</li>' in index
    assert (project / "build/site/data/a.csv").read_text() == "x\n1\n"


def test_citations_are_listed_and_linked(project):
    build(project)
    index = page(project, "index.html")
    assert '<a href="#ref-smith2020" role="doc-biblioref">' in index
    assert '<h2 class="unnumbered" id="references">References</h2>' in index


def test_staging_strips_what_execution_wrote_about_itself(project):
    execute(project, "one", code("# Parameters\nseed = 3", tags=["injected-parameters"]), text("B"))
    (project / "index.qmd").write_text("---\ntitle: S\n---\n\nText.\n")
    build(project)
    staged = nbformat.read(project / "build/book/notebooks/pages/one.ipynb", as_version=4)
    assert "papermill" not in staged.metadata  # it holds absolute paths
    assert staged.cells[1].metadata == {"tags": ["injected-parameters"]}
    assert "seed = 3" not in page(project, "notebooks/pages/one.html")


def test_a_figure_for_two_themes_is_written_twice(project):
    execute(
        project,
        "one",
        text("See @fig-a.\n\n::: {#fig-a}"),
        code("#| renderings: [light, dark]\n#| fig-alt: A.\nf()", *[shown(svg=SVG)] * 2),
        text("Caption.\n:::\n\n[]{#tbl-a}"),
    )
    build(project)
    one = page(project, "notebooks/pages/one.html")
    assert one.index("light-content") < one.index("dark-content") < one.index("Caption.")
    assert len(list((project / "build/site/notebooks/pages/one_files").iterdir())) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("See @fig-nope.", "index.qmd: @fig-nope: refers to nothing"),
        ("See @nobody1999.", "index.qmd: pandoc: Citeproc: citation nobody1999 not found"),
        ("[x](gone.qmd)", "index.html: line .*: gone.qmd is not there"),
        (r"$\undefinedmacro{x}$", "Could not convert TeX math"),
        ("```{python}\n1\n```", "index.qmd: source: line 5: an executable cell"),
    ],
)
def test_what_stops_a_build_is_named(project, body, message):
    (project / "index.qmd").write_text(f"---\ntitle: S\n---\n\n{body}\n")
    with pytest.raises(SiteError, match=message) as raised:
        build(project)
    assert len(raised.value.findings) == 1


def test_a_page_without_a_title_and_a_failed_notebook_stop_it(project):
    (project / "index.qmd").write_text("Text.\n")
    with pytest.raises(SiteError, match="has no `title`"):
        build(project)
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    execute(project, "one", code("f()", failed))
    with pytest.raises(SiteError, match=r"one\.ipynb: cell 2: ended in ValueError: no"):
        build(project)


def test_a_folder_that_is_no_staging_folder_is_left_alone(project):
    (project / "build/book").mkdir(parents=True)
    (project / "build/book/mine.txt").write_text("keep")
    with pytest.raises(SiteError, match="is no staging folder"):
        build(project)
    assert (project / "build/book/mine.txt").read_text() == "keep"


def test_titles_are_escaped(project):
    (project / "index.qmd").write_text('---\ntitle: "<script>x</script>"\n---\n\nText.\n')
    build(project)
    assert "<h1>&lt;script&gt;x&lt;/script&gt;</h1>" in page(project, "index.html")


def test_the_same_sources_give_the_same_bytes(project):
    build(project)
    first = page(project, "notebooks/pages/one.html")
    build(project)
    assert page(project, "notebooks/pages/one.html") == first


def stand_in(folder, monkeypatch, version, script):
    """Put a program named quarto on the path: it gives its version, or runs `script`."""
    program = folder / "quarto"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit 0\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


RENDER = """mkdir -p "$2/_site/notebooks/pages"
for page in index notebooks/pages/one notebooks/pages/two; do
    echo "<h1 id=tbl-a>T</h1>" > "$2/_site/$page.html"
done"""


def test_quarto_is_used_where_it_is_installed(project, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "1.9.2", RENDER)
    report = build(project, renderer="auto")
    assert (report.renderer, report.reason) == ("Quarto 1.9.2", "Quarto 1.9.2 is installed")
    assert page(project, "index.html") == "<h1 id=tbl-a>T</h1>\n"


def test_quartos_warning_fails_the_build_though_its_status_is_0(project, tmp_path, monkeypatch):
    warning = "echo 'WARNING Unable to resolve crossref @fig-x' >&2"
    stand_in(tmp_path, monkeypatch, "1.9.2", f"{RENDER}\n{warning}")
    with pytest.raises(SiteError, match="Unable to resolve crossref @fig-x"):
        build(project, renderer="quarto")


def test_quartos_failure_is_reported_in_its_own_words(project, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "1.9.2", "echo 'ERROR: bad schema' >&2; exit 1")
    with pytest.raises(SiteError, match="bad schema"):
        build(project, renderer="quarto")


def test_an_old_quarto_is_passed_over_and_why_is_said(project, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "1.4.5", "exit 1")
    assert build(project, renderer="auto").reason == "Quarto 1.4.5 is older than 1.7"
    with pytest.raises(SiteError, match=r"'quarto' was asked for: Quarto 1.4.5 is older than 1.7"):
        build(project, renderer="quarto")


def test_the_command_prints_the_report_or_the_findings(project, capsys):
    arguments = ["--project", str(project), "--build", str(project / "build")]
    assert main([*arguments, "--renderer", "preview"]) == 0
    assert "3 pages in" in capsys.readouterr().out
    (project / "index.qmd").write_text("No title.\n")
    assert main([*arguments, "--renderer", "preview"]) == 1
    assert "index.qmd: front matter: has no `title`" in capsys.readouterr().err


def test_without_chromium_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(ValueError, match="install it or set CHROMIUM"):
        find_chromium()


def test_console_lines_are_told_from_the_browsers_own():
    log = (  # as Chromium 156 writes them; older versions put the line number in brackets
        "[1:1:1121/09:WARNING:ui/base/idle_linux.cc:111] None of the services could be used.\n"
        '[1:1:1121/09:INFO:CONSOLE:1] "Uncaught ReferenceError: f", source: file:///a.html (1)\n'
        '[1:1:1121/09:INFO:CONSOLE(7)] "bad", source: file:///a.html (7)\n'
    )
    assert CONSOLE.findall(log) == [
        '"Uncaught ReferenceError: f", source: file:///a.html (1)',
        '"bad", source: file:///a.html (7)',
    ]
