"""Pairs to verdicts: both orders, the cache, the budget, and what stops a run."""

import subprocess
import sys
import threading

import pytest
from proxylab.judge import BudgetSettings, EndpointError, JudgeSettings, judge_message, judge_pairs
from proxylab.judge.budget import estimated_tokens
from proxylab.judge.judging import OUT_OF_BUDGET
from proxylab.judge.prompt import PROMPT_VERSION, read_message

BUSY = (429, {"error": {"message": "slow down"}})
PROCESS = """
import sys
import pandas as pd
from proxylab.judge import JudgeSettings, judge_pairs
pairs = pd.read_json(sys.argv[1], orient="records")
settings = JudgeSettings(base_url=sys.argv[2], model="m", n_at_once=2)
print(judge_pairs(pairs, settings, cache=sys.argv[3]).verdicts["outcome"].tolist())
"""


@pytest.fixture
def judge(server, settings, tmp_path):
    """Judges pairs; keywords change the settings, `cache` the folder."""

    def judged(pairs, *, cache="cache", progress=None, **changed):
        return judge_pairs(pairs, settings(**changed), cache=tmp_path / cache, progress=progress)

    return judged


def prefers_good(server):
    """A step that names the place of the response that begins with "good"."""

    def step(request):
        texts = read_message(request["messages"][0]["content"])
        place = 1 if texts["first"].startswith("good") else 2
        return server.completion(f"VERDICT: {place}", usage=(10, 3))

    return step


def test_both_orders_of_every_pair(server, judge, pairs_of):
    server.script = [prefers_good(server)]
    judged = judge(pairs_of(2))
    table = judged.verdicts
    assert table["pair_id"].tolist() == ["p0", "p0", "p1", "p1"]
    assert table["order"].tolist() == ["response first", "opponent first"] * 2
    assert table["verdict"].tolist() == ["1", "2", "1", "2"]
    assert table["outcome"].tolist() == [1, 1, 1, 1]  # the response, wherever it stood
    assert set(table["prompt_version"]) == {PROMPT_VERSION}
    first = read_message(server.messages[0])
    assert first == {"prompt": "question 0", "first": "good 0", "second": "poor 0"}
    assert (judged.spent.requests, judged.spent.tokens_in, judged.spent.tokens_out) == (4, 40, 12)


@pytest.mark.parametrize("column", ["prompt", "response", "opponent"])
def test_a_missing_text_is_named_with_its_pair_before_anything_is_asked(
    server, judge, pairs_of, column
):
    pairs = pairs_of(3)
    pairs.loc[1, column] = None
    with pytest.raises(ValueError, match=f"pair 'p1': its {column}"):
        judge(pairs)
    assert server.requests == []


def test_one_order_is_the_paper_s(server, judge, pairs_of):
    judge(pairs_of(1), both_orders=False)
    assert len(server.requests) == 1
    assert read_message(server.messages[0])["first"] == "good 0"  # the generated one


def test_a_rerun_costs_nothing_even_at_another_address(server, judge, pairs_of, tmp_path):
    server.script = [prefers_good(server)]
    first = judge(pairs_of(2))
    server.script = [(500, {})]
    elsewhere = JudgeSettings(base_url="http://127.0.0.1:9/v1", model="m")
    again = judge_pairs(pairs_of(2), elsewhere, cache=tmp_path / "cache")
    assert again.verdicts.equals(first.verdicts)
    assert again.spent.requests == 0
    assert again.n_known == 4
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "changed", [{"model": "n"}, {"temperature": 0.5}, {"max_answer_tokens": 9}]
)
def test_another_model_or_sampling_is_another_question(server, judge, pairs_of, changed):
    judge(pairs_of(1))
    judge(pairs_of(1), **changed)
    assert len(server.requests) == 4


def test_another_prompt_is_another_question(server, judge, pairs_of, monkeypatch):
    judge(pairs_of(1))
    monkeypatch.setattr("proxylab.judge.settings.PROMPT_VERSION", "another")
    judge(pairs_of(1))
    assert len(server.requests) == 4


def test_the_same_texts_are_asked_once(server, judge, pairs_of):
    pairs = pairs_of(2).assign(prompt="q", response="good", opponent="poor")
    assert len(judge(pairs).verdicts) == 4
    assert len(server.requests) == 2


def test_garbage_is_kept_and_a_failure_is_asked_again(server, judge, pairs_of):
    server.script = [server.completion("no idea"), BUSY]
    first = judge(pairs_of(1), max_retries=0).verdicts
    assert first["verdict"].tolist() == ["unparseable", "failed"]
    assert first["reason"].tolist() == ["no verdict line", "HTTP 429"]
    assert first["outcome"].isna().all()
    server.script = [prefers_good(server)]
    second = judge(pairs_of(1)).verdicts
    # An answer is an answer, even a bad one: it was paid for. A failure was none.
    assert second["verdict"].tolist() == ["unparseable", "2"]
    assert len(server.requests) == 3


def test_the_table_holds_no_text_of_anyone(server, judge, pairs_of):
    server.script = [server.completion("a secret reason"), (400, {"error": {"message": "private"}})]
    shown = judge(pairs_of(2)).verdicts.to_csv()
    assert not any(word in shown for word in ("secret", "private", "good", "poor", "question"))


def test_the_budget_stops_before_the_request_and_keeps_what_was_judged(server, judge, pairs_of):
    lines = []
    judged = judge(pairs_of(4), budget=BudgetSettings(max_requests=3), progress=lines.append)
    assert len(server.requests) == 3
    assert judged.verdicts["verdict"].tolist() == ["1", "1", "1"] + ["unasked"] * 5
    assert judged.stopped == OUT_OF_BUDGET
    assert "the budget allows 3 requests" in lines[0]
    assert lines[-1] == f"stopped: {OUT_OF_BUDGET}; 5 not asked"
    # What was answered is free now: the same budget goes on where it stopped.
    later = judge(pairs_of(4), budget=BudgetSettings(max_requests=5))
    assert later.stopped == ""
    assert len(server.requests) == 8


def test_retries_are_on_the_budget(server, judge, pairs_of):
    server.script = [BUSY]
    judged = judge(pairs_of(9), max_retries=2, budget=BudgetSettings(max_requests=4))
    # Three for the first question; one is left for the second.
    assert len(server.requests) == 4 == judged.spent.requests
    assert judged.verdicts["verdict"].tolist()[:3] == ["failed", "failed", "unasked"]


def test_a_budget_of_tokens_or_money(server, judge, pairs_of):
    one = estimated_tokens(judge_message("question 0", "good 0", "poor 0")) + 100
    # An answer comes to 10 + 3 tokens. A question is sent while what is spent and its own estimate
    # fit: after 0, 1, 2 and 3 answers of 13 they do, after 4 they do not.
    limits = BudgetSettings(max_tokens=one + 3 * 13)
    server.script = [server.completion("VERDICT: 1", usage=(10, 3))]
    judged = judge(pairs_of(5), max_answer_tokens=100, budget=limits)
    assert len(server.requests) == 4
    assert judged.stopped == OUT_OF_BUDGET
    priced = BudgetSettings(price_in=1e6, price_out=1e6, max_cost=one - 1)
    assert judge(pairs_of(5), cache="b", max_answer_tokens=100, budget=priced).cost == 0
    enough = priced.model_copy(update={"max_cost": one})
    assert judge(pairs_of(5), cache="b", max_answer_tokens=100, budget=enough).cost == 13


def test_the_cost_is_told_before_the_first_request(server, judge, pairs_of):
    lines = []
    judge(
        pairs_of(1),
        progress=lambda line: lines.append((len(server.requests), line)),
        max_answer_tokens=50,
        budget=BudgetSettings(price_out=10_000),
    )
    asked_before, line = lines[0]
    assert asked_before == 0
    assert line.startswith("0 answers known, 2 questions to m: about ")
    assert line.endswith("at most 100 to write, cost at most 1.00")  # 100 x 10,000 / a million


def test_a_dead_endpoint_is_given_up(server, judge, pairs_of):
    server.script = [(500, {})]
    judged = judge(pairs_of(20), max_retries=0, stop_after=5)
    assert len(server.requests) == 5
    assert judged.stopped == "5 failures in a row, the last one: HTTP 500"
    assert judged.verdicts["verdict"].value_counts().to_dict() == {"unasked": 35, "failed": 5}


def test_failures_that_are_not_in_a_row_stop_nothing(server, judge, pairs_of):
    server.script = [(500, {}), server.good] * 10
    judged = judge(pairs_of(10), max_retries=0, stop_after=2)
    assert judged.stopped == ""
    assert (judged.verdicts["verdict"] == "failed").sum() == 10


@pytest.mark.parametrize("n_at_once", [1, 4])
def test_a_wrong_key_ends_the_run_and_keeps_the_answers(server, judge, pairs_of, n_at_once):
    server.script = [server.good, server.good, (401, {"error": {"message": "no"}})]
    with pytest.raises(EndpointError, match="401"):
        judge(pairs_of(50), n_at_once=n_at_once)
    assert len(server.requests) <= 3 + n_at_once
    server.script = [server.good]
    before = len(server.requests)
    assert judge(pairs_of(50)).n_known == 2
    assert len(server.requests) == before + 98


def test_as_many_at_once_as_allowed(server, judge, pairs_of):
    server.script = [0.05]
    judge(pairs_of(6), n_at_once=3)
    assert server.most_at_once == 3


def test_order_of_the_answers_does_not_matter(server, judge, pairs_of):
    step = prefers_good(server)
    slow = threading.Event()

    def uneven(request):
        if "question 0" in request["messages"][0]["content"]:
            slow.wait(0.1)
        return step(request)

    server.script = [uneven]
    alone = judge(pairs_of(5), cache="a").verdicts
    assert judge(pairs_of(5), cache="b", n_at_once=5).verdicts.equals(alone)


def test_two_processes_share_the_cache(server, pairs_of, tmp_path):
    server.script = [prefers_good(server)]
    pairs_of(10).to_json(tmp_path / "pairs.json", orient="records")
    places = [str(tmp_path / "pairs.json"), server.base_url, str(tmp_path / "cache")]
    command = [sys.executable, "-c", PROCESS, *places]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert printed == [str([1.0] * 20)] * 2
    n_asked = len(server.requests)
    assert 20 <= n_asked <= 40  # at worst, each question by both
    assert subprocess.check_output(command, text=True).strip() == printed[0]
    assert len(server.requests) == n_asked


def test_repeated_votes(server, judge, pairs_of):
    server.script = [lambda r: server.completion(f"VERDICT: {1 + (r['seed'] > 0)}")]
    table = judge(pairs_of(1), n_votes=3, temperature=1.0).verdicts
    assert table["vote"].tolist() == [0, 1, 2, 0, 1, 2]
    assert table["outcome"].tolist() == [1, -1, -1, -1, 1, 1]


def test_bad_pairs_are_refused(judge, pairs_of):
    with pytest.raises(ValueError, match="response"):
        judge(pairs_of(1).rename(columns={"response": "respons"}))
    twice = pairs_of(2).assign(pair_id="p0")
    with pytest.raises(ValueError, match="'p0' is there more than once"):
        judge(twice)


def test_no_pairs_ask_nothing(server, judge, pairs_of):
    assert len(judge(pairs_of(0)).verdicts) == 0
    assert not server.requests
