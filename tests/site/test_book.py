"""The plan in _quarto.yml: order, groups, and errors that name the file and the key."""

import pytest
from proxylab.site import SiteError, read_book

from .conftest import CONFIG, ROOT


def test_pages_come_in_the_sidebars_order_with_their_group_and_text(project):
    book = read_book(project)
    assert [(page.source, page.section, page.text) for page in book.pages] == [
        ("index.qmd", "", "Start"),
        ("notebooks/pages/one.ipynb", "Results", ""),
        ("notebooks/pages/two.ipynb", "Results", ""),
    ]
    assert book.pages[1].output == "notebooks/pages/one.html"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "output-dir:",
            "outputdir:",
            r"`project.outputdir`: unknown key; did you mean `output-dir`",
        ),
        ("title: Sample", "titel: Sample", r"`website.titel`: unknown key; did you mean `title`"),
        ("type: website", "type: book", r"`project.type`: must be `website`"),
        ("href: index.qmd", "href: start.qmd", r"contents\[0\]`: 'start.qmd' does not exist"),
        ("href: index.qmd", "href: ../index.qmd", r"must lie inside the project"),
        ("render: [index.qmd, ", "render: [", r"'index.qmd' is only in the navigation"),
        ("  sidebar:", "  sidebar: [", r"_quarto.yml: not valid YAML"),
        ("  title: Sample\n", "", r"`website.title`: must be text"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(project, old, new, message):
    (project / "_quarto.yml").write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(SiteError, match=message) as raised:
        read_book(project)
    assert str(project / "_quarto.yml") in str(raised.value)


def test_a_missing_plan_is_an_error(tmp_path):
    with pytest.raises(SiteError, match="no such file"):
        read_book(tmp_path)


def test_the_projects_own_plan_needs_only_its_pages(project):
    plan = (ROOT / "_quarto.yml").read_text()
    (project / "_quarto.yml").write_text(plan)
    names = [
        "world",
        "cleaning",
        "reward_models",
        "dpo",
        "ppo",
        "pro",
        "overoptimisation",
        "conflict_metrics",
        "shf_cas",
        "ablations",
    ]
    for name in names:
        (project / f"notebooks/pages/{name}.ipynb").write_text("{}")
    book = read_book(project)
    pages = [f"notebooks/pages/{name}.html" for name in names]
    assert [page.output for page in book.pages] == ["index.html", *pages]
    # A page that is not in the plan would never be rendered.
    assert {path.stem for path in (ROOT / "notebooks/pages").glob("*.ipynb")} == set(names)
    # Quarto's own theme files must exist, and a theme that names a web font must not be used.
    assert {*book.html["theme"]["dark"], book.html["theme"]["light"]} == {
        "theme/light.scss",
        "theme/dark.scss",
    }
    assert book.html["html-math-method"] == "mathml"  # any other method loads a script
    assert book.execute == {"enabled": False}
