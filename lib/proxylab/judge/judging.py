"""Pairs to verdicts: every pair in both orders, through cache and budget, several at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.judge.budget import Budget, Spent, estimated_tokens
from proxylab.judge.cache import AnswerCache, answer_cache
from proxylab.judge.client import ChatEndpoint, EndpointError, Failure
from proxylab.judge.prompt import PROMPT_VERSION, judge_message
from proxylab.judge.settings import JudgeSettings
from proxylab.judge.verdict import FAILED, FIRST, SECOND, TIE, UNASKED, Answer, Verdict, verdict_of
from proxylab.names import missing_name

RESPONSE_FIRST, OPPONENT_FIRST = "response first", "opponent first"  # the paper's order is first
ORDERS = (RESPONSE_FIRST, OPPONENT_FIRST)
TEXTS = ("prompt", "response", "opponent")
PAIR_COLUMNS = ("pair_id", *TEXTS)
TENTHS = 10  # progress lines of a run
OUT_OF_BUDGET = "the budget is spent"


@dataclass(frozen=True)
class Question:
    """One pair in one order, asked for the `vote`-th time."""

    pair_id: str
    order: str
    vote: int
    message: str
    key: str


@dataclass(frozen=True)
class Judged:
    """Verdicts and what they cost; `stopped` says why questions were left unasked, if any were.

    `verdicts`, a row a question: pair_id, order, vote, verdict ("1" or "2", the place that won,
    "tie", "unparseable", "refused", "failed", "unasked"), reason, outcome (+1 the response is
    better, -1 the opponent, 0 tie, NaN), prompt_tokens, completion_tokens, prompt_version.
    """

    verdicts: pd.DataFrame
    spent: Spent
    cost: float
    n_known: int
    stopped: str = ""


def judge_pairs(
    pairs: pd.DataFrame,
    settings: JudgeSettings,
    *,
    cache: str | Path,
    progress: Callable[[str], None] | None = None,
) -> Judged:
    """Ask the judge which of two responses is better, for every pair.

    Arguments: `pairs` columns pair_id (unique), prompt, response, opponent; `cache` the folder of
    the answers known; `progress` is told the cost before the first request, then how it goes.
    Raises ValueError for missing columns or texts and repeated ids, EndpointError where the
    endpoint can answer nothing. What was answered until then is kept in the cache.
    """
    questions = _questions(pairs, settings)
    tell = progress or (lambda line: None)
    with answer_cache(cache) as store:
        known = store.find(list(dict.fromkeys(question.key for question in questions)))
        missing = {q.key: q for q in questions if q.key not in known}
        asking = _Asking(settings, store, tell, n_to_ask=len(missing))
        tell(_cost_line(list(missing.values()), len(known), settings))
        found = asking.ask_all(list(missing.values()))
    results = {**known, **found}
    rows = [_row(question, results.get(question.key)) for question in questions]
    spent = asking.budget
    return Judged(pd.DataFrame(rows), spent.spent, spent.cost, len(known), asking.stopped)


def outcomes_of(verdict: pd.Series, order: pd.Series) -> np.ndarray:
    """+1 where the response won, -1 the opponent, 0 tie, NaN without a verdict: `(n,)`."""
    place = verdict.map({FIRST: 1.0, SECOND: -1.0, TIE: 0.0}).to_numpy(float)
    return place * np.where(order == RESPONSE_FIRST, 1.0, -1.0) + 0.0  # + 0.0: no minus zero


def _questions(pairs: pd.DataFrame, settings: JudgeSettings) -> list[Question]:
    for column in PAIR_COLUMNS:
        if column not in pairs:
            raise ValueError(f"judge_pairs: {missing_name('column', column, pairs.columns)}")
    repeated = pairs.loc[pairs["pair_id"].duplicated(), "pair_id"]
    if len(repeated):
        raise ValueError(f"pair_id must be unique, {repeated.iloc[0]!r} is there more than once")
    _check_texts(pairs)
    questions = []
    for row in pairs[list(PAIR_COLUMNS)].itertuples(index=False):
        for order in ORDERS if settings.both_orders else ORDERS[:1]:
            both = (row.response, row.opponent)
            message = judge_message(row.prompt, *(both if order == RESPONSE_FIRST else both[::-1]))
            for vote in range(settings.n_votes):
                key = settings.question_key(message, vote)
                questions.append(Question(row.pair_id, order, vote, message, key))
    return questions


def _check_texts(pairs: pd.DataFrame) -> None:
    for column in TEXTS:
        for pair_id, text in zip(pairs["pair_id"], pairs[column], strict=True):
            if not isinstance(text, str):
                raise ValueError(
                    f"pair {pair_id!r}: its {column} is {text!r}, not a text; leave the pair out, "
                    "or give '' if the text is empty"
                )


def _row(question: Question, result: Answer | Failure | None) -> dict:
    answered = isinstance(result, Answer)
    if answered:
        verdict = verdict_of(result)
    elif result is None:
        verdict = Verdict(UNASKED)
    else:
        verdict = Verdict(FAILED, result.reason)
    return {
        "pair_id": question.pair_id,
        "order": question.order,
        "vote": question.vote,
        "verdict": verdict.kind,
        "reason": verdict.reason,
        "outcome": outcomes_of(pd.Series([verdict.kind]), pd.Series([question.order]))[0],
        "prompt_tokens": result.prompt_tokens if answered else 0,
        "completion_tokens": result.completion_tokens if answered else 0,
        "prompt_version": PROMPT_VERSION,
    }


def _cost_line(missing: list[Question], n_known: int, settings: JudgeSettings) -> str:
    """What the run will cost at most, before the first request."""
    read = sum(estimated_tokens(question.message) for question in missing)
    written = len(missing) * settings.max_answer_tokens
    line = (
        f"{n_known:,} answers known, {len(missing):,} questions to {settings.model}: about "
        f"{read:,} tokens to read, at most {written:,} to write"
    )
    limits = settings.budget
    if limits.price_in or limits.price_out:
        line += f", cost at most {limits.cost(read, written):,.2f}"
    if limits.max_requests is not None and limits.max_requests < len(missing):
        line += f"; the budget allows {limits.max_requests:,} requests"
    return line


class _Asking:
    """The questions of one run under way."""

    def __init__(self, settings, store: AnswerCache, tell, *, n_to_ask: int) -> None:
        self.settings, self.store, self.tell, self.n_to_ask = settings, store, tell, n_to_ask
        self.budget = Budget(settings.budget)
        self.found: dict[str, Answer | Failure] = {}
        self.stopped = ""
        self._error: Exception | None = None
        self._failures = 0
        self._lock = threading.Lock()

    def ask_all(self, questions: list[Question]) -> dict[str, Answer | Failure]:
        """Ask in order, `n_at_once` at a time, until all are asked or something stops it."""
        if not questions:
            return {}
        endpoint, places = ChatEndpoint(self.settings), threading.Semaphore(self.settings.n_at_once)
        try:
            with ThreadPoolExecutor(self.settings.n_at_once) as pool:
                for question in questions:
                    places.acquire()
                    reserved = None if self.stopped else self._reserve(question)
                    if reserved is None:
                        break
                    pool.submit(self._ask, endpoint, question, reserved, places)
        finally:
            endpoint.close()
        if self._error is not None:
            raise self._error
        if self.stopped:
            self.tell(f"stopped: {self.stopped}; {len(questions) - len(self.found):,} not asked")
        return self.found

    def _reserve(self, question: Question) -> Spent | None:
        tokens = estimated_tokens(question.message), self.settings.max_answer_tokens
        reserved = self.budget.reserve(1 + self.settings.max_retries, *tokens)
        if self.stopped:  # by a question that was under way while this one waited
            return None
        if reserved is None:
            self.stopped = OUT_OF_BUDGET
        return reserved

    def _ask(self, endpoint: ChatEndpoint, question: Question, reserved: Spent, places) -> None:
        used = reserved  # what fails may have been billed all the same
        try:
            vote, allowed = question.vote, reserved.requests
            reply = endpoint.ask(question.message, vote=vote, max_requests=allowed)
            result = reply.result
            used = Spent(reply.n_requests, reserved.tokens_in, reserved.tokens_out)
            if isinstance(result, Answer):
                used = Spent(reply.n_requests, result.prompt_tokens, result.completion_tokens)
                result = self.store.keep(question.key, PROMPT_VERSION, result)
            self._book(question.key, result)
        except Exception as error:  # handed to the thread that waits for all
            self._stop(error)
        finally:
            self.budget.settle(reserved, used)
            places.release()

    def _book(self, key: str, result: Answer | Failure) -> None:
        with self._lock:
            self.found[key] = result
            self._failures = self._failures + 1 if isinstance(result, Failure) else 0
            if self._failures >= self.settings.stop_after:
                last = result.reason if isinstance(result, Failure) else ""
                self.stopped = f"{self._failures} failures in a row, the last one: {last}"
            if len(self.found) % max(1, self.n_to_ask // TENTHS) == 0:
                self.tell(f"{len(self.found):,} of {self.n_to_ask:,} asked")

    def _stop(self, error: Exception) -> None:
        with self._lock:
            self._error = self._error or error
            self.stopped = (
                "the endpoint answers nothing" if isinstance(error, EndpointError) else "an error"
            )
