"""Answers and the ledger: nothing typed is lost, and one answer a person and question counts."""

import json
import multiprocessing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.people import Answer, Ledger, standing
from proxylab.people.answers import utc_time

from .conftest import AT, answer

LATER = "2025-03-01T12:00:01.000000+00:00"


def test_answers_come_back_as_they_were(batch, ledger):
    first, second, third = batch.tasks
    said = [
        answer(first, harmful=("second",), seconds=3.5, at=AT, comment="a\nb\u2028\0 שלום 🥚"),
        answer(second, choice=None, harmful=()),
        Answer(third.task_id, "bob", scores=dict.fromkeys(SCORES, 4)),
    ]
    ledger.append(said)
    back, report = ledger.read()
    assert back == said
    assert all(entry.recorded for entry in back)
    assert (report.n_read, report.problems) == (3, ())


SCORES = ("harmlessness", "helpfulness", "accuracy", "completeness", "fluency")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_comment_is_one_line(tmp_path_factory, comment):
    ledger = Ledger(tmp_path_factory.mktemp("any") / "a.jsonl")
    ledger.append([Answer("q", "ann", choice="tie", comment=comment)] * 2)
    assert [entry.comment for entry in ledger.read()[0]] == [comment] * 2
    assert len(ledger.path.read_text("ascii").splitlines()) == 2


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"annotator": " "}, "annotator must be a name"),
        ({"choice": "frist"}, "is 'first' meant"),
        ({"choice": None}, "a choice, or scores"),
        ({"status": "skiped"}, "is 'skipped' meant"),
        ({"seconds": -1.0}, "must not be negative"),
        ({"seconds": float("nan")}, "must not be negative"),
        ({"at": "noon"}, "'noon' is no time"),
        ({"harmful": ("left",)}, "left and harmful name"),
        ({"choice": None, "scores": {"fluency": 4}}, "no score for harmlessness"),
        ({"choice": None, "scores": {**dict.fromkeys(SCORES, 4), "fluency": 6}}, "1 to 5, is 6"),
        ({"choice": None, "scores": {"fluensy": 4}}, "is 'fluency' meant"),
    ],
)
def test_what_is_no_answer_is_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        Answer(**{"task_id": "q", "annotator": "ann", "choice": "first", **wrong})


def test_times_of_any_zone_are_compared_in_utc():
    assert utc_time("2025-03-01T14:00:00+02:00") == AT
    assert utc_time("2025-03-01T12:00:00Z") == utc_time("2025-03-01T12:00:00") == AT


# --- which answer counts


def test_the_later_answer_counts_whenever_it_was_imported(batch):
    task = batch.tasks[0]
    early, late = answer(task, at=AT), answer(task, choice="second", at=LATER)
    for order in ([early, late], [late, early]):
        now = standing(order)
        assert now.counted == (late,)
        assert now.replaced == (early,)
    untimed = [answer(task, recorded=AT), answer(task, choice="tie", recorded=AT)]
    assert standing(untimed).counted == (untimed[1],)  # the order of the ledger decides
    other = answer(task, who="bob", at=AT)
    assert set(standing([early, other]).counted) == {early, other}


def test_what_was_taken_back_counts_no_more(batch):
    task = batch.tasks[0]
    given = answer(task, at=AT)
    back = replace(given, status="withdrawn", at=LATER)
    assert standing([given, back]).counted == ()
    assert standing([given, back]).replaced == (given,)
    again = answer(task, choice="tie", at="2025-03-01T12:00:02Z")
    assert standing([given, back, again]).counted == (again,)


def test_a_draft_never_counts_but_is_kept_until_answered(batch):
    task = batch.tasks[0]
    draft = Answer(task.task_id, "ann", "draft", comment="half a thou", at=LATER)
    given = answer(task, at=AT)
    assert standing([given, draft]).counted == (given,)
    assert standing([given, draft]).drafts == (draft,)
    done = answer(task, at="2025-03-01T12:00:02Z")
    assert standing([given, draft, done]).drafts == ()


# --- the file


def test_a_line_cut_off_by_a_crash_spoils_no_other(batch, ledger):
    said = [answer(task) for task in batch.tasks]
    ledger.append(said[:2])
    whole = ledger.path.read_bytes()
    for cut in (1, 20, len(whole.split(b"\n")[1])):  # letters lost from the last line
        ledger.path.write_bytes(whole[: -cut - 1])
        again = Ledger(ledger.path)
        again.append(said[2:])
        back, report = again.read()
        assert back == [said[0], said[2]]
        n_torn = 0 if cut == len(whole.split(b"\n")[1]) else 1
        assert [problem.line for problem in report.problems] == [2] * n_torn
    ledger.path.write_bytes(whole[:-1])  # only the end of the line is missing
    ledger.append(said[2:])
    assert ledger.read() == (said, replace(report, n_read=3, n_kept=3, problems=()))


def test_no_byte_that_was_there_is_ever_changed(batch, ledger):
    ledger.path.write_bytes(b'{"not": "an answer"}\nrubbish')
    before = ledger.path.read_bytes()
    ledger.append([answer(batch.tasks[0])])
    assert ledger.path.read_bytes().startswith(before)
    back, report = ledger.read()
    assert len(back) == 1
    assert [problem.line for problem in report.problems] == [1, 2]


def test_the_same_answers_are_added_once(batch, ledger):
    first, second, _ = batch.tasks
    timed = [answer(first, at=AT, source="a.csv"), answer(second, at=AT)]
    assert ledger.add(timed) == 2
    assert ledger.add([replace(timed[0], source="b.csv")]) == 0
    assert ledger.add([replace(timed[0], at=LATER)]) == 1
    assert ledger.add(timed) == 0  # an old file again changes nothing


def test_a_file_that_comes_again_takes_back_nothing_that_was_said_since(batch, ledger):
    """A row without a time is known by its source too, though it is no longer the last word."""
    task = batch.tasks[0]
    row = answer(task, choice="first", at=None, source="back.csv")
    assert ledger.add([row]) == 1
    ledger.append([answer(task, choice="second", at=None, source="form")])
    assert ledger.add([row]) == 0
    (counted,) = ledger.standing().counted
    assert counted.choice == "second"
    changed = replace(row, choice="tie")  # the file itself says something else now
    assert ledger.add([changed]) == 1


def test_an_answer_without_a_time_is_new_if_it_differs_from_the_last(batch, ledger):
    task = batch.tasks[0]
    there, back = answer(task), answer(task, choice="second")
    assert [ledger.add([a]) for a in (there, there, back, there)] == [1, 0, 1, 1]
    assert ledger.standing().counted == (there,)


def write_many(path, name):
    ledger = Ledger(path)
    for number in range(25):
        ledger.append([Answer(f"q{number}", name, choice="tie", comment="x" * 5000)])


def test_several_processes_share_a_ledger(ledger):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(ledger.path, n)) for n in ("a", "b")]
    for process in writers:
        process.start()
    for process in writers:
        process.join(30)
    back, report = ledger.read()
    assert report.problems == ()
    assert {(a.task_id, a.annotator) for a in back} == {
        (f"q{number}", name) for number in range(25) for name in ("a", "b")
    }


def test_an_answer_is_on_disk_when_append_returns(batch, ledger, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(ledger.path.stat().st_size))
    ledger.append([answer(batch.tasks[0])])
    assert synced[0] == ledger.path.stat().st_size > 0  # written before it was synced


def test_an_unknown_key_of_a_later_version_is_no_reason_to_lose_an_answer(batch, ledger):
    ledger.append([answer(batch.tasks[0])])
    row = json.loads(ledger.path.read_text())
    ledger.path.write_text(json.dumps({**row, "mood": "good"}) + "\n")
    assert ledger.read()[0] == [answer(batch.tasks[0])]
