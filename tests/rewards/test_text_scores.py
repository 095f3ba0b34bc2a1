"""Scores of single texts by file: keys, formats, rows that cannot be used, and what is missing."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from proxylab.accuracy import accuracy, score_pairs
from proxylab.preferences.schema import PreferenceError
from proxylab.rewards.text_scores import (
    TextScores,
    holds_texts,
    read_text_scores,
    text_key,
    texts_of,
    write_texts,
)

TEXTS = [("p", "one"), ("p", "two words"), ("q", "one"), ("p", "one")]


def test_a_text_has_one_key_wherever_it_is_scored_and_no_other_has_it():
    assert text_key("ab", "c") != text_key("a", "bc")
    assert text_key("ab", "c") == text_key("ab", "c")
    assert len(text_key("", "\ud800")) == 16  # a lone surrogate has a key too


def test_no_key_can_be_taken_for_a_number():
    # Digits alone, or with one e, are numbers to a spreadsheet.
    assert {text_key("p", str(i))[0] for i in range(200)} == {"t"}


def test_each_text_is_written_once(tmp_path):
    path = tmp_path / "new" / "texts.jsonl"
    assert write_texts(TEXTS, path) == 3
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["prompt"], row["response"]) for row in rows] == TEXTS[:3]
    assert [row["key"] for row in rows] == [text_key(*text) for text in TEXTS[:3]]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet", "jsonl.gz"])
def test_what_was_written_comes_back_in_every_format_and_order(tmp_path, suffix):
    write_texts(TEXTS, tmp_path / "texts.jsonl")
    rows = pd.read_json(tmp_path / "texts.jsonl", lines=True)
    rows["score"] = rows["response"].str.len()
    rows, file = rows.sample(frac=1.0, random_state=0), tmp_path / f"mine.{suffix}"
    if suffix == "csv":
        rows.to_csv(file, index=False)
    elif suffix == "parquet":
        rows.to_parquet(file)
    else:
        rows.to_json(file, orient="records", lines=True)
    assert holds_texts(file)
    found = read_text_scores(file)
    assert found.name == "mine"
    assert found.score(*zip(*TEXTS, strict=True)).tolist() == [3, 9, 3, 3]
    turned = read_text_scores(file, orientation=-1, name="cost")
    assert turned.score(["p"], ["one"]).tolist() == [-3]


def test_a_file_of_pairs_holds_no_texts(tmp_path):
    (tmp_path / "s.csv").write_text("pair_id,score_chosen,score_rejected\na,1,2\n")
    assert not holds_texts(tmp_path / "s.csv")
    (tmp_path / "s.jsonl").write_text("not JSON\n")
    assert not holds_texts(tmp_path / "s.jsonl")


def test_a_row_that_cannot_be_used_is_left_out_and_named(tmp_path):
    file = tmp_path / "s.jsonl"
    rows = [{"key": "ta", "score": 1}, {"key": "tb", "scor": 1}, {"key": 3, "score": 1}]
    rows += [{"key": "tc", "score": "high"}, {"key": "td", "score": "inf"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_text_scores(file)
    assert found.scores == {"ta": 1.0}
    assert [problem.line for problem in found.report.problems] == [2, 3, 4, 5]
    reasons = " / ".join(problem.reason for problem in found.report.problems)
    assert "is 'scor' meant?" in reasons
    assert "key must be text, is 3" in reasons
    assert "score must be a number, is 'high'" in reasons
    assert "must be finite" in reasons


def test_a_decimal_comma_is_no_score_of_nought(tmp_path):
    file = tmp_path / "s.csv"
    file.write_text("key,score\nt1,0,73\nt2,0.5\n")
    found = read_text_scores(file)
    assert holds_texts(file)
    assert found.scores == {"t2": 0.5}
    assert [problem.line for problem in found.report.problems] == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"key": "a", "score": 1}\n{"key": "a", "score": 2}\n', r"s\.jsonl:2: 'a' .* before"),
        ('{"key": "a", "scor": 1}\n', r"none of 1 rows can be used; first, line 1: no column"),
        ("", "holds no rows"),
    ],
)
def test_a_file_that_contradicts_itself_or_holds_nothing_is_refused(tmp_path, text, message):
    file = tmp_path / "s.jsonl"
    file.write_text(text)
    with pytest.raises(PreferenceError, match=message):
        read_text_scores(file)


def test_a_file_of_another_kind_or_orientation_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.jsonl, \.csv, \.parquet"):
        read_text_scores(tmp_path / "scores.txt")
    with pytest.raises(ValueError, match="orientation must be 1 or -1"):
        read_text_scores(tmp_path / "scores.csv", orientation=0)


def test_a_text_without_a_score_is_named_where_every_one_is_needed(tmp_path):
    file = tmp_path / "s.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps({"key": text_key("p", "r"), "score": 2}).encode()))
    proxy = read_text_scores(file)
    assert proxy.score(["p"], ["r"]).tolist() == [2.0]
    with pytest.raises(ValueError, match=r"no score for 1 of 2 texts.*'missing' to 'p'"):
        proxy.score(["p", "p"], ["r", "missing"])


def test_pairs_may_lack_scores_and_then_count_as_undefined():
    pairs = pd.DataFrame(
        {
            "pair_id": ["a", "b", "c"],
            "prompt": ["p", "p", "q"],
            "chosen": ["good", "unscored", "null"],
            "rejected": ["bad", "bad", "bad"],
        }
    )
    keyed = {text_key("p", "good"): 1.0, text_key("p", "bad"): 0.0, text_key("q", "null"): np.nan}
    found = score_pairs(TextScores("mine", keyed), pairs)
    assert found["pair_id"].tolist() == ["a", "b", "c"]
    counted = accuracy(found)
    assert (counted.interval.estimate, counted.interval.n, counted.n_undefined) == (1.0, 1, 2)
    # Pair by pair, so that half a file holds whole pairs.
    assert texts_of(pairs)[:3] == [("p", "good"), ("p", "bad"), ("p", "unscored")]
