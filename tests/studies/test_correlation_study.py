"""Who can be told from whom, people who mark responses, and the tables of the correlation study."""

import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.annotators import SimulatedAnnotator
from proxylab.runs import MeasureCorrelation, MeasureScores
from proxylab.stats import mcnemar_exact
from proxylab.stats.power import detectable_difference, pairs_needed
from proxylab.studies.correlation import real as correlation_real
from proxylab.studies.correlation.judgebench import (
    BEST_SINGLE,
    MAJORITY,
    MEAN_GAP,
    STACKED,
    cohen_kappa,
    committee_outcomes,
    power_table,
)
from proxylab.studies.correlation.people import (
    BEST,
    WORST,
    left_out_draws,
    others_mean,
    simulate_scores,
)
from proxylab.studies.correlation.real import (
    LEFT_OUT,
    PERSON,
    TOGETHER,
    UNANIMOUS,
    people_table,
    score_gaps,
)
from proxylab.studies.correlation.world import (
    ALL,
    CHOSEN,
    MEANS,
    ONE,
    START,
    WITHIN,
    best_places,
    correlation_tables,
    draws_over,
)
from proxylab.studies.public_data import JudgedPairs, accuracy_of_score_files, judged_pairs


def test_detectable_by_hand():
    # z 1.959964 and 0.841621; p = 0.25, n = 400: the root of
    # 400 d^2 = (0.979982 + 0.841621 sqrt(0.25 - d^2))^2.
    d = detectable_difference(400, 0.25)
    assert 400 * d**2 == pytest.approx((0.979982 + 0.841621 * np.sqrt(0.25 - d**2)) ** 2, rel=1e-5)
    assert d == pytest.approx(0.0698, abs=1e-4)


@given(
    st.integers(50, 5000),
    st.floats(0.05, 0.9),
    st.sampled_from([0.05, 0.005]),
    st.sampled_from([0.2, 0.3, 0.5, 0.8]),
)
def test_pairs_needed_is_the_inverse(n, discordant, alpha, power):
    d = detectable_difference(n, discordant, power=power, alpha=alpha)
    if not np.isnan(d):
        assert pairs_needed(d, discordant, power=power, alpha=alpha) in (n, n + 1)


@pytest.mark.parametrize("power", [0.2, 0.3, 0.5, 0.8])
def test_what_350_pairs_tell_takes_350_pairs(power):
    # Below 1/2 z_power is negative: the other root asks for 58 at a power of 0.2.
    d = detectable_difference(350, 0.28, power=power)
    assert pairs_needed(d, 0.28, power=power) in (350, 351)  # 351 where it rounds up


def test_the_exact_test_has_about_that_power():
    rng = np.random.default_rng(0)
    n, discordant, told = 350, 0.28, 0
    d = detectable_difference(n, discordant)
    for _ in range(400):
        outcome = rng.random(n)
        only_a, only_b = outcome < (discordant + d) / 2, outcome > 1 - (discordant - d) / 2
        told += mcnemar_exact(only_a, only_b).p_value < 0.05
    # The exact test is conservative: somewhat below 0.8, never far from it.
    assert 0.70 <= told / 400 <= 0.83


def test_what_no_number_of_discordant_pairs_shows():
    assert np.isnan(detectable_difference(20, 0.01))  # a fifth of a pair
    assert pairs_needed(0.0, 0.2) == np.inf
    with pytest.raises(ValueError, match=r"difference of 0.3 needs as many discordant"):
        pairs_needed(-0.3, 0.2)
    with pytest.raises(ValueError, match=r"discordant must lie in 0..1, got 1.2"):
        detectable_difference(100, 1.2)


def test_kappa_by_hand():
    # Agree on 3 of 4; by chance 0.5 * 0.75 + 0.5 * 0.25 = 0.5: (0.75 - 0.5) / 0.5.
    assert cohen_kappa(np.array([1, 1, 0, 0]), np.array([1, 1, 1, 0])) == pytest.approx(0.5)
    assert np.isnan(cohen_kappa(np.ones(3), np.ones(3)))


def test_committees_know_what_their_members_know():
    rng = np.random.default_rng(1)
    n = 4000
    truth = {name: rng.normal(0.5, 1, n) for name in "ab"}  # right on 69 in 100, apart
    table = pd.DataFrame({**truth, "coin": 1000 * rng.normal(size=n)})
    found = {name: right.mean() for name, right in committee_outcomes(table, seed=0).items()}
    assert found[BEST_SINGLE] == pytest.approx(0.69, abs=0.02)
    # a + b: mean 1, sd sqrt 2: 76 in 100; the coin gets no weight, but its vote counts.
    assert found[STACKED] == pytest.approx(0.76, abs=0.02)
    assert found[STACKED] > found[MAJORITY]
    assert found[STACKED] > found[MEAN_GAP]


def test_nothing_is_learnt_from_noise():
    # In-sample the best of 30 coins would be right on about 60 of 100; held out it is a coin.
    table = pd.DataFrame(np.random.default_rng(2).normal(size=(200, 30)))
    for name, right in committee_outcomes(table, seed=0).items():
        assert 0.37 < right.mean() < 0.63, name


def test_power_rows_by_hand():
    row = {"difference": 0.1, "n": 100, "only_a": 20, "only_b": 10, "p": 0.1}
    found = power_table(pd.DataFrame([row])).iloc[0]
    assert found["discordant"] == pytest.approx(0.3)
    assert found["detectable"] == found["detectable_holm"]  # one test: Holm changes nothing
    assert found["needed"] == pairs_needed(0.1, 0.3)


def person(**changed):
    return SimulatedAnnotator(**({"name": "a", "temperature": 0.0} | changed))


def test_marks_are_the_gold_reward_on_a_scale_from_1_to_10():
    gold = [WORST, BEST, (WORST + BEST) / 2 + 0.1, WORST - 5, BEST + 5]
    marks = simulate_scores(["x"] * 5, gold, annotators=[person()], rng=np.random.default_rng(0))
    # The middle of 1..10 is 5.5, and 0.1 gold reward is 9 * 0.1 / 7.3 = 0.12 marks above it.
    assert marks.tolist() == [[1, 10, 6, 1, 10]]


def test_taste_moves_a_mark_and_noise_does_so_without_moving_the_mean():
    rng = np.random.default_rng(0)
    agreeable = person(bias={"agreeableness": 2.0})
    marks = simulate_scores(["yes it is", "it is"], [-3, -3], annotators=[agreeable], rng=rng)
    assert marks[0, 0] - marks[0, 1] == pytest.approx(2 * 9 / (BEST - WORST), abs=1)
    noisy = [person(temperature=0.5)] * 2
    marks = simulate_scores(["x"] * 4000, np.full(4000, -2.0), annotators=noisy, rng=rng)
    assert marks.mean() == pytest.approx(1 + 9 * (-2 - WORST) / (BEST - WORST), abs=0.05)
    assert (marks[0] != marks[1]).mean() > 0.3
    with pytest.raises(ValueError, match=r"2 responses but gold of shape \(1,\)"):
        simulate_scores(["x", "y"], [0.0], annotators=noisy, rng=rng)


def test_leaving_one_out_by_hand():
    people = np.array([[1.0, 2, 3], [2, 4, 6], [3, 0, 3]])
    assert others_mean(people).tolist() == [[2.5, 2, 4.5], [2, 1, 3], [1.5, 3, 4.5]]
    counts = np.ones((1, 3))
    same = np.array([[1.0, 2, 3]] * 3)
    found = left_out_draws(same, counts, method="pearson", units=np.arange(3))
    assert found == pytest.approx([1.0])
    against = left_out_draws(same, counts, method="kendall", units=np.arange(3), scorer=-same[0])
    assert against == pytest.approx([-1.0])
    with pytest.raises(ValueError, match="two people or more, got 1"):
        others_mean(people[:1])


def test_the_best_of_each_group():
    scores = np.array([[1, 3, 2, 9, 0], [4, 4, 1, 0, 7]])
    assert best_places(scores, 2).tolist() == [[1, 3], [0, 2]]  # the fifth is left over
    with pytest.raises(ValueError, match="best of 6 needs 6 responses a prompt, there are 5"):
        best_places(scores, 6)


def test_kinds_of_items_are_told_apart():
    # Between prompts the two sides agree; within each they disagree.
    level = np.array([[0.0], [10.0], [20.0]])
    x, y = level + np.arange(3), level - np.arange(3)
    found = draws_over(x, y, np.ones((1, 3)), "spearman")
    assert found[MEANS] == pytest.approx([1.0])
    assert found[ONE] == pytest.approx([1.0])
    assert found[WITHIN] == pytest.approx([-1.0])
    assert found[ALL][0] == pytest.approx(1 - 6 * 3 * 8 / (9 * 80))  # d^2 = 4 + 0 + 4 a prompt
    assert WITHIN not in draws_over(x[:, :2], y[:, :2], np.ones((1, 3)), "spearman")


def test_the_tables_of_the_world(profile):
    small = {"n_samples": 4, "best_of": 2, "n_assignments": 20}
    changed = profile.model_copy(
        update={"correlation": type(profile.correlation).model_validate(small)}
    )
    tables = correlation_tables(MeasureCorrelation(n_shards=2), changed)
    draws = tables["draws"]
    first = draws[draws["draw"] == 0].set_index(["policy", "target", "scorer", "over", "method"])
    assert not first.index.duplicated().any()
    assert draws["draw"].max() == profile.n_resamples
    # Nothing agrees with people better than what they mark.
    gold = first["value"][START, "people", "gold", ALL, "pearson"]
    assert gold > 0.9
    assert gold > first["value"][START, "people", "random", ALL, "pearson"]
    assert set(draws.loc[draws["policy"] == CHOSEN, "scorer"]) == set(profile.alignment.proxies)
    counts = tables["counts"]
    assert (counts["n_responses"] % counts["n_prompts"] == 0).all()
    assert len(tables["shards"]) == tables["points"]["scorer"].nunique() * 2 * len(
        set(tables["points"]["subset"])
    )
    again = correlation_tables(MeasureCorrelation(n_shards=2), changed)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, again[name])


def judged():
    votes = np.array([[1.0, 1, -1, 1, 0], [1, 1, -1, -1, 0], [1, 1, -1, 1, 1]])
    prompts = ["p", "p", "q", "r", "s"]
    texts = {"chosen": ["aaa", "aa", "a", "aa", "a"], "rejected": ["a", "a", "aa", "a", "aa"]}
    return JudgedPairs(pd.DataFrame({"pair_id": list("12345"), "prompt": prompts, **texts}), votes)


def test_scorers_against_people_by_hand():
    data = judged()
    gaps = {"length": np.array([2.0, 1, -1, 1, -1]), "upside down": -np.array([2.0, 1, -1, 1, -1])}
    table = people_table(gaps, data, rng=np.random.default_rng(0), n_resamples=100)
    rows = table.set_index(["scorer", "target", "measure"])
    right = rows.loc[("length", UNANIMOUS, "accuracy")]
    # Three pairs of two prompts are unanimous, and the longer response won each time.
    assert (right["value"], right["n_pairs"], right["n_prompts"]) == (1.0, 3, 2)
    assert rows.loc[("upside down", UNANIMOUS, "accuracy"), "value"] == 0.0
    mean = data.votes.mean(axis=0)
    expected = np.corrcoef(gaps["length"], mean)[0, 1]
    assert rows.loc[("length", "mean vote", "pearson"), "value"] == pytest.approx(expected)
    ceiling = np.mean(
        [
            np.corrcoef(own, others)[0, 1]
            for own, others in zip(data.votes, others_mean(data.votes), strict=True)
        ]
    )
    assert rows.loc[(PERSON, LEFT_OUT, "pearson"), "value"] == pytest.approx(ceiling)


def test_a_committee_weighs_its_members_alike(monkeypatch):
    monkeypatch.setattr(correlation_real, "MEMBERS", ("small", "large"))

    class Fixed:
        def __init__(self, name, gap):
            self.name, self.gap = name, np.array(gap, float)

        def score(self, prompts, responses):
            return np.r_[self.gap, np.zeros(len(self.gap))]

    pairs = judged().pairs.iloc[:2]
    models = {"small": Fixed("small", [1, -1]), "large": Fixed("large", [100, 100])}
    assert score_gaps(models, pairs)[TOGETHER].tolist() == [1.0, 0.0]


def test_pairs_and_votes_of_people_are_of_the_same_items(tmp_path, monkeypatch):
    items = [
        {"instruction": "say a", "input": "", "response1": "a", "response2": "b"},
        {"instruction": "say", "input": "c ", "response1": " c", "response2": "d"},
    ]
    votes = [{"annotator1": 1, "annotator2": 2, "annotator3": 0}, {"annotator1": 9}]
    votes[1] = {"annotator1": 1, "annotator2": 1, "annotator3": 1}
    rows = [item | vote for item, vote in zip(items, votes, strict=True)]
    arguments = [
        {"title": "Tea?", "stance": "Yes", "a1": "x", "a2": "y", "votes": [[1, "a1"], [2, "a2"]]},
        {"title": "Tea?", "stance": "Yes", "a1": "y", "a2": "z", "votes": [[1, "equal"]]},
    ]
    (tmp_path / "pandalm").mkdir()
    (tmp_path / "ukpconvarg1").mkdir()
    lines = "\n".join(map(json.dumps, rows)).encode()
    (tmp_path / "pandalm" / "testset.jsonl.gz").write_bytes(gzip.compress(lines))
    lines = "\n".join(map(json.dumps, arguments)).encode()
    (tmp_path / "ukpconvarg1" / "votes.jsonl.xz").write_bytes(lzma.compress(lines))
    monkeypatch.setenv("PROXYLAB_DATA", str(tmp_path))
    panda = judged_pairs("pandalm")
    assert panda.votes.T.tolist() == [[1, -1, 0], [1, 1, 1]]
    assert panda.pairs["prompt"].tolist() == [
        "\n\nHuman: say a\n\nAssistant:",
        "\n\nHuman: say\n\nc\n\nAssistant:",
    ]
    assert panda.pairs["chosen"].tolist() == ["a", "c"]
    debate = judged_pairs("ukpconvarg1")  # the pair with one vote of two is left out
    assert debate.votes.T.tolist() == [[1, -1]]
    assert debate.pairs["prompt"].tolist() == ["\n\nHuman: Tea? Yes\n\nAssistant:"]


def test_judgebench_as_published(real_data, profile, monkeypatch):
    monkeypatch.setenv("PROXYLAB_DATA", str(real_data))
    tables = accuracy_of_score_files(MeasureScores(), profile)
    assert len(tables["power"]) == len(tables["errors"]) == 10
    assert len(tables["by_task"]) == 40
    assert not tables["comparisons"]["distinguishable"].any()
    # What differs between two models is what only one of them has right.
    errors = tables["errors"]
    shared = 1 - (errors["wrong_a"] + errors["wrong_b"] - 2 * errors["both_wrong"]) / errors["n"]
    np.testing.assert_allclose(shared, errors["agree"])
