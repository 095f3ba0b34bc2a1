"""The two public vote sets: format, bad rows, and the published counts where they are at hand."""

import gzip
import json
import lzma

import pytest
from proxylab.annotators import count_votes, read_pandalm, read_ukpconvarg1
from proxylab.preferences import PreferenceError


def test_pandalm_votes_are_read_and_bad_items_counted(tmp_path):
    rows = [
        {"annotator1": 0, "annotator2": 1, "annotator3": 2},
        {"annotator1": 0, "annotator2": 7, "annotator3": 2},
        {"annotator1": 0, "annotator2": 1},
        {"annotator1": [1], "annotator2": 1, "annotator3": 1},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "testset.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    votes, report = read_pandalm(tmp_path)
    assert votes["choice"].tolist() == ["tie", "chosen", "rejected"]
    assert set(votes["pair_id"]) == {"pandalm/test/000000"}
    assert [problem.line for problem in report.problems] == [2, 3, 4]
    assert report.problems[0].reason == "no annotator2 value '7'; there are: 0, 1, 2"


def test_ukp_votes_are_read_and_bad_items_counted(tmp_path):
    rows = [
        {"votes": [[3, "a1"], [4, "equal"], [5, "a2"]]},
        {"votes": [[3, "a3"]]},
        {"votes": [3]},
        {"vote": []},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "ukpconvarg1").mkdir()
    (tmp_path / "ukpconvarg1" / "votes.jsonl.xz").write_bytes(lzma.compress(lines.encode()))
    votes, report = read_ukpconvarg1(tmp_path)
    assert votes["choice"].tolist() == ["chosen", "tie", "rejected"]
    assert votes["annotator"].tolist() == ["worker-3", "worker-4", "worker-5"]
    assert [problem.line for problem in report.problems] == [2, 3, 4]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PreferenceError, match=r"neither .*testset.jsonl.gz nor .*pandalm"):
        read_pandalm(tmp_path)


def test_pandalm_as_published(real_data):
    votes, report = read_pandalm(real_data)
    counts = count_votes(votes)[["n_chosen", "n_rejected", "n_tie"]]
    assert (report.n_read, report.n_kept, len(votes)) == (999, 999, 2997)
    assert (counts.max(axis=1) == 3).sum() == 879
    assert (counts.max(axis=1) == 2).sum() == 120
    assert ((counts["n_chosen"] > 0) & (counts["n_rejected"] > 0)).sum() == 69


def test_ukpconvarg1_as_published(real_data):
    votes, report = read_ukpconvarg1(real_data)
    counts = count_votes(votes)[["n_chosen", "n_rejected", "n_tie"]]
    assert (report.n_read, report.n_kept) == (16_927, 16_927)
    assert votes["annotator"].nunique() == 3815
    assert (counts.max(axis=1) == counts.sum(axis=1)).sum() == 3329
    assert (2 * counts.max(axis=1) <= counts.sum(axis=1)).sum() == 2771
