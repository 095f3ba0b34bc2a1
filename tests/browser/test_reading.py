"""What a reader does with a page: by keyboard, on a phone, in either theme, in its tables."""

import pytest


def focused(tab, what="element.className || element.tagName"):
    """Something about the element that has the focus."""
    return tab.evaluate(f"(() => {{ const element = document.activeElement; return {what}; }})()")


def test_the_first_stop_skips_to_the_text(open_page):
    tab = open_page()
    tab.keyboard.press("Tab")
    assert focused(tab) == "skip"
    assert tab.locator(".skip").bounding_box()["x"] >= 0  # out of sight until it has the focus
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert focused(tab, "element.closest('main') !== null")


@pytest.mark.parametrize(("theme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_toggle_turns_the_theme_and_keeps_it_on_the_next_page(open_page, theme, other):
    tab = open_page(theme=theme)
    before = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    toggle = tab.get_by_role("button", name=f"Switch to the {other} theme")
    toggle.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert tab.locator(f"img.{other}-content").is_visible()
    assert not tab.locator(f"img.{theme}-content").is_visible()
    tab.get_by_role("link", name="a link", exact=True).click()
    assert tab.evaluate("document.documentElement.dataset.theme") == other


def test_on_a_phone_the_menu_is_folded_and_opens_by_keyboard(open_page):
    tab = open_page(width=390)
    entry = tab.locator(".menu a").first
    assert not entry.is_visible()
    tab.locator(".menu > summary").focus()
    tab.keyboard.press("Enter")
    assert entry.is_visible()
    assert entry.bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8: the smallest target


def test_folds_open_by_keyboard(open_page):
    tab = open_page()
    for summary, inside in (("Code", "print("), ("More of it", "a link that is folded")):
        assert not tab.get_by_text(inside).is_visible()
        tab.locator("summary", has_text=summary).focus()
        tab.keyboard.press("Space")
        assert tab.get_by_text(inside).is_visible()


def test_a_cited_work_is_shown_at_its_link_and_escape_hides_it(open_page):
    tab = open_page()
    tab.locator('a[role="doc-biblioref"]').first.focus()
    note = tab.get_by_role("tooltip")
    assert "A Title" in note.inner_text()
    tab.keyboard.press("Escape")
    assert not note.is_visible()


def test_a_wide_table_scrolls_in_its_own_box_and_says_so(open_page):
    tab = open_page(width=390)
    box = tab.get_by_role("region", name="Table 1")
    box.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.activeElement.scrollLeft > 0")
    said = "getComputedStyle(document.querySelector('#tbl-wide figcaption'), '::after').content"
    assert "Scroll the table sideways" in tab.evaluate(said)
    first = tab.locator("#tbl-wide td").first.bounding_box()
    assert first["x"] == pytest.approx(box.bounding_box()["x"], abs=1)  # the row's name stays


def test_a_table_that_fits_is_no_stop_and_no_landmark(open_page):
    tab = open_page()
    box = tab.locator("#tbl-browsed .table-box")
    assert box.get_attribute("tabindex") is None
    assert box.get_attribute("role") is None


def test_a_figure_keeps_a_legible_size_on_a_phone(open_page):
    """700 pt are 933 px, shown at 0.8 of that in a box that scrolls: 747 px."""
    tab = open_page(width=390)
    box = tab.locator("img.light-content").bounding_box()
    assert box["width"] == pytest.approx(747, abs=2)
    assert tab.get_by_role("region", name="Figure 1").is_visible()


def column(tab, number):
    """The texts of a column of the browsable table, as far as its rows are shown."""
    cells = tab.locator(f".browse-table tbody tr:visible td:nth-child({number})")
    return cells.all_inner_texts()


def test_a_heading_sorts_by_number_with_the_undefined_last(open_page):
    tab = open_page()
    heading = tab.locator(".browse-table th").nth(2)
    heading.get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(tab, 3) == ["1,000", "1.5", "−0.25", "–"]
    tab.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(tab, 3) == ["−0.25", "1.5", "1,000", "–"]
    tab.locator(".browse-table th button").nth(1).click()
    assert heading.get_attribute("aria-sort") is None
    assert column(tab, 2) == ["four", "one", "three", "two"]


def test_a_menu_narrows_the_table_and_the_count_is_told(open_page):
    tab = open_page()
    tab.get_by_label("task").first.select_option("questions")
    assert column(tab, 2) == ["three", "four"]
    assert tab.locator(".browse-table [role=status]").inner_text() == "2 of 4 rows"


def test_the_slider_shows_one_bias_at_a_time(open_page):
    tab = open_page()
    slider, cells = tab.get_by_role("slider"), tab.locator(".map-grid tbody td")
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "none"
    # Rows: policy taught or not; the task has topics known to both and to neither.
    assert cells.all_inner_texts() == ["0.70 [0.60, 0.80]\n20 wrong of 50", "–", "–", "too thin"]
    assert cells.nth(0).get_attribute("class") == "finds"  # its interval is above one half
    tab.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "length, 2"
    assert cells.nth(0).get_attribute("class") == ""  # its interval holds one half
    assert cells.nth(3).get_attribute("class") == "misleads"


def test_search_finds_a_section_of_another_page_by_keyboard(open_page):
    tab = open_page()
    tab.keyboard.press("/")
    tab.keyboard.type("ZEBRA stands")
    hit = tab.locator(".search li a")
    assert hit.locator("strong").inner_text() == "More: Over-optimisation"
    assert tab.locator(".search [role=status]").inner_text() == "1 section"
    assert hit.locator("mark").all_inner_texts() == ["zebra", "stands"]
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/more.html#over-optimisation")


def test_search_takes_any_text_as_text_and_escape_ends_it(open_page):
    tab = open_page()
    tab.get_by_role("searchbox").fill("<b>(")
    tab.locator(".search [role=status]", has_text="No sections").wait_for()
    tab.keyboard.press("Escape")
    assert tab.get_by_role("searchbox").input_value() == ""
