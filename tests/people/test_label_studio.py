"""Label Studio's configuration, and its export as version 1.23.2 wrote it for our tasks."""

import json
from xml.etree import ElementTree

import pytest
from proxylab.people import Ledger, import_answers, scores_batch
from proxylab.people.instructions import CRITERIA
from proxylab.people.label_studio import (
    label_studio_tasks,
    labelling_config,
    read_label_studio,
)
from proxylab.preferences import PreferenceError

from .conftest import PROMPT, REPLIES

CREATED, UPDATED = "2025-03-01T12:00:00.423134Z", "2025-03-01T12:00:09.423165Z"


def region(name, to, kind, **value):
    about = {"id": "wteg5IbbrO", "origin": "manual", "from_name": name, "to_name": to}
    return {**about, "type": kind, "value": value}


def side(name):
    return region("choice", "choice", "pairwise", selected=name)  # its browser names the tag twice


def otherwise(text):
    return region("otherwise", "prompt", "choices", choices=[text])


def annotation(number, user, *result, **changes):
    """All keys that an annotation had."""
    return {
        "id": number,
        "completed_by": user,
        "result": list(result),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": CREATED,
        "updated_at": UPDATED,
        "draft_created_at": None,
        "lead_time": 12.5,
        "prediction": {},
        "result_count": len(result),
        "unique_id": "e00a1d8d-3b5f-451e-8249-9829423a4ba2",
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": 1,
        "project": 1,
        "updated_by": user,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    } | changes


def draft(number, mail, *result):
    """A draft, which names its user by e-mail and has the number in another key."""
    return {
        "id": number,
        "user": mail,
        "created_username": f"{mail}, 2",
        "created_ago": "0\xa0minutes",
        "result": list(result),
        "lead_time": 2.0,
        "was_postponed": False,
        "import_id": None,
        "created_at": CREATED,
        "updated_at": UPDATED,
        "task": 1,
        "annotation": None,
    }


def exported(batch, annotations, drafts=None):
    """The export of a batch whose question number i has `annotations[i]` and `drafts[i]`."""
    tasks = label_studio_tasks(batch.tasks)
    return [
        {
            "id": number + 1,
            "annotations": annotations.get(number, []),
            "drafts": (drafts or {}).get(number, []),
            "predictions": [],
            **task,
            "meta": {},
            "created_at": CREATED,
            "inner_id": number + 1,
            "total_annotations": len(annotations.get(number, [])),
            "project": 1,
        }
        for number, task in enumerate(tasks)
    ]


def read(batch, tmp_path, *content, **options):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(exported(batch, *content)))
    return read_label_studio(path, batch, **options)


def test_the_form_is_the_pairwise_template_with_our_names():
    view = ElementTree.fromstring(labelling_config("pair", warning=True))
    pairwise = view.find(".//Pairwise")
    assert pairwise.attrib == {"name": "choice", "toName": "left,right"}
    texts = {tag.get("name"): tag.get("value") for tag in view.iter("Text")}
    assert texts == {"prompt": "$prompt", "left": "$left", "right": "$right"}
    named = {tag.get("name") for tag in view.iter() if tag.get("name")}
    assert named == {"prompt", "left", "right", "choice", "otherwise", "harmful", "comment"}
    assert "Content warning" in view.find("Header").get("value")
    assert "Content warning" not in labelling_config("pair")


def test_the_scoring_form_rates_five_criteria():
    view = ElementTree.fromstring(labelling_config("score"))
    ratings = {tag.get("name"): tag.attrib for tag in view.iter("Rating")}
    assert list(ratings) == list(CRITERIA)
    assert all(rating["maxRating"] == "5" for rating in ratings.values())
    assert {tag.get("toName") for tag in view.iter("Rating")} == {"response"}


def test_who_what_when_how_long(batch, tmp_path):
    harm = region("harmful", "prompt", "choices", choices=["The right reply is harmful"])
    note = region("comment", "prompt", "textarea", text=["one", "two"])
    given = {
        0: [annotation(1, 1, side("left"), harm, note), annotation(2, 2, side("right"))],
        1: [annotation(3, 1, otherwise("They are level"))],
    }
    answers, n_unanswered, report = read(batch, tmp_path, given, names={1: "ann"})
    first, second, tie = answers
    left = batch.tasks[0].left
    right = {"first": "second", "second": "first"}[left]
    assert (first.annotator, first.choice, first.left, first.harmful) == (
        "ann",
        left,
        left,
        (right,),
    )
    assert (first.seconds, first.comment) == (12.5, "one\ntwo")
    assert first.at == "2025-03-01T12:00:09.423165+00:00"  # when it was last changed
    assert (second.annotator, second.choice, second.harmful) == ("user 2", right, ())
    assert tie.choice == "tie"
    assert (n_unanswered, report.n_read, report.problems) == (1, 3, ())


def test_skips_drafts_and_what_was_handed_in_empty(batch, tmp_path):
    given = {
        0: [annotation(1, 1, was_cancelled=True), annotation(2, 2, otherwise("I cannot tell"))],
        1: [annotation(3, 1)],
    }
    drafts = {2: [draft(1, "bob@example.org", side("left"))]}
    answers, n_unanswered, report = read(batch, tmp_path, given, drafts, names={2: "bob"})
    assert [a.status for a in answers] == ["skipped", "skipped", "draft", "draft"]
    assert [a.annotator for a in answers] == ["user 1", "bob", "user 1", "bob"]
    assert answers[3].choice == batch.tasks[2].left
    assert (n_unanswered, report.problems) == (1, ())  # the third has a draft and no answer


def test_annotations_that_cannot_be_read_are_counted(batch, tmp_path):
    given = {
        0: [annotation(1, 1, side("left"), otherwise("They are level"))],
        1: [annotation(2, 1, region("sentiment", "text", "choices", choices=["Bad"]))],
        2: [annotation(3, None, side("left")), annotation(4, 1, side("left"), lead_time=-1)],
    }
    answers, _, report = read(batch, tmp_path, given)
    assert answers == []
    assert [problem.line for problem in report.problems] == [1, 2, 3, 3]
    reasons = ["'left' and 'tie' at once", "another labelling form", "does not say who", "negative"]
    for problem, reason in zip(report.problems, reasons, strict=True):
        assert reason in problem.reason


def test_tasks_that_are_not_of_this_batch_are_named(batch, tmp_path):
    content = exported(batch, {n: [annotation(n, 1, side("left"))] for n in range(3)})
    content[0]["data"]["task_id"] = "q-other"
    content[1]["data"] = {"text": "from elsewhere"}
    content[2]["data"]["left"] = "another text"
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content))
    answers, _, report = read_label_studio(path, batch)
    assert answers == []
    reasons = ["'q-other'", "no task_id", "not one of question"]
    for problem, reason in zip(report.problems, reasons, strict=True):
        assert reason in problem.reason


@pytest.mark.parametrize("content", ['{"a": 1}', '[{"id": 1, "choice": "left"}]', "[", "\xff"])
def test_another_file_is_refused(batch, tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(PreferenceError, match=r"export\.json: no"):
        read_label_studio(path, batch)


def test_a_changed_annotation_replaces_itself(batch, tmp_path):
    ledger, path = Ledger(tmp_path / "l.jsonl"), tmp_path / "export.json"
    for choice, when in (("left", CREATED), ("right", UPDATED), ("right", UPDATED)):
        given = {0: [annotation(1, 1, side(choice), updated_at=when)]}
        path.write_text(json.dumps(exported(batch, given)))
        import_answers(path, batch, ledger)
    now = ledger.standing()
    assert [a.chose_left for a in now.counted] == [False]
    assert [a.chose_left for a in now.replaced] == [True]


def test_ratings(tmp_path):
    batch = scores_batch(["r0", "r1"], [PROMPT] * 2, REPLIES[:2])
    stars = [region(n, "response", "rating", rating=i) for i, n in enumerate(CRITERIA, start=1)]
    given = {0: [annotation(1, 1, *stars)], 1: [annotation(2, 1, *stars[:3])]}
    answers, _, report = read(batch, tmp_path, given)
    assert answers[0].scores == dict(zip(CRITERIA, (1, 2, 3, 4, 5), strict=True))
    assert answers[1].status == "draft"
    assert report.problems == ()


def test_ratings_of_another_response_are_counted_as_a_problem(tmp_path):
    batch = scores_batch(["r0", "r1"], [PROMPT] * 2, REPLIES[:2])
    stars = [region(n, "response", "rating", rating=i) for i, n in enumerate(CRITERIA, start=1)]
    tasks = exported(batch, {0: [annotation(1, 1, *stars)], 1: [annotation(2, 1, *stars)]})
    tasks[0]["data"]["response"] = tasks[1]["data"]["response"]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    answers, _, report = read_label_studio(tmp_path / "export.json", batch)
    assert [a.task_id for a in answers] == [batch.tasks[1].task_id]
    assert "sorted apart" in report.problems[0].reason
