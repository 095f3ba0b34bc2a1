"""Both orders combined, position bias, counts: small tables by hand."""

import numpy as np
import pandas as pd
import pytest
from proxylab.judge import OPPONENT_FIRST, RESPONSE_FIRST, combined, one_order, position_bias
from proxylab.judge.judging import outcomes_of
from proxylab.judge.outcomes import verdict_counts


def table(*rows):
    """Rows pair_id, verdict with the response first, verdict with the opponent first."""
    long = [
        (pair, order, verdict)
        for pair, *both in rows
        for order, verdict in zip((RESPONSE_FIRST, OPPONENT_FIRST), both, strict=False)
    ]
    frame = pd.DataFrame(long, columns=["pair_id", "order", "verdict"])
    return frame.assign(vote=0, outcome=outcomes_of(frame["verdict"], frame["order"]))


# The response wins in both; loses in both; the first wins twice; the second twice; a tie twice; a
# win and a tie; one verdict missing.
ALL = table(
    ("win", "1", "2"),
    ("lose", "2", "1"),
    ("first", "1", "1"),
    ("second", "2", "2"),
    ("tie", "tie", "tie"),
    ("half", "1", "tie"),
    ("gone", "1", "unparseable"),
)


def test_an_outcome_is_about_the_response_not_the_place():
    order = pd.Series([RESPONSE_FIRST, RESPONSE_FIRST, OPPONENT_FIRST, OPPONENT_FIRST])
    found = outcomes_of(pd.Series(["1", "2", "1", "2"]), order)
    assert found.tolist() == [1, -1, -1, 1]
    assert np.isnan(outcomes_of(pd.Series(["failed"]), order[:1])).all()


def test_agreement_decides_and_disagreement_ties():
    found = combined(ALL).set_index("pair_id")
    assert found["outcome"].to_dict() == pytest.approx(
        {"win": 1, "lose": -1, "first": 0, "second": 0, "tie": 0, "half": 0, "gone": np.nan},
        nan_ok=True,
    )
    assert found["consistent"].tolist()[:6] == [1, 1, 0, 0, 1, 0]
    assert np.isnan(found.loc["gone", "consistent"])


def test_one_order_as_if_the_other_had_not_been_asked():
    first = one_order(ALL, RESPONSE_FIRST).set_index("pair_id")["outcome"]
    assert first.tolist() == [1, -1, 1, -1, 0, 1, 1]
    last = one_order(ALL, OPPONENT_FIRST).set_index("pair_id")["outcome"]
    assert last.tolist()[:6] == [1, -1, -1, 1, 0, 0]


def test_where_one_order_was_asked_its_verdict_stands():
    found = combined(ALL[ALL["order"] == RESPONSE_FIRST])
    assert found["outcome"].tolist() == [1, -1, 1, -1, 0, 1, 1]
    assert found["consistent"].isna().all()


def test_votes_are_summed_within_an_order():
    votes = table(("a", "1", "2"), ("a", "1", "1"), ("a", "2", "1"))
    # Response first: +1 +1 -1, for it; opponent first: +1 -1 -1, against it.
    found = combined(votes)
    assert found["outcome"].tolist() == [0]
    assert found["consistent"].tolist() == [0]


def test_position_bias_by_hand():
    found = position_bias(ALL, rng=np.random.default_rng(0), n_resamples=200)
    # Six pairs have both verdicts. Verdicts for a response: 2 + 2 + 2 + 2 + 0 + 1 = 9. For the one
    # in place 1: win 1, lose 1, first 2, second 0, half 1: 5.
    assert found["share_first"] == pytest.approx(5 / 9)
    assert (found["flips_to_first"], found["flips_to_second"], found["half"]) == (1, 1, 1)
    assert found["p_flips"] == 1.0
    assert found["consistent"] == pytest.approx(3 / 6)
    assert found["n_pairs"] == 6
    assert found["share_first_low"] < 5 / 9 < found["share_first_high"]


def test_a_judge_that_always_takes_the_first():
    always = table(*[(str(i), "1", "1") for i in range(10)])
    found = position_bias(always, rng=np.random.default_rng(0), n_resamples=100)
    assert found["share_first"] == 1.0
    assert found["consistent"] == 0.0
    assert found["p_flips"] == pytest.approx(2 / 2**10)  # all ten heads, or all ten tails
    assert set(combined(always)["outcome"]) == {0.0}


def test_no_pair_in_both_orders_has_no_bias_to_measure():
    found = position_bias(ALL[ALL["pair_id"] == "gone"], rng=np.random.default_rng(0))
    assert found["n_pairs"] == 0
    assert np.isnan(found["share_first"])
    assert np.isnan(found["p_flips"])


def test_every_kind_is_counted():
    counts = verdict_counts(ALL).iloc[0].to_dict()
    assert counts == {
        "first": 6,  # win 1, lose 1, first 2, half 1, gone 1
        "second": 4,  # win 1, lose 1, second 2
        "tie": 3,
        "unparseable": 1,
        "refused": 0,
        "failed": 0,
        "unasked": 0,
        "n_questions": 14,
    }
    by_order = verdict_counts(ALL, ["order"]).set_index("order")
    assert by_order.loc[RESPONSE_FIRST, "first"] == 4  # win, first, half, gone


def test_pairs_of_one_prompt_are_redrawn_together():
    # Ten pairs of one prompt are one unit: every redraw is that unit, and the limits have no width.
    rows = table(*[(str(i), "1", "1" if i < 5 else "2") for i in range(10)]).assign(prompt=0)
    found = position_bias(rows, rng=np.random.default_rng(0), cluster="prompt", n_resamples=50)
    # First place: 10 + 5 of 20 verdicts; five pairs judged alike.
    assert [found[f"share_first{end}"] for end in ("", "_low", "_high")] == [0.75] * 3
    assert [found[f"consistent{end}"] for end in ("", "_low", "_high")] == [0.5] * 3
