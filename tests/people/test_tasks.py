"""Questions: named by content, blind to roles, spread under a budget, handed out evenly."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.people import (
    assign,
    joined,
    pairs_batch,
    pool_batch,
    read_batch,
    scores_batch,
    with_attention,
    write_batch,
)
from proxylab.people.tables import question_row
from proxylab.people.tasks import Record, task_of
from proxylab.preferences import PreferenceError

from .conftest import PROMPT, REPLIES

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def pool(n_prompts, n_samples):
    """Prompts p0, p1, ... with replies that are all different."""
    replies = [[f"{i}-{k}" for k in range(n_samples)] for i in range(n_prompts)]
    return [f"p{i}" for i in range(n_prompts)], np.array(replies, object)


def asked(batch):
    return [(task.prompt, frozenset(task.texts)) for task in batch.tasks]


@given(prompt=TEXTS, one=TEXTS, other=TEXTS, seed=st.integers(0, 9))
def test_a_question_does_not_depend_on_which_reply_comes_first(prompt, one, other, seed):
    if one == other:
        with pytest.raises(PreferenceError, match="nothing to compare"):
            task_of(prompt, (one, other), seed=seed)
        return
    task = task_of(prompt, (one, other), seed=seed, record=Record("p", "first"))
    turned = task_of(prompt, (other, one), seed=seed, record=Record("p", "second"))
    assert task == turned
    chosen = {"first": 0, "second": 1}[task.records[0].chosen]
    assert task.texts[chosen] == one  # it was given as first and chosen
    assert set(task.sides) == {one, other}
    assert task.sides[0] == task.texts[task.left == "second"]


def test_sides_are_random_and_have_nothing_to_do_with_the_record():
    rows = [(f"p{i}", f"good {i}", f"bad {i}") for i in range(400)]
    frame = pd.DataFrame(rows, columns=["pair_id", "chosen", "rejected"]).assign(prompt="q")
    batches = [pairs_batch(frame, seed=seed) for seed in (0, 1)]
    for batch in batches:
        # Binomial(400, 1/2): outside 150..250 once in a million seeds.
        good_left = [task.sides[0].startswith("good") for task in batch.tasks]
        first_is_good = [task.records[0].chosen == "first" for task in batch.tasks]
        assert 150 < sum(good_left) < 250
        assert 150 < sum(first_is_good) < 250
    sides = [{task.task_id: task.left for task in batch.tasks} for batch in batches]
    assert 150 < sum(sides[0][name] == sides[1][name] for name in sides[0]) < 250
    assert [t.task_id for t in batches[0].tasks] != [t.task_id for t in batches[1].tasks]


def test_all_pairs_or_a_ring_of_the_chosen():
    prompts, replies = pool(1, 6)
    chosen = np.array([[True] * 5 + [False]])
    every = pool_batch(prompts, replies, chosen, plan="all")
    assert set(asked(every)) == {("p0", frozenset(p)) for p in combinations(replies[0, :5], 2)}
    ring = pool_batch(prompts, replies, chosen, plan="ring")
    assert len(ring.tasks) == 5  # as many as there are completions
    touched = [text for task in ring.tasks for text in task.texts]
    assert sorted(touched) == sorted([*replies[0, :5]] * 2)  # each of them twice
    two = pool_batch(prompts, replies, np.array([[True, True, *[False] * 4]]), plan="ring")
    assert len(two.tasks) == 1
    # Of four, the two opposite pairs follow the four neighbours: 6 in all, each once.
    four = pool_batch(prompts, replies, np.array([[True] * 4 + [False] * 2]), plan="all")
    assert len(set(asked(four))) == len(four.tasks) == 6


def test_a_budget_is_spread_over_prompts():
    prompts, replies = pool(4, 4)
    everything = np.ones((4, 4), bool)
    batch = pool_batch(prompts, replies, everything, plan="all", n_tasks=10)
    per_prompt = pd.Series([task.prompt for task in batch.tasks]).value_counts()
    assert sorted(per_prompt) == [2, 2, 3, 3]  # 10 over 4
    limited = pool_batch(prompts, replies, everything, plan="all", max_per_prompt=2)
    assert len(limited.tasks) == 8
    for prompt in prompts:  # two comparisons of neighbours touch three or four completions
        texts = {t for task in limited.tasks if task.prompt == prompt for t in task.texts}
        assert len(texts) == 3


def test_copies_and_lone_completions_make_no_question():
    replies = np.array([["a", "a", "b"], ["c", "d", None], ["e", "e", None]], object)
    chosen = np.array([[True, True, True], [True, False, False], [True, True, False]])
    batch = pool_batch(["p", "q", "r"], replies, chosen, plan="all")
    assert asked(batch) == [("p", frozenset("ab"))]
    with pytest.raises(ValueError, match="nothing to compare"):
        pool_batch(["p", "q", "r"], replies, chosen & ~chosen, plan="all")
    with pytest.raises(ValueError, match="did you mean `ring`"):
        pool_batch(["p", "q", "r"], replies, chosen, plan="rings")


def test_pairs_of_equal_texts_are_asked_once_and_keep_their_roles(recorded):
    assert len(recorded.tasks) == 2
    assert recorded.left_out == ("same",)
    twice = next(task for task in recorded.tasks if len(task.records) == 2)
    assert {record.name for record in twice.records} == {"p0", "p1"}
    assert {record.chosen for record in twice.records} == {"first", "second"}


def test_annotators_see_texts_and_the_name_of_the_question_alone(recorded):
    for task in recorded.tasks:
        row = question_row(task)
        assert row == {
            "task_id": task.task_id,
            "prompt": task.prompt,
            "left": task.sides[0],
            "right": task.sides[1],
        }
    single = scores_batch(["r0"], [PROMPT], [REPLIES[0]])
    assert list(question_row(single.tasks[0])) == ["task_id", "prompt", "response"]


def test_attention_items_know_their_answer(batch):
    item = pd.DataFrame([{"prompt": "Say yes.", "chosen": "Yes.", "rejected": "Blue."}])
    more = with_attention(batch, item)
    (extra,) = set(more.tasks) - set(batch.tasks)
    assert extra.texts[{"first": 0, "second": 1}[extra.expected]] == "Yes."
    assert len(more.asked) == 3
    with pytest.raises(PreferenceError, match="in the batch already"):
        with_attention(more, item)


def test_questions_are_handed_out_evenly(batch):
    item = pd.DataFrame([{"prompt": "Say yes.", "chosen": "Yes.", "rejected": "Blue."}])
    shares = assign(with_attention(batch, item), ["ann", "bob", "cy"])
    # 3 questions x 2 people over 3 people: 2 each, and the attention item for all.
    assert [len(tasks) for tasks in shares.values()] == [3, 3, 3]
    counts = pd.Series([t.task_id for tasks in shares.values() for t in tasks]).value_counts()
    assert sorted(counts) == [2, 2, 2, 3]
    with pytest.raises(ValueError, match="2 answers each need as many people, not 1"):
        assign(batch, ["ann"])
    with pytest.raises(ValueError, match="named twice"):
        assign(batch, ["ann", "ann"])


@given(n=st.integers(1, 12), people=st.integers(1, 6), overlap=st.integers(1, 6))
def test_loads_differ_by_one_at_most(n, people, overlap):
    if overlap > people:
        return
    names = [f"r{i}" for i in range(n)]
    many = scores_batch(names, ["p"] * n, names, overlap=overlap)
    shares = assign(many, [f"a{i}" for i in range(people)])
    sizes = [len(tasks) for tasks in shares.values()]
    assert sum(sizes) == n * overlap
    assert max(sizes) - min(sizes) <= 1


def test_a_batch_comes_back_from_its_file(tmp_path, recorded):
    odd = scores_batch(["x"], ["\u2028\u0085 שלום 🥚"], ["=1+1\r\n\tå\0"], warning=True, round=2)
    for number, original in enumerate((recorded, odd)):
        path = write_batch(original, tmp_path / f"{number}.json")
        assert read_batch(path) == original
    (tmp_path / "bad.json").write_text(json.dumps({"kind": "pair"}))
    with pytest.raises(PreferenceError, match=r"bad\.json: no batch"):
        read_batch(tmp_path / "bad.json")


def test_rounds_are_joined_and_a_question_asked_twice_is_there_once(batch):
    later = replace(batch, tasks=batch.tasks[1:], round=2, overlap=3)
    both = joined(replace(batch, tasks=batch.tasks[:2]), later)
    assert set(both.tasks) == set(batch.tasks)
    assert (both.round, both.overlap, len(both.tasks)) == (2, 3, 3)
    with pytest.raises(PreferenceError, match="one kind"):
        joined(batch, scores_batch(["x"], ["p"], ["r"]))


def test_a_question_of_two_batches_keeps_the_records_of_both():
    pair = {"prompt": PROMPT, "chosen": REPLIES[0], "rejected": REPLIES[1]}
    batches = [pairs_batch(pd.DataFrame([{"pair_id": name, **pair}])) for name in ("a", "b")]
    (task,) = joined(*batches).tasks
    assert [record.name for record in task.records] == ["a", "b"]
    (task,) = joined(batches[0], batches[0]).tasks  # the same record again is one
    assert [record.name for record in task.records] == ["a"]


def test_what_no_file_can_carry_is_refused():
    with pytest.raises(PreferenceError, match="lone surrogate at character 1"):
        task_of("p", ("a\ud800", "b"), seed=0)
