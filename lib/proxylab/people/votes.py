"""Answers as votes: of the loop, of relabelling, and as scores of responses.

What people said about a batch becomes what the rest of the project takes: votes on completions
for SHF-CAS (`shf_cas.VotesAnnotator`), the votes frame for cleaning and agreement (Elephant,
section 3.2.1), and mean scores for the correlation with a proxy (its figure 4). Attention items
are left out of all of them. Left out: weighing annotators by how good they are.
"""

from collections.abc import Iterable

import pandas as pd

from proxylab.annotators.votes import votes_frame
from proxylab.people.answers import ANSWERED, Answer, standing
from proxylab.people.instructions import CRITERIA
from proxylab.people.tasks import FIRST, PAIR, SECOND, TIE, Batch
from proxylab.preferences.schema import PreferenceError
from proxylab.shf_cas.completion_votes import COLUMNS

VOTES = ("task_id", "annotator", "choice", "left", "harmful_first", "harmful_second")
DETAILS = ("seconds", "at", "comment")


def counted(batch: Batch, answers: Iterable[Answer]) -> list[Answer]:
    """The answers of the batch that count (`answers.standing`), in the order of its questions."""
    given = standing(a for a in answers if a.task_id in batch.by_id).counted
    place = {task_id: number for number, task_id in enumerate(batch.by_id)}
    return sorted(given, key=lambda answer: place[answer.task_id])  # stable: people in their order


def votes_of(batch: Batch, answers: Iterable[Answer]) -> pd.DataFrame:
    """The current votes on a batch of comparisons, a row for each question and person who saw it.

    Columns: task_id, annotator; choice, "first", "second" or "tie", missing where it was skipped;
    left, the reply that was shown there; harmful_first, harmful_second, missing where not asked;
    seconds; at; comment. Attention items are rows like any other.
    """
    _need(batch, PAIR)
    rows = [
        (
            *(answer.task_id, answer.annotator, answer.choice, answer.left),
            *_flags(answer),
            *(answer.seconds, answer.at, answer.comment),
        )
        for answer in counted(batch, answers)
    ]
    types = dict.fromkeys(VOTES[-2:], "boolean") | {"seconds": "float64"}
    text = dict.fromkeys((*VOTES[:4], "at", "comment"), "str")
    return pd.DataFrame(rows, columns=[*VOTES, *DETAILS]).astype(types | text)


def completion_votes(batch: Batch, answers: Iterable[Answer]) -> pd.DataFrame:
    """Votes as `VotesAnnotator` takes them: prompt, first, second, choice, annotator.

    A skipped question has none.
    """
    _need(batch, PAIR)
    rows = []
    for answer in counted(batch, answers):
        task = batch.by_id[answer.task_id]
        if answer.status == ANSWERED and task.expected is None:
            rows.append((task.prompt, *task.texts, answer.choice, answer.annotator))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pair_votes(batch: Batch, answers: Iterable[Answer]) -> pd.DataFrame:
    """The votes frame of a batch made from a pair frame: pair_id, annotator, choice, toxic.

    A question that stands for several pairs of equal texts gives each of them the vote; one that
    was skipped a missing choice. `toxic` is whether the reply recorded as chosen was marked
    harmful.
    """
    _need(batch, PAIR)
    rows = []
    for answer in counted(batch, answers):
        for record in batch.by_id[answer.task_id].records:
            same = record.chosen == FIRST
            names = {FIRST: "chosen", SECOND: "rejected"}
            names = names if same else {FIRST: "rejected", SECOND: "chosen"}
            choice = {**names, TIE: TIE}.get(answer.choice)
            toxic = None if answer.harmful is None else record.chosen in answer.harmful
            rows.append((record.name, answer.annotator, choice, toxic))
    return votes_frame(*([list(column) for column in zip(*rows, strict=True)] or [[]] * 4))


def response_scores(batch: Batch, answers: Iterable[Answer]) -> pd.DataFrame:
    """Mean scores of each response that anyone scored, over its annotators.

    Columns: name, prompt, response; n, annotators; each of the five criteria, 1 to 5; score, the
    mean of the five. A response that several records name has a row for each.
    """
    if batch.kind == PAIR:
        raise PreferenceError("scores need a batch of responses to score, this one compares pairs")
    scores = pd.DataFrame(
        [
            {"task_id": answer.task_id, **answer.scores}
            for answer in counted(batch, answers)
            if answer.status == ANSWERED
        ],
        columns=["task_id", *CRITERIA],
    )
    by_task = scores.groupby("task_id", sort=False)
    means, sizes = by_task.mean(), by_task.size()
    rows = []
    for task_id, mean in means.iterrows():
        task = batch.by_id[task_id]
        rest = {"n": int(sizes[task_id]), **mean, "score": mean.mean()}
        rows += [
            {"name": record.name, "prompt": task.prompt, "response": task.texts[0], **rest}
            for record in task.records
        ]
    return pd.DataFrame(rows, columns=["name", "prompt", "response", "n", *CRITERIA, "score"])


def _flags(answer: Answer) -> tuple[bool | None, bool | None]:
    if answer.harmful is None:
        return None, None
    return FIRST in answer.harmful, SECOND in answer.harmful


def _need(batch: Batch, kind: str) -> None:
    if batch.kind != kind:
        raise PreferenceError(f"votes need a batch of the kind {kind!r}, this is {batch.kind!r}")
