"""The aggregation study on a few votes by hand, and in a world of the smallest size."""

import numpy as np
import pandas as pd
import pytest
from proxylab.annotators import votes_frame
from proxylab.cleaning import aggregate, relabel_one_out
from proxylab.studies.aggregation import crowds, world
from proxylab.studies.aggregation.people import (
    Relabelling,
    agreement_tables,
    categories_of,
    count_categories,
    draw_records,
    held_out,
    seen_from_record,
    units_of,
)
from proxylab.studies.aggregation.vote_classifier import predicted_by_style, predicted_by_words
from proxylab.studies.data import study_data

C, R, T = "chosen", "rejected", "tie"


def votes_of(ballots: list[list]) -> pd.DataFrame:
    rows = [
        (f"p{i}", f"a{j}", choice)
        for i, choices in enumerate(ballots)
        for j, choice in enumerate(choices)
    ]
    return votes_frame(*zip(*rows, strict=True))


def relabelled(record: list[str], rest: list[list]) -> Relabelling:
    """One recorded vote a pair by one annotator, the others' votes, and their majority."""
    ids = [f"p{i}" for i in range(len(record))]
    others = votes_of(rest)
    posterior = aggregate(others, pair_ids=ids)
    return Relabelling(
        0, votes_frame(ids, ["me"] * len(ids), record), others, {"majority": posterior}
    )


def test_the_rule_on_counts_is_that_of_relabelling_one_out():
    votes = votes_of([[C, C, R, T, C], [R, R, R, C, T], [C, R, C, R, C]] * 20)
    record, rest = draw_records(votes, np.random.default_rng(3))
    drawn = Relabelling(0, record, rest, {})
    expected = relabel_one_out(votes, np.random.default_rng(3))
    assert count_categories(drawn).tolist() == expected["category"].tolist()


def test_a_posterior_is_seen_from_the_record():
    drawn = relabelled([C, R], [[C, C, C, R], [C, C, C, R]])
    seen = seen_from_record(drawn.posteriors["majority"], drawn.record)
    assert seen["p_chosen"].tolist() == [0.75, 0.25]  # the second record named the other response
    assert count_categories(drawn).tolist() == ["Same", "Opposite"]


def test_categories_are_counted_by_method_and_threshold(profile):
    # Three of four is 0.75: Same by counts and at 0.6 and 0.75, Vague at 0.9.
    found = categories_of(relabelled([C], [[C, C, C, R]]), profile)
    rows = {(row.method, row.threshold): row.category for row in found.itertuples()}
    assert rows == {
        ("count", 0.0): "Same",
        ("majority", 0.6): "Same",
        ("majority", 0.75): "Same",
        ("majority", 0.9): "Vague",
    }


def test_an_unseen_vote_is_foreseen_by_the_likelier_response():
    # Right; wrong; even: a half; a tie is likeliest, but the first beats the second: right.
    drawn = relabelled([C, C, C, C], [[C, C, R], [R, R, C], [C, R, T], [T, T, C]])
    units = pd.Series([7, 7, 7, 8], index=["p3", "p2", "p0", "p1"])
    found = held_out(drawn, units)
    assert found.groupby("right")["count"].sum().to_dict() == {0.0: 1, 0.5: 1, 1.0: 2}
    assert (found["right"] == found["majority_right"]).all()
    # Of what the pairs share: p0 and p3 right and p2 even in one group, p1 wrong in the other.
    rows = found[["group", "right", "count"]].sort_values(["group", "right"]).to_numpy().tolist()
    assert rows == [[7, 0.5, 1], [7, 1.0, 2], [8, 0.0, 1]]


def test_groups_are_numbers_and_never_texts():
    texts = pd.DataFrame({"pair_id": ["p0", "p1", "p2"], "group": ["how?", "why?", "how?"]})
    assert units_of(texts).to_dict() == {"p0": 0, "p1": 1, "p2": 0}


def test_agreement_counts_pairs_and_what_they_share(profile):
    # Three pairs of two sides; the second side's one pair has a tie, so only the first is decided.
    votes = votes_of([[C, C], [C, R], [T, C]])
    units = pd.Series([0, 0, 1], index=["p0", "p1", "p2"])
    found = agreement_tables(votes, units, profile, np.random.default_rng(0))
    counts = found["agreement"].set_index("statistic")[["n_pairs", "n_units"]]
    assert counts.loc["alpha"].tolist() == [3, 2]
    assert counts.loc["split-half"].tolist() == [2, 1]
    assert set(found["ceiling"]["n_pairs"]) == {2}
    assert set(found["ceiling"]["n_units"]) == {1}
    # One decided unit can only be redrawn as itself.
    assert (found["ceiling"]["low"] == found["ceiling"]["high"]).all()


def test_bad_annotators_flip_coins_or_say_the_opposite():
    votes = votes_of([[C, R, None]] * 200)
    generator = np.random.default_rng(0)
    turned = crowds.spoilt(votes, ["a0", "a2"], crowds.ADVERSARY, generator)
    by_name = turned.groupby("annotator")["choice"]
    assert set(by_name.get_group("a0")) == {R}
    assert set(by_name.get_group("a1")) == {R}  # an honest one
    assert by_name.get_group("a2").isna().all()  # no vote stays no vote
    coins = crowds.spoilt(votes, ["a0"], crowds.SPAMMER, generator)
    share = (coins.loc[coins["annotator"] == "a0", "choice"] == C).mean()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 200)


@pytest.fixture(scope="module")
def tables(profile):
    small = profile.aggregation.model_copy(
        update={
            "n_pairs": 150,
            "n_annotators": (3, 4),
            "methods": ("majority", "crowdlab"),
            "thresholds": (0.75,),
            "folds": 2,
        }
    )
    return world.world_tables(0, profile.model_copy(update={"aggregation": small}))[0]


def test_the_world_is_measured_for_every_crowd_and_number(tables):
    for name in ("labels", "recovery", "annotators", "ceiling"):
        found = set(zip(tables[name]["crowd"], tables[name]["n_annotators"], strict=True))
        assert found == {(crowd, n) for crowd in crowds.CROWDS for n in (3, 4)}
    assert set(tables["trained"]["n_annotators"]) == {world.N_WHO_CLEAN}


def test_every_method_is_scored_on_the_same_pairs(tables):
    totals = tables["labels"].groupby(["crowd", "n_annotators", "method"])["count"].sum()
    assert (totals == totals.iloc[0]).all()
    majority = tables["labels"][tables["labels"]["method"] == "majority"]
    assert (majority["right"] == majority["majority_right"]).all()


def test_the_true_categories_are_the_same_for_every_method(tables):
    recovery = tables["recovery"]
    keys = ["crowd", "n_annotators", "category"]
    n_true = recovery.groupby(keys)["n_true"]
    assert (n_true.min() == n_true.max()).all()
    assert (recovery["n_both"] <= recovery[["n_true", "n_found"]].min(axis=1)).all()


def test_adversaries_are_mostly_wrong_and_honest_annotators_mostly_right(tables):
    accuracy = tables["annotators"].groupby(["crowd", "kind"])["accuracy"].mean()
    assert accuracy[crowds.ADVERSARY, crowds.ADVERSARY] < 0.2
    assert accuracy[crowds.ADVERSARY, crowds.HONEST] > 0.8


def test_gold_lies_in_the_bracket_for_equal_annotators(tables):
    table = tables["ceiling"]
    values = table[(table["crowd"] == crowds.EQUAL) & (table["n_annotators"] == 4)]
    by_name = values.set_index("statistic")
    # 150 pairs: the limits carry their own noise, so their intervals' ends count.
    assert by_name.loc["leave-one-out", "low"] <= by_name.loc["gold, votes", "value"]
    assert by_name.loc["gold, votes", "value"] <= by_name.loc["equal difficulty", "high"]


def test_the_true_cleaned_set_holds_right_pairs_only(tables):
    trained = tables["trained"]
    truth = trained[trained["method"] == world.TRUTH]
    assert (truth["n_kept"] == truth["n_kept_right"]).all()


def test_a_rule_that_keeps_too_few_pairs_to_train_on_is_said_to(profile):
    data = study_data(world.WORLD, profile, 0)
    setting = crowds.draw_setting(data, profile, crowds.EQUAL, world.N_WHO_CLEAN, 0)
    categories = world.categories_by(setting, {}, profile)[world.COUNT, 0.0]
    vague = categories.assign(category="Vague")
    with pytest.raises(ValueError, match=r"keeps 0 of \d+ pairs, and 20 .* aggregation\.n_pairs"):
        world.trained_table(setting, {(world.COUNT, 0.0): vague}, data)


def pairs_of(n: int) -> pd.DataFrame:
    words = ["good", "bad"]
    return pd.DataFrame(
        {
            "pair_id": [f"p{i}" for i in range(n)],
            "prompt": [f"question {i // 2}" for i in range(n)],
            "chosen": [f"a {words[i % 2]} answer" for i in range(n)],
            "rejected": [f"a {words[1 - i % 2]} answer" for i in range(n)],
        }
    )


def test_the_classifier_over_words_learns_what_the_majority_prefers():
    pairs = pairs_of(40)
    labels = [C if i % 2 == 0 else R for i in range(40)]  # the good one, whichever side it is on
    found = predicted_by_words(pairs, labels, groups=pairs["prompt"], n_folds=2)
    right = (found["p_chosen"] > 0.5).to_numpy() == (np.arange(40) % 2 == 0)
    assert right.all()
    assert found[["p_chosen", "p_rejected", "p_tie"]].sum(axis=1).tolist() == pytest.approx(
        [1] * 40
    )


def test_the_classifier_of_style_sees_length_and_not_sides():
    n = 60
    long, short = "one two three four five six seven", "one two"
    texts = pd.DataFrame(
        {
            "pair_id": [f"p{i}" for i in range(n)],
            "group": [f"g{i // 2}" for i in range(n)],
            "first": [long if i % 2 else short for i in range(n)],
            "second": [short if i % 2 else long for i in range(n)],
        }
    )
    labels = [C if i % 2 else R for i in range(n)]
    found = predicted_by_style(texts, labels, n_folds=3)
    assert ((found["p_chosen"] > 0.5).to_numpy() == (np.arange(n) % 2 == 1)).all()
    turned = texts.rename(columns={"first": "second", "second": "first"})
    swapped = [R if label == C else C for label in labels]
    mirrored = predicted_by_style(turned, swapped, n_folds=3)
    np.testing.assert_allclose(found["p_chosen"], mirrored["p_rejected"], atol=1e-6)
