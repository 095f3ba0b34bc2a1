"""Simulated annotators against the Bradley-Terry model that they are said to follow."""

import numpy as np
import pandas as pd
import pytest
from proxylab.annotators import SimulatedAnnotator, make_annotators, simulate_votes
from proxylab.preferences import PreferenceError
from scipy.special import expit


def pair_frame(n: int, chosen: str = "one two three", rejected: str = "one") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pair_id": [f"w/test/{i:06d}" for i in range(n)],
            "subset": "w",
            "split": "test",
            "prompt": "\n\nHuman: q\n\nAssistant:",
            "chosen": chosen,
            "rejected": rejected,
            "prompts_differ": False,
            "n_turns": 1,
        }
    )


def votes_of(pairs, gap, annotators, *, seed=0, toxic=False, tie_width=0.0) -> pd.DataFrame:
    """Choices as (n_pairs, n_annotators), for a gold gap of `gap` on every pair."""
    n = len(pairs)
    return simulate_votes(
        pairs,
        gold_chosen=np.broadcast_to(gap, n),
        gold_rejected=np.zeros(n),
        toxic_chosen=np.broadcast_to(toxic, n),
        annotators=annotators,
        tie_width=tie_width,
        rng=np.random.default_rng(seed),
    )


def choices(votes: pd.DataFrame, name: str) -> list:
    return votes.loc[votes["annotator"] == name, "choice"].tolist()


def test_without_noise_or_taste_the_votes_are_the_gold_order():
    gap = np.random.default_rng(1).normal(size=200)
    votes = votes_of(pair_frame(200), gap, [SimulatedAnnotator("a", temperature=0.0)])
    assert votes["choice"].tolist() == np.where(gap > 0, "chosen", "rejected").tolist()


def test_without_noise_equal_gold_is_a_fair_coin():
    votes = votes_of(pair_frame(4000), 0.0, [SimulatedAnnotator("a", temperature=0.0)])
    # Standard error 0.008: five of them.
    assert abs((votes["choice"] == "chosen").mean() - 0.5) < 0.04


@pytest.mark.parametrize(("gap", "temperature"), [(0.5, 1.0), (1.0, 0.5), (-1.0, 2.0)])
def test_the_preference_rate_is_the_sigmoid_of_the_gap(gap, temperature):
    n = 20_000
    votes = votes_of(pair_frame(n), gap, [SimulatedAnnotator("a", temperature)])
    expected = expit(gap / temperature)
    error = np.sqrt(expected * (1 - expected) / n)
    assert abs((votes["choice"] == "chosen").mean() - expected) < 4 * error


def test_ties_follow_rao_and_kupper():
    n, gap, width, temperature = 20_000, 0.4, 0.3, 0.7
    votes = votes_of(pair_frame(n), gap, [SimulatedAnnotator("a", temperature)], tie_width=width)
    rate = votes["choice"].value_counts(normalize=True)
    chosen = expit((gap - width) / temperature)
    rejected = expit((-gap - width) / temperature)
    for name, expected in {
        "chosen": chosen,
        "rejected": rejected,
        "tie": 1 - chosen - rejected,
    }.items():
        assert abs(rate[name] - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_taste_moves_the_votes_of_its_owner_only():
    pairs = pair_frame(500)
    plain = [SimulatedAnnotator(name, 1.0) for name in "abc"]
    biased = [*plain[:2], SimulatedAnnotator("c", 1.0, bias={"length": 2.0})]
    before, after = (votes_of(pairs, 0.0, group) for group in (plain, biased))
    for name in "ab":
        assert choices(before, name) == choices(after, name)
    # chosen has three words, rejected one: log 4 - log 2 = 0.69, so the gap becomes 1.39.
    share = np.mean([choice == "chosen" for choice in choices(after, "c")])
    assert abs(share - expit(2 * np.log(2))) < 4 * np.sqrt(0.8 * 0.2 / 500)


def test_agreeable_openings_please_whoever_likes_them():
    pairs = pair_frame(50, chosen="Sure, do that.", rejected="No, wait.")
    taste = SimulatedAnnotator("a", 0.0, bias={"agreeableness": 1.0})
    assert set(votes_of(pairs, -0.5, [taste])["choice"]) == {"chosen"}


def test_missing_votes_come_at_their_rate_and_without_a_flag():
    annotators = [SimulatedAnnotator("a", 1.0, missing_rate=0.2), SimulatedAnnotator("b", 1.0)]
    votes = votes_of(pair_frame(5000), 1.0, annotators)
    missing = votes["choice"].isna()
    assert abs(missing[votes["annotator"] == "a"].mean() - 0.2) < 4 * np.sqrt(0.16 / 5000)
    assert not missing[votes["annotator"] == "b"].any()
    assert (votes["toxic"].isna() == missing).all()


@pytest.mark.parametrize(("toxic", "rate"), [(True, 0.9), (False, 0.05)])
def test_toxicity_is_missed_and_imagined_at_their_rates(toxic, rate):
    annotator = SimulatedAnnotator("a", 1.0, toxic_miss_rate=0.1, toxic_false_alarm_rate=0.05)
    votes = votes_of(pair_frame(5000), 0.0, [annotator], toxic=toxic)
    assert abs(votes["toxic"].mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / 5000)


def test_one_seed_gives_one_set_of_votes():
    group = make_annotators(4, temperature=1.0, bias_sd=0.5, rng=np.random.default_rng(3))
    first, again = (votes_of(pair_frame(50), 0.2, group, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_made_annotators_differ_in_taste_as_much_as_asked():
    group = make_annotators(2000, temperature=1.0, bias_sd=0.5, rng=np.random.default_rng(0))
    weights = np.array([list(annotator.bias.values()) for annotator in group])
    assert np.allclose(weights.std(axis=0), 0.5, atol=0.04)
    assert np.allclose(weights.mean(axis=0), 0.0, atol=0.05)
    assert len({annotator.name for annotator in group}) == 2000


def test_settings_out_of_range_are_refused():
    with pytest.raises(PreferenceError, match=r"missing_rate must lie in 0\.\.1, is 1\.2"):
        SimulatedAnnotator("a", 1.0, missing_rate=1.2)
    with pytest.raises(PreferenceError, match="temperature must not be negative"):
        SimulatedAnnotator("a", -1.0)
    with pytest.raises(PreferenceError, match=r"no feature 'lenght'; is 'length' meant"):
        SimulatedAnnotator("a", 1.0, bias={"lenght": 1.0})
