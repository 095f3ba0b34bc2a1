"""Budgets that hold under threads, and a cache that holds under kills."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from proxylab.judge import BudgetSettings
from proxylab.judge.budget import Budget, Spent, estimated_tokens
from proxylab.judge.cache import AnswerCache, answer_cache
from proxylab.judge.verdict import Answer

KILLED = """
import sys
from proxylab.judge.cache import AnswerCache
from proxylab.judge.verdict import Answer
cache = AnswerCache(sys.argv[1])
for i in range(10**9):
    cache.keep(str(i), "v", Answer(f"VERDICT: 1 {i}"))
    print(i, flush=True)
"""


def test_the_last_requests_are_fewer_than_asked_for():
    budget = Budget(BudgetSettings(max_requests=7))
    first = budget.reserve(5, 0, 0)
    budget.settle(first, Spent(5, 0, 0))
    assert budget.reserve(5, 0, 0).requests == 2  # 7 - 5


def test_unused_retries_come_back():
    budget = Budget(BudgetSettings(max_requests=6))
    for _ in range(6):  # each sets 5 aside and uses 1
        reserved = budget.reserve(5, 0, 0)
        budget.settle(reserved, Spent(1, 0, 0))
    assert budget.spent.requests == 6
    assert budget.reserve(5, 0, 0) is None


def test_who_finds_the_budget_set_aside_waits_for_what_comes_back():
    budget = Budget(BudgetSettings(max_requests=5))
    held, found = budget.reserve(5, 0, 0), []
    thread = threading.Thread(target=lambda: found.append(budget.reserve(5, 0, 0)))
    thread.start()
    time.sleep(0.05)
    assert not found  # nothing is left, but five may come back
    budget.settle(held, Spent(2, 0, 0))
    thread.join(5)
    assert found[0].requests == 3


def test_tokens_and_money_are_checked_before():
    tokens = Budget(BudgetSettings(max_tokens=100))
    assert tokens.reserve(1, 60, 41) is None  # 101
    assert tokens.reserve(1, 60, 40) is not None
    # 1,000 tokens in at 2 and 500 out at 10 a million: 0.002 + 0.005.
    priced = BudgetSettings(price_in=2, price_out=10, max_cost=0.0069)
    assert priced.cost(1000, 500) == pytest.approx(0.007)
    assert Budget(priced).reserve(1, 1000, 500) is None


def test_no_number_of_threads_passes_the_budget():
    budget, granted = Budget(BudgetSettings(max_requests=20)), []

    def ask():
        while (reserved := budget.reserve(3, 0, 0)) is not None:
            granted.append(reserved.requests)
            budget.settle(reserved, Spent(1, 0, 0))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert budget.spent.requests == 20
    assert len(granted) == 20


def test_tokens_are_estimated_from_bytes():
    assert estimated_tokens("") == 0
    assert estimated_tokens("abcd") == 2  # 4 bytes of 3, rounded up
    assert estimated_tokens("€") == 1  # 3 bytes


def test_answers_come_back_as_they_were(tmp_path):
    answer = Answer("ü\0\nVERDICT: 2", "stop", True, 7, 3)
    with answer_cache(tmp_path / "new") as cache:
        assert cache.keep("k", "v", answer) == answer
    with answer_cache(tmp_path / "new") as cache:
        assert cache.find(["k", "other"]) == {"k": answer}


def test_of_two_runs_at_once_the_first_answer_counts_for_both(tmp_path):
    one, two = AnswerCache(tmp_path), AnswerCache(tmp_path)
    assert one.keep("k", "v", Answer("VERDICT: 1")).text == "VERDICT: 1"
    assert two.keep("k", "v", Answer("VERDICT: 2")).text == "VERDICT: 1"
    one.close()
    two.close()


def test_many_keys_are_found(tmp_path):
    with answer_cache(tmp_path) as cache:
        for i in range(3):
            cache.keep(str(i), "v", Answer(str(i)))
        found = cache.find([str(i) for i in range(1200)])  # more than one query's worth
    assert sorted(found) == ["0", "1", "2"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_run_keeps_every_answer_that_it_had(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = [process.stdout.readline() for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0].split()
    kept = [int(line) for line in [*seen, *rest] if line.strip().isdigit()]
    with answer_cache(tmp_path) as cache:
        found = cache.find([str(i) for i in range(max(kept) + 1)])
        cache.keep("after", "v", Answer("VERDICT: 1"))  # and the file can be written
    # What it reported as kept is there, and whole.
    assert len(found) == max(kept) + 1 >= 50
    assert all(answer.text == f"VERDICT: 1 {key}" for key, answer in found.items())
    check = sqlite3.connect(tmp_path / "answers.sqlite")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
