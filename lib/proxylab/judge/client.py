"""One question to an OpenAI-compatible endpoint, through the official client.

The client itself retries time-outs, dropped connections and the statuses 408, 409, 429 and 5xx,
with exponential back-off or for as long as Retry-After says (up to two minutes; beyond that it
gives up). What can never work, a wrong key or a model that does not exist, ends the run; what still
fails after its retries is a failure of this question alone. Left out: streaming, and the Responses
API, which compatible servers seldom have.
"""

from dataclasses import dataclass
from typing import Any

import openai

from proxylab.judge.budget import estimated_tokens
from proxylab.judge.settings import NO_KEY, JudgeSettings
from proxylab.judge.verdict import Answer

HINTS = {
    401: "the key in the environment variable {env} is not accepted",
    403: "the key in the environment variable {env} may not use this model",
    404: "there is no model {model!r} at {url}, or no chat completions at this address",
}
NOT_A_COMPLETION = "not a chat completion"
TIME_OUT, DROPPED = "time-out", "no connection"


class EndpointError(RuntimeError):
    """The endpoint can answer no question of this run; the message says what to change."""


@dataclass(frozen=True)
class Failure:
    """Why a question has no answer: a category, never the server's own words."""

    reason: str


@dataclass(frozen=True)
class Reply:
    """An answer or a failure, and how many requests it took, retries included."""

    result: Answer | Failure
    n_requests: int


class ChatEndpoint:
    """Asks one message at a time; safe to use from several threads.

    Raises ValueError on creation where a remote endpoint has no key.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self._key = settings.api_key()
        # Where HTTP_PROXY is set, a request to this very machine would go out and come back.
        http = openai.DefaultHttpxClient(trust_env=False) if settings.is_local else None
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=settings.max_retries,
            http_client=http,
        )

    def ask(self, message: str, *, vote: int = 0, max_requests: int) -> Reply:
        """The answer to a message, in at most `max_requests` requests.

        `vote` numbers repeated answers: it is sent as the seed where there are several.
        Raises EndpointError where no question can ever be answered: 401, 403, 404.
        """
        client = self._client.with_options(max_retries=max_requests - 1)
        try:
            raw = client.chat.completions.with_raw_response.create(**self._request(message, vote))
        except openai.APITimeoutError:
            return Reply(Failure(TIME_OUT), max_requests)
        except openai.APIConnectionError:
            return Reply(Failure(DROPPED), max_requests)
        except openai.APIStatusError as error:
            return self._refused(error, max_requests)
        try:
            return Reply(_answer(raw.parse(), message), 1 + raw.retries_taken)
        except (openai.APIError, ValueError, TypeError, AttributeError, LookupError):
            # 200 OK around something else: an error page, half a body, another API's object.
            return Reply(Failure(NOT_A_COMPLETION), 1 + raw.retries_taken)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _request(self, message: str, vote: int) -> dict[str, Any]:
        settings = self.settings
        request = {
            "model": settings.model,
            "messages": [{"role": "user", "content": message}],
            settings.token_limit: settings.max_answer_tokens,
        }
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        if settings.n_votes > 1:  # not every server knows the field
            request["seed"] = vote
        return request

    def _refused(self, error: openai.APIStatusError, max_requests: int) -> Reply:
        status = error.status_code
        if status not in HINTS:
            return Reply(Failure(f"HTTP {status}"), max_requests if _was_retried(status) else 1)
        settings = self.settings
        hint = HINTS[status].format(
            env=settings.api_key_env, model=settings.model, url=settings.base_url
        )
        said = self._without_key(str(error))
        # Chained, a traceback would repeat the server's words with the key still in them.
        raise EndpointError(
            f"the judge's endpoint answers {status}: {hint}. It says: {said}"
        ) from None

    def _without_key(self, text: str) -> str:
        """A server's message, some of which repeat the key."""
        return text if self._key == NO_KEY else text.replace(self._key, "(key)")


def _was_retried(status: int) -> bool:
    return status in (408, 409, 429) or status >= 500


def _answer(completion: Any, asked: str) -> Answer:
    """An answer from a parsed response; raises one of several errors if it is none.

    Where the endpoint counts no tokens they are estimated: a budget must not take them for free.
    Counts below 0 are taken for 0, for they would lower what was spent.
    """
    choice = completion.choices[0]
    message, usage = choice.message, completion.usage
    if not isinstance(message.content, str | None):
        raise TypeError(f"the content is no text but {type(message.content).__name__}")
    text = (message.content or "").encode("utf-8", "replace").decode()
    return Answer(
        text=text,
        finish_reason=choice.finish_reason or "stop",
        refusal=bool(getattr(message, "refusal", None)),
        prompt_tokens=max(0, int(usage.prompt_tokens)) if usage else estimated_tokens(asked),
        completion_tokens=(
            max(0, int(usage.completion_tokens)) if usage else estimated_tokens(text)
        ),
    )
