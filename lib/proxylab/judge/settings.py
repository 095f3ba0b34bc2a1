"""Which judge is asked, and how: the endpoint, the model, sampling, patience and budget."""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proxylab.judge.budget import BudgetSettings
from proxylab.judge.prompt import PROMPT_VERSION
from proxylab.names import missing_name

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RESERVED = ("base_url", "model", "api_key_env", "both_orders", "budget")  # not options
NO_KEY = "none"  # local servers ask for none, the client insists on some


class JudgeSettings(BaseModel):
    """A judge behind an OpenAI-compatible endpoint.

    The key is read from the environment variable that `api_key_env` names; it is in no settings,
    record, message or file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="such as http://127.0.0.1:8000/v1")
    model: str = Field(min_length=1)
    api_key_env: str = "OPENAI_API_KEY"

    both_orders: bool = True
    n_votes: int = Field(default=1, ge=1, description="answers to each question")
    temperature: float | None = Field(default=0.0, ge=0, description="None: the endpoint's own")
    max_answer_tokens: int = Field(default=512, ge=1)
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    timeout: float = Field(default=60.0, gt=0, description="seconds a request")
    max_retries: int = Field(default=4, ge=0)
    n_at_once: int = Field(default=4, ge=1)
    stop_after: int = Field(default=10, ge=1, description="failures in a row that end the run")
    budget: BudgetSettings = BudgetSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "JudgeSettings":
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("base_url must be an http(s) address such as http://127.0.0.1:8000/v1")
        if address.username or address.password or address.query:
            raise ValueError(
                "base_url must hold no user, password or query: settings are recorded. Put the key "
                "into the environment variable that api_key_env names"
            )
        if self.n_votes > 1 and self.temperature == 0:
            raise ValueError("n_votes above 1 needs a temperature above 0: the votes would be one")
        return self

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine, so that no proxy lies between."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    def api_key(self) -> str:
        """The key from the environment; local endpoints need none.

        Raises ValueError that names the variable if it is not set.
        """
        key = os.environ.get(self.api_key_env, "")
        if not key and not self.is_local:
            raise ValueError(f"the environment variable {self.api_key_env} holds no API key")
        return key or NO_KEY

    def question_key(self, message: str, vote: int) -> str:
        """Digest of all that an answer depends on; the endpoint's address is no part of it."""
        sampling = [self.temperature, self.max_answer_tokens, self.token_limit]
        content = json.dumps([self.model, PROMPT_VERSION, message, sampling, vote])
        return hashlib.sha256(content.encode()).hexdigest()


def settings_with(options: Sequence[str], **fixed) -> JudgeSettings:
    """Judge settings from `fixed` fields and texts such as "max_requests=600", "temperature=1".

    A name is a field of BudgetSettings or of JudgeSettings; the value "none" stands for None.
    Raises ValueError for another form, a name that does not exist, or an impossible value.
    """
    own = [name for name in JudgeSettings.model_fields if name not in RESERVED]
    parts: dict[str, dict[str, str | None]] = {"judge": {}, "budget": {}}
    for option in options:
        name, equals, value = option.partition("=")
        known = [*BudgetSettings.model_fields, *own]
        if not equals or name not in known:
            raise ValueError(f"{missing_name('option', name, known)}; the form is name=value")
        part = "budget" if name in BudgetSettings.model_fields else "judge"
        parts[part][name] = None if value == "none" else value
    return JudgeSettings(**fixed, **parts["judge"], budget=parts["budget"])
