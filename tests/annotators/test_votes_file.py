"""Votes in and out of files; every vote that cannot be used is counted with file and line."""

import gzip
import json

import pandas as pd
import pytest
from proxylab.annotators import count_votes, read_votes, votes_frame, write_votes
from proxylab.preferences import PreferenceError

GOOD = {"pair_id": "p/test/000000", "annotator": "ann", "choice": "chosen", "toxic": True}


def vote(**changes) -> dict:
    return {**GOOD, **changes}


def json_lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_json_lines_and_csv_hold_the_same_votes(tmp_path):
    rows = [GOOD, vote(annotator="bob", choice=None, toxic=None), vote(annotator="cy", toxic=False)]
    (tmp_path / "votes.jsonl").write_text(json_lines(rows))
    text = (
        "annotator,pair_id,choice,toxic\n"
        "ann,p/test/000000,chosen,True\n"
        "bob,p/test/000000,,\n"
        "cy,p/test/000000,chosen,0\n"
    )
    (tmp_path / "votes.csv.gz").write_bytes(gzip.compress(text.encode()))
    lines, report = read_votes(tmp_path / "votes.jsonl")
    table, _ = read_votes(tmp_path / "votes.csv.gz")
    pd.testing.assert_frame_equal(lines, table)
    assert lines["choice"].isna().tolist() == [False, True, False]
    assert lines["toxic"].tolist() == [True, pd.NA, False]
    assert (report.n_read, report.n_kept) == (3, 3)


def test_bad_votes_are_counted_with_file_and_line(tmp_path):
    rows = [
        GOOD,
        vote(pair_id="p/test/000009"),
        vote(annotator="bob", choice="chosn"),
        GOOD,
        vote(annotator="cy", toxic="perhaps"),
        {"pair_id": "p/test/000000", "choice": "tie"},
        vote(annotator="dan", choice="tie"),
    ]
    path = tmp_path / "votes.jsonl"
    path.write_text(json_lines(rows))
    votes, report = read_votes(path, pair_ids=["p/test/000000"])
    assert votes["annotator"].tolist() == ["ann", "dan"]
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (2, "a vote for the unknown pair 'p/test/000009'"),
        (3, "no choice 'chosn'; is 'chosen' meant?"),
        (4, "'ann' has already voted on pair 'p/test/000000'"),
        (5, "toxic must be true, false or empty, is 'perhaps'"),
        (6, "no key 'annotator'; there are: pair_id, choice"),
    ]
    assert {problem.file for problem in report.problems} == {str(path)}


def test_a_vote_that_was_refused_does_not_block_the_next_of_that_annotator(tmp_path):
    (tmp_path / "v.jsonl").write_text(json_lines([vote(choice="chosn"), GOOD]))
    votes, report = read_votes(tmp_path / "v.jsonl")
    assert (len(votes), len(report.problems)) == (1, 1)


def test_csv_lines_are_those_an_editor_shows_and_short_rows_are_no_missing_votes(tmp_path):
    text = 'pair_id,annotator,choice\np,"ann\nlee",chosen\np,bob\np,cy,tie,extra\np,dan,rejected\n'
    (tmp_path / "v.csv").write_text(text)
    votes, report = read_votes(tmp_path / "v.csv")
    assert votes["annotator"].tolist() == ["ann\nlee", "dan"]
    assert [problem.line for problem in report.problems] == [4, 5]
    assert "has 2 fields, and the header 3" in report.problems[0].reason


def test_files_that_cannot_be_used_at_all_are_errors(tmp_path):
    (tmp_path / "v.csv").write_text("pair,annotator,choice\n1,ann,chosen\n")
    with pytest.raises(PreferenceError, match=r"v.csv: no column 'pair_id'; is 'pair' meant"):
        read_votes(tmp_path / "v.csv")
    (tmp_path / "v.txt").write_text("x")
    with pytest.raises(PreferenceError, match=r"ends in \.jsonl or \.csv"):
        read_votes(tmp_path / "v.txt")
    with pytest.raises(PreferenceError, match="no such file"):
        read_votes(tmp_path / "none.jsonl")
    (tmp_path / "v.jsonl").write_text(json_lines([GOOD]))
    with pytest.raises(PreferenceError, match=r"none of 1 rows.*unknown pair"):
        read_votes(tmp_path / "v.jsonl", pair_ids=["q"])


def test_written_votes_come_back(tmp_path):
    votes = votes_frame(
        ["p", "p", "q"], ["a", "b", "a"], ["tie", None, "rejected"], [True, None, False]
    )
    back, _ = read_votes(write_votes(votes, tmp_path / "v.jsonl.gz"))
    pd.testing.assert_frame_equal(back, votes)


def test_counts_follow_the_order_asked_for_and_hold_pairs_without_votes():
    votes = votes_frame(
        ["p", "p", "p", "q"],
        ["a", "b", "c", "a"],
        ["chosen", None, "rejected", "tie"],
        [True, None, False, None],
    )
    counts = count_votes(votes, ["q", "none", "p"]).set_index("pair_id")
    assert counts["n_tie"].tolist() == [1, 0, 0]
    assert counts.loc["p"].tolist() == [1, 1, 0, 1, 2]
    assert counts.loc["none"].sum() == 0
    with pytest.raises(PreferenceError, match="unknown pair 'p'"):
        count_votes(votes, ["q"])


def test_a_votes_frame_is_checked():
    with pytest.raises(PreferenceError, match=r"no choice 'rejcted'; is 'rejected' meant"):
        votes_frame(["p"], ["a"], ["rejcted"])
    with pytest.raises(PreferenceError, match="'a' votes twice on pair 'p'"):
        votes_frame(["p", "p"], ["a", "a"], ["chosen", "tie"])
