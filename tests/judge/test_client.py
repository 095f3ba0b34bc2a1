"""The client against a real server: retries, time-outs, garbage, and what ends a run."""

import traceback

import pytest
from proxylab.judge import EndpointError, JudgeSettings
from proxylab.judge.client import ChatEndpoint, Failure
from proxylab.judge.settings import settings_with
from proxylab.judge.verdict import Answer

BUSY = (429, {"error": {"message": "slow down"}})


@pytest.fixture
def ask(settings):
    """Asks one message; keywords change the settings."""

    def asked(*, max_requests=2, vote=0, **changed):
        endpoint = ChatEndpoint(settings(**changed))
        try:
            return endpoint.ask("hello", vote=vote, max_requests=max_requests)
        finally:
            endpoint.close()

    return asked


def test_an_answer_with_the_tokens_that_the_server_counts(server, ask):
    server.script = [server.completion("Why.\nVERDICT: 2", usage=(40, 6))]
    reply = ask()
    assert reply.result == Answer("Why.\nVERDICT: 2", "stop", False, 40, 6)
    assert reply.n_requests == 1
    assert server.requests == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 512,
            "temperature": 0.0,
        }
    ]


def test_tokens_are_estimated_where_the_server_counts_none(server, ask):
    server.script = [server.completion("abcd", usage=None)]
    result = ask().result
    # 5 and 4 bytes, three a token, rounded up.
    assert (result.prompt_tokens, result.completion_tokens) == (2, 2)


def test_sampling_settings_reach_the_server(server, ask):
    ask(n_votes=2, vote=1, temperature=0.7, token_limit="max_completion_tokens")
    ask(temperature=None)
    assert server.requests[0]["seed"] == 1
    assert server.requests[0]["max_completion_tokens"] == 512
    assert "max_tokens" not in server.requests[0]
    assert "temperature" not in server.requests[1]
    assert "seed" not in server.requests[1]


def test_retry_after_is_waited_for(server, ask):
    server.script = [(*BUSY, {"Retry-After": "0.4"}), server.good]
    reply = ask()
    assert reply.result.text == "VERDICT: 1"
    assert reply.n_requests == 2
    waited = server.times[1] - server.times[0]
    # Back-off alone would be 0.02 s here (see conftest).
    assert 0.4 <= waited < 2


def test_back_off_grows_without_retry_after(server, ask, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.1)
    server.script = [BUSY, (500, {}), (503, {}), server.good]
    assert ask(max_requests=4).n_requests == 4
    waits = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    # 0.1, 0.2, 0.4 s, each less up to a quarter: the client's own exponential back-off.
    assert waits[0] >= 0.075
    assert waits[1] >= 0.15
    assert waits[2] >= 0.3


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_what_may_pass_is_retried_and_then_a_failure(server, ask, status):
    server.script = [(status, {"error": {"message": "no"}})]
    reply = ask(max_requests=2)
    assert reply.result == Failure(f"HTTP {status}")
    assert reply.n_requests == 2
    assert len(server.requests) == 2


def test_no_more_requests_than_allowed(server, ask):
    server.script = [BUSY]
    ask(max_requests=1, max_retries=9)
    assert len(server.requests) == 1


def test_a_question_that_is_refused_is_asked_once(server, ask):
    # 400: this question is too long, say; asking again cannot help, another one can.
    server.script = [(400, {"error": {"message": "too long"}})]
    reply = ask()
    assert reply.result == Failure("HTTP 400")
    assert reply.n_requests == 1
    assert len(server.requests) == 1


def test_time_outs_are_retried(server, ask):
    server.script = [3.0, server.good]
    reply = ask(timeout=0.15)
    assert reply.result.text == "VERDICT: 1"
    assert reply.n_requests == 2
    server.script = [3.0]
    assert ask(timeout=0.15).result == Failure("time-out")


def test_dropped_connections_are_retried(server, ask):
    server.script = [server.closed, server.good]
    assert ask().result.text == "VERDICT: 1"
    server.script = [server.closed]
    assert ask().result == Failure("no connection")


def test_no_server_at_all():
    settings = JudgeSettings(base_url="http://127.0.0.1:9/v1", model="m")  # the discard port
    endpoint = ChatEndpoint(settings)
    assert endpoint.ask("hello", max_requests=2).result == Failure("no connection")


@pytest.mark.parametrize(
    "body",
    [
        "<html>502</html>",
        '{"id": "x", "choices": [',  # cut short
        '"a text"',
        "null",
        "[]",
        '{"hello": 1}',
        '{"choices": []}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"content": {"a": 1}}}]}',
        '{"choices": [{"message": {"content": "VERDICT: 1"}}], "usage": {"prompt_tokens": "x"}}',
    ],
)
def test_garbage_with_status_200_is_a_failure(server, ask, body):
    server.script = [body]
    assert ask().result == Failure("not a chat completion")


def test_empty_and_refused_answers(server, ask):
    server.script = [server.completion(None), server.completion(None, refusal="I will not")]
    assert ask().result == Answer("", "stop", False, 10, 3)
    assert ask().result.refusal


def test_lone_surrogates_in_an_answer_can_be_kept(server, ask):
    server.script = ['{"choices": [{"message": {"content": "\\ud800"}}]}']
    assert ask().result.text == "?"


@pytest.mark.parametrize(
    ("status", "said"), [(401, "MY_KEY is not accepted"), (403, "MY_KEY"), (404, "no model 'm'")]
)
def test_what_can_never_work_ends_the_run_and_says_why(server, ask, monkeypatch, status, said):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server.script = [(status, {"error": {"message": "bad key sk-secret"}})]
    with pytest.raises(EndpointError, match=said) as caught:
        ask(api_key_env="MY_KEY")
    assert len(server.requests) == 1
    assert "sk-secret" not in str(caught.value)
    assert "(key)" in str(caught.value)


def test_no_traceback_repeats_the_key(server, ask, monkeypatch):
    # A server that quotes the request's headers: the client's own exception quotes them too, and a
    # notebook that fails stores the traceback.
    monkeypatch.setenv("MY_KEY", "sk-secret")

    def echo(_):
        return 401, {"error": {"message": f"denied: {server.headers[-1]['authorization']}"}}

    server.script = [echo]
    with pytest.raises(EndpointError) as caught:
        ask(api_key_env="MY_KEY")
    written = "".join(traceback.format_exception(caught.value))
    assert "denied: Bearer (key)" in written
    assert "sk-secret" not in written


def test_counts_below_zero_lower_nothing(server, ask):
    server.script = [server.completion("VERDICT: 1", usage=(-40, -6))]
    result = ask().result
    assert (result.prompt_tokens, result.completion_tokens) == (0, 0)


def test_the_key_is_sent_and_is_nowhere_else(server, settings, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    made = settings(api_key_env="MY_KEY")
    endpoint = ChatEndpoint(made)
    endpoint.ask("hello", max_requests=1)
    assert server.headers[0]["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in made.model_dump_json() + repr(made) + made.question_key("hello", 0)


def test_a_remote_endpoint_needs_its_key(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    remote = JudgeSettings(
        base_url="https://judge.example/v1", model="m", api_key_env="NO_SUCH_KEY"
    )
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        ChatEndpoint(remote)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://me:secret@judge.example/v1", "password"),
        ("https://judge.example/v1?key=secret", "query"),
        ("judge.example/v1", "http"),
    ],
)
def test_an_address_that_would_put_a_secret_on_record_is_refused(address, said):
    with pytest.raises(ValueError, match=said):
        JudgeSettings(base_url=address, model="m")


def test_a_proxy_does_not_stand_between_this_machine_and_itself(ask, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert ask().result.text == "VERDICT: 1"


def test_options_as_texts():
    texts = ["max_requests=600", "price_in=2.5", "temperature=none", "n_votes=3", "timeout=9"]
    made = settings_with(texts, base_url="http://localhost/v1", model="m", both_orders=False)
    assert (made.budget.max_requests, made.budget.price_in, made.budget.max_cost) == (
        600,
        2.5,
        None,
    )
    assert (made.temperature, made.n_votes, made.timeout) == (None, 3, 9.0)
    assert not made.both_orders


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("max_request=6", "max_requests"),  # the nearest
        ("max_requests", "name=value"),
        ("api_key_env=X", "no option"),
        ("max_requests=-1", "greater than or equal to 0"),
    ],
)
def test_options_that_are_none(option, said):
    with pytest.raises(ValueError, match=said):
        settings_with([option], base_url="http://localhost/v1", model="m")


def test_repeated_votes_at_temperature_zero_are_refused(settings):
    with pytest.raises(ValueError, match="temperature above 0"):
        settings(n_votes=3)
