"""Label Studio: its labelling configuration and tasks, and its JSON export.

Two forms: its pairwise template, with ties, harm and a comment added, and a rating by five
criteria (Elephant, appendix B.1.2). Texts go in Label Studio's `Text` tag, which shows them as
text, not as HTML. Read is the export called "JSON"; drafts, skips and several annotations a task
are kept apart. What its export looks like was seen in version 1.23.2;
`scripts/check_label_studio.py` tries it against an installed one. Left out: its relations,
predictions and storage connectors.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from proxylab.names import missing_name
from proxylab.people.answers import ANSWERED, DRAFT, SKIPPED, Answer
from proxylab.people.instructions import (
    COMPARE_TITLE,
    CRITERIA,
    HIGHEST,
    SCORE_TITLE,
    WARNING,
    plain_rules,
)
from proxylab.people.tables import choice_of_side, harmful_sides, known_task, question_row
from proxylab.people.tasks import PAIR, Batch, Task
from proxylab.preferences.lines import collect_rows
from proxylab.preferences.schema import PreferenceError, ReadReport

CHOICE, OTHERWISE, HARMFUL, COMMENT = "choice", "otherwise", "harmful", "comment"
TIE, CANNOT_TELL = "They are level", "I cannot tell"
OTHER_ANSWERS = {TIE: "tie", CANNOT_TELL: "skip"}
HARMFUL_LEFT, HARMFUL_RIGHT = "The left reply is harmful", "The right reply is harmful"
NAMES = {CHOICE: "pairwise", OTHERWISE: "choices", HARMFUL: "choices", COMMENT: "textarea"}
TITLES = {CHOICE: COMPARE_TITLE, OTHERWISE: "Or:", HARMFUL: "Harm:", COMMENT: "Comment:"}


def labelling_config(kind: str, *, warning: bool = False) -> str:
    """The labelling interface as Label Studio's XML; `kind` is "pair" or "score"."""
    view = ElementTree.Element("View")
    if warning:
        ElementTree.SubElement(view, "Header", value=f"Content warning. {WARNING}", size="5")
    panel = ElementTree.SubElement(
        ElementTree.SubElement(view, "Collapse"), "Panel", value="How to judge"
    )
    for rule in plain_rules(kind):
        ElementTree.SubElement(panel, "Header", value=rule, size="6", underline="false")
    _text(view, "prompt")
    (_pair_form if kind == PAIR else _score_form)(view)
    note = {"toName": "prompt", "placeholder": "anything to add", "editable": "true"}
    ElementTree.SubElement(view, "TextArea", name=COMMENT, **note)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def label_studio_tasks(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """Questions as Label Studio imports them: what annotators see, and the identifier."""
    return [{"data": question_row(task)} for task in tasks]


def read_label_studio(
    path: str | Path, batch: Batch, *, names: Mapping[int, str] | None = None
) -> tuple[list[Answer], int, ReadReport]:
    """Answers from an export called "JSON": answers, how many tasks have none, and the report.

    Arguments: `names` of annotators by their number in Label Studio (default: "user <number>").
    Drafts are answers of the status "draft", skipped tasks of "skipped". In the report, a row is
    an annotation or a draft, and its line the task's place in the file, from 1.
    Raises PreferenceError for a file that is no such export.
    """
    path = Path(path)
    exported = _load(path)
    rows, n_unanswered = [], 0
    for number, task in enumerate(exported):
        given = [(number, (task, entry, False)) for entry in task["annotations"]]
        drafts = [(number, (task, entry, True)) for entry in task.get("drafts") or []]
        rows += given + drafts
        n_unanswered += not given

    def parse(raw: tuple[dict, dict, bool]) -> Answer:
        return _answer(*raw, batch, names or {}, path.name)

    kept, report = collect_rows(rows, parse, file=str(path))
    return [answer for _, answer in kept], n_unanswered, report


def _pair_form(view: ElementTree.Element) -> None:
    for name in (CHOICE, OTHERWISE):
        ElementTree.SubElement(view, "Header", value=TITLES[name], size="5")
        if name == CHOICE:
            ElementTree.SubElement(view, "Pairwise", name=CHOICE, toName="left,right")
            sides = ElementTree.SubElement(view, "View", style="display: flex; gap: 1em")
            for side in ("left", "right"):
                _text(ElementTree.SubElement(sides, "View", style="flex: 1"), side)
        else:
            _choices(view, OTHERWISE, tuple(OTHER_ANSWERS), "single")
    ElementTree.SubElement(view, "Header", value=TITLES[HARMFUL], size="5")
    _choices(view, HARMFUL, (HARMFUL_LEFT, HARMFUL_RIGHT), "multiple")


def _score_form(view: ElementTree.Element) -> None:
    ElementTree.SubElement(view, "Header", value=SCORE_TITLE, size="5")
    _text(view, "response")
    for name in CRITERIA:
        ElementTree.SubElement(view, "Header", value=name.capitalize(), size="6")
        rating = {"toName": "response", "maxRating": str(HIGHEST), "required": "true"}
        ElementTree.SubElement(view, "Rating", name=name, **rating)


def _text(parent: ElementTree.Element, name: str) -> None:
    ElementTree.SubElement(parent, "Text", name=name, value=f"${name}")


def _choices(view: ElementTree.Element, name: str, values: tuple[str, ...], choice: str) -> None:
    form = {"toName": "prompt", "choice": choice, "showInLine": "true"}
    choices = ElementTree.SubElement(view, "Choices", name=name, **form)
    for value in values:
        ElementTree.SubElement(choices, "Choice", value=value)


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        exported = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PreferenceError(f"{path}: no JSON file: {error}") from error
    is_export = isinstance(exported, list) and all(
        isinstance(task, dict) and isinstance(task.get("annotations"), list) for task in exported
    )
    if not is_export:
        raise PreferenceError(
            f"{path}: not Label Studio's export called JSON, which is a list of tasks with data "
            "and annotations (JSON_MIN has none: export it again as JSON)"
        )
    return exported


def _answer(
    task: dict, entry: dict, is_draft: bool, batch: Batch, names: Mapping[int, str], source: str
) -> Answer:
    data = task.get("data") or {}
    if not isinstance(entry, dict) or "task_id" not in data:
        raise ValueError("the task's data has no task_id: was it imported from this batch?")
    asked = known_task(data["task_id"], batch)
    on_left = asked.left_in(data.get("left")) if batch.kind == PAIR else None
    if on_left is None:
        asked.check_shown(data.get("response"))
    if entry.get("was_cancelled"):
        meaning: dict[str, Any] = {"status": SKIPPED, "left": on_left}
    elif on_left is None:
        meaning = _scores(_by_name(entry), is_draft)
    else:
        meaning = _comparison(_by_name(entry), on_left, is_draft)
    return Answer(
        task_id=asked.task_id,
        annotator=_who(entry, names),
        seconds=entry.get("lead_time"),
        at=entry.get("updated_at") or entry.get("created_at"),
        comment="\n".join(_by_name(entry).get(COMMENT, [])),
        source=f"{source}, {'draft' if is_draft else 'annotation'} {entry.get('id')}",
        **meaning,
    )


def _by_name(entry: dict) -> dict[str, Any]:
    """The values of an annotation's regions by the name of their tag in our configuration."""
    found: dict[str, Any] = {}
    for region in entry.get("result") or []:
        name, value = region.get("from_name"), region.get("value") or {}
        if name in CRITERIA:
            found[name] = value.get("rating")
        elif name in NAMES:
            found[name] = value.get({CHOICE: "selected", COMMENT: "text"}.get(name, "choices"))
        else:
            known = (*CRITERIA, *NAMES)
            raise ValueError(f"of another labelling form: {missing_name('tag', str(name), known)}")
    if isinstance(found.get(COMMENT), str):
        found[COMMENT] = [found[COMMENT]]
    return found


def _comparison(said: dict[str, Any], on_left: str, is_draft: bool) -> dict[str, Any]:
    others = [OTHER_ANSWERS[value] for value in said.get(OTHERWISE, [])]
    sides = [*([said[CHOICE]] if CHOICE in said else []), *others]
    marked = said.get(HARMFUL, [])
    harmful = harmful_sides(HARMFUL_LEFT in marked, HARMFUL_RIGHT in marked, on_left)
    meaning = {"left": on_left, "harmful": harmful}
    if len(sides) > 1 and not is_draft:
        raise ValueError(f"says {' and '.join(map(repr, sides))} at once")
    if sides == ["skip"]:
        return {**meaning, "status": DRAFT if is_draft else SKIPPED}
    # Label Studio lets an annotation be handed in empty; what it has besides is kept as a draft.
    choice = choice_of_side(sides[0], on_left) if len(sides) == 1 else None
    return {**meaning, "choice": choice, "status": DRAFT if is_draft or not sides else ANSWERED}


def _scores(said: dict[str, Any], is_draft: bool) -> dict[str, Any]:
    scores = {name: said[name] for name in CRITERIA if said.get(name) is not None}
    is_whole = len(scores) == len(CRITERIA)
    return {"scores": scores, "status": ANSWERED if is_whole and not is_draft else DRAFT}


def _who(entry: dict, names: Mapping[int, str]) -> str:
    user = entry.get("completed_by", entry.get("user"))
    number = user.get("id") if isinstance(user, dict) else user
    if isinstance(number, str):  # a draft names its user by e-mail, and "e-mail, number" beside it
        after = str(entry.get("created_username")).rpartition(", ")[2]
        number = int(after) if after.isdecimal() else number
    if number is None:
        raise ValueError("the annotation does not say who completed it")
    return names.get(number, f"user {number}")
