"""Tables out and in: any text, half filled, with mistakes, through spreadsheets."""

import csv
import json

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from proxylab.people import export_batch, import_answers, pairs_batch, scores_batch
from proxylab.people.instructions import CRITERIA
from proxylab.people.tables import blank_rows, guarded, read_table, unguarded, write_table
from proxylab.preferences import PreferenceError

from .conftest import PROMPT, REPLIES

SEVERAL = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=3, max_size=3
)
AWKWARD = [
    "=HYPERLINK('http://example.org')\r\n+1\n@x\t-2",
    '"quoted", and <b>bold</b> &amp; \u2028\u2029\u0085 שלום 🥚',
    "'tis, \r lone",
]


def filled(batch, path, changes, annotator="ann"):
    """The batch as a table in which question number i was answered as `changes[i]` says."""
    rows = blank_rows(batch.tasks, batch.kind, annotator)
    for number, change in changes.items():
        rows[number] |= change
    return write_table(rows, path)


@given(text=st.text())
@example("'")
@example("''=1")
@example(" =1")
def test_a_guarded_text_is_no_formula_and_comes_back(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(texts=SEVERAL)
@example(texts=AWKWARD)
def test_any_text_goes_out_and_comes_back_to_the_letter(tmp_path_factory, suffix, texts):
    prompt, one, other = texts
    if one == other:
        return
    frame = pd.DataFrame([{"pair_id": "p", "prompt": prompt, "chosen": one, "rejected": other}])
    batch = pairs_batch(frame)
    path = tmp_path_factory.mktemp("out") / f"tasks{suffix}"
    filled(batch, path, {0: {"choice": "left"}})
    if suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            (row,) = csv.DictReader(file)
        row = {key: unguarded(cell) for key, cell in row.items()}
    else:
        (line,) = path.read_text("ascii").splitlines()  # one line for any reader
        row = json.loads(line)
    task = batch.tasks[0]
    assert (row["prompt"], row["left"], row["right"]) == (prompt, *task.sides)
    answers, _, report = read_table(path, batch)
    assert [a.choice for a in answers] == [task.left]
    assert report.problems == ()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_half_filled_table_is_usable(batch, tmp_path, suffix):
    changes = {
        0: {"choice": " Right", "harmful_left": "YES", "harmful_right": "no", "comment": "hm"},
        1: {"comment": "not sure yet"},
    }
    path = filled(batch, tmp_path / f"a{suffix}", changes)
    answers, n_unanswered, report = read_table(path, batch)
    task = batch.tasks[0]
    assert answers[0].choice == ("first" if task.flipped else "second")
    assert answers[0].harmful == (task.left,)
    assert answers[0].comment == "hm"
    assert (answers[1].status, answers[1].comment) == ("draft", "not sure yet")
    assert (len(answers), n_unanswered, report.problems) == (2, 1, ())


def test_what_people_type_is_not_ours_to_strip(batch, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"task_id,choice,comment\n{batch.tasks[0].task_id},TIE,'tis level\n")
    answers, _, _ = read_table(path, batch, annotator="ann")
    assert [(a.choice, a.comment) for a in answers] == [("tie", "'tis level")]


def test_mistakes_are_counted_with_file_and_line(batch, tmp_path):
    rows = blank_rows([*batch.tasks] * 2, "pair", "ann")
    rows[0]["choice"] = "lefft"
    rows[1] |= {"task_id": "q-unknown", "choice": "left"}
    rows[2] |= {"annotator": "", "choice": "left"}
    rows[3] |= {"left": "another reply", "choice": "left"}
    rows[4] |= {"harmful_left": "perhaps", "choice": "left"}
    rows[5] |= {"choice": "tie", "seconds": "soon"}
    rows.append({**rows[0], "choice": "skip"})
    path = write_table(rows, tmp_path / "a.jsonl")
    answers, _, report = read_table(path, batch)
    assert [a.status for a in answers] == ["skipped"]
    reasons = [
        "is 'left' meant",
        "unknown question: no question 'q-unknown'",
        "nobody is named",
        "sorted apart",
        "yes, no or empty, is 'perhaps'",
        "seconds must be a number, is 'soon'",
    ]
    assert [problem.line for problem in report.problems] == [1, 2, 3, 4, 5, 6]
    for problem, reason in zip(report.problems, reasons, strict=True):
        assert reason in problem.reason
        assert problem.file.endswith("a.jsonl")


def test_sides_are_read_from_the_row_itself(batch, tmp_path):
    rows = blank_rows(batch.tasks[:1], "pair", "ann")
    shown = rows[0] | {"choice": "left"}
    turned = shown | {"left": shown["right"], "right": shown["left"], "annotator": "bob"}
    by_hand = {"task_id": shown["task_id"], "choice": "left", "annotator": "cy"}
    respaced = shown | {"left": shown["left"].replace(" ", "\r\n") + " ", "annotator": "di"}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in (shown, turned, by_hand, respaced)))
    answers, _, report = read_table(path, batch)
    left = batch.tasks[0].left
    other = {"first": "second", "second": "first"}[left]
    assert [a.choice for a in answers] == [left, other, left, left]
    assert [a.left for a in answers] == [left, other, left, left]
    assert report.problems == ()


def test_a_table_without_what_was_asked_is_an_error(batch, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task_id,answer\nq,left\n")
    with pytest.raises(PreferenceError, match="no column 'choice'"):
        read_table(path, batch)
    with pytest.raises(PreferenceError, match=r"written as \.csv or \.jsonl"):
        write_table([], tmp_path / "a.xlsx")


def test_scores_by_criteria(tmp_path):
    batch = scores_batch(["r0", "r1", "r2"], [PROMPT] * 3, REPLIES)
    whole = dict(zip(CRITERIA, "12345", strict=True))
    changes = {0: whole, 1: {"fluency": "3"}, 2: {"harmlessness": "Skip"}}
    answers, n_unanswered, report = read_table(filled(batch, tmp_path / "s.csv", changes), batch)
    assert answers[0].scores == dict(zip(CRITERIA, (1, 2, 3, 4, 5), strict=True))
    assert (answers[1].status, answers[1].scores) == ("draft", {"fluency": 3})
    assert answers[2].status == "skipped"
    assert (n_unanswered, report.problems) == (0, ())
    wrong = {0: whole | {"fluency": "6"}, 1: whole | {"accuracy": "4.5"}, 2: whole}
    _, _, report = read_table(filled(batch, tmp_path / "w.csv", wrong), batch)
    assert "fluency must be a whole number 1 to 5, is 6" in report.problems[0].reason
    assert "accuracy must be a whole number, is '4.5'" in report.problems[1].reason


# --- out and in


def test_a_folder_goes_out_and_tells_nothing_of_the_record(recorded, tmp_path):
    written = export_batch(recorded, tmp_path / "out", annotators=["ann", "bob"])
    names = {path.name for path in written}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    assert {"instructions.md", "label_studio.xml", "tasks-ann.csv", "tasks-bob.jsonl"} <= names
    for path in written:
        text = path.read_text("utf-8")
        assert not any(word in text for word in ("p0", "p1", "chosen", "rejected", "records"))
    with pytest.raises(ValueError, match="cannot be part of a file's name"):
        export_batch(recorded, tmp_path / "bad", annotators=["../ann"])


def test_importing_again_adds_what_is_new(batch, ledger, tmp_path):
    path = filled(batch, tmp_path / "a.csv", {0: {"choice": "left"}}, annotator="")
    first = import_answers(path, batch, ledger, annotator="ann")
    assert (first.n_new, first.n_unanswered, first.n_replaced) == (1, 2, 0)
    assert import_answers(path, batch, ledger, annotator="ann").n_new == 0
    filled(batch, path, {0: {"choice": "right"}, 1: {"choice": "tie"}}, annotator="")
    later = import_answers(path, batch, ledger, annotator="ann")
    assert (later.n_new, later.n_unanswered, later.n_replaced) == (2, 1, 1)
    assert later.summary().splitlines()[0] == (
        "2 new answers, 1 questions unanswered, 0 drafts, 1 answers replaced by later ones"
    )
    counted = {a.task_id: a.choice for a in ledger.standing().counted}
    assert counted[batch.tasks[0].task_id] != batch.tasks[0].left
    assert ledger.read()[0][0].source == "a.csv"


def test_a_second_answer_in_one_file_replaces_the_first(batch, ledger, tmp_path):
    rows = blank_rows(batch.tasks[:1] * 2, "pair", "ann")
    rows[0]["choice"], rows[1]["choice"] = "left", "tie"
    report = import_answers(write_table(rows, tmp_path / "a.jsonl"), batch, ledger)
    assert (report.n_new, report.n_replaced) == (2, 1)
    assert [a.choice for a in ledger.standing().counted] == ["tie"]


def test_scores_beside_another_response_are_counted_as_a_problem(tmp_path):
    batch = scores_batch(["r0", "r1", "r2", "r3"], [PROMPT] * 4, (*REPLIES, "Five."))
    whole = dict(zip(CRITERIA, "12345", strict=True))
    rows = [{**row, **whole} for row in blank_rows(batch.tasks, "score", "ann")]
    rows[0]["response"], rows[1]["response"] = rows[1]["response"], rows[0]["response"]
    rows[2]["response"] = rows[2]["response"].replace(" ", "\r\n") + " "
    del rows[3]["response"]
    answers, _, report = read_table(write_lines(rows, tmp_path / "s.jsonl"), batch)
    assert [a.task_id for a in answers] == [row["task_id"] for row in rows[2:]]
    assert [problem.line for problem in report.problems] == [1, 2]
    assert "sorted apart" in report.problems[0].reason


def write_lines(rows, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
