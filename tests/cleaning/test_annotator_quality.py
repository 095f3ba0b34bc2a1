"""Annotators one by one and two by two, by hand; AC1; and the human ceiling against simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.annotators import read_ukpconvarg1, votes_frame
from proxylab.cleaning import (
    aggregate,
    annotator_agreement,
    beta_ceiling,
    disattenuated,
    draw_records,
    equal_difficulty_ceiling,
    expected_accuracy,
    gwet_ac1,
    leave_one_out_agreement,
    pairwise_agreement,
    proxy_ceiling,
    split_half_reliability,
    vote_patterns,
)
from proxylab.preferences.schema import PreferenceError
from proxylab.stats import wilson


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def votes_of(ballots: list[list]) -> pd.DataFrame:
    """One list of choices a pair, one annotator a position."""
    rows = [
        (f"p{i}", f"a{j}", choice)
        for i, choices in enumerate(ballots)
        for j, choice in enumerate(choices)
    ]
    return votes_frame(*zip(*rows, strict=True))


C, R, T = "chosen", "rejected", "tie"


def drawn(p: np.ndarray, n_votes: int, seed: int) -> pd.DataFrame:
    """Votes on pairs whose share of people for chosen is `p`."""
    says = rng(seed).random((len(p), n_votes)) < p[:, None]
    return votes_of(np.where(says, C, R).tolist())


def test_patterns_count_how_pairs_split():
    votes = votes_of([[C, C, C], [R, R, R], [C, R, C], [C, R, T], [T, None, None], [None] * 3])
    found = vote_patterns(votes)
    assert found["pattern"].tolist() == ["3", "2-1", "1-1-1", "1"]
    assert found["n"].tolist() == [2, 1, 1, 1]
    assert found["n_votes"].tolist() == [3, 3, 3, 1]
    assert found["share"].tolist() == [0.4, 0.2, 0.2, 0.2]  # the pair without a vote is no pair


def test_each_annotator_against_the_others_by_hand():
    # p0: all agree. p1: a0, a1 each meet {C, R}: a half each; a2 meets two C: nothing.
    # p2: only a0 voted: no company.
    votes = votes_of([[C, C, C], [C, C, R], [T, None, None]])
    found = annotator_agreement(votes).set_index("annotator")
    assert found["n"].tolist() == [2, 2, 2]
    assert found["agreement"].tolist() == [0.75, 0.75, 0.5]
    one_of_two = wilson(1, 2)
    assert found.loc["a2", ["low", "high"]].tolist() == pytest.approx(
        [one_of_two.low, one_of_two.high]
    )


ballots = st.lists(st.lists(st.sampled_from([C, R, T, None]), min_size=4, max_size=4), min_size=1)


@given(ballots=ballots)
def test_annotators_together_make_the_overall_agreement(ballots):
    votes = votes_of(ballots)
    found = annotator_agreement(votes)
    overall = leave_one_out_agreement(votes, rng=rng(), n_resamples=2)
    if len(found):
        mean = (found["agreement"] * found["n"]).sum() / found["n"].sum()
        assert mean == pytest.approx(overall.estimate)
    else:
        assert np.isnan(overall.estimate)


def test_kappa_of_two_annotators_by_hand():
    # 20 C/C, 5 C/R, 10 R/C, 15 R/R: observed 35/50; a0 says C 25/50, a1 30/50, so by chance
    # 0.5 x 0.6 + 0.5 x 0.4 = 0.5; kappa = (0.7 - 0.5) / 0.5 = 0.4.
    votes = votes_of([[C, C]] * 20 + [[C, R]] * 5 + [[R, C]] * 10 + [[R, R]] * 15)
    row = pairwise_agreement(votes).iloc[0]
    assert (row["annotator_a"], row["annotator_b"], row["n"]) == ("a0", "a1", 50)
    assert row["agreement"] == pytest.approx(0.7)
    assert row["kappa"] == pytest.approx(0.4)
    assert row["kappa_low"] < 0.4 < row["kappa_high"]


def test_too_few_pairs_in_common_are_no_couple():
    votes = votes_of([[C, C, None]] * 19 + [[C, C, C]])
    assert len(pairwise_agreement(votes, min_overlap=21)) == 0
    found = pairwise_agreement(votes, min_overlap=20)
    assert found[["annotator_a", "annotator_b"]].to_numpy().tolist() == [["a0", "a1"]]
    assert np.isnan(found["kappa"].iloc[0])  # both said the same throughout: by chance 1
    assert len(pairwise_agreement(votes, min_overlap=1)) == 3


def test_ac1_by_hand_and_where_nearly_all_votes_are_one():
    # Three pairs of two votes: CC, CC, CR. Agreement 2/3; shares C 5/6, R 1/6; chance for two
    # values: 5/6 x 1/6 x 2 / (2 - 1) = 5/18; AC1 = (12/18 - 5/18) / (13/18) = 7/13.
    found = gwet_ac1(votes_of([[C, C], [C, C], [C, R]]), rng=rng(), n_resamples=5)
    assert found.estimate == pytest.approx(7 / 13)
    # 98 agreeing on C, two split: alpha is below zero there, AC1 near one.
    skewed = votes_of([[C, C]] * 98 + [[C, R], [R, C]])
    assert gwet_ac1(skewed, rng=rng(), n_resamples=5).estimate > 0.97
    assert np.isnan(gwet_ac1(votes_of([[C, C]]), rng=rng(), n_resamples=5).estimate)


def test_the_expected_accuracy_is_the_mean_posterior_of_the_votes():
    votes = votes_of([[C, C, R], [R, R, R]])
    found = expected_accuracy(votes, aggregate(votes)).set_index("annotator")
    assert found.loc["a0", "expected_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found.loc["a2", "expected_accuracy"] == pytest.approx((1 / 3 + 1) / 2)


def test_records_and_the_rest_share_no_vote():
    votes = votes_of([[C, R, T], [T, T, None], [C, None, None]])
    record, rest = draw_records(votes, rng())
    assert record["pair_id"].tolist() == ["p0", "p2"]  # p1 has ties alone
    assert set(record.index).isdisjoint(rest.index)
    assert len(record) + len(rest) == 6  # of p0 and p2, missing votes among them


def test_ceilings_of_extremes():
    assert equal_difficulty_ceiling(1.0) == beta_ceiling(1.0) == 1.0
    assert equal_difficulty_ceiling(0.5) == beta_ceiling(0.5) == 0.5
    assert equal_difficulty_ceiling(0.3) == beta_ceiling(0.3) == 0.5
    # 0.9^2 + 0.1^2 = 0.82
    assert equal_difficulty_ceiling(0.82) == pytest.approx(0.9)
    # Beta(1, 1) is uniform: two votes agree 2/3 of the time, and E max(p, 1 - p) = 3/4.
    assert beta_ceiling(2 / 3) == pytest.approx(0.75)


@given(agreement=st.floats(0.5, 1.0))
def test_the_beta_ceiling_lies_below_that_of_equal_difficulty_and_above_agreement(agreement):
    middle = beta_ceiling(agreement)
    assert agreement - 1e-9 <= middle <= equal_difficulty_ceiling(agreement) + 1e-9


def test_the_bracket_holds_where_the_ceiling_is_known():
    generator = rng(3)
    for p in (np.full(4000, 0.8), generator.beta(1, 1, 4000), generator.choice([0.5, 1.0], 4000)):
        best = np.maximum(p, 1 - p).mean()
        found = proxy_ceiling(drawn(p, 5, 4), rng=rng(), n_resamples=100)
        by_name = found.set_index("statistic")
        assert by_name.loc["leave-one-out", "low"] <= best
        assert best <= by_name.loc["equal difficulty", "high"]


def test_the_beta_ceiling_is_right_where_its_assumption_is():
    # p uniform: E max(p, 1 - p) = 3/4. 4,000 pairs: standard error of the agreement 0.5 points.
    found = proxy_ceiling(drawn(rng(5).random(4000), 5, 6), rng=rng(), n_resamples=50)
    assert found.set_index("statistic").loc["beta-binomial", "value"] == pytest.approx(
        0.75, abs=0.02
    )


def test_the_terms_of_the_ceiling_by_hand():
    # CCR: of three couples one agrees; C meets {C, R}: a half, twice; R meets CC: nothing: 1/3.
    # CC and a tie, which is left out: all agree. One decided vote alone: no pair.
    found = proxy_ceiling(
        votes_of([[C, C, R], [C, C, T], [C, T, None]]), rng=rng(), n_resamples=5
    ).set_index("statistic")
    assert found.loc["two votes agree", "value"] == pytest.approx((1 / 3 + 1) / 2)
    assert found.loc["leave-one-out", "value"] == pytest.approx((1 / 3 + 1) / 2)
    assert set(found["n"]) == {2}


def test_no_pair_with_two_votes_has_no_ceiling():
    found = proxy_ceiling(votes_of([[C, T], [None, R]]), rng=rng(), n_resamples=5)
    assert found["value"].isna().all()
    assert (found["n"] == 0).all()


def test_split_half_reliability_is_that_of_the_mean_of_all_votes():
    # p is 0.9 or 0.1: a vote (+1, -1) has variance 1, of which 0.8^2 = 0.64 lies between pairs.
    # The mean of four votes is reliable to 0.64 / (0.64 + 0.36 / 4) = 0.8767.
    p = rng(7).choice([0.1, 0.9], 6000)
    found = split_half_reliability(drawn(p, 4, 8), rng=rng(), n_resamples=50)
    assert found.estimate == pytest.approx(0.8767, abs=0.012)
    coin = split_half_reliability(drawn(np.full(3000, 0.5), 4, 9), rng=rng(), n_resamples=50)
    assert coin.contains(0)


def test_reliability_does_not_depend_on_which_response_is_called_chosen():
    votes = drawn(rng(1).random(200), 4, 2)
    flipped = set(votes["pair_id"].unique()[::2])
    turned = votes["choice"].replace({C: R, R: C})
    mirrored = votes.assign(choice=votes["choice"].mask(votes["pair_id"].isin(flipped), turned))
    first, again = (
        split_half_reliability(each, rng=rng(3), n_resamples=5).estimate
        for each in (votes, mirrored)
    )
    assert first == pytest.approx(again)


def test_attenuation_undone():
    # True 0.8 against votes right 0.9 of the time: 0.8 x 0.9 + 0.2 x 0.1 = 0.74.
    assert disattenuated(0.74, 0.9) == pytest.approx(0.8)
    assert disattenuated(0.95, 0.9) > 1  # beyond what the noise allows: shown, not hidden
    with pytest.raises(PreferenceError, match="coin flips"):
        disattenuated(0.6, 0.5)


def test_many_annotators_take_seconds(real_data):
    votes, _ = read_ukpconvarg1(real_data)
    found = annotator_agreement(votes)
    assert len(found) == 3815
    assert (found["agreement"] * found["n"]).sum() / found["n"].sum() == pytest.approx(
        0.570, abs=5e-4
    )
    assert vote_patterns(votes).set_index("pattern").loc["5", "n"] == 3277  # and 52 of four votes
