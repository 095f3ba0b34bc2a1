"""The SHF-CAS study at the smallest size: faults one by one, and pairs that are drawn once."""

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from proxylab.rewards.card import read_card
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.ranked import RankedTraining
from proxylab.runs import ShfCas
from proxylab.shf_cas import FAULTS
from proxylab.studies import shf_cas_setting, world_models
from proxylab.studies.shf_cas import TABLES, run_selectors
from proxylab.studies.shf_cas_setting import prepare
from proxylab.studies.tasks import task_models
from proxylab.studies.tasks import world as world_tasks
from proxylab.world.demonstrations import proxy_preferences

ONE = ("random",)


@pytest.fixture(scope="module")
def profile(profile):
    """Refits that change something: by default the first step of so few is at rate 0."""
    refinement = RankedTraining(epochs=2, batch_size=8, warmup_steps=0, learning_rate=1e-2)
    conflict = profile.conflict.model_copy(update={"refinement": refinement})
    return profile.model_copy(update={"conflict": conflict})


@pytest.fixture(scope="module")
def each(profile):
    setting = prepare(ShfCas(selectors=ONE, faults=("each",)), profile)
    return setting, run_selectors(setting)


def test_each_fault_has_a_loop_of_its_own_in_one_run(each, profile):
    setting, tables = each
    assert "7 loops of 2 refits; 24 labels" in setting.cost()
    for name in TABLES:
        assert tables[name]["fault"].unique().tolist() == list(FAULTS)
    for fault in ("reversed_labels", "unmasked_logprob"):
        alone = run_selectors(prepare(ShfCas(selectors=ONE, faults=(fault,)), profile))
        for name in TABLES:
            own = tables[name][tables[name]["fault"] == fault].drop(columns="fault")
            assert_frame_equal(own.reset_index(drop=True), alone[name])


@pytest.mark.parametrize(("refit", "trained"), [("warm", "200"), ("scratch", "584")])
def test_the_cost_counts_the_pairs_that_a_refit_replays(refit, trained, profile):
    few = profile.conflict.model_copy(update={"n_replay": 16})
    small = profile.model_copy(update={"conflict": few})
    setting = prepare(ShfCas(selectors=ONE, refit=refit), small)
    # Two epochs over 12 and then 24 labels, and over two replies of 16 pairs, or of all 64.
    assert f"about {trained} completions" in setting.cost()


def test_a_fault_acts_where_it_should_and_nowhere_else(each, profile):
    _, tables = each
    rounds = tables["rounds"].set_index(["fault", "round"])
    without = run_selectors(prepare(ShfCas(selectors=ONE), profile))["rounds"]
    assert "fault" not in without
    plain = without.set_index("round")
    assert plain["conflict_proxy"].nunique() == 3  # each round has a reward model of its own
    for name in ("inverted_selection", "unmasked_logprob"):  # random selection sees no conflict
        assert rounds.loc[(name, 2), "gold"] == plain.loc[2, "gold"]
    accuracy = rounds["accuracy"].xs(2, level="round")
    assert accuracy["unrefined_proxy"] == plain.loc[2, "accuracy"]
    assert rounds.loc[("unrefined_proxy", 2), "gold"] == plain.loc[0, "gold"]
    reversed_labels = rounds.loc[("reversed_labels", 2), "conflict_proxy"]
    assert reversed_labels != plain.loc[2, "conflict_proxy"]  # another reward model


def test_the_faults_of_a_run_that_names_some_are_switched_on_together(profile):
    setting = prepare(ShfCas(selectors=ONE, faults=("reversed_labels", "unrefined_proxy")), profile)
    assert setting.arms == (setting,)
    assert setting.loop("random").faults == ("reversed_labels", "unrefined_proxy")
    mixed = prepare(ShfCas(selectors=ONE, faults=("each", "unrefined_proxy")), profile)
    with pytest.raises(ValueError, match="no fault `each`"):
        run_selectors(mixed)


def test_a_selector_that_does_not_exist_names_the_nearest(profile):
    with pytest.raises(ValueError, match=r"no selector `conflit`.*conflict"):
        prepare(ShfCas(selectors=("conflit",)), profile)


def test_an_annotator_that_does_not_exist_is_refused_before_anything_is_made(
    profile, monkeypatch, tmp_path
):
    def never(*_, **__):
        raise AssertionError("models are made")

    monkeypatch.setattr(shf_cas_setting, "task_models", never)
    with pytest.raises(ValueError, match=r"annotator='gould' is neither.*gold"):
        prepare(ShfCas(annotator="gould"), profile)
    file = tmp_path / "votes.csv"
    with pytest.raises(ValueError, match="nor a votes file"):
        prepare(ShfCas(annotator=str(file)), profile)
    file.write_text("prompt,first,choice\na,b,first\n")
    with pytest.raises(ValueError, match="second"):
        prepare(ShfCas(annotator=str(file)), profile)


def test_the_pairs_of_a_proxy_are_drawn_once_and_are_what_was_drawn(profile, monkeypatch):
    models = task_models(profile, "safety", 0)
    drawn = proxy_preferences(models.world, 64, np.random.default_rng([0, 4]))
    assert_frame_equal(models.original_pairs, drawn)
    misled = task_models(profile, "helpfulness", 0)

    def never(*_, **__):
        raise AssertionError("drawn or trained again")

    for module in (world_models, world_tasks):
        monkeypatch.setattr(module, "proxy_preferences", never)
    monkeypatch.setattr(world_models, "refine_reward_model", never)
    assert_frame_equal(task_models(profile, "safety", 0).original_pairs, drawn)
    again = task_models(profile, "helpfulness", 0)
    assert_frame_equal(again.original_pairs, misled.original_pairs)
    assert again.proxy == misled.proxy != models.proxy


def test_both_proxies_are_trained_as_the_profile_says(profile):
    settings = profile.world_reward_model.proxy_training
    for task, n in (("safety", 64), ("helpfulness", 48)):
        proxy = task_models(profile, task, 0).proxy
        training = read_card(proxy).training
        assert training["n_groups"] == n
        assert training["settings"] == settings.model_copy(update={"seed": 0}).model_dump()
        reward = SequenceClassifierReward.load(proxy)
        assert (reward.max_length, reward.append_eos) == (64, True)
