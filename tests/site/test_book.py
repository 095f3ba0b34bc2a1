"""The plan in _quarto.yml: order, groups, and errors that name the file and the key."""

import pytest
import yaml
from proxylab.site import SiteError, read_book
from proxylab.site.outputs import notebooks_shown

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
    listed = yaml.safe_load(plan)["project"]["render"]
    for source in listed:
        assert (ROOT / source).is_file(), source
        (project / source).parent.mkdir(parents=True, exist_ok=True)
        (project / source).touch()
    book = read_book(project)
    assert list(book.sources) == listed  # the sidebar has the order of the list
    assert book.pages[0].output == "index.html"
    # A page that is neither in the plan nor shown by a page of it would never be seen.
    pages = {f"notebooks/pages/{path.name}" for path in (ROOT / "notebooks/pages").iterdir()}
    shown = set(notebooks_shown((ROOT / "index.qmd").read_text()))
    assert pages - set(listed) == shown
    assert {f"data/cards/{path.name}" for path in (ROOT / "data/cards").iterdir()} <= set(listed)
    # Quarto's own theme files must exist, and a theme that names a web font must not be used.
    assert {*book.html["theme"]["dark"], book.html["theme"]["light"]} == {
        "theme/light.scss",
        "theme/dark.scss",
    }
    assert book.html["html-math-method"] == "mathml"  # any other method loads a script
    assert book.execute == {"enabled": False}
