"""The judge study on the smallest world: pairs, truth, people, doses, and what it refuses."""

import numpy as np
import pytest
from proxylab.accuracy import MIXED
from proxylab.judge import judge_pairs
from proxylab.runs import Align, Judge
from proxylab.studies import alignment
from proxylab.studies import judge as study
from proxylab.studies.alignment.choosing import (
    candidate_rewards,
    choice_prompts,
    start_completions,
)
from proxylab.world import GoldReward

N, BEST_OF, PROXIES = 6, 3, ("raw", "gold")
DOSES = (0.0, 100.0)


@pytest.fixture(scope="module")
def small(profile):
    scale = {"n_pairs": N, "best_of": BEST_OF, "position_biases": DOSES, "wobble": 0.0}
    return profile.model_copy(
        update={
            "judging": profile.judging.model_copy(update={**scale, "tie_width": 0.0}),
            "alignment": profile.alignment.model_copy(update={"proxies": PROXIES}),
        }
    )


@pytest.fixture(scope="module")
def chosen():
    return Judge(profile="tiny", noise=0.0, position_bias=0.0, garbage_rate=0.0)


@pytest.fixture(scope="module")
def comparison(small, chosen):
    return study.prepare(chosen, small)


@pytest.fixture(scope="module")
def tables(comparison):
    return study.judged_tables(comparison)


def test_a_reply_is_the_one_its_proxy_scores_highest_of_the_first_few(comparison, small):
    pairs = comparison.pairs
    assert pairs["policy"].tolist() == ["raw"] * N + ["gold"] * N
    align = Align(profile="tiny", algorithm="best_of_n", task=MIXED)
    setting = alignment.prepare(align, small)
    offered, prompts = start_completions(setting).responses[:N], choice_prompts(setting).iloc[:N]
    for policy, part in pairs.groupby("policy"):
        reward = candidate_rewards(policy, "none", setting)
        for i, row in enumerate(part.itertuples()):
            assert row.response == offered[i, np.argmax(reward[i, :BEST_OF])]
            assert row.prompt == prompts["prompt"].iloc[i]
            assert row.opponent == prompts["chosen"].iloc[i]


def test_a_judge_without_faults_is_gold(comparison, tables):
    pairs, verdicts = tables["pairs"], tables["verdicts"]
    gold = GoldReward(comparison.gold.world)
    asked = comparison.pairs
    gap = gold.score(asked["prompt"], asked["response"])
    gap = gap - gold.score(asked["prompt"], asked["opponent"])
    assert pairs["gap"].tolist() == gap.tolist()
    assert pairs["gold"].tolist() == np.sign(gap).tolist()
    # Two questions a pair, in the pairs' order, both with gold's outcome.
    assert verdicts["outcome"].tolist() == np.repeat(np.sign(gap), 2).tolist()
    assert verdicts["prompt_id"].tolist() == np.repeat(asked["prompt_id"], 2).tolist()


def test_a_bias_above_every_gap_decides_alone(tables):
    doses = tables["doses"].groupby("dose")
    unbiased, biased = doses.get_group(0.0), doses.get_group(100.0)
    assert (unbiased["response_first"] == unbiased["gold"]).all()
    assert set(biased["response_first"]) == {1.0}  # whoever comes first wins
    assert set(biased["opponent_first"]) == {-1.0}


def test_no_text_is_recorded(comparison, tables):
    texts = {*comparison.pairs["prompt"], *comparison.pairs["response"]} - {""}
    shown = "".join(table.to_csv() for table in tables.values())
    assert not any(text in shown for text in texts)


def test_people_who_never_err_and_all_vote_say_what_gold_says(comparison, small):
    scale = {"people_temperature": 0.0, "n_people": 3}
    cleaning = {"annotator_bias_sd": 0.0, "missing_rate": 0.0}
    sure = small.model_copy(
        update={
            "judging": small.judging.model_copy(update=scale),
            "cleaning": small.cleaning.model_copy(update=cleaning),
        }
    )
    found = study.with_truth(
        study.Comparison(comparison.settings, sure, comparison.pairs, comparison.gold, "")
    )
    apart = found["gold"] != 0  # without a tie width, equal replies are a toss
    assert (found["people"] == found["gold"])[apart].all()


def test_a_rerun_asks_nothing(comparison, tables):
    lines = []
    again = study.judged_tables(comparison, progress=lines.append)
    assert ", 0 questions to " in lines[0]
    assert all(again[name].equals(table) for name, table in tables.items())


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"endpoint": "http://localhost/v1"}, "set `model`"), ({"data": "hh-rlhf"}, "gold reward")],
)
def test_what_cannot_be_judged_is_refused(small, chosen, changed, said):
    with pytest.raises(ValueError, match=said):
        study.prepare(chosen.model_copy(update=changed), small)


def test_real_text_is_judged_by_an_endpoint_without_truth(small, hh_folder, monkeypatch):
    monkeypatch.setenv("PROXYLAB_DATA", str(hh_folder))
    asked = Judge(
        profile="tiny",
        data="hh-rlhf",
        endpoint="http://127.0.0.1:9/v1",  # nobody answers
        model="m",
        n_pairs=2,
        options=("max_retries=0", "stop_after=2", "n_at_once=1"),
    )
    comparison = study.prepare(asked, small)
    assert set(comparison.pairs["policy"]) == {"raw"}  # "gold" is of the world
    with pytest.raises(
        ValueError, match=r"no verdict from .*:9/v1: 2 failures .* nothing recorded"
    ):
        study.judged_tables(comparison)

    def one_answer(*args, **kwargs):
        judged = judge_pairs(*args, **kwargs)
        judged.verdicts.loc[0, "verdict"], judged.verdicts.loc[0, "outcome"] = "1", 1.0
        return judged

    monkeypatch.setattr(study, "judge_pairs", one_answer)
    tables = study.judged_tables(comparison)
    assert sorted(tables) == ["pairs", "verdicts"]  # no doses of a judge that is not ours
    assert tables["pairs"][["gold", "people", "gap"]].isna().all(axis=None)
    assert tables["verdicts"]["verdict"].tolist() == ["1", "failed", "unasked", "unasked"]
