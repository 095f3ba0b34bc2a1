"""What pages compute from recorded rows: pooling over seeds, and the paper's arithmetic."""

import math

import numpy as np
import pandas as pd
import pytest
from proxylab.pages import cleaning, published, reward_models
from proxylab.pages.pooling import pooled_by, pooled_mean, seed_matrix, seeds_in_words


def test_seeds_become_rows_padded_where_they_are_shorter():
    frame = pd.DataFrame({"seed": [1, 0, 1], "x": [2.0, 1.0, 3.0]})
    matrix = seed_matrix(frame, "x")
    assert matrix[1].tolist() == [2.0, 3.0]
    assert matrix[0, 0] == 1.0
    assert math.isnan(matrix[0, 1])


def test_a_pooled_mean_counts_defined_values_only():
    frame = pd.DataFrame({"seed": [0, 0, 1, 1], "x": [1.0, np.nan, 0.0, 1.0]})
    found = pooled_mean(frame, "x")
    assert found.n == 3
    assert found.estimate == pytest.approx(2 / 3)


def test_pooling_is_the_same_each_time():
    frame = pd.DataFrame({"seed": [0] * 20 + [1] * 20, "x": np.arange(40.0), "q": ["a", "b"] * 20})
    pd.testing.assert_frame_equal(pooled_by(frame, ["q"], "x"), pooled_by(frame, ["q"], "x"))


def test_seeds_in_words():
    assert seeds_in_words(pd.DataFrame({"seed": [2, 0, 0]})) == "2 seeds (0, 2)"
    assert seeds_in_words(pd.DataFrame({"seed": [4]})) == "1 seed (4)"


def test_four_coins_split_evenly_three_times_in_eight():
    # C(4, 2) / 16 = 6/16, and 5/16 have three or four heads.
    text = cleaning.coin_flip_sentence().data
    assert "37.5 %" in text
    assert "31.2 %" in text


def test_the_papers_impossible_rows_are_named():
    text = published.impossible_sentence().data
    assert text.count("Pythia-1.4B") == 1
    assert "5 of 11 rows" in text


def test_opposite_pairs_are_scored_with_the_corrected_label(monkeypatch):
    rows = pd.DataFrame(
        {
            "model": "m",
            "seed": 0,
            "pair_id": list("abc"),
            "subset": "harmless-base",
            "category": ["Same", "Opposite", "Vague"],
            "score_chosen": [2.0, 1.0, 3.0],
            "score_rejected": [1.0, 2.0, 1.0],
            "train_on": "raw",
            "fraction": 1.0,
        }
    )
    monkeypatch.setattr(reward_models, "gather", lambda *_, **__: rows)
    table = reward_models.scored_pairs.__wrapped__("cpu", reward_models.WORLD)
    assert table["raw"].tolist()[:3] == [1, 0, 1]
    assert table["cleaned"].tolist()[:2] == [1, 1]  # the swapped label agrees with the scores
    assert math.isnan(table["cleaned"].iloc[2])  # dropped: in no cleaned set


def test_a_gap_inside_the_noise_is_called_noise(monkeypatch):
    found = pd.DataFrame(
        [
            ("small", "large", -0.1, -0.12, -0.08, 3, 3),  # apart in every seed
            ("raw", "cleaned", 0.03, 0.01, 0.05, 2, 3),  # clear over all seeds, not in each
            ("raw", "words", 0.0, -0.02, 0.02, 0, 3),
        ],
        columns=["a", "b", "value", "low", "high", "apart", "both"],
    )
    monkeypatch.setattr(reward_models, "comparisons", lambda *_: found)
    text = reward_models.comparison_sentence("cpu", reward_models.WORLD).data
    differ, rest, noise = text.split(". ")
    assert differ == "*small* and *large*: differ in every seed and over all of them"
    assert noise.startswith("*raw* and *words*: cannot be told apart")
    assert rest == "*raw* and *cleaned*: differ over all seeds but cannot be told apart in each"


def test_models_are_ranked_from_the_coin_to_the_ceiling():
    names = ["gold", "trained on raw", "tfidf-word", "random", "longest"]
    ranked = sorted(names, key=reward_models._rank)
    assert ranked == ["random", "longest", "tfidf-word", "trained on raw", "gold"]
