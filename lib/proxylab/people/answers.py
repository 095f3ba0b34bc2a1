"""What a person said about one question: who, when, how long, what, and which side it stood on.

An answer names the reply that was preferred, not the side, and says which reply was on the left:
so position bias can be measured, and answers stay right if the sides are drawn anew. Left out:
where answers are kept (`ledger`) and what they amount to (`votes`, `progress`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proxylab.names import missing_name
from proxylab.people.instructions import CRITERIA, HIGHEST, LOWEST
from proxylab.people.tasks import FIRST, SECOND, TIE

ANSWERED, SKIPPED, DRAFT, WITHDRAWN = "answered", "skipped", "draft", "withdrawn"
STATUSES = (ANSWERED, SKIPPED, DRAFT, WITHDRAWN)
CHOICES = (FIRST, SECOND, TIE)


@dataclass(frozen=True)
class Answer:
    """One answer; two are equal if the same person said the same at the same time.

    status: answered, skipped (asked, no answer), draft (not handed in) or withdrawn (taken back).
    choice: "first", "second" or "tie". left: the reply that was shown on the left. harmful: the
    replies marked so, None if that was not asked. scores: 1 to 5 by criterion. seconds: how long.
    at: when, as an ISO time in UTC, None if unknown. source: the file or tool that it came
    through. recorded: when it entered the ledger, which writes it.
    Raises ValueError for a value that is none of these.
    """

    task_id: str
    annotator: str
    status: str = ANSWERED
    choice: str | None = None
    left: str | None = None
    harmful: tuple[str, ...] | None = None
    scores: Mapping[str, int] | None = None
    seconds: float | None = None
    at: str | None = None
    comment: str = ""
    source: str = field(default="", compare=False)
    recorded: str = field(default="", compare=False)

    def __post_init__(self):
        for name in ("task_id", "annotator"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(f"{name} must be a name, is {getattr(self, name)!r}")
        if self.status not in STATUSES:
            raise ValueError(missing_name("status", str(self.status), STATUSES))
        if self.choice is not None and self.choice not in CHOICES:
            raise ValueError(missing_name("choice", str(self.choice), CHOICES))
        if self.status == ANSWERED and (self.choice is None) == (self.scores is None):
            raise ValueError("an answer has a choice, or scores, and not both")
        self._check_details()

    def _check_details(self):
        if self.left not in (None, FIRST, SECOND) or not set(self.harmful or ()) <= {FIRST, SECOND}:
            raise ValueError(f"left and harmful name {FIRST!r} or {SECOND!r}")
        if self.scores is not None:
            check_scores(self.scores, whole=self.status == ANSWERED)
        if self.seconds is not None and not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds must not be negative, is {self.seconds}")
        if self.at is not None:
            object.__setattr__(self, "at", utc_time(self.at))

    @property
    def key(self) -> tuple[str, str]:
        """The question and the person: of such answers one counts."""
        return self.task_id, self.annotator

    @property
    def chose_left(self) -> bool | None:
        """Whether the reply on the left was preferred; None for a tie or where that is unknown."""
        if self.left is None or self.choice not in (FIRST, SECOND):
            return None
        return self.choice == self.left

    def to_row(self) -> dict[str, Any]:
        """The answer as JSON holds it, without what is not known."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in row.items() if value is not None and value != ""}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Answer":
        """The inverse of `to_row`; keys that are not known are left alone. Raises ValueError."""
        known = {name: row[name] for name in cls.__dataclass_fields__ if name in row}
        if "harmful" in known:
            known["harmful"] = tuple(known["harmful"])
        try:
            return cls(**known)
        except TypeError as error:
            raise ValueError(f"no answer: {error}") from error


def check_scores(scores: Mapping[str, int], *, whole: bool = True) -> None:
    """Raise ValueError unless the scores are whole numbers from 1 to 5 by each known criterion.

    Arguments: `whole` demands every criterion.
    """
    for name, score in scores.items():
        if name not in CRITERIA:
            raise ValueError(missing_name("criterion", str(name), CRITERIA))
        if isinstance(score, bool) or not isinstance(score, int) or not LOWEST <= score <= HIGHEST:
            raise ValueError(f"{name} must be a whole number {LOWEST} to {HIGHEST}, is {score!r}")
    missing = [name for name in CRITERIA if name not in scores]
    if whole and missing:
        raise ValueError(f"no score for {', '.join(missing)}")


def utc_time(text: str) -> str:
    """An ISO time in UTC to the microsecond; one without a zone is taken as UTC.

    Raises ValueError for a text that is no ISO time.
    """
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text!r} is no time such as 2025-03-01T12:30:00Z") from error
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def now() -> str:
    """The time, as answers hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Standing:
    """What counts, and what no longer does.

    counted: one answer or skip for each question and person. replaced: answers that the same
    person later changed or took back. drafts: never handed in and without a later answer.
    """

    counted: tuple[Answer, ...]
    replaced: tuple[Answer, ...]
    drafts: tuple[Answer, ...]


def standing(answers: Iterable[Answer]) -> Standing:
    """Which answers count: of one person's on one question, the last that was handed in.

    Last by the time at which it was given, or where that is unknown at which it was recorded;
    at equal times, by the order of `answers`. One that was taken back counts no more, and
    neither does any before it. A draft never counts.
    """
    by_key: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        by_key.setdefault(answer.key, []).append(answer)
    counted, replaced, drafts = [], [], []
    for given in by_key.values():
        in_time = sorted(given, key=lambda answer: answer.at or answer.recorded)  # stable
        final = [answer for answer in in_time if answer.status != DRAFT]
        if final and final[-1].status != WITHDRAWN:
            counted.append(final[-1])
        replaced += [answer for answer in final[:-1] if answer.status != WITHDRAWN]
        if in_time[-1].status == DRAFT:
            drafts.append(in_time[-1])
    return Standing(tuple(counted), tuple(replaced), tuple(drafts))
