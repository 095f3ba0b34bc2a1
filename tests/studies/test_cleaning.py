"""From votes to the cleaned set: simulated people, a committee, a votes file, and the errors."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from proxylab.cleaning import CATEGORIES
from proxylab.preferences import load_preferences
from proxylab.runs import Clean
from proxylab.studies.cleaning import clean
from proxylab.studies.cleaning_report import (
    agreement_table,
    count_table,
    read_table,
    recovery_sweep,
    recovery_tables,
)
from proxylab.studies.data import world_folder


@pytest.fixture(scope="module")
def simulated(profile):
    return clean(Clean(), profile)


@pytest.fixture(scope="module")
def committee(profile):
    return clean(Clean(annotators="committee"), profile)


def test_everyone_votes_on_every_pair_of_both_splits(simulated):
    assert set(simulated.votes["annotator"]) == {f"annotator-{i}" for i in range(1, 5)}
    assert len(simulated.votes) == 4 * 300
    for split, n in (("train", 200), ("test", 100)):
        found = simulated.of(split)
        assert found["pair_id"].tolist() == simulated.pairs(split)["pair_id"].tolist()
        assert len(found) == n


def test_the_cleaned_pairs_are_same_kept_and_opposite_swapped(simulated):
    for split in ("train", "test"):
        raw = simulated.pairs(split).assign(category=simulated.of(split)["category"])
        expected = [
            (row.pair_id, *((row.chosen, row.rejected)[:: 1 if row.category == "Same" else -1]))
            for row in raw.itertuples()
            if row.category in ("Same", "Opposite")
        ]
        found = simulated.cleaned(split)
        assert list(zip(found.pair_id, found.chosen, found.rejected, strict=True)) == expected


def test_the_cleaned_set_is_written_in_the_hubs_layout_with_categories(simulated):
    for split in ("train", "test"):
        written = load_preferences(simulated.folder, split=split).pairs
        columns = ["subset", "prompt", "chosen", "rejected"]
        pd.testing.assert_frame_equal(written[columns], simulated.cleaned(split)[columns])
    content = (simulated.folder / "helpful-base" / "test.jsonl.gz").read_bytes()
    lines = gzip.decompress(content).splitlines()
    assert {json.loads(line)["category"] for line in lines} == {"Same", "Opposite"}


def test_faultless_annotators_find_all_but_the_vague_pairs(profile):
    rates = ("missing_rate", "toxic_miss_rate", "toxic_false_alarm_rate")
    settings = dict.fromkeys(("annotator_bias_sd", *rates), 0)
    faultless = profile.model_copy(
        update={"cleaning": profile.cleaning.model_copy(update=settings)}
    )
    cleaned = clean(Clean(annotator_temperature=0.0), faultless)
    truth = cleaned.data.truth.set_index("pair_id")["category"]
    found = cleaned.categories.set_index("pair_id")["category"]
    # people who never err never call a tie: a Vague pair of unequal gold is decided by them
    clear = truth[truth != "Vague"]
    assert found.loc[clear.index].tolist() == clear.tolist()


def test_the_same_run_is_found_and_another_is_another(simulated, profile):
    assert clean(Clean(), profile).folder == simulated.folder
    renamed = profile.model_copy(update={"name": "other", "n_resamples": 999})
    assert clean(Clean(profile="other"), renamed).folder == simulated.folder
    for other in (Clean(n_annotators=2), Clean(seed=1), Clean(rule="three_quarters")):
        assert clean(other, profile).folder != simulated.folder


def test_two_annotators_disagree_more_often_than_four_leave_pairs_open(simulated, profile):
    two = clean(Clean(n_annotators=2), profile)
    assert two.votes["annotator"].nunique() == 2
    vague = [(part.categories["category"] == "Vague").mean() for part in (two, simulated)]
    assert vague[0] > vague[1]


def test_a_committee_votes_and_a_word_list_judges_toxicity(committee):
    assert set(committee.votes["annotator"]) == {"word-1", "word-2", "char-1", "char-2"}
    assert len(committee.votes) == 4 * 300
    assert committee.votes["toxic"].isna().all()
    assert "word" in committee.toxicity.lower()
    truth = committee.data.truth.set_index("pair_id")
    found = committee.categories.set_index("pair_id")["category"]
    # what does not depend on votes is exact: empty, repeated, and one of two insults said
    for category in ("Empty", "Repetitive", "Toxic"):
        assert set(found.index[found == category]) == set(truth.index[truth.category == category])


def test_a_committee_on_real_text_is_cut_by_question_and_names_its_classifier(hh_folder, profile):
    cleaned = clean(Clean(data=str(hh_folder), annotators="committee"), profile)
    assert cleaned.toxicity.startswith("alt-profanity-check ")
    assert len(cleaned.votes) == 4 * (36 + 20)
    # thanks are always chosen, so members who have not seen a pair still confirm it
    assert (cleaned.categories["category"] == "Same").mean() > 0.9


def test_the_worlds_folder_read_as_real_text_is_another_artifact(committee, profile):
    """The pairs are the same; who judges toxicity is not."""
    folder = world_folder(profile, 0)
    as_text = clean(Clean(data=str(folder), annotators="committee"), profile)
    assert as_text.data.test.fingerprint == committee.data.test.fingerprint
    assert as_text.folder != committee.folder
    assert as_text.toxicity != committee.toxicity


@pytest.fixture
def votes_file(hh_folder, tmp_path):
    """Three people on four pairs, and one vote on a pair that is not there."""
    ballots = {
        "helpful-base/test/000000": ("chosen", "chosen", "rejected"),  # Same
        "helpful-base/test/000001": ("rejected", "rejected", "chosen"),  # Opposite
        "helpful-base/train/000000": ("chosen", "rejected", "tie"),  # Vague
        "helpful-base/train/000001": ("chosen", "chosen", "chosen"),  # Toxic, by two of three
        "nowhere/test/000000": ("chosen",),
    }
    lines = ["pair_id,annotator,choice,toxic"]
    for pair_id, choices in ballots.items():
        toxic = pair_id == "helpful-base/train/000001"
        lines += [f"{pair_id},p{i},{c},{toxic and i > 0}" for i, c in enumerate(choices)]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(lines))
    return path


def test_a_votes_file_decides_what_it_votes_on(hh_folder, votes_file, profile, capsys):
    cleaned = clean(Clean(data=str(hh_folder), annotators=str(votes_file)), profile)
    found = cleaned.categories.set_index("pair_id")["category"]
    voted = found[found != "Undecided"]
    assert voted.to_dict() == {
        "helpful-base/train/000000": "Vague",
        "helpful-base/train/000001": "Toxic",
        "helpful-base/test/000000": "Same",
        "helpful-base/test/000001": "Opposite",
    }
    assert len(found) == 56
    assert len(cleaned.cleaned("test")) == 2
    assert len(cleaned.cleaned("train")) == 0
    report = capsys.readouterr().out
    assert "votes.csv:14: a vote for the unknown pair 'nowhere/test/000000'" in report


def test_a_votes_file_that_changes_is_read_again(hh_folder, votes_file, profile):
    settings = Clean(data=str(hh_folder), annotators=str(votes_file))
    before = clean(settings, profile)
    votes_file.write_text(votes_file.read_text().replace("tie", "chosen"))
    after = clean(settings, profile)
    found = [
        cleaned.categories.set_index("pair_id")["category"]["helpful-base/train/000000"]
        for cleaned in (before, after)
    ]
    assert found == ["Vague", "Same"]


def test_simulated_people_need_a_gold_reward(hh_folder, profile):
    with pytest.raises(ValueError, match=r"need a gold reward.*annotators='committee' or name"):
        clean(Clean(data=str(hh_folder)), profile)


def test_annotators_that_are_nobody(profile):
    with pytest.raises(
        ValueError, match=r"'comittee' is neither .* \(did you mean `committee`\?\)"
    ):
        clean(Clean(annotators="comittee"), profile)


def test_what_a_cleaning_run_records(simulated, profile):
    read = read_table(simulated.data)
    assert read.groupby("split")["n_pairs"].sum().to_dict() == {"train": 200, "test": 100}
    assert (read["rows_left_out"] == 0).all()
    counts = count_table(simulated)
    of_all = counts[counts["subset"] == "all"]
    by_subset = counts[counts["subset"] != "all"]
    keys = ["split", "category"]
    sums = by_subset.groupby(keys)["n"].sum()
    assert of_all.set_index(keys)["n"].sort_index().to_dict() == sums.to_dict()
    agreement = agreement_table(simulated, rng=np.random.default_rng(0), n_resamples=100)
    assert agreement["n_raters"].tolist() == [4] * 4
    assert (agreement["value"] > 0.2).all()  # noise of 0.3 leaves agreement well above chance


def test_recovery_is_scored_against_the_truth(simulated, committee, hh_folder, profile):
    tables = recovery_tables(simulated)
    assert tables["confusion"].drop(columns="true").to_numpy().sum() == 300
    n_true = tables["recovery"].set_index("category")["n_true"]
    truth = simulated.data.truth["category"].value_counts()
    assert n_true.to_dict() == {name: truth[name] for name in CATEGORIES}
    exact = tables["recovery"].set_index("category").loc[["Empty", "Repetitive"]]
    assert (exact[["precision", "recall"]] == 1).all(axis=None)
    real = clean(Clean(data=str(hh_folder), annotators="committee"), profile)
    assert recovery_tables(real) == {}


def test_the_sweep_varies_one_factor_at_a_time(simulated, committee, profile):
    sweep = recovery_sweep(simulated, profile, Clean())
    cells = sweep[["sweep_n", "sweep_temperature"]].drop_duplicates()
    assert list(cells.itertuples(index=False, name=None)) == [(2, 0.3), (4, 0.3), (4, 1.0)]
    recall = sweep[sweep["category"] == "Opposite"].set_index(["sweep_n", "sweep_temperature"])
    assert recall.loc[(4, 0.3), "recall"] > recall.loc[(4, 1.0), "recall"]
    assert recovery_sweep(committee, profile, Clean(annotators="committee")).empty
