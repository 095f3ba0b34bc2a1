"""Reading folders and the hub's layout: every row is kept, or counted with file and line."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from proxylab.preferences import (
    PAIR_COLUMNS,
    HubUnreachableError,
    PreferenceError,
    check_pairs,
    data_folder,
    describe_pairs,
    download_layout,
    hub,
    load_preferences,
    without_overlap,
    write_pairs,
)


def row(question: str, chosen: str, rejected: str) -> dict[str, str]:
    prompt = f"\n\nHuman: {question}\n\nAssistant: "
    return {"chosen": prompt + chosen, "rejected": prompt + rejected}


GOOD = [row("Tea?", "Yes.", "No."), row("Milk?", "A little.", ""), row("Sugar?", "No.", "No.")]


def write(folder: Path, name: str, lines: list[bytes], *, mtime: int = 0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(body, mtime=mtime) if path.suffix == ".gz" else body)
    return path


def encoded(rows: list[dict]) -> list[bytes]:
    return [json.dumps(each).encode() for each in rows]


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    write(tmp_path, "hh-rlhf/harmless-base/test.jsonl.gz", encoded(GOOD))
    write(tmp_path, "hh-rlhf/helpful-base/test.jsonl", encoded(GOOD[:1]))
    return tmp_path


def test_a_folder_is_read_into_a_pair_frame(layout):
    read = load_preferences(layout, split="test")
    assert tuple(read.pairs.columns) == PAIR_COLUMNS
    assert read.pairs["pair_id"].tolist() == [
        "harmless-base/test/000000",
        "harmless-base/test/000001",
        "harmless-base/test/000002",
        "helpful-base/test/000000",
    ]
    assert read.pairs["rejected"].tolist() == ["No.", "", "No.", "No."]
    assert (read.report.n_read, read.report.n_kept, read.report.problems) == (4, 4, ())
    assert str(layout) not in read.source


def test_the_folder_of_the_subsets_itself_will_do(layout):
    outer, inner = (load_preferences(f, split="test") for f in (layout, layout / "hh-rlhf"))
    pd.testing.assert_frame_equal(outer.pairs, inner.pairs)


def test_bad_rows_are_counted_with_file_and_line_and_row_numbers_stay(tmp_path):
    lines = encoded(GOOD)
    bad = {
        2: (b"{not json", "not JSON"),
        3: (b'{"chosen": "x", "rejcted": "y"}', "no key 'rejected'; is 'rejcted' meant?"),
        4: (b'{"chosen": 3, "rejected": "y"}', "'chosen' must be text, is int"),
        5: (b'{"chosen": "no turn", "rejected": "y"}', "'chosen' has no Assistant turn"),
        6: (b'"\xff"', "not UTF-8"),
        7: (b"[1]", "a JSON object is needed"),
        8: (b"", "not JSON"),
        9: (b'{"chosen": "\\ud800", "rejected": "y"}', "lone surrogate"),
    }
    content = [lines[0], *(line for line, _ in bad.values()), lines[1]]
    write(tmp_path, "harmless-base/test.jsonl.gz", content)
    read = load_preferences(tmp_path, split="test")
    report = read.report
    assert (report.n_read, report.n_kept) == (10, 2)
    assert [problem.line for problem in report.problems] == list(bad)
    for problem, (_, reason) in zip(report.problems, bad.values(), strict=True):
        assert problem.file == "harmless-base/test.jsonl.gz"
        assert reason in problem.reason
    assert read.pairs["pair_id"].tolist() == [
        "harmless-base/test/000000",
        "harmless-base/test/000009",
    ]
    assert "10 rows read, 2 kept, 8 left out" in report.summary()
    assert "harmless-base/test.jsonl.gz:2: not JSON" in report.summary()


def test_a_lost_character_is_a_notice_and_the_row_is_kept(tmp_path):
    write(tmp_path, "harmless-base/test.jsonl.gz", encoded([row("Tea\ufffd?", "Yes.", "No.")]))
    report = load_preferences(tmp_path, split="test").report
    assert (report.n_kept, report.problems) == (1, ())
    assert [(notice.line, notice.file) for notice in report.notices] == [
        (1, "harmless-base/test.jsonl.gz")
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b""), "holds no rows"),
        (gzip.compress(b"nonsense\nmore\n"), "none of 2 rows can be used; first, line 1: not JSON"),
        (b"not gzip at all", "cannot be read"),
        (gzip.compress(json.dumps(GOOD[0]).encode() * 50)[:-9], "cannot be read"),
    ],
)
def test_a_file_that_is_wholly_unreadable_is_an_error_that_names_it(tmp_path, content, reason):
    path = tmp_path / "harmless-base" / "test.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(PreferenceError, match=reason) as error:
        load_preferences(tmp_path, split="test")
    assert str(path) in str(error.value)


def test_what_is_missing_is_named_beside_what_is_there(layout, tmp_path):
    with pytest.raises(PreferenceError, match=r"nowhere: no such folder"):
        load_preferences(tmp_path / "nowhere", split="test")
    with pytest.raises(PreferenceError, match=r"no train split.*holds: harmless-base/test"):
        load_preferences(layout, split="train")
    with pytest.raises(PreferenceError, match=r"no test split of helpful-online; .*holds"):
        load_preferences(layout, split="test", subsets=["helpful-online"])
    with pytest.raises(PreferenceError, match=r"no split 'tset'; is 'test' meant"):
        load_preferences(layout, split="tset")


def test_the_fingerprint_is_of_the_content_alone(tmp_path):
    for folder, mtime in (("a", 1), ("b", 2)):
        write(tmp_path / folder, "harmless-base/test.jsonl.gz", encoded(GOOD), mtime=mtime)
    write(tmp_path / "plain", "harmless-base/test.jsonl", encoded(GOOD))
    changed = [*GOOD[:2], row("Sugar?", "No.", "No!")]
    write(tmp_path / "changed", "harmless-base/test.jsonl", encoded(changed))
    prints = [
        load_preferences(tmp_path / name, split="test").fingerprint
        for name in ("a", "b", "plain", "changed")
    ]
    assert prints[0] == prints[1] == prints[2] != prints[3]


def test_the_data_folder_is_the_setting_then_the_environment(monkeypatch):
    monkeypatch.setenv("PROXYLAB_DATA", "elsewhere")
    assert data_folder("here") == Path("here")
    assert data_folder(None) == Path("elsewhere")
    monkeypatch.delenv("PROXYLAB_DATA")
    assert data_folder(None) is None


def test_written_pairs_come_back_and_equal_pairs_give_equal_bytes(layout, tmp_path):
    pairs = load_preferences(layout, split="test").pairs
    first, again = (write_pairs(pairs, tmp_path / name) for name in ("one", "two"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    assert first[0].read_bytes()[4:8] == bytes(4)  # gzip's time stamp
    back = load_preferences(tmp_path / "one", split="test").pairs
    pd.testing.assert_frame_equal(back, pairs)
    assert not list(tmp_path.glob("one/*/.*"))  # no partial file stays behind


def test_a_category_is_written_beside_its_own_pair(layout, tmp_path):
    pairs = load_preferences(layout, split="test").pairs
    categories = pairs[["pair_id"]].assign(category=["Same", "Empty", "Repetitive", "Vague"])
    paths = write_pairs(pairs, tmp_path / "out", category=categories.iloc[::-1])
    rows = [
        json.loads(line)
        for path in paths
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert [each["category"] for each in rows] == ["Same", "Empty", "Repetitive", "Vague"]
    with pytest.raises(PreferenceError, match="helpful-base/test/000000' has no category"):
        write_pairs(pairs, tmp_path / "out", category=categories.iloc[:3])


def test_the_hub_path_gives_what_the_folder_gives(layout, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub, "HUB_ID", str(layout / "hh-rlhf"))
    from_hub = load_preferences("hub", split="test", subsets=["harmless-base"], revision="main")
    folder = load_preferences(layout, split="test", subsets=["harmless-base"])
    pd.testing.assert_frame_equal(from_hub.pairs, folder.pairs)
    assert from_hub.fingerprint == folder.fingerprint


OFFLINE = """
import time
from proxylab.preferences import load_preferences, HubUnreachableError
started = time.perf_counter()
try:
    load_preferences("hub", split="test")
except HubUnreachableError as error:
    print(f"{time.perf_counter() - started:.1f}", error)
"""


def test_offline_the_hub_is_an_honest_error_at_once(tmp_path):
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE], env=settings, capture_output=True, text=True, timeout=60
    )
    seconds, _, message = done.stdout.partition(" ")
    assert "HF_HUB_OFFLINE is on" in message, done.stderr
    assert "data/fetch.py" in message
    assert float(seconds) < 15  # nearly all of it is the import of `datasets`


def test_fetching_offline_is_the_same_honest_error(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachableError, match="HF_HUB_OFFLINE is on"):
        download_layout(tmp_path, subsets=["harmless-base"], splits=["test"])


def test_training_pairs_that_share_a_first_question_are_left_out(tmp_path):
    asked = [row("Tea?", "a", "b"), row("Milk?", "a", "b"), row("Cake?", "a", "b")]
    write(tmp_path, "harmless-base/train.jsonl", encoded(asked))
    write(tmp_path, "harmless-base/test.jsonl", encoded([row(" tea? ", "c", "d")]))
    train, test = (load_preferences(tmp_path, split=split).pairs for split in ("train", "test"))
    kept, n_shared = without_overlap(train, test)
    assert n_shared == 1  # "Tea?" and " tea? " are one question
    assert kept["pair_id"].tolist() == ["harmless-base/train/000001", "harmless-base/train/000002"]


def test_check_pairs_says_what_is_wrong(layout):
    pairs = load_preferences(layout, split="test").pairs
    with pytest.raises(PreferenceError, match=r"no column 'chosen'; is 'chosn' meant"):
        check_pairs(pairs.rename(columns={"chosen": "chosn"}))
    with pytest.raises(PreferenceError, match="'harmless-base/test/000000' occurs twice"):
        check_pairs(pd.concat([pairs, pairs], ignore_index=True))
    with pytest.raises(PreferenceError, match="reset_index"):
        check_pairs(pairs.iloc[1:])
    with pytest.raises(PreferenceError, match="helpful-base/test/000000: prompt must end"):
        check_pairs(pairs.assign(prompt=[*pairs["prompt"][:3], "Tea?"]))
    with pytest.raises(PreferenceError, match="'rejected' must hold text"):
        check_pairs(pairs.assign(rejected=[None, "a", "b", "c"]))


def test_hh_rlhf_is_read_whole(real_data):
    read = load_preferences(real_data, split="test")
    facts = describe_pairs(read.pairs).set_index("subset")
    assert facts["n_pairs"].tolist() == [2312, 2354, 1137, 2749]  # as published
    assert facts["identical"].tolist() == [0, 2, 2, 32]
    assert facts["prompts_differ"].tolist() == [5, 9, 0, 3]
    assert facts["empty"].tolist() == [4, 4, 3, 0]
    assert (read.report.n_read, read.report.n_kept, len(read.report.notices)) == (8552, 8552, 1)
    assert read.report.notices[0].file == "helpful-online/test.jsonl.gz"


def test_the_single_turn_pairs_overlap_the_test_split(real_data):
    train = load_preferences(real_data, split="train", subsets=["single-turn"]).pairs
    test = load_preferences(real_data, split="test").pairs
    kept, n_shared = without_overlap(train, test)
    assert (len(train), n_shared, len(kept)) == (8000, 763, 7237)  # 755 of them word for word
