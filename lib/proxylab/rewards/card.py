"""`proxylab.json`: what a folder of weights does not say about itself.

Orientation, text layout, end-of-text token and whether the head was ever trained cannot be read
off a sequence classifier; guessing them wrong gives scores that look fine and are not.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from transformers.utils import cached_file

CARD_NAME = "proxylab.json"


class RewardCard(BaseModel):
    """How a saved reward model is to be read, and how it was trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    orientation: Literal[1, -1]
    template: Literal["plain", "chat"]
    append_eos: bool
    max_length: int
    head_trained: bool
    training: dict[str, Any] = {}


def write_card(folder: Path, card: RewardCard) -> None:
    """Write `card` into `folder`; the caller renames the folder into place afterwards."""
    text = json.dumps(card.model_dump(), indent=2, sort_keys=True) + "\n"
    (Path(folder) / CARD_NAME).write_text(text, encoding="utf-8")


def read_card(source: str | Path, *, revision: str | None = None) -> RewardCard | None:
    """The card of a folder or hub id, None where there is none.

    Raises ValueError that names the file and the key when the card cannot be read.
    """
    path = _card_path(source, revision)
    if path is None:
        return None
    try:
        return RewardCard.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise ValueError(f"{path}: {key}: {first['msg']}") from error


def _card_path(source: str | Path, revision: str | None) -> Path | None:
    if Path(source).is_dir():
        path = Path(source) / CARD_NAME
        return path if path.is_file() else None
    found = cached_file(
        str(source),
        CARD_NAME,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(found) if found else None
