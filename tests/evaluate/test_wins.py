"""Win, tie, lose: by hand, with margins, samples, seeds, and shares that sum to 1."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.evaluate import prompt_shares, win_tie_lose, win_tie_lose_table
from proxylab.stats import wilson

NAN = np.nan
REWARD = np.array([1.0, 0.0, -1.0, NAN, 2.0])
OPPONENT = np.array([0.0, 0.0, 0.0, 0.0, NAN])


def table(frame, by=("task",), **options):
    return win_tie_lose_table(frame, list(by), rng=np.random.default_rng(0), **options)


def outcomes(values, **columns):
    frame = pd.DataFrame({"prompt": range(len(values)), "outcome": values, "task": "a"})
    return frame.assign(**columns)


def test_outcomes_by_hand():
    np.testing.assert_array_equal(win_tie_lose(REWARD, OPPONENT), [1, 0, -1, NAN, NAN])


def test_differences_up_to_the_margin_are_ties():
    reward = np.array([1.5, 1.0, -1.0, -1.5])
    np.testing.assert_array_equal(win_tie_lose(reward, np.zeros(4), margin=1.0), [1, 0, 0, -1])


def test_samples_meet_one_response_a_prompt():
    reward = np.array([[1.0, -1.0, 0.0, 2.0], [NAN, 5.0, 5.0, 5.0]])
    outcome = win_tie_lose(reward, np.array([0.0, 6.0]))
    np.testing.assert_array_equal(outcome, [[1, -1, 0, 1], [NAN, -1, -1, -1]])
    shares = prompt_shares(outcome)
    assert shares["win"].tolist() == [0.5, 0.0]
    assert shares["tie"].tolist() == [0.25, 0.0]
    assert shares["lose"].tolist() == [0.25, 1.0]
    assert shares["n"].tolist() == [4, 3]


def test_square_samples_against_square_samples_are_not_broadcast():
    reward, opponent = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 4.0]])
    np.testing.assert_array_equal(win_tie_lose(reward, opponent), [[-1, 0], [1, -1]])


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1), st.integers(0, 3))
def test_who_is_the_opponent_turns_the_outcome(pairs, margin):
    a, b = (np.array(column, float) for column in zip(*pairs, strict=True))
    won = win_tie_lose(a, b, margin=margin)
    np.testing.assert_array_equal(won, -win_tie_lose(b, a, margin=margin))


def test_a_prompt_without_outcome_has_no_shares():
    shares = prompt_shares([1.0, NAN])
    assert shares["n"].tolist() == [1, 0]
    assert shares.loc[1, ["win", "tie", "lose"]].isna().all()


def test_table_by_hand_one_response_a_prompt():
    # 3 wins, 1 tie, 1 loss of five defined; Wilson's interval over the five prompts.
    (row,) = table(outcomes([1, 1, 1, 0, -1, NAN])).to_dict("records")
    assert (row["win"], row["tie"], row["lose"]) == (0.6, 0.2, 0.2)
    assert (row["n"], row["n_seeds"], row["n_undefined"]) == (5, 1, 1)
    assert (row["win_low"], row["win_high"]) == (wilson(3, 5).low, wilson(3, 5).high)


def test_a_prompt_weighs_the_same_however_many_samples_it_has():
    frame = pd.DataFrame({"prompt": [0, 0, 0, 1], "outcome": [1, 1, 1, -1], "task": "a"})
    (row,) = table(frame).to_dict("records")
    assert (row["win"], row["lose"], row["n"]) == (0.5, 0.5, 2)
    assert (row["win_low"], row["win_high"]) == (0.0, 1.0)  # both prompts drawn alike 1 in 4 each


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 6), st.sampled_from([1, 0, -1, NAN])),
        min_size=1,
        max_size=40,
    ),
    st.booleans(),
)
def test_shares_sum_to_one(rows, shared):
    frame = pd.DataFrame(rows, columns=["seed", "prompt", "outcome"]).assign(task="a")
    (row,) = table(frame, shared_prompts=shared, n_resamples=10).to_dict("records")
    total = row["win"] + row["tie"] + row["lose"]
    if row["n"]:
        assert total == pytest.approx(1.0, abs=1e-12)
    else:
        assert np.isnan(total)
    assert row["n_undefined"] == frame["outcome"].isna().sum()


def test_seeds_that_disagree_widen_the_interval():
    # One seed wins everywhere and one loses everywhere: redrawn seeds give 0, 1/2 or 1.
    frame = pd.concat([outcomes([1] * 50, seed=0), outcomes([-1] * 50, seed=1)])
    (row,) = table(frame).to_dict("records")
    assert (row["win_low"], row["win"], row["win_high"]) == (0.0, 0.5, 1.0)
    assert (row["n"], row["n_seeds"]) == (100, 2)


def test_a_share_of_zero_still_has_a_width():
    # No tie on 50 prompts that two seeds share: the upper limit is Wilson's for 0 of 50; prompts of
    # their own would count apart.
    values = [1, -1] * 25
    frame = pd.concat([outcomes(values, seed=0), outcomes(values, seed=1)])
    (shared,) = table(frame).to_dict("records")
    (own,) = table(frame, shared_prompts=False).to_dict("records")
    assert (shared["tie"], shared["tie_high"]) == (0.0, wilson(0, 50).high)
    assert own["tie_high"] == wilson(0, 100).high


def test_groups_keep_their_order_and_names():
    frame = pd.concat([outcomes([1], task="z", arm="poor"), outcomes([0, 0], task="b", arm="good")])
    found = table(frame, by=("task", "arm"))
    assert found[["task", "arm"]].to_numpy().tolist() == [["z", "poor"], ["b", "good"]]
    assert found["win"].tolist() == [1.0, 0.0]


def test_interval_over_seeds_and_prompts_covers():
    # Ten seeds of 40 shared prompts; the chance of a win varies by seed and by prompt about 0.5.
    rng, covered = np.random.default_rng(4), 0
    for _ in range(40):
        chance = 0.5 + rng.uniform(-0.15, 0.15, (10, 1)) + rng.uniform(-0.3, 0.3, (1, 40))
        won = np.where(rng.random((10, 40)) < chance, 1, -1)
        frame = pd.concat([outcomes(row, seed=seed) for seed, row in enumerate(won)])
        (row,) = win_tie_lose_table(frame, ["task"], rng=rng, n_resamples=60).to_dict("records")
        covered += row["win_low"] <= 0.5 <= row["win_high"]
    assert 34 <= covered <= 40


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
        win_tie_lose(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="margin must be 0 or more"):
        win_tie_lose(REWARD, OPPONENT, margin=-1.0)
    with pytest.raises(ValueError, match=r"an outcome must be .* got 2"):
        prompt_shares([1, 2])
    with pytest.raises(ValueError, match="no column 'prompt'"):
        table(outcomes([1]).drop(columns="prompt"))
    with pytest.raises(ValueError, match="no column 'tusk'; is 'task' meant"):
        table(outcomes([1]), by=("tusk",))
