"""A judge whose truth is known: an OpenAI-compatible server on loopback that answers by a reward.

For the controlled world, so that the whole way over HTTP runs with stated faults. The judge reads
its message as any judge would, finds the two responses, and prefers the one in place 1 if

    reward(1) - reward(2) + position_bias + noise * e + wobble * w > 0,

e and w standard logistic (Bradley and Terry 1952): e belongs to the pair and is the same in either
order, a mistaken opinion; w is drawn anew for every answer. Within `tie_width` of zero it says tie
(Rao and Kupper 1967). All draws come from the texts: the same question gets the same answer. Left
out: judges that are biased by length or by style, see room `bias`.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from proxylab.artifacts import code_fingerprint
from proxylab.judge.budget import estimated_tokens
from proxylab.judge.prompt import read_message
from proxylab.rewards.interface import Fingerprinted

NAME = "simulated judge"
GARBAGE = (
    "Both responses have their merits, and it depends on what the user wants.",
    "VERDICT: Response 1",
    "VERDICT: 1\nOn reflection:\nVERDICT: 2",
    "",
)
DIGEST_BYTES = 8


@dataclass(frozen=True)
class SimulatedJudge:
    """How a simulated judge errs; all but `garbage_rate` and `seed` in units of the reward.

    Raises ValueError for a negative noise, wobble or tie width, and a rate outside 0..1.
    """

    noise: float = 0.0
    wobble: float = 0.0
    position_bias: float = 0.0
    tie_width: float = 0.0
    garbage_rate: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("noise", "wobble", "tie_width"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.garbage_rate <= 1:
            raise ValueError(f"garbage_rate must lie in 0..1, got {self.garbage_rate}")

    def answer(self, texts: dict[str, str], gap: float, vote: int = 0) -> str:
        """What it says of a pair: `texts` prompt, first, second; `gap` reward(first - second)."""
        prompt, first, second = texts["prompt"], texts["first"], texts["second"]
        if self._uniform("garbage", prompt, first, second, vote) < self.garbage_rate:
            drawn = self._uniform("which", prompt, first, second, vote)
            return GARBAGE[int(drawn * len(GARBAGE))]
        opinion = self._logistic("opinion", prompt, *sorted((first, second)))
        # The opinion is about two texts, whichever comes first; none about a text and itself.
        side = (first < second) * 1 - (first > second) * 1
        felt = gap + self.position_bias + side * self.noise * opinion
        felt += self.wobble * self._logistic("wobble", prompt, first, second, vote)
        if abs(felt) <= self.tie_width:
            return "Nothing sets the two apart.\nVERDICT: TIE"
        better = 1 if felt > 0 else 2
        return f"Response {better} follows the rules better.\nVERDICT: {better}"

    def _uniform(self, *what: object) -> float:
        """A number in (0, 1) that belongs to these texts."""
        content = json.dumps([self.seed, *what]).encode()
        digest = hashlib.sha256(content).digest()[:DIGEST_BYTES]
        return (int.from_bytes(digest) + 0.5) / 256**DIGEST_BYTES

    def _logistic(self, *what: object) -> float:
        drawn = min(self._uniform(*what), 1 - 2**-53)
        return float(np.log(drawn) - np.log1p(-drawn))


@dataclass(frozen=True)
class SimulatedEndpoint:
    """Where a simulated judge listens, and the model name to ask for."""

    base_url: str
    model: str


@contextlib.contextmanager
def simulated_endpoint(reward: Fingerprinted, judge: SimulatedJudge) -> Iterator[SimulatedEndpoint]:
    """Serve a simulated judge on a free port of 127.0.0.1 for the length of the block.

    The model's name holds a digest of the judge and of the reward, so that a cache keyed by the
    model's name never mixes two judges.
    """
    code = code_fingerprint("judge/simulated_server")
    content = json.dumps([asdict(judge), reward.fingerprint, code], sort_keys=True)
    model = f"{NAME} {hashlib.sha256(content.encode()).hexdigest()[:12]}"
    handler = type("Handler", (_Handler,), {"reward": reward, "judge": judge, "model": model})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield SimulatedEndpoint(f"http://127.0.0.1:{server.server_port}/v1", model)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """POST /v1/chat/completions, and nothing else."""

    protocol_version = "HTTP/1.1"  # one connection for many questions
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True
    reward: Fingerprinted
    judge: SimulatedJudge
    model: str

    def do_POST(self) -> None:
        """Answer one question."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions" or request["model"] != self.model:
            message = f"here is /v1/chat/completions of {self.model!r}, and nothing else"
            return self._send(404, {"error": {"message": message}})
        message = request["messages"][-1]["content"]
        try:
            texts = read_message(message)
        except ValueError as error:
            return self._send(400, {"error": {"message": str(error)}})
        scores = self.reward.score([texts["prompt"]] * 2, [texts["first"], texts["second"]])
        answer = self.judge.answer(texts, float(scores[0] - scores[1]), request.get("seed", 0))
        self._send(200, self._completion(message, answer))

    def log_message(self, *args: object) -> None:
        """Stay silent: a run prints its own progress."""

    def _completion(self, message: str, answer: str) -> dict:
        read, written = estimated_tokens(message), estimated_tokens(answer)
        reply = {"role": "assistant", "content": answer}
        return {
            "id": "simulated",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [{"index": 0, "message": reply, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            },
        }

    def _send(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
