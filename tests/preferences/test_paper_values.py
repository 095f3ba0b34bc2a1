"""The papers' numbers as tables."""

import pytest
from proxylab.paper_values import COLUMNS, GRADES, paper_table, paper_value
from proxylab.preferences import PreferenceError


def test_table_4_has_eleven_models_on_five_sets():
    table = paper_table("elephant", "4")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 11 * 5
    assert paper_value("elephant", "4", "Starling-34B", "helpful-online") == 74.04


def test_table_6_shares_sum_to_a_hundred():
    wide = paper_table("elephant", "6").pivot(index="row", columns="column", values="value")
    for judge in ("GPT-4", "human"):
        assert (wide[[f"{judge} win", f"{judge} tie", f"{judge} lose"]].sum(axis=1) == 100).all()


def test_table_5_repeats_table_4_up_to_its_one_decimal_but_once():
    # Pythia-6.9B, mixed: 72.19 in table 4, 72.0 in table 5; the papers' slip, kept as printed.
    four = paper_table("elephant", "4").set_index(["row", "column"])["value"]
    five = paper_table("elephant", "5")
    five = five[five["column"].str.startswith("accuracy ")]
    apart = [
        (row, column)
        for row, column, value in five[["row", "column", "value"]].itertuples(index=False)
        if abs(four[row, column.removeprefix("accuracy ")] - value) > 0.0501
    ]
    assert apart == [("Pythia-6.9B", "accuracy mixed")]


def test_every_value_is_graded():
    for paper, tables in {
        "elephant": ["figure 3", "2", "4", "5", "6", "settings", "figure 6"],
        "targeting": ["coverage", "gaussian"],
    }.items():
        for table in tables:
            assert set(paper_table(paper, table)["grade"]) <= set(GRADES)


def test_the_coverage_table_stays_words():
    table = paper_table("targeting", "coverage").set_index("row")["value"]
    assert table["Drugs"] == "neither"
    assert table.value_counts()["policy only"] == 3


def test_unknown_names_get_the_nearest_known_one():
    with pytest.raises(PreferenceError, match=r"no paper 'elefant'; is 'elephant' meant"):
        paper_table("elefant", "4")
    with pytest.raises(PreferenceError, match="no table of elephant '7'"):
        paper_table("elephant", "7")
    with pytest.raises(PreferenceError, match=r"no row 'Starling-43B'; is 'Starling-34B' meant"):
        paper_value("elephant", "4", "Starling-43B", "mixed")
