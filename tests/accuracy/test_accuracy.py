"""Equation 2, its table, comparisons of models, and the arithmetic a table must obey."""

import numpy as np
import pandas as pd
import pytest
from proxylab.accuracy import accuracy, accuracy_table, compare, score_pairs, within_parts
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.score_files import read_judgebench
from proxylab.stats import wilson
from scipy.stats import binomtest

SUBSETS = ("harmless", "helpful-base", "helpful-online", "helpful-rejection", "mixed")

# Table 4 of "The Elephant in the Room", per cent.
TABLE_4 = {
    "GPT-J": (45.34, 66.13, 58.54, 65.24, 66.52),
    "Pythia-1.4B": (53.56, 58.40, 53.85, 58.11, 59.37),
    "Pythia-2.8B": (57.76, 60.10, 56.52, 59.43, 62.35),
    "Pythia-6.9B": (73.61, 71.38, 64.15, 69.07, 72.19),
    "DPO-Pythia-2.8B": (50.70, 34.51, 42.17, 50.44, 54.13),
    "DPO-LLaMA-7B": (57.17, 40.40, 54.19, 61.33, 67.66),
    "Beaver-7B": (61.84, 25.39, 65.66, 62.13, 46.28),
    "Ziya-7B": (70.45, 70.03, 60.21, 70.09, 70.24),
    "Starling-7B": (75.75, 79.53, 64.79, 69.35, 78.22),
    "Starling-34B": (77.34, 80.45, 74.04, 79.43, 80.21),
}


def scored(chosen, rejected):
    ids = [f"s/test/{i:06d}" for i in range(len(chosen))]
    return pd.DataFrame({"pair_id": ids, "score_chosen": chosen, "score_rejected": rejected})


def test_equation_2_is_strict_and_counts_what_it_leaves_out():
    # Right, wrong, tied (wrong), undefined on either side: 1 of 3, 1 tie, 2 undefined.
    found = accuracy(scored([2.0, 1.0, 1.0, np.nan, 1.0], [1.0, 2.0, 1.0, 1.0, np.nan]))
    assert found.interval == wilson(1, 3)
    assert (found.n_asked, found.n_tied, found.n_undefined) == (5, 1, 2)


def test_nothing_defined_is_undefined_not_zero():
    found = accuracy(scored([np.nan], [1.0]))
    assert np.isnan(found.interval.estimate)
    assert (found.interval.n, found.n_undefined) == (0, 1)


def test_score_pairs_asks_for_both_sides_of_every_pair():
    pairs = pd.DataFrame(
        {
            "pair_id": ["a", "b"],
            "prompt": ["p", "q"],
            "chosen": ["xx", ""],
            "rejected": ["x", "yyy"],
        }
    )
    model = CallableReward("lengths", lambda p, r: np.array([10 * len(t) for t in r]))
    found = score_pairs(model, pairs)
    assert found["pair_id"].tolist() == ["a", "b"]
    assert found["score_chosen"].tolist() == [20, 0]
    assert found["score_rejected"].tolist() == [10, 30]


@pytest.fixture
def two_subsets():
    pairs = pd.DataFrame(
        {"pair_id": [f"s/test/{i:06d}" for i in range(4)], "subset": ["a", "a", "a", "b"]}
    )
    scores = {"m": scored([1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0])}
    return pairs, scores


def test_table_by_subset_and_mixed(two_subsets):
    pairs, scores = two_subsets
    table = accuracy_table(scores, pairs).set_index("subset")
    assert table["accuracy"].to_dict() == {"a": 2 / 3, "b": 0.0, "mixed": 0.5}
    assert table["n_asked"].to_dict() == {"a": 3, "b": 1, "mixed": 4}
    assert table["n_tied"].to_dict() == {"a": 0, "b": 1, "mixed": 1}
    assert table.loc["mixed", "high"] == wilson(2, 4).high


def test_scores_of_other_pairs_are_refused(two_subsets):
    pairs, scores = two_subsets
    with pytest.raises(ValueError, match=r"row 0 is pair 's/test/000003', expected 's/test/00"):
        accuracy_table({"m": scores["m"][::-1]}, pairs)
    with pytest.raises(ValueError, match="m: 3 scored pairs, expected 4"):
        accuracy_table({"m": scores["m"].head(3)}, pairs)


def test_compare_by_hand():
    # a right on 0..7, b on 0..1 and 8: six pairs only a has, one only b has.
    a = scored(np.repeat([1.0, -1.0], [8, 2]), np.zeros(10))
    b = scored([1, 1, -1, -1, -1, -1, -1, -1, 1, -1], np.zeros(10))
    row = compare({"a": a, "b": b}, rng=np.random.default_rng(0)).iloc[0]
    assert row["difference"] == pytest.approx(0.5)
    assert (row["only_a"], row["only_b"], row["n"]) == (6, 1, 10)
    assert row["p"] == pytest.approx(binomtest(6, 7).pvalue)
    assert row["p_holm"] == row["p"]  # a family of one
    assert not row["distinguishable"]


def test_holm_spans_the_family_and_undefined_pairs_are_left_out():
    rng = np.random.default_rng(0)
    truth = np.zeros(200)
    models = {
        "always": scored(np.ones(200), truth),
        "half": scored(np.where(np.arange(200) % 2, 1.0, -1.0), truth),
        "chance": scored(np.where(rng.random(200) < 0.5, 1.0, np.nan), truth),
    }
    table = compare(models, rng=rng).set_index(["model_a", "model_b"])
    assert table.loc[("always", "half"), "distinguishable"]
    assert table.loc[("always", "half"), "p_holm"] == pytest.approx(
        3 * table.loc[("always", "half"), "p"]
    )
    undefined = np.isnan(models["chance"]["score_chosen"]).sum()
    assert table.loc[("half", "chance"), "n"] == 200 - undefined


def test_models_without_a_common_pair_are_undefined():
    a, b = scored([1.0, np.nan], [0.0, 0.0]), scored([np.nan, 1.0], [0.0, 0.0])
    row = compare({"a": a, "b": b}, rng=np.random.default_rng(0)).iloc[0]
    assert np.isnan(row["p_holm"])
    assert row["n"] == 0
    assert not row["distinguishable"]


def test_one_model_has_nobody_to_be_compared_with():
    assert compare({"a": scored([1.0], [0.0])}, rng=np.random.default_rng(0)).empty


def test_our_own_tables_obey_arithmetic(two_subsets):
    pairs, scores = two_subsets
    assert within_parts(accuracy_table(scores, pairs))["possible"].all()


def test_five_rows_of_table_4_cannot_be_weighted_means():
    rows = [
        {"model": model, "subset": subset, "accuracy": value}
        for model, values in TABLE_4.items()
        for subset, value in zip(SUBSETS, values, strict=True)
    ]
    found = within_parts(pd.DataFrame(rows), rounding=0.005)
    impossible = found.loc[~found["possible"]].set_index("model")
    assert set(impossible.index) == {
        *("GPT-J", "Pythia-1.4B", "Pythia-2.8B", "DPO-Pythia-2.8B", "DPO-LLaMA-7B")
    }
    assert (impossible["mixed"] > impossible["highest_part"]).all()


def test_rounding_is_allowed_for():
    table = pd.DataFrame(
        {"model": "m", "subset": ["a", "b", "mixed"], "accuracy": [50.0, 60.0, 60.01]}
    )
    assert not within_parts(table)["possible"].item()
    assert within_parts(table, rounding=0.005)["possible"].item()


def test_a_table_without_the_union_is_refused():
    table = pd.DataFrame({"model": "m", "subset": ["a", "b"], "accuracy": [1.0, 0.0]})
    with pytest.raises(ValueError, match="m: need one 'mixed' row"):
        within_parts(table)


def test_five_published_models_on_judgebench(real_data):
    # The accuracies that the data's authors publish, to three decimals.
    pairs, models = read_judgebench(real_data / "judgebench")
    scores = {name.split("/")[1]: score_pairs(model, pairs) for name, model in models.items()}
    found = {name: round(accuracy(frame).interval.estimate, 3) for name, frame in scores.items()}
    assert found == {
        "GRM-Gemma-2B-rewardmodel-ft": 0.594,
        "Skywork-Reward-Gemma-2-27B": 0.643,
        "Skywork-Reward-Llama-3.1-8B": 0.623,
        "internlm2-20b-reward": 0.634,
        "internlm2-7b-reward": 0.594,
    }
    assert len(pairs) == 350
    assert within_parts(accuracy_table(scores, pairs))["possible"].all()
    # 350 pairs tell none of the ten comparisons apart: the ranking is within the noise.
    assert not compare(scores, rng=np.random.default_rng(0))["distinguishable"].any()
