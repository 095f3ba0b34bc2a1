"""What the page on judges and people says of small recorded tables."""

import numpy as np
import pandas as pd
import pytest
from proxylab.pages.people import aggregation, agreement, ceiling, rows


def counts(right: list[float], base: list[float], n: list[int], **columns) -> pd.DataFrame:
    frame = pd.DataFrame({"right": right, "majority_right": base, "count": n, "draw": 0})
    return frame.assign(**columns)


def test_counted_pairs_become_rows_again():
    each = rows.one_row_each(counts([1.0, 0.0], [0.0, 0.0], [2, 3]))
    assert each["right"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_a_paired_mean_has_the_limits_of_one_draw():
    # 30 of 40 right in each of two draws of the same 40 pairs: 0.75, variance 0.1875,
    # half width 1.96 x sqrt(0.1875 / 40) and not / 80.
    table = counts([1.0, 0.0] * 2, [1.0, 0.0] * 2, [30, 10] * 2).assign(draw=[0, 0, 1, 1])
    found = rows.paired_mean(table, "right")
    assert found["value"] == pytest.approx(0.75)
    assert found["n"] == 40
    assert found["high"] - found["value"] == pytest.approx(1.959964 * np.sqrt(0.1875 / 40))


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


def test_a_gap_within_the_noise_is_counted_as_noise(monkeypatch):
    columns = ["crowd", "n_annotators", "method", "value", "low", "high", "n_seeds"]
    table = pd.DataFrame(
        [
            ("adversary", 3, "dawid_skene", 0.07, 0.06, 0.08, 3),
            ("equal", 4, "dawid_skene", 0.001, -0.01, 0.012, 3),
            ("equal", 4, "mace", -0.02, -0.025, -0.015, 3),
        ],
        columns=columns,
    )
    monkeypatch.setattr(aggregation, "differences", lambda _: table)
    text = aggregation.difference_sentence("cpu").data
    assert "Dawid-Skene higher in 1 of 2 (most: 7.0 [6.0, 8.0], 3 annotators" in text
    assert "MACE higher in none, lower in 1 of 1" in text
    assert text.endswith("Holm's correction is over 3.")


def test_one_seed_is_not_judged(monkeypatch):
    table = pd.DataFrame(
        [("equal", 4, "mace", -0.02, -0.025, -0.015, 1)],
        columns=["crowd", "n_annotators", "method", "value", "low", "high", "n_seeds"],
    )
    monkeypatch.setattr(aggregation, "differences", lambda _: table)
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
