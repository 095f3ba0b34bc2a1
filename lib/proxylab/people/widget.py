"""A labelling form inside a notebook, for a researcher who labels alone.

Shows a prompt and two replies as text, never as HTML, and writes every click to the ledger before
it shows the next question; what is typed or ticked on the way is there as a draft. Opened again, it
goes on where it was. Needs ipywidgets, which the `explore` extra installs. Left out: scoring by
criteria, and several people at once; for these use Label Studio or tables.
"""

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import ipywidgets as widgets

from proxylab.people.answers import ANSWERED, DRAFT, SKIPPED, WITHDRAWN, Answer, now, standing
from proxylab.people.instructions import (
    COMPARE_RULES,
    COMPARE_TIE_BREAK,
    COMPARE_TITLE,
    WARNING,
)
from proxylab.people.ledger import Ledger
from proxylab.people.tables import choice_of_side, harmful_sides
from proxylab.people.tasks import PAIR, Batch, Task
from proxylab.preferences.schema import PreferenceError

BUTTONS = {"left": "Left is better", "tie": "They are level", "right": "Right is better"}
SOURCE = "notebook"
BOX = "white-space: pre-wrap; border: 1px solid #bbb; padding: 0.6em; overflow-wrap: anywhere"


class LabelForm:
    """The form: `show()` gives what a notebook displays.

    Arguments: `batch` of comparisons; `ledger` that answers go to; `annotator` who answers;
    `tasks`, that person's share (default: all of the batch); `clock`, seconds that only go
    forward. Raises PreferenceError for a batch of scores.
    """

    def __init__(
        self,
        batch: Batch,
        ledger: Ledger,
        annotator: str,
        *,
        tasks: Sequence[Task] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        if batch.kind != PAIR:
            raise PreferenceError("the form compares replies; scores go through tables")
        self.batch, self.ledger, self.annotator, self.clock = batch, ledger, annotator, clock
        self.tasks = list(batch.tasks if tasks is None else tasks)
        self._answered, self._drafts = self._what_was_said()
        self._build()
        self._next()

    @property
    def current(self) -> Task | None:
        """The question on the screen, None when all are answered."""
        return self._current

    def show(self) -> widgets.VBox:
        """The form, to be the last expression of a cell."""
        return self._form

    def _what_was_said(self) -> tuple[dict[str, Answer], dict[str, Answer]]:
        """This person's answers to these questions, oldest first, and drafts, by question."""
        wanted = {task.task_id for task in self.tasks}
        mine = [
            answer
            for answer in self.ledger.read()[0]
            if answer.annotator == self.annotator and answer.task_id in wanted
        ]
        found = standing(mine)
        counted = sorted(found.counted, key=lambda answer: answer.at or answer.recorded)
        return {a.task_id: a for a in counted}, {a.task_id: a for a in found.drafts}

    def _build(self) -> None:
        self.status, self.question = widgets.HTML(), widgets.HTML()
        self.buttons = {side: widgets.Button(description=text) for side, text in BUTTONS.items()}
        self.skip = widgets.Button(description="Skip", tooltip="I cannot judge this one")
        self.undo = widgets.Button(description="Undo", tooltip="Take back the last answer")
        self.harmful = {
            side: widgets.ToggleButton(description=f"{side.capitalize()} is harmful")
            for side in ("left", "right")
        }
        self.comment = widgets.Textarea(placeholder="anything to add", continuous_update=False)
        for side, button in self.buttons.items():
            button.on_click(lambda _, side=side: self._answer(side))
        self.skip.on_click(lambda _: self._answer(None))
        self.undo.on_click(lambda _: self._take_back())
        for field in (*self.harmful.values(), self.comment):
            field.observe(lambda _: self._keep_draft(), names="value")
        self._form = widgets.VBox(
            [
                widgets.HTML(_rules(self.batch.warning)),
                *(self.status, self.question),
                widgets.HBox([*self.harmful.values()]),
                widgets.HBox([*self.buttons.values(), self.skip, self.undo]),
                self.comment,
            ]
        )

    def _next(self) -> None:
        """Show the first question without an answer; what was begun there is filled in again."""
        open_ones = (task for task in self.tasks if task.task_id not in self._answered)
        self._current = next(open_ones, None)
        self._started = self.clock()
        self._fill(self._drafts.get(self._current.task_id) if self._current else None)
        n, total = len(self._answered), len(self.tasks)
        done = "All done, thank you." if self._current is None else COMPARE_TITLE
        self.status.value = f"<p>{n:,} of {total:,} answered. <b>{done}</b></p>"
        self.question.value = _question(self._current, self.batch.warning)
        for widget in (*self.buttons.values(), self.skip, *self.harmful.values(), self.comment):
            widget.disabled = self._current is None
        self.undo.disabled = not self._answered

    def _fill(self, draft: Answer | None) -> None:
        self._is_filling = True  # what the form does itself is no draft
        marked = () if draft is None or draft.harmful is None else draft.harmful
        left = None if self._current is None else self._current.left
        self.harmful["left"].value = left in marked
        self.harmful["right"].value = any(name != left for name in marked)
        self.comment.value = "" if draft is None else draft.comment
        self._is_filling = False

    def _said(self, status: str, side: str | None = None) -> Answer:
        task = self._current
        return Answer(
            task_id=task.task_id,
            annotator=self.annotator,
            status=status,
            choice=None if side is None else choice_of_side(side, task.left),
            left=task.left,
            harmful=harmful_sides(*(flag.value for flag in self.harmful.values()), task.left),
            seconds=round(self.clock() - self._started, 3),
            at=now(),
            comment=self.comment.value,
            source=SOURCE,
        )

    def _answer(self, side: str | None) -> None:
        if self._current is None:
            return
        answer = self._said(SKIPPED if side is None else ANSWERED, side)
        self.ledger.append([answer])
        self._drafts.pop(answer.task_id, None)
        self._answered[answer.task_id] = answer
        self._next()

    def _keep_draft(self) -> None:
        if self._current is None or self._is_filling:
            return
        draft = self._said(DRAFT)
        self.ledger.append([draft])
        self._drafts[draft.task_id] = draft

    def _take_back(self) -> None:
        """Withdraw the last answer and show its question again, as it was filled in."""
        if not self._answered:
            return
        task_id, answer = self._answered.popitem()
        self.ledger.append([replace(answer, status=WITHDRAWN, at=now(), source=SOURCE)])
        self._drafts[task_id] = answer
        self.tasks.sort(key=lambda task: task.task_id != task_id)  # to the front; order else kept
        self._next()


def _rules(warning: bool) -> str:
    rules = "".join(f"<li>{html.escape(rule)}</li>" for rule in COMPARE_RULES)
    text = f"<ol>{rules}</ol><p>{html.escape(COMPARE_TIE_BREAK)}</p>"
    head = f"<p><b>Content warning.</b> {html.escape(WARNING)}</p>" if warning else ""
    return f"{head}<details><summary>How to judge</summary>{text}</details>"


def _question(task: Task | None, warning: bool) -> str:
    if task is None:
        return ""
    sides = "".join(
        f'<td style="width: 50%; vertical-align: top">{_box(s)}</td>' for s in task.sides
    )
    shown = f'{_box(task.prompt.strip())}<table style="width: 100%"><tr>{sides}</tr></table>'
    if not warning:
        return shown
    return f"<details><summary>May offend: show the texts</summary>{shown}</details>"


def _box(text: str) -> str:
    """A text as it stands, in the direction that its letters have."""
    return f'<div dir="auto" style="{BOX}">{html.escape(text) or "<i>(empty)</i>"}</div>'
