"""Found categories against true ones, by hand."""

import numpy as np
import pytest
from proxylab.cleaning import CATEGORIES, LABELS, confusion, precision_recall
from proxylab.preferences import PreferenceError
from proxylab.stats import wilson

TRUE = ["Same", "Same", "Same", "Opposite", "Vague", "Empty"]
FOUND = ["Same", "Same", "Vague", "Same", "Vague", "Undecided"]


def test_the_confusion_matrix_has_true_rows_and_found_columns():
    table = confusion(TRUE, FOUND)
    assert table.index.tolist() == table.columns.tolist() == list(LABELS)
    assert table.loc["Same", "Same"] == 2
    assert table.loc["Same", "Vague"] == 1
    assert table.loc["Opposite", "Same"] == 1
    assert table.loc["Empty", "Undecided"] == 1
    assert table.to_numpy().sum() == len(TRUE)


def test_precision_and_recall_by_hand():
    table = precision_recall(TRUE, FOUND).set_index("category")
    assert table.index.tolist() == list(CATEGORIES)
    same = table.loc["Same"]
    assert (same["n_true"], same["n_found"], same["n_both"]) == (3, 3, 2)
    assert (same["precision"], same["recall"]) == (2 / 3, 2 / 3)
    assert (same["recall_low"], same["recall_high"]) == (wilson(2, 3).low, wilson(2, 3).high)
    assert (table.loc["Vague", "precision"], table.loc["Vague", "recall"]) == (0.5, 1.0)


def test_undecided_costs_recall_and_what_never_occurs_is_undefined():
    table = precision_recall(TRUE, FOUND).set_index("category")
    assert table.loc["Empty", "recall"] == 0.0
    assert np.isnan(table.loc["Empty", "precision"])
    assert table.loc["Toxic", ["precision", "recall"]].isna().all()


def test_perfect_recovery():
    table = precision_recall(list(CATEGORIES), list(CATEGORIES))
    assert (table["precision"] == 1).all()
    assert (table["recall"] == 1).all()


def test_unequal_lengths_and_unknown_names_are_refused():
    with pytest.raises(PreferenceError, match="2 true categories against 1 found"):
        confusion(["Same", "Same"], ["Same"])
    with pytest.raises(PreferenceError, match=r"no category 'Some'; is 'Same' meant"):
        confusion(["Same"], ["Some"])
