"""A server on loopback that speaks chat completions and misbehaves as it is told."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from proxylab.judge import JudgeSettings

SOCKET_CLOSED = "close the socket"


def completion(content, *, finish_reason="stop", usage=(10, 3), **message):
    """A chat completion as the protocol has it."""
    made = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
    }
    if usage:
        made["usage"] = {
            "prompt_tokens": usage[0],
            "completion_tokens": usage[1],
            "total_tokens": sum(usage),
        }
    return made


class Server:
    """Answers with the steps of `script` in turn, the last one for ever.

    A step is a dict (200), (status, dict), (status, dict, headers), text (200, sent as it is,
    called JSON), SOCKET_CLOSED, a number of seconds to wait before an ordinary verdict, or a
    function of the request that gives one of these.
    """

    def __init__(self):
        self.script = [completion("VERDICT: 1")]
        self.requests, self.times, self.headers = [], [], []
        self.lock = threading.Lock()
        self.at_once, self.most_at_once = 0, 0
        handler = type("Handler", (_Handler,), {"owner": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        self.base_url = f"http://127.0.0.1:{self.http.server_port}/v1"

    completion = staticmethod(completion)
    good = completion("VERDICT: 1")
    closed = SOCKET_CLOSED

    def next_step(self, request, headers):
        with self.lock:
            self.requests.append(request)
            self.times.append(time.monotonic())
            self.headers.append({name.lower(): value for name, value in headers.items()})
            step = self.script[min(len(self.requests), len(self.script)) - 1]
        return step(request) if callable(step) else step

    @property
    def messages(self):
        return [request["messages"][0]["content"] for request in self.requests]

    def counts(self):
        return Counter(self.messages)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner = self.owner
        with owner.lock:
            owner.at_once += 1
            owner.most_at_once = max(owner.most_at_once, owner.at_once)
        try:
            self._do(owner.next_step(request, dict(self.headers)))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client did not wait
        finally:
            with owner.lock:
                owner.at_once -= 1

    def _do(self, step):
        if step is SOCKET_CLOSED:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if isinstance(step, int | float):
            time.sleep(step)
            step = completion("VERDICT: 1")
        status, content, headers = 200, step, {}
        if isinstance(step, tuple):
            status, content, headers = (*step, {})[:3]
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def settings(server):
    """Settings for the server, quick to give up; changed by keyword."""

    def make(**changed):
        given = {"model": "m", "timeout": 5.0, "max_retries": 1, "n_at_once": 1} | changed
        return JudgeSettings(base_url=server.base_url, **given)

    return make


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch):
    """The client waits half a second and more before it asks again; not in tests."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.02)


@pytest.fixture
def pairs_of():
    """`n` pairs that all differ; ids p0, p1, ..."""

    def make(n):
        columns = {"prompt": "question", "response": "good", "opponent": "poor"}
        texts = {name: [f"{word} {i}" for i in range(n)] for name, word in columns.items()}
        return pd.DataFrame({"pair_id": [f"p{i}" for i in range(n)], **texts})

    return make
