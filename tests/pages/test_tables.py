"""Tables and numbers as they reach Markdown."""

import math

import pandas as pd
import pytest
from proxylab.stats import Interval
from proxylab.tables import (
    escaped,
    interval_text,
    joined,
    markdown_table,
    number,
    quoted,
    show_table,
    with_interval,
)


def test_numbers_have_fixed_decimals_and_a_real_minus():
    assert number(1234.5) == "1,234.50"
    assert number(-0.126, 2) == "−0.13"
    assert number(-0.001, 2) == "0.00"  # no minus before zero
    assert number(math.nan) == "–"


def test_an_interval_is_written_with_its_limits():
    interval = Interval(0.594, 0.5418, 0.6443, 350)
    assert interval_text(interval, 3) == "0.594 [0.542, 0.644]"
    assert interval_text(interval, 1, percent=True) == "59.4 [54.2, 64.4]"


def test_without_limits_the_number_stands_alone():
    assert with_interval(0.5, math.nan, math.nan) == "0.50"


def test_a_column_of_intervals():
    frame = pd.DataFrame({"value": [0.5], "low": [0.4], "high": [0.6]})
    assert joined(frame, digits=1) == ["0.5 [0.4, 0.6]"]


@pytest.mark.parametrize("text", ["<b>x</b>", "a|b", "@fig-x", "$x$", "[a](b)", "**x**", "`x`"])
def test_text_from_data_is_escaped_before_markdown(text):
    # Every character with a meaning is behind a backslash, so none is left to act.
    special = [i for i, letter in enumerate(escaped(text)) if letter in "<>|@$[]()*`"]
    assert special
    assert all(escaped(text)[i - 1] == "\\" for i in special)


def test_text_with_line_breaks_stays_in_its_cell():
    assert "\n" not in escaped("a\nb")
    assert "\n" not in quoted("a\n\nHuman: b")


def test_quoted_text_cannot_close_its_own_code_span():
    assert quoted("a `` b").startswith("```")
    assert quoted("") == "` (empty) `"


def test_a_table_has_text_left_and_numbers_right():
    frame = pd.DataFrame({"model": ["a*b"], "n": [2000], "accuracy": [0.5], "ok": [True]})
    table = markdown_table(frame, names={"n": "pairs"}, text=("model",))
    assert table.splitlines() == [
        "| model | pairs | accuracy | ok |",
        "|:--|--:|--:|--:|",
        "| a\\*b | 2,000 | 0.50 | yes |",
    ]


def test_a_shown_table_can_be_referred_to():
    shown = show_table(pd.DataFrame({"n": [1]}), label="x", caption="All of it.")
    assert shown.data.endswith(": All of it. {#tbl-x}\n")


def test_a_bar_in_a_heading_does_not_split_the_table():
    table = markdown_table(pd.DataFrame({"mean |PACS|": ["1"]}))
    assert [line.count("|") for line in table.splitlines()] == [2, 2, 2]
    assert "mean &#124;PACS&#124;" in table
