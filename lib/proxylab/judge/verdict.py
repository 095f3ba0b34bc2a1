"""A judge's verdict, read in one strict form: the last line, `VERDICT: 1`, `2` or `TIE`.

What is not in that form is no verdict. It is counted as unparseable and never guessed at: a reader
that searches for "response 1 is better" finds it in "I cannot say that response 1 is better".
"""

import re
from dataclasses import dataclass

FIRST, SECOND, TIE = "1", "2", "tie"
UNPARSEABLE, REFUSED, FAILED, UNASKED = "unparseable", "refused", "failed", "unasked"
DECIDED = (FIRST, SECOND, TIE)
UNDECIDED = (UNPARSEABLE, REFUSED, FAILED, UNASKED)

_MARK = "VERDICT:"
_LINE = re.compile(r"VERDICT: (1|2|TIE)")


@dataclass(frozen=True)
class Verdict:
    """Which place won ("1", "2", "tie"), or why there is no verdict: a kind, and a reason."""

    kind: str
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """What an endpoint sent back, and the tokens that it says were used."""

    text: str
    finish_reason: str = "stop"
    refusal: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


def verdict_of(answer: Answer) -> Verdict:
    """The verdict of an answer.

    A refusal in the protocol's own field, or a content filter, is "refused"; an answer that was
    cut off, is empty, or has not exactly one verdict line, the last, is "unparseable".
    """
    if answer.refusal or answer.finish_reason == "content_filter":
        return Verdict(REFUSED, "refusal" if answer.refusal else "content filter")
    if answer.finish_reason == "length":
        return Verdict(UNPARSEABLE, "cut off")
    return _parsed(answer.text)


def _parsed(text: str) -> Verdict:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return Verdict(UNPARSEABLE, "empty")
    marked = [line for line in lines if line.startswith(_MARK)]
    if len(marked) > 1:
        return Verdict(UNPARSEABLE, "several verdict lines")
    found = _LINE.fullmatch(lines[-1])
    if found is None:
        return Verdict(UNPARSEABLE, "verdict not in form" if marked else "no verdict line")
    return Verdict(found[1].lower())
