"""Answers as votes of the loop and of relabelling, as scores, and how far a batch has come."""

import json

import numpy as np
import pandas as pd
import pytest
from proxylab.annotators import make_annotators
from proxylab.cleaning import categorise
from proxylab.people import (
    Answer,
    assign,
    by_annotator,
    completion_votes,
    export_batch,
    import_answers,
    pair_votes,
    pairs_batch,
    pool_batch,
    progress,
    response_scores,
    scores_batch,
    votes_of,
    with_attention,
)
from proxylab.people.instructions import CRITERIA
from proxylab.people.simulated import fill_in, label_studio_export, simulated_answers
from proxylab.preferences import PreferenceError
from proxylab.shf_cas import VotesAnnotator

from .conftest import AT, PROMPT, REPLIES, answer

LENGTH = {text: float(len(text)) for text in REPLIES}  # 14, 14, 11 letters


def prefers(task, text):
    return "first" if task.texts[0] == text else "second"


def test_the_current_votes_as_a_table(batch):
    first, _, third = batch.tasks
    said = [
        answer(third, harmful=("second",), seconds=2.0, at=AT, comment="why"),
        answer(first, choice="tie"),
        answer(first, who="bob", choice=None),
        answer(first, choice="second"),
    ]
    table = votes_of(batch, said)
    assert table["task_id"].tolist() == [first.task_id] * 2 + [third.task_id]
    assert table["annotator"].tolist() == ["ann", "bob", "ann"]
    assert table["choice"].tolist()[::2] == ["second", "first"]  # the later, the third's
    assert table["choice"].isna().tolist() == [False, True, False]
    assert table["harmful_second"].tolist()[2] is True
    assert table["harmful_first"].isna().tolist() == [True, True, False]
    assert votes_of(batch, []).columns.tolist() == table.columns.tolist()


def test_votes_reach_the_loop_as_shares_won(batch):
    # The egg reply beats both others with both annotators; the other two are level.
    egg = REPLIES[0]
    said = []
    for task in batch.tasks:
        choice = prefers(task, egg) if egg in task.texts else "tie"
        said += [answer(task, who, choice) for who in ("ann", "bob")]
    annotator = VotesAnnotator(completion_votes(batch, said))
    responses = np.array([REPLIES], object)
    labels = annotator.label([PROMPT], responses, np.ones((1, 3), bool))
    # Of two comparisons each: the egg won both; the others half of one and none: (0.5 + 0) / 2.
    np.testing.assert_array_equal(labels, [[1.0, 0.25, 0.25]])
    assert (annotator.n_asked, annotator.n_unknown) == (3, 0)


def test_votes_reach_relabelling_by_the_role_in_the_record(recorded):
    both = next(task for task in recorded.tasks if len(task.records) == 2)
    rest = next(task for task in recorded.tasks if task != both)
    egg = prefers(both, REPLIES[0])
    said = [answer(both, choice=egg, harmful=(egg,)), answer(rest, choice=None)]
    votes = pair_votes(recorded, said).set_index("pair_id")
    # p0 recorded the egg reply as chosen, p1 as rejected; only where it is chosen is it toxic.
    assert votes["choice"][["p0", "p1"]].tolist() == ["chosen", "rejected"]
    assert votes["toxic"][["p0", "p1"]].tolist() == [True, False]
    assert votes.loc["p2", ["choice", "toxic"]].isna().all()
    assert pair_votes(recorded, []).empty


def test_votes_can_be_cleaned_by():
    rows = [("s/train/000000", "good a", "bad a"), ("s/train/000001", "bad b", "good b")]
    frame = pd.DataFrame(rows, columns=["pair_id", "chosen", "rejected"]).assign(prompt=PROMPT)
    batch = pairs_batch(frame)
    said = []
    for task in batch.tasks:
        good = "first" if task.texts[0].startswith("good") else "second"
        said += [answer(task, who, good, harmful=()) for who in ("ann", "bob")]
    categories = categorise(frame, pair_votes(batch, said)).set_index("pair_id")["category"]
    assert categories.tolist() == ["Same", "Opposite"]


def test_attention_items_are_no_votes(batch):
    item = pd.DataFrame([{"prompt": "Say yes.", "chosen": "Yes.", "rejected": "Blue."}])
    more = with_attention(batch, item)
    extra = next(task for task in more.tasks if task.expected)
    said = [answer(extra, choice=extra.expected), answer(extra, "bob", "tie")]
    assert completion_votes(more, said).empty
    assert pair_votes(more, said).empty
    people = by_annotator(more, said).set_index("annotator")
    assert people["n_attention"].tolist() == [1, 1]
    assert people["n_right"].tolist() == [1, 0]


def test_mean_scores_of_responses():
    batch = scores_batch(["a", "b", "a again"], [PROMPT] * 3, [REPLIES[0], REPLIES[1], REPLIES[0]])
    egg = next(task for task in batch.tasks if task.texts == (REPLIES[0],))
    low, high = dict.fromkeys(CRITERIA, 1), dict.fromkeys(CRITERIA, 4) | {"fluency": 5}
    said = [Answer(egg.task_id, who, scores=s) for who, s in (("ann", low), ("bob", high))]
    table = response_scores(batch, said).set_index("name")
    assert sorted(table.index) == ["a", "a again"]  # b has no score
    # (1 + 4) / 2 = 2.5 by four criteria, (1 + 5) / 2 = 3 by fluency: mean 13 / 5.
    row = table.loc["a"]
    assert (row["n"], row["accuracy"], row["fluency"]) == (2, 2.5, 3.0)
    assert row["score"] == pytest.approx(2.6)
    assert response_scores(batch, []).empty
    with pytest.raises(PreferenceError, match="kind 'pair', this is 'score'"):
        votes_of(batch, said)


# --- progress


def test_where_a_batch_stands(batch):
    first, second, _ = batch.tasks
    stranger = Answer("q-stranger", "ann", choice="tie")
    said = [
        answer(first, "ann", "first", seconds=2.0, at=AT),
        answer(first, "bob", "first", seconds=4.0),
        answer(first, "cy", "first", seconds=9.0),  # more than was asked for
        answer(second, "ann", choice=None, seconds=100.0),
        answer(second, "bob", "tie"),
        answer(second, "bob", "second"),
        Answer(second.task_id, "cy", "draft"),
        stranger,
    ]
    now = progress(batch, said, rng=np.random.default_rng(0), n_resamples=20)
    assert (now.n_wanted, now.n_given) == (6, 3)  # 3 x 2; 2 and 1
    assert (now.n_done, now.n_begun, now.n_open) == (1, 1, 1)
    assert (now.n_skipped, now.n_replaced, now.n_drafts, now.n_unknown) == (1, 1, 1, 1)
    assert now.seconds == 4.0  # of 2, 4, 9; a skip is no answer
    assert now.agreement.n == 1  # one question with two answers or more
    assert now.agreement.estimate == 1
    assert now.summary() == (
        "3 of 6 answers; questions: 1 done, 1 begun, 1 open; 1 skipped, 1 replaced, "
        "1 drafts, 1 unknown"
    )
    ann = now.by_annotator.set_index("annotator").loc["ann"]
    assert (ann["n"], ann["n_skipped"], ann["n_ties"], ann["seconds"]) == (1, 1, 0, 2.0)


def test_nothing_yet(batch):
    now = progress(batch, [], rng=np.random.default_rng(0), n_resamples=20)
    assert (now.n_given, now.n_open) == (0, 3)
    assert np.isnan([now.seconds, now.alpha.estimate, now.left.estimate]).all()
    assert now.by_annotator.empty


def many(n):
    """`n` questions whose longer reply is better."""
    replies = np.array([[f"{i}", f"{i}" + "x" * 3] for i in range(n)], object)
    prompts = [f"p{i}" for i in range(n)]
    return pool_batch(prompts, replies, np.ones((n, 2), bool), overlap=2)


def by_length(prompts, responses):
    return np.array([len(text) for text in responses], float)


def simulated(batch, **options):
    people = make_annotators(3, temperature=0.2, rng=np.random.default_rng(1))
    shares = assign(batch, [person.name for person in people])
    rng = np.random.default_rng(2)
    return shares, simulated_answers(batch, people, by_length, shares=shares, rng=rng, **options)


@pytest.mark.parametrize(("habit", "low", "high"), [(0.0, 0.4, 0.6), (0.5, 0.65, 0.85)])
def test_a_habit_of_the_left_side_shows(habit, low, high):
    # A reader is right almost always, so left wins half; who takes left without reading half of
    # the time gives left 1/2 + 1/4. Standard error over 300 questions: 0.03 at most.
    batch = many(300)
    _, said = simulated(batch, left_habit=habit)
    left = progress(batch, said, rng=np.random.default_rng(0), n_resamples=200).left
    assert low < left.estimate < high
    assert left.contains(0.5) == (habit == 0)


def test_simulated_people_answer_through_the_files(tmp_path, ledger):
    batch = many(12)
    shares, said = simulated(batch)
    export_batch(batch, tmp_path, annotators=list(shares))
    formats = dict(zip(shares, (".csv", ".jsonl", ".json"), strict=True))
    for name, suffix in formats.items():
        own = [a for a in said if a.annotator == name]
        path = tmp_path / f"filled{suffix}"
        if suffix == ".json":
            path.write_text(json.dumps(label_studio_export(batch, own)))
        else:
            fill_in(tmp_path / f"tasks-{name}{suffix}", path, batch, own)
        report = import_answers(path, batch, ledger, names={1: name})
        assert (report.n_new, report.rows.problems) == (len(own), ())
    back = {a.key: (a.choice, a.left, a.seconds, a.at, a.status) for a in ledger.read()[0]}
    assert back == {a.key: (a.choice, a.left, a.seconds, a.at, a.status) for a in said}
    assert len(back) == 24
