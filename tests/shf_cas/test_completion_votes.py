"""Votes on completions in a file: read whole, bad rows counted, labels by hand."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from proxylab.preferences import PreferenceError
from proxylab.shf_cas import VotesAnnotator, read_completion_votes

NAN = np.nan
GOOD = {"prompt": "p", "first": "a", "second": "b", "choice": "first", "annotator": "ann"}
PROMPTS = ["p", "q"]
RESPONSES = np.array([["a", "b", "c"], ["a", "b", None]], dtype=object)
ALL = np.array([[True, True, True], [True, True, False]])


def vote(**changes):
    return {**GOOD, **changes}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def votes(*rows):
    return pd.DataFrame(rows, columns=["prompt", "first", "second", "choice"])


def test_json_lines_and_csv_hold_the_same_votes(tmp_path):
    rows = [GOOD, vote(annotator="bob", first="two\nlines", choice="tie"), vote(annotator=None)]
    write(tmp_path / "votes.jsonl", rows)
    text = (
        "annotator,prompt,first,second,choice,note\n"
        "ann,p,a,b,first,\n"
        'bob,p,"two\nlines",b,tie,hm\n'
        ",p,a,b,first,\n"
    )
    (tmp_path / "votes.csv.gz").write_bytes(gzip.compress(text.encode()))
    lines, report = read_completion_votes(tmp_path / "votes.jsonl")
    table, _ = read_completion_votes(tmp_path / "votes.csv.gz")
    pd.testing.assert_frame_equal(lines, table)
    assert lines["choice"].tolist() == ["first", "tie", "first"]
    assert (report.n_read, report.n_kept) == (3, 3)


def test_bad_rows_are_counted_with_file_and_line(tmp_path):
    rows = [
        GOOD,
        vote(first="b", second="a"),
        vote(choice="frist", annotator="bob"),
        vote(choice=None, annotator="bob"),
        vote(second="a"),
        vote(choice=["first"], annotator="cy"),
        {"prompt": "p", "first": "a", "choice": "tie"},
        {"prompt": "p", "first": "a", "second": "b"},
        vote(annotator=5),
        vote(annotator="cy", choice="tie"),
    ]
    path = write(tmp_path / "votes.jsonl", rows)
    kept, report = read_completion_votes(path)
    assert kept["annotator"].tolist() == ["ann", "cy"]
    assert all(problem.file == str(path) for problem in report.problems)
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (2, "'ann' has already voted on this pair of completions"),
        (3, "no choice 'frist'; is 'first' meant?"),
        (4, "no vote"),
        (5, "first and second are the same text"),
        (6, "no choice \"['first']\"; is 'first' meant?"),
        (7, "no key 'second'; there are: prompt, first, choice"),
        (8, "no key 'choice'; there are: prompt, first, second"),
        (9, "'annotator' must be text, is int"),
    ]


def test_csv_rows_with_too_many_or_too_few_fields_are_counted(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("prompt,first,second,choice\np,a,b,first\np,a, or not,b,first\np,a\n")
    _, report = read_completion_votes(path)
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (3, "the row has 5 fields, and the header 4"),
        (4, "the row has 2 fields, and the header 4"),
    ]


def test_files_that_cannot_be_used_are_errors(tmp_path):
    with pytest.raises(PreferenceError, match=r"votes.txt: a votes file ends in .jsonl or .csv"):
        read_completion_votes(tmp_path / "votes.txt")
    (tmp_path / "votes.csv").write_text("prompt,first,secnd,choice\np,a,b,tie\n")
    with pytest.raises(PreferenceError, match=r"votes.csv: no column 'second'; is 'secnd' meant"):
        read_completion_votes(tmp_path / "votes.csv")
    (tmp_path / "latin.csv").write_bytes(b"prompt,first,second,choice\np,\xe9,b,tie\n")
    with pytest.raises(PreferenceError, match=r"latin.csv: not UTF-8 at byte 29"):
        read_completion_votes(tmp_path / "latin.csv")
    with pytest.raises(PreferenceError, match=r"none of 1 rows .* line 1: no vote"):
        read_completion_votes(write(tmp_path / "none.jsonl", [vote(choice="")]))


def test_labels_are_shares_of_comparisons_won():
    annotator = VotesAnnotator(
        votes(
            ("p", "a", "b", "first"),
            ("p", "b", "a", "first"),
            ("p", "a", "b", "first"),  # a against b: 2 of 3 votes
            ("p", "c", "a", "tie"),  # a against c: a half
            ("q", "b", "a", "first"),
        )
    )
    labels = annotator.label(PROMPTS, RESPONSES, ALL)
    expected = [[(2 / 3 + 1 / 2) / 2, 1 / 3, 1 / 2], [0, 1, NAN]]
    np.testing.assert_allclose(labels, expected, rtol=1e-12)
    assert (annotator.n_asked, annotator.n_unknown) == (3, 0)


def test_only_votes_between_chosen_completions_count():
    annotator = VotesAnnotator(votes(("p", "a", "b", "first"), ("p", "b", "c", "second")))
    chosen = np.array([[True, True, False], [True, True, False]])
    labels = annotator.label(PROMPTS, RESPONSES, chosen)
    np.testing.assert_array_equal(labels, [[1, 0, NAN], [NAN] * 3])  # nobody voted on q
    assert annotator.n_asked == 1
    annotator.label(PROMPTS, RESPONSES, ALL)
    assert annotator.n_asked == 2


def test_votes_on_unknown_texts_are_counted():
    annotator = VotesAnnotator(
        votes(
            ("p", "a", "x", "first"),  # no such completion
            ("r", "a", "b", "first"),  # no such prompt
            ("q", "a", "c", "tie"),  # a completion of another prompt
            ("q", "a", "b", "tie"),
        )
    )
    annotator.label(PROMPTS, RESPONSES, np.zeros((2, 3), bool))
    assert annotator.n_unknown == 3
    assert annotator.n_asked == 0


def test_two_prompts_of_one_text_share_their_votes():
    annotator = VotesAnnotator(votes(("p", "a", "b", "second")))
    labels = annotator.label(["p", "p"], RESPONSES, ALL)
    np.testing.assert_array_equal(labels, [[0, 1, NAN], [0, 1, NAN]])


def test_a_file_is_read_with_its_report(tmp_path):
    annotator = VotesAnnotator.read(write(tmp_path / "votes.jsonl", [GOOD, vote(second="a")]))
    assert (annotator.report.n_kept, len(annotator.report.problems)) == (1, 1)
    assert annotator.label(PROMPTS, RESPONSES, ALL)[0, :2].tolist() == [1, 0]


def test_a_frame_that_is_no_votes_is_refused():
    with pytest.raises(ValueError, match="no column 'choice'; there are: prompt, first, second"):
        VotesAnnotator(votes(("p", "a", "b", "tie")).drop(columns="choice"))
    with pytest.raises(ValueError, match="no choice 'secnd'; is 'second' meant"):
        VotesAnnotator(votes(("p", "a", "b", "secnd")))
