"""The judge whose truth is known, and a judge as a ranker."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
from proxylab.judge import JudgeRanker, JudgeSettings, combined, judge_pairs, position_bias
from proxylab.judge.simulated_server import SimulatedJudge, simulated_endpoint
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.pairwise import PairwiseRanker

# The reward of a response is the number that it says.
REWARD = CallableReward(
    "number", lambda prompts, responses: [float(r) for r in responses], fingerprint="number"
)
TEXTS = {"prompt": "q", "first": "a", "second": "b"}


def pairs_of(gaps):
    """Pairs whose response is better than the opponent by each gap."""
    rows = [(f"p{i}", f"question {i}", str(gap), "0") for i, gap in enumerate(gaps)]
    return pd.DataFrame(rows, columns=["pair_id", "prompt", "response", "opponent"])


@pytest.fixture
def judged(tmp_path):
    """Verdicts of a simulated judge on pairs with these gaps."""

    def judge(gaps, judge, **changed):
        with simulated_endpoint(REWARD, judge) as endpoint:
            settings = JudgeSettings(base_url=endpoint.base_url, model=endpoint.model, **changed)
            return judge_pairs(pairs_of(gaps), settings, cache=tmp_path).verdicts

    return judge


def test_a_judge_without_faults_says_what_the_reward_says(judged):
    found = judged([1, -2, 0], SimulatedJudge())
    assert found["outcome"].tolist() == [1, 1, -1, -1, 0, 0]
    assert found["verdict"].tolist() == ["1", "2", "2", "1", "tie", "tie"]


def test_within_the_tie_width_it_says_tie(judged):
    found = combined(judged([0.5, 0.6, -0.5], SimulatedJudge(tie_width=0.5)))
    assert found["outcome"].tolist() == [0, 1, 0]


def test_position_bias_turns_what_lies_within_it_and_both_orders_make_it_a_tie(judged):
    # 1 - 1.5 < 0 when the response comes second: the first wins both times. 2 - 1.5 > 0.
    found = judged([1, 2, -1, -2], SimulatedJudge(position_bias=1.5))
    assert found["outcome"].tolist() == [1, -1, 1, 1, 1, -1, -1, -1]
    assert combined(found)["outcome"].tolist() == [0, 1, 0, -1]
    bias = position_bias(found, rng=np.random.default_rng(0))
    # Two flips, both to the first: 2 + 1 + 2 + 1 of 8 verdicts.
    assert (bias["flips_to_first"], bias["flips_to_second"]) == (2, 0)
    assert bias["share_first"] == 6 / 8


def test_an_opinion_is_the_same_in_either_order(judged):
    # Noise alone, far above the gaps: half of the pairs are misjudged, none of them by place.
    found = judged([0.001] * 100, SimulatedJudge(noise=5.0))
    both = combined(found)
    assert both["consistent"].all()
    # A fair coin 100 times: 50 +- 4 standard deviations of 5.
    assert 30 <= (both["outcome"] > 0).sum() <= 70


def test_wobble_is_drawn_for_every_answer(judged):
    found = judged([0.001] * 100, SimulatedJudge(wobble=5.0))
    # Two fair coins: the orders agree in half of the pairs, 50 +- 4 x 5.
    assert 30 <= combined(found)["consistent"].sum() <= 70


def test_the_noise_is_logistic(judged):
    # P(response wins) = 1 / (1 + exp(-1)) = 0.731 at a gap of one noise; 200 draws, s.d. 0.031.
    outcome = combined(judged([1.0] * 200, SimulatedJudge(noise=1.0), both_orders=False))["outcome"]
    assert (outcome > 0).mean() == pytest.approx(0.731, abs=4 * 0.0314)


def test_garbage_is_as_frequent_as_stated_and_never_parsed(judged):
    found = judged([1.0] * 150, SimulatedJudge(garbage_rate=0.2))
    share = (found["verdict"] == "unparseable").mean()
    assert share == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / 300) ** 0.5)
    # All four kinds of garbage came up, and each was told for what it is.
    reasons = {"empty", "no verdict line", "verdict not in form", "several verdict lines"}
    assert set(found.loc[found["verdict"] == "unparseable", "reason"]) == reasons
    assert set(found.loc[found["verdict"] != "unparseable", "outcome"]) == {1.0}


def test_the_same_question_gets_the_same_answer_however_it_is_asked(tmp_path):
    judge = SimulatedJudge(noise=1.0, wobble=1.0, garbage_rate=0.1)
    frames = []
    for folder, n_at_once in (("a", 1), ("b", 8)):
        with simulated_endpoint(REWARD, judge) as endpoint:
            settings = JudgeSettings(
                base_url=endpoint.base_url, model=endpoint.model, n_at_once=n_at_once
            )
            pairs = pairs_of(np.linspace(-1, 1, 30))
            frames.append(judge_pairs(pairs, settings, cache=tmp_path / folder).verdicts)
    assert frames[0].equals(frames[1])


def test_the_seed_and_the_vote_draw_anew():
    judges = [SimulatedJudge(wobble=1.0, seed=seed) for seed in range(20)]
    assert len({judge.answer(TEXTS, 0.0) for judge in judges}) == 2
    assert len({judges[0].answer(TEXTS, 0.0, vote) for vote in range(20)}) == 2


def test_no_opinion_about_a_text_and_itself():
    same = {"prompt": "q", "first": "a", "second": "a"}
    assert SimulatedJudge(noise=9.0).answer(same, 0.0).endswith("VERDICT: TIE")


def test_judges_that_differ_have_names_that_differ():
    other = CallableReward("number", lambda p, r: np.zeros(len(p)), fingerprint="zero")
    names = []
    for reward, judge in ((REWARD, {}), (REWARD, {"noise": 1.0}), (other, {})):
        with simulated_endpoint(reward, SimulatedJudge(**judge)) as endpoint:
            names.append(endpoint.model)
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("path", "model", "message", "status"),
    [
        ("models", None, "", 404),
        ("chat/completions", "other", "", 404),
        ("chat/completions", None, "hello", 400),
    ],
)
def test_what_it_does_not_serve_is_an_error(path, model, message, status):
    with simulated_endpoint(REWARD, SimulatedJudge()) as endpoint:
        asked = {"model": model or endpoint.model, "messages": [{"content": message}]}
        request = Request(f"{endpoint.base_url}/{path}", json.dumps(asked).encode())
        with pytest.raises(HTTPError) as caught:
            urlopen(request)
    assert caught.value.code == status


@pytest.mark.parametrize("wrong", [{"noise": -1}, {"tie_width": -1}, {"garbage_rate": 2}])
def test_impossible_judges_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SimulatedJudge(**wrong)


def test_a_judge_is_a_ranker(tmp_path):
    with simulated_endpoint(REWARD, SimulatedJudge(position_bias=1.5)) as endpoint:
        settings = JudgeSettings(base_url=endpoint.base_url, model=endpoint.model)
        ranker = JudgeRanker(settings, cache=tmp_path)
        found = ranker.prefer(["q", "q", "r"], ["2", "0", "1"], ["0", "2", "0"])
        # The last gap lies within the bias: the orders disagree, a tie.
        assert found.tolist() == [1, -1, 0]
        assert ranker.prefer([], [], []).shape == (0,)
        with pytest.raises(ValueError, match="one first and one second"):
            ranker.prefer(["q"], ["a"], [])
    assert isinstance(ranker, PairwiseRanker)
    assert endpoint.model in ranker.fingerprint


def test_log_odds_of_repeated_votes(tmp_path):
    with simulated_endpoint(REWARD, SimulatedJudge()) as endpoint:
        settings = JudgeSettings(
            base_url=endpoint.base_url, model=endpoint.model, n_votes=3, temperature=1.0
        )
        ranker = JudgeRanker(settings, cache=tmp_path, log_odds=True)
        found = ranker.prefer(["q", "q", "q"], ["1", "0", "1"], ["0", "1", "1"])
    # Six of six verdicts: log(6.5 / 0.5) = log 13; none of six: its negative; six ties: 0.
    assert found == pytest.approx([np.log(13), -np.log(13), 0])


def test_pairs_without_a_verdict_are_undefined(tmp_path):
    with simulated_endpoint(REWARD, SimulatedJudge(garbage_rate=1.0)) as endpoint:
        settings = JudgeSettings(base_url=endpoint.base_url, model=endpoint.model)
        for log_odds in (False, True):
            ranker = JudgeRanker(settings, cache=tmp_path, log_odds=log_odds)
            assert np.isnan(ranker.prefer(["q"], ["1"], ["0"])).all()
