"""What the page on judges and people says of small recorded tables."""

import numpy as np
import pandas as pd
import pytest
from proxylab.pages.people import aggregation, agreement, categories, ceiling, rows

DIFFERENCES = ["crowd", "n_annotators", "method", "value", "low", "high", "n_seeds", "seed_se"]


def counts(right: list[float], base: list[float], n: list[int], **columns) -> pd.DataFrame:
    frame = pd.DataFrame({"right": right, "majority_right": base, "count": n, "draw": 0})
    return frame.assign(**columns)


def test_counted_pairs_become_rows_again():
    each = rows.one_row_each(counts([1.0, 0.0], [0.0, 0.0], [2, 3]))
    assert each["right"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_a_paired_mean_redraws_groups_with_all_their_pairs_and_draws():
    # Twenty groups of 50 pairs in each of two draws; in ten groups all are right, in ten none. The
    # groups are coins: half width 1.96 x sqrt(0.25 / 20) = 0.219. Over 1,000 pairs it were 0.031.
    right = [1.0] * 10 + [0.0] * 10
    draws = [counts(right, right, [50] * 20, group=range(20)).assign(draw=draw) for draw in (0, 1)]
    found = rows.paired_mean(pd.concat(draws, ignore_index=True), "right")
    assert found["value"] == pytest.approx(0.5)
    assert (found["n"], found["n_units"]) == (1000, 20)
    half = (found["high"] - found["low"]) / 2
    assert half == pytest.approx(1.96 * np.sqrt(0.25 / 20), rel=0.15)  # 500 redraws


def test_a_paired_mean_weighs_groups_by_their_pairs():
    # 30 right in one group, 10 wrong in another: 0.75; redrawn alone, each is all there is.
    found = rows.paired_mean(counts([1.0, 0.0], [0.0, 0.0], [30, 10], group=[4, 9]), "right")
    assert (found["low"], found["value"], found["high"]) == (0.0, 0.75, 1.0)


def test_a_data_set_names_its_units():
    assert rows.units_in_words(["ukpconvarg1", "pandalm"], [32, 170]) == [
        "32 sides of a debate",
        "170 instructions",
    ]


def test_differences_are_pooled_over_seeds(monkeypatch):
    where = {"crowd": "equal", "n_annotators": 4}
    frames = [
        counts([1.0, 0.0], [0.0, 0.0], [better, 100 - better], seed=seed, method="mace", **where)
        for seed, better in ((0, 10), (1, 20))
    ]
    table = pd.concat(frames, ignore_index=True)
    monkeypatch.setattr(rows, "world", lambda *_: table)
    found = rows.differences("cpu")
    assert found["value"].tolist() == pytest.approx([0.15])  # (10 + 20) / 200
    assert found[["n", "n_seeds"]].to_numpy().tolist() == [[200, 2]]
    # Seeds at 0.1 and 0.2: standard deviation 0.1 / sqrt(2), of their mean 0.05.
    assert found["seed_se"].tolist() == pytest.approx([0.05])


def of_seeds(better: dict[int, int], **columns) -> pd.DataFrame:
    """1,000 pairs a seed, of which so many are right where the majority is wrong."""
    frames = [
        counts([1.0, 0.0], [0.0, 0.0], [n, 1000 - n], seed=seed, **columns)
        for seed, n in better.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_seeds_that_disagree_make_noise_of_what_their_pairs_call_clear(monkeypatch):
    # 10, 20 and 60 in 1,000: every redraw of seeds lies above 0, but the seeds' means 0.01, 0.02,
    # 0.06 have a standard error of 0.0153, and Student's t with two degrees of freedom is 4.303:
    # 0.03 less 0.066.
    table = of_seeds({0: 10, 1: 20, 2: 60}, crowd="equal", n_annotators=4, method="mace")
    monkeypatch.setattr(rows, "world", lambda *_: table)
    monkeypatch.setattr(aggregation, "world", lambda *_: table)
    monkeypatch.setattr(categories, "world", lambda *_: table)
    text = aggregation.difference_sentence("cpu").data
    assert "MACE higher in none, lower in none, the rest inside the noise" in text
    assert "no narrower than Student's t" in text
    found = categories.trained_rows("cpu").iloc[0]
    assert found["low"] == pytest.approx(0.03 - 4.3027 * 0.015275, abs=1e-5)
    assert found["verdict"] == "noise"
    text = categories.trained_sentence("cpu").data
    assert "1 of 1 comparisons cannot be told from noise" in text
    assert "There are 3 seeds" in text


def test_seeds_that_agree_stay_clear(monkeypatch):
    table = of_seeds({0: 59, 1: 60, 2: 61}, crowd="equal", n_annotators=4, method="mace")
    monkeypatch.setattr(rows, "world", lambda *_: table)
    monkeypatch.setattr(aggregation, "world", lambda *_: table)
    assert "MACE higher in 1 of 1" in aggregation.difference_sentence("cpu").data


def test_a_gap_within_the_noise_is_counted_as_noise(monkeypatch):
    table = pd.DataFrame(
        [
            ("adversary", 3, "dawid_skene", 0.07, 0.06, 0.08, 10, 0.004),
            ("equal", 4, "dawid_skene", 0.001, -0.01, 0.012, 10, 0.004),
            ("equal", 4, "mace", -0.02, -0.025, -0.015, 10, 0.002),
        ],
        columns=DIFFERENCES,
    )
    monkeypatch.setattr(aggregation, "differences", lambda _: table)
    monkeypatch.setattr(aggregation, "world", lambda *_: pd.DataFrame({"seed": range(10)}))
    text = aggregation.difference_sentence("cpu").data
    assert "Dawid-Skene higher in 1 of 2 (most: 7.0 [6.0, 8.0], 3 annotators" in text
    assert "MACE higher in none, lower in 1 of 1" in text
    assert text.endswith("Holm's correction is over 3.")


def test_what_holm_takes_back_is_said(monkeypatch):
    # Two standard errors from 0 (p = 0.046) times two comparisons; the other is at 0.
    table = pd.DataFrame(
        [
            ("equal", 3, "mace", 0.02, 0.0004, 0.0396, 10, 0.01),
            ("equal", 4, "mace", 0.0, -0.02, 0.02, 10, 0.01),
        ],
        columns=DIFFERENCES,
    )
    monkeypatch.setattr(aggregation, "differences", lambda _: table)
    monkeypatch.setattr(aggregation, "world", lambda *_: pd.DataFrame({"seed": range(10)}))
    text = aggregation.difference_sentence("cpu").data
    assert "higher in none, lower in none" in text
    assert "the rest inside the noise after Holm's correction (1 clear alone)" in text


def test_one_seed_is_not_judged(monkeypatch):
    table = pd.DataFrame(
        [("equal", 4, "mace", -0.02, -0.025, -0.015, 1, np.nan)], columns=DIFFERENCES
    )
    monkeypatch.setattr(aggregation, "differences", lambda _: table)
    monkeypatch.setattr(aggregation, "world", lambda *_: pd.DataFrame({"seed": [0]}))
    assert "1 on one seed, not judged" in aggregation.difference_sentence("cpu").data


def test_the_bracket_says_where_it_fails(monkeypatch):
    statistics = ["leave-one-out", "beta-binomial", "equal difficulty", "gold, votes"]
    values = {("equal", 4): [0.9, 0.92, 0.95, 0.93], ("spammer", 4): [0.7, 0.72, 0.75, 0.8]}
    table = pd.DataFrame(
        [
            {"crowd": crowd, "n_annotators": n, "statistic": name, "value": value}
            for crowd in rows.CROWD_NAMES
            for n in (4,)
            for name, value in zip(
                statistics, values.get((crowd, n), values["equal", 4]), strict=True
            )
        ]
    )
    monkeypatch.setattr(ceiling, "world", lambda *_: table)
    text = ceiling.bracket_sentence("cpu").data
    assert "equal annotators, 1 of 1;" in text
    assert "one in four flips coins, 0 of 1 (not with 4 annotators)" in text


def test_published_agreement_stands_beside_ours(monkeypatch):
    table = pd.DataFrame(
        [("pandalm", "leave-one-out", 0.92, 0.91, 0.93)],
        columns=["votes", "statistic", "value", "low", "high"],
    )
    monkeypatch.setattr(agreement, "people", lambda *_: table)
    text = agreement.neighbours_sentence("cpu").data
    assert "PandaLM 92.0 [91.0, 93.0] %" in text
    assert "65.7 %" in text
    assert "62.2 %" in text
