"""Score files in three formats, their bad rows, and JudgeBench's layout."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from proxylab.preferences.schema import PAIR_COLUMNS, PreferenceError
from proxylab.rewards.score_files import read_judgebench, read_scores

ROWS = [
    {"pair_id": "s/test/000000", "score_chosen": 1.5, "score_rejected": -0.1},
    {"pair_id": "s/test/000001", "score_chosen": None, "score_rejected": 2.0},
]


def write(path, kind):
    if kind == "parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    elif kind == "csv":
        pd.DataFrame(ROWS).to_csv(path, index=False)
    else:
        text = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_every_format_gives_the_same_scores(tmp_path, kind):
    found = read_scores(write(tmp_path / f"skywork.{kind}", kind))
    assert found.name == "skywork"
    assert found.scores["score_chosen"].tolist() == pytest.approx([1.5, np.nan], nan_ok=True)
    assert found.scores["score_rejected"].tolist() == [-0.1, 2.0]


def test_scores_come_in_the_pairs_order_and_a_missing_pair_is_undefined(tmp_path):
    scores = read_scores(write(tmp_path / "m.jsonl", "jsonl"))
    pairs = pd.DataFrame({"pair_id": ["s/test/000009", "s/test/000000"]})
    found = scores.score_pairs(pairs)
    assert found["pair_id"].tolist() == pairs["pair_id"].tolist()
    assert found["score_chosen"].tolist() == pytest.approx([np.nan, 1.5], nan_ok=True)


def test_bad_rows_are_counted_with_their_line(tmp_path):
    path = tmp_path / "m.jsonl"
    lines = [
        json.dumps(ROWS[0]),
        json.dumps({"pair_id": "x", "score_chosen": "high", "score_rejected": 1}),
        json.dumps({"pair_id": "y", "score_chosn": 1, "score_rejected": 1}),
        json.dumps({"pair_id": "z", "score_chosen": "inf", "score_rejected": 1}),
    ]
    path.write_text("\n".join(lines) + "\n")
    report = read_scores(path).report
    assert (report.n_read, report.n_kept) == (4, 1)
    assert [problem.line for problem in report.problems] == [2, 3, 4]
    assert "must be a number, is 'high'" in report.problems[0].reason
    assert "is 'score_chosn' meant?" in report.problems[1].reason
    assert "must be finite" in report.problems[2].reason


def test_csv_lines_count_the_header(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("pair_id,score_chosen,score_rejected\na,1,2\nb,x,2\n")
    assert [problem.line for problem in read_scores(path).report.problems] == [3]


def test_a_csv_row_of_another_length_than_the_header_is_a_problem(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("pair_id,score_chosen,score_rejected\na,1,2\nb,0,73,2\nc,1\n\nd,1,\n")
    found = read_scores(path)
    assert found.scores["pair_id"].tolist() == ["a", "d"]  # an empty field is no missing one
    assert np.isnan(found.scores["score_rejected"].iloc[1])
    assert [problem.line for problem in found.report.problems] == [3, 4]
    assert "has 4 fields, and the header 3" in found.report.problems[0].reason


def test_a_csv_line_is_that_of_the_file_after_a_quoted_line_break(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text('note,pair_id,score_chosen,score_rejected\n"two\nlines",a,1,2\n,b,x,2\n')
    assert [problem.line for problem in read_scores(path).report.problems] == [4]


def test_a_csv_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes("pair_id,score_chosen,score_rejected\nM\xfcller,1,2\n".encode("latin-1"))
    with pytest.raises(PreferenceError, match=r"m\.csv: not UTF-8 at byte 37"):
        read_scores(path)


def test_a_pair_scored_twice_is_an_error(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("pair_id,score_chosen,score_rejected\na,1,2\na,1,2\n")
    with pytest.raises(ValueError, match="'a' is scored twice"):
        read_scores(path)


def test_unknown_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.jsonl, \.csv, \.parquet"):
        read_scores(tmp_path / "scores.txt")


def judgebench_row(label, scores):
    return {
        "pair_id": "x",
        "source": "livecodebench",
        "question": "q",
        "response_A": "first ",
        "response_B": "second",
        "label": label,
        "scores": {"model": scores},
    }


def test_judgebench_puts_the_labelled_side_first(tmp_path):
    rows = [judgebench_row("A>B", [3.0, 1.0]), judgebench_row("B>A", [3.0, 1.0])]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs, models = read_judgebench(tmp_path / "pairs.jsonl")
    assert set(pairs.columns) == set(PAIR_COLUMNS)
    assert pairs["chosen"].tolist() == ["first", "second"]
    assert pairs["subset"].unique().tolist() == ["judgebench-coding"]
    found = models["model"].score_pairs(pairs)
    assert found["score_chosen"].tolist() == [3.0, 1.0]
    assert found["score_rejected"].tolist() == [1.0, 3.0]


def test_judgebench_names_the_line_that_is_wrong(tmp_path):
    rows = [judgebench_row("A>B", [3, 1]), judgebench_row("tie", [3, 1])]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"pairs.jsonl:2: label must be 'A>B' or 'B>A'"):
        read_judgebench(path)
