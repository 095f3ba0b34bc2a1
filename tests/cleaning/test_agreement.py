"""Agreement against published and hand-computed examples, another package, and simulation."""

from itertools import permutations

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.annotators import read_pandalm, read_ukpconvarg1, votes_frame
from proxylab.cleaning import (
    gwet_ac1,
    krippendorff_alpha,
    leave_one_out_agreement,
    proxy_ceiling,
    relabel_one_out,
    split_half_reliability,
)
from proxylab.preferences.schema import PreferenceError

CODES = {"chosen": 0.0, "rejected": 1.0, "tie": 2.0}


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


def test_alpha_of_the_published_binary_example():
    # Krippendorff (2011), example A: two observers, ten units, alpha = 0.095.
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    names = ["chosen", "rejected"]
    ballots = [[names[a], names[b]] for a, b in zip(meg, owen, strict=True)]
    alpha = krippendorff_alpha(votes_of(ballots), rng=rng(), n_resamples=10)
    # Four unequal couples of twenty values, 14 of one kind and 6 of the other.
    assert alpha.estimate == pytest.approx(1 - 19 * 4 / (14 * 6))
    assert round(alpha.estimate, 3) == 0.095
    assert alpha.n == 10


ballot = st.lists(st.sampled_from([*CODES, None]), min_size=4, max_size=4)


@given(ballots=st.lists(ballot, min_size=2, max_size=10))
@settings(max_examples=60, deadline=None)
def test_alpha_is_that_of_the_package_from_the_reliability_matrix(ballots):
    matrix = np.array([[CODES.get(choice, np.nan) for choice in row] for row in ballots]).T
    paired = matrix[:, (~np.isnan(matrix)).sum(axis=0) >= 2]
    alpha = krippendorff_alpha(votes_of(ballots), rng=rng(), n_resamples=2)
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert np.isnan(alpha.estimate)
    else:
        expected = krippendorff.alpha(paired, level_of_measurement="nominal")
        assert alpha.estimate == pytest.approx(expected, abs=1e-12)
    assert alpha.n == paired.shape[1]


def test_alpha_is_one_for_agreement_and_below_zero_for_systematic_disagreement():
    agree = votes_of([["chosen"] * 3, ["rejected"] * 3])
    split = votes_of([["chosen", "rejected"]] * 5)
    assert krippendorff_alpha(agree, rng=rng(), n_resamples=2).estimate == 1.0
    # n = 10 values, five of each: 1 - 9 * 10 / 50
    assert krippendorff_alpha(split, rng=rng(), n_resamples=2).estimate == pytest.approx(-0.8)


def test_leave_one_out_agreement_by_hand():
    # p0: each of the three meets two that agree with it: 3 of 3.
    # p1: the two "chosen" each meet {chosen, rejected}: a half each; "rejected" meets two "chosen":
    # nothing.
    # p2: one vote alone, left out.
    ballots = [["chosen"] * 3, ["chosen", "chosen", "rejected"], ["tie", None, None]]
    agreement = leave_one_out_agreement(votes_of(ballots), rng=rng(), n_resamples=10)
    assert agreement.estimate == pytest.approx((3 + 1) / 6)
    assert agreement.n == 2


@given(ballots=st.lists(ballot, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_leave_one_out_agreement_by_enumeration(ballots):
    credits = []
    for row in ballots:
        votes = [choice for choice in row if choice is not None]
        for i, vote in enumerate(votes):
            others = votes[:i] + votes[i + 1 :]
            if others:
                top = max(others.count(choice) for choice in others)
                modes = {choice for choice in others if others.count(choice) == top}
                credits.append((vote in modes) / len(modes))
    agreement = leave_one_out_agreement(votes_of(ballots), rng=rng(), n_resamples=2)
    if credits:
        assert agreement.estimate == pytest.approx(np.mean(credits))
    else:
        assert np.isnan(agreement.estimate)


def simulated(n_pairs: int, accuracy: float, generator: np.random.Generator) -> pd.DataFrame:
    """Three annotators who each find a fair-coin truth with the given probability."""
    truth = generator.random((n_pairs, 1)) < 0.5
    right = generator.random((n_pairs, 3)) < accuracy
    choice = np.where(truth == right, "chosen", "rejected").astype(object)
    return votes_frame(
        np.repeat([f"p{i:04d}" for i in range(n_pairs)], 3),
        np.tile(["a", "b", "c"], n_pairs),
        choice.ravel(),
    )


def test_the_intervals_cover_the_truth_about_as_often_as_they_say():
    # Two votes agree with probability q = .8^2 + .2^2 = .68 and half do by chance, so alpha is
    # (q - .5) / .5 = .36. Leave-one-out: the others agree with probability q, and then a vote
    # equals them with probability (.8^3 + .2^3) / q; else it counts a half.
    alpha_truth, agreement_truth = 0.36, 0.8**3 + 0.2**3 + (1 - 0.68) / 2
    generator = rng(5)
    hits = np.zeros(2)
    for _ in range(150):
        votes = simulated(80, 0.8, generator)
        alpha = krippendorff_alpha(votes, rng=generator, n_resamples=150)
        agreement = leave_one_out_agreement(votes, rng=generator, n_resamples=150)
        hits += [alpha.contains(alpha_truth), agreement.contains(agreement_truth)]
    # 95 % nominal; with 150 trials the standard error is 1.8 points, and the bootstrap of 80
    # pairs is known to fall a little short.
    assert (hits / 150 > 0.89).all(), hits
    assert (hits / 150 < 1.0).any(), hits


INTERVALS = (krippendorff_alpha, gwet_ac1, leave_one_out_agreement, split_half_reliability)


def units_for(votes: pd.DataFrame, n_units: int) -> pd.Series:
    """Every pair p0, p1, ... in unit number modulo `n_units`, listed backwards."""
    ids = votes["pair_id"].unique()[::-1]
    return pd.Series([int(name[1:]) % n_units for name in ids], index=ids)


@pytest.mark.parametrize("statistic", INTERVALS)
def test_units_change_the_limits_and_not_the_estimate(statistic):
    votes = simulated(60, 0.8, rng(4))
    alone = statistic(votes, rng=rng(), n_resamples=50)
    together = statistic(votes, rng=rng(), n_resamples=50, units=units_for(votes, 3))
    assert together.estimate == pytest.approx(alone.estimate, abs=1e-12)
    assert together.n == alone.n == 60  # pairs
    # A unit of its own for every pair is no unit at all.
    own = statistic(votes, rng=rng(), n_resamples=50, units=units_for(votes, 60))
    assert (own.low, own.high) == pytest.approx((alone.low, alone.high), abs=1e-12)


@pytest.mark.parametrize("statistic", INTERVALS)
def test_pairs_that_only_repeat_their_unit_narrow_nothing(statistic):
    # Sixteen copies of twelve pairs are twelve pairs' worth of news: over units the interval is
    # that of the twelve, over pairs a quarter of it (more of it for split halves, which each copy
    # draws anew).
    few = simulated(12, 0.75, rng(2))
    copies = [
        few.assign(pair_id=[f"p{12 * copy + int(name[1:])}" for name in few["pair_id"]])
        for copy in range(16)
    ]
    votes = pd.concat(copies, ignore_index=True)
    width = {}
    for name, units in (("pairs", None), ("units", units_for(votes, 12))):
        found = statistic(votes, rng=rng(1), n_resamples=400, units=units)
        width[name] = found.high - found.low
    assert 1.8 < width["units"] / width["pairs"] < 6


def test_units_of_different_size_weigh_as_their_pairs_do():
    # Unit 0: three pairs that agree; unit 1: one that does not. Six of eight votes equal the other;
    # redrawn twice unit 0: 1, twice unit 1: 0; each once: 6/8, the estimate.
    votes = votes_of([["chosen", "chosen"]] * 3 + [["chosen", "rejected"]])
    units = pd.Series([0, 0, 0, 1], index=["p0", "p1", "p2", "p3"])
    found = leave_one_out_agreement(votes, rng=rng(), n_resamples=200, units=units)
    assert (found.low, found.estimate, found.high) == (0.0, 0.75, 1.0)
    ceiling = proxy_ceiling(votes, rng=rng(), n_resamples=200, units=units)
    row = ceiling.set_index("statistic").loc["two votes agree"]
    assert row[["low", "value", "high", "n"]].tolist() == [0.0, 0.75, 1.0, 4]


def test_a_pair_without_a_unit_is_named():
    votes = votes_of([["chosen", "chosen"]] * 2)
    for statistic in (*INTERVALS, proxy_ceiling):
        with pytest.raises(PreferenceError, match="'p1'"):
            statistic(votes, rng=rng(), units=pd.Series([0], index=["p0"]))


def test_one_seed_gives_one_interval():
    votes = simulated(50, 0.8, rng(1))
    first, again = (krippendorff_alpha(votes, rng=rng(2), n_resamples=50) for _ in range(2))
    assert first == again


def test_relabelling_with_five_equal_votes_is_always_same():
    found = relabel_one_out(votes_of([["rejected"] * 5, ["chosen"] * 5]), rng())
    assert found["category"].tolist() == ["Same", "Same"]
    assert found["original"].tolist() == ["rejected", "chosen"]
    assert found["n_chosen"].tolist() == [4, 4]  # the others agree with the record


def test_relabelling_counts_the_others_as_seen_from_the_record():
    # Four against one: whoever is drawn is either one of four (three agree, one does not: Same)
    # or the one (none agrees: Opposite), four times to one.
    found = relabel_one_out(votes_of([["chosen"] * 4 + ["rejected"]] * 2000), rng())
    shares = found["category"].value_counts(normalize=True)
    assert set(shares.index) == {"Same", "Opposite"}
    assert abs(shares["Opposite"] - 0.2) < 4 * np.sqrt(0.16 / 2000)
    same = found[found["category"] == "Same"]
    assert (same[["n_chosen", "n_rejected"]] == [3, 1]).all(axis=None)
    assert ((found["category"] == "Opposite") == (found["original"] == "rejected")).all()


def test_three_against_two_is_vague_or_opposite_but_never_same():
    found = relabel_one_out(votes_of([["chosen"] * 3 + ["rejected"] * 2] * 500), rng())
    # Drawn from the three: two against two. Drawn from the two: one agrees, three do not.
    assert set(found["category"]) == {"Vague", "Opposite"}


def test_a_tie_is_never_the_record_and_pairs_of_ties_have_none():
    ballots = [["tie", "tie", "chosen", None], ["tie", "tie", None, None]]
    found = relabel_one_out(votes_of(ballots), rng())
    assert found["pair_id"].tolist() == ["p0"]
    assert found[["n_chosen", "n_rejected", "n_tie"]].to_numpy().tolist() == [[0, 0, 2]]
    assert found["category"].tolist() == ["Vague"]


def test_the_names_of_the_two_sides_do_not_matter_when_relabelling():
    votes = simulated(300, 0.7, rng(3))
    turned = votes.assign(
        choice=votes["choice"].replace({"chosen": "rejected", "rejected": "chosen"})
    )
    first, mirrored = (relabel_one_out(each, rng(9)) for each in (votes, turned))
    assert first["category"].tolist() == mirrored["category"].tolist()
    assert (first["original"] != mirrored["original"]).all()


def test_the_order_of_the_annotators_does_not_matter_for_agreement():
    ballots = ["chosen", "chosen", "tie", "rejected"]
    estimates = {
        round(
            krippendorff_alpha(
                votes_of([list(order), ["chosen"] * 4]), rng=rng(), n_resamples=2
            ).estimate,
            12,
        )
        for order in permutations(ballots)
    }
    assert len(estimates) == 1


def test_public_votes(real_data):
    pandalm, _ = read_pandalm(real_data)
    ukp, _ = read_ukpconvarg1(real_data)
    assert krippendorff_alpha(pandalm, rng=rng(), n_resamples=50).estimate == pytest.approx(
        0.864, abs=5e-4
    )
    assert krippendorff_alpha(ukp, rng=rng(), n_resamples=50).estimate == pytest.approx(
        0.267, abs=5e-4
    )
    assert leave_one_out_agreement(ukp, rng=rng(), n_resamples=50).estimate == pytest.approx(
        0.570, abs=5e-4
    )
    assert len(relabel_one_out(ukp, rng())) == 16_800  # 127 pairs have no vote but ties
