"""One loader for the world and for folders; overlap with test removed; what the errors say."""

import numpy as np
import pandas as pd
import pytest
from proxylab.preferences import PreferenceError, full_text, write_pairs
from proxylab.studies import data as study
from proxylab.studies.data import NoDataFolder, real_data_folder, study_data, world_folder
from proxylab.world import GoldReward, draw_preferences


def test_the_worlds_data_comes_with_its_truth(profile):
    data = study_data("world", profile, 0)
    assert (len(data.train.pairs), len(data.test.pairs)) == (200, 100)
    assert data.world.settings.seed == 0
    for pairs in (data.train.pairs, data.test.pairs):
        shuffled = pairs.sample(frac=1, random_state=1).reset_index(drop=True)
        truth = data.truth_of(shuffled)
        assert truth["pair_id"].tolist() == shuffled["pair_id"].tolist()
        gold = GoldReward(data.world).score(shuffled["prompt"], shuffled["chosen"])
        assert np.array_equal(truth["gold_chosen"], gold)


def test_the_world_read_back_is_the_world_drawn(profile):
    data = study_data("world", profile, 0)
    drawn = draw_preferences(data.world, "train", np.random.default_rng([0, 1]))
    pd.testing.assert_frame_equal(data.train.pairs, drawn.pairs)


def test_a_world_is_made_once_and_each_seed_has_its_own(profile, monkeypatch):
    places = [world_folder(profile, seed) for seed in (0, 1)]
    assert places[0] != places[1]

    def never(*_):
        raise AssertionError("drawn a second time")

    monkeypatch.setattr(study, "write_preferences", never)
    assert [world_folder(profile, seed) for seed in (0, 1)] == places
    first, other = (study_data("world", profile, seed) for seed in (0, 1))
    assert first.train.fingerprint != other.train.fingerprint


def test_a_folder_of_real_data(hh_folder, profile):
    data = study_data(str(hh_folder), profile, 0)
    assert data.world is None
    assert data.truth is None
    assert len(data.test.pairs) == 20
    # 20 training pairs a subset, of which two ask what test asks (one in capitals)
    assert len(data.train.pairs) == 36
    assert data.n_overlapping == 4
    data_of_parent = study_data(str(hh_folder.parent), profile, 0)
    assert data_of_parent.train.fingerprint == data.train.fingerprint


def test_a_profile_limits_the_training_pairs_of_real_text(hh_folder, profile):
    few = profile.model_copy(update={"max_text_pairs": 10})
    drawn = [study_data(str(hh_folder), few, seed).train.pairs for seed in (0, 1)]
    assert len(drawn[0]) == 10
    # The same pairs whatever the seed, in their order: seeds are compared on the same data.
    pd.testing.assert_frame_equal(*drawn)
    whole = study_data(str(hh_folder), profile, 0).train.pairs["pair_id"].tolist()
    assert [name for name in whole if name in set(drawn[0]["pair_id"])] == list(drawn[0]["pair_id"])
    assert len(study_data(str(hh_folder), few, 0).test.pairs) == 20  # never the test pairs


def test_the_fingerprint_is_that_of_the_pairs_that_are_left(hh_folder, profile, tmp_path):
    """The same training file beside another test file leaves other pairs to train on."""
    data = study_data(str(hh_folder), profile, 0)
    for subset in ("helpful-base", "harmless-base"):
        (tmp_path / subset).mkdir()
        train = (hh_folder / subset / "train.jsonl.gz").read_bytes()
        (tmp_path / subset / "train.jsonl.gz").write_bytes(train)
    test = data.test.pairs.query("subset == 'helpful-base'").reset_index(drop=True)
    write_pairs(test, tmp_path)
    other = study_data(str(tmp_path), profile, 0)
    assert other.n_overlapping == 2
    assert other.train.fingerprint != data.train.fingerprint


def test_hh_rlhf_is_the_folder_of_the_environment(hh_folder, profile, monkeypatch):
    monkeypatch.setenv("PROXYLAB_DATA", str(hh_folder.parent))
    data = study_data("hh-rlhf", profile, 0)
    assert data.name == "hh-rlhf"
    assert len(data.test.pairs) == 20
    assert real_data_folder("elsewhere").name == "elsewhere"


def test_without_the_four_train_splits_the_single_turn_pairs_are_used(hh_folder, profile, tmp_path):
    test = study_data(str(hh_folder), profile, 0).test.pairs
    write_pairs(test, tmp_path)
    single = test.assign(
        subset="single-turn",
        split="train",
        pair_id=[f"single-turn/train/{row:06d}" for row in range(len(test))],
        prompt=test["prompt"].str.replace("Question", "Query"),
    )
    write_pairs(single, tmp_path)
    data = study_data(str(tmp_path), profile, 0)
    assert set(data.train.pairs["subset"]) == {"single-turn"}
    assert full_text(*data.train.pairs.loc[0, ["prompt", "chosen"]]).count("Query") == 1


def test_real_data_that_no_one_has_named(profile):
    with pytest.raises(NoDataFolder, match=r"hh-rlhf needs .* set PROXYLAB_DATA"):
        study_data("hh-rlhf", profile, 0)


def test_a_folder_that_is_not_there_or_holds_something_else(profile, tmp_path):
    with pytest.raises(PreferenceError, match=r"nowhere: no such folder"):
        study_data("nowhere", profile, 0)
    (tmp_path / "notes.txt").write_text("no pairs")
    with pytest.raises(PreferenceError, match=r"no test split .* no <subset>/<split>\.jsonl\.gz"):
        study_data(str(tmp_path), profile, 0)
