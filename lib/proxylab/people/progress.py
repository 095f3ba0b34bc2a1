"""How far a labelling task has come, and how far its answers can be trusted.

Agreement so far (Krippendorff's alpha and leave-one-out), which side people prefer, how long they
take, and how each of them does. The paper reports none of these. Sides are drawn at random, so
the left one should win half of the decided votes, whatever the replies are. Left out: any verdict;
a person who works slowly or prefers one side is for whoever asks to talk to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.annotators.votes import votes_frame
from proxylab.cleaning.agreement import krippendorff_alpha, leave_one_out_agreement
from proxylab.people.answers import ANSWERED, Answer, standing
from proxylab.people.tasks import FIRST, PAIR, Batch
from proxylab.people.votes import counted, votes_of
from proxylab.stats import Interval, bootstrap_mean, wilson


@dataclass(frozen=True)
class Progress:
    """Where a batch stands.

    n_wanted: answers wanted (questions that are no attention items, times the overlap). n_given:
    of them, answers so far, at most the overlap a question. n_done, n_begun, n_open: questions
    with all wanted answers, with some, with none. n_skipped, n_replaced, n_drafts, n_unknown
    (answers to questions that are not in the batch). alpha, agreement: over questions with two
    answers or more. left: share of decided votes for the left side, over questions. seconds:
    median of one answer. by_annotator: a row a person.
    """

    n_wanted: int
    n_given: int
    n_done: int
    n_begun: int
    n_open: int
    n_skipped: int
    n_replaced: int
    n_drafts: int
    n_unknown: int
    alpha: Interval | None
    agreement: Interval | None
    left: Interval | None
    seconds: float
    by_annotator: pd.DataFrame

    def summary(self) -> str:
        """The counts in one line."""
        return (
            f"{self.n_given:,} of {self.n_wanted:,} answers; questions: {self.n_done:,} done, "
            f"{self.n_begun:,} begun, {self.n_open:,} open; {self.n_skipped:,} skipped, "
            f"{self.n_replaced:,} replaced, {self.n_drafts:,} drafts, {self.n_unknown:,} unknown"
        )


def progress(
    batch: Batch,
    answers: Iterable[Answer],
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> Progress:
    """Where a batch stands, given everything in its ledger.

    Intervals are bootstraps over questions; alpha, agreement and left are None for a batch of
    scores.
    """
    answers = list(answers)
    now = standing(answer for answer in answers if answer.task_id in batch.by_id)
    given = _answers_by_task(batch, now.counted)
    measured = dict.fromkeys(("alpha", "agreement", "left"))
    if batch.kind == PAIR:
        draws = {"rng": rng, "n_resamples": n_resamples}
        asked = votes_of(batch, answers)
        asked = asked[asked["task_id"].isin({task.task_id for task in batch.asked})]
        frame = _frame(asked)
        measured = {
            "alpha": krippendorff_alpha(frame, **draws),
            "agreement": leave_one_out_agreement(frame, **draws),
            "left": bootstrap_mean(_left_share(asked), **draws),
        }
    seconds = [a.seconds for a in now.counted if a.seconds is not None and a.status == ANSWERED]
    return Progress(
        n_wanted=batch.overlap * len(batch.asked),
        n_given=int(np.minimum(given, batch.overlap).sum()),
        n_done=int((given >= batch.overlap).sum()),
        n_begun=int(((given > 0) & (given < batch.overlap)).sum()),
        n_open=int((given == 0).sum()),
        n_skipped=sum(answer.status != ANSWERED for answer in now.counted),
        n_replaced=len(now.replaced),
        n_drafts=len(now.drafts),
        n_unknown=sum(answer.task_id not in batch.by_id for answer in answers),
        seconds=float(np.median(seconds)) if seconds else np.nan,
        by_annotator=by_annotator(batch, answers),
        **measured,
    )


def by_annotator(batch: Batch, answers: Iterable[Answer]) -> pd.DataFrame:
    """How each person does, by name.

    Columns: annotator; n answers (attention items among them), n_skipped, n_ties; seconds, the
    median; left, share of decided answers for the left side (Wilson, an `Interval`); n_attention
    items answered and n_right of them.
    """
    people: dict[str, list[Answer]] = {}
    for answer in counted(batch, answers):
        people.setdefault(answer.annotator, []).append(answer)
    rows = [{"annotator": name, **_person(batch, people[name])} for name in sorted(people)]
    columns = ["annotator", "n", "n_skipped", "n_ties", "seconds", "left", "n_attention", "n_right"]
    return pd.DataFrame(rows, columns=columns)


def _person(batch: Batch, given: list[Answer]) -> dict[str, object]:
    answered = [answer for answer in given if answer.status == ANSWERED]
    sides = [answer.chose_left for answer in answered if answer.chose_left is not None]
    seconds = [answer.seconds for answer in answered if answer.seconds is not None]
    expected = [batch.by_id[answer.task_id].expected for answer in answered]
    attended = [(a.choice, e) for a, e in zip(answered, expected, strict=True) if e is not None]
    return {
        "n": len(answered),
        "n_skipped": len(given) - len(answered),
        "n_ties": sum(answer.choice == "tie" for answer in answered),
        "seconds": float(np.median(seconds)) if seconds else np.nan,
        "left": wilson(sum(sides), len(sides)),
        "n_attention": len(attended),
        "n_right": sum(choice == wanted for choice, wanted in attended),
    }


def _answers_by_task(batch: Batch, given: Iterable[Answer]) -> np.ndarray:
    """Answers to each question that is no attention item, `(n_asked,)`."""
    n = {task.task_id: 0 for task in batch.asked}
    for answer in given:
        if answer.status == ANSWERED and answer.task_id in n:
            n[answer.task_id] += 1
    return np.array(list(n.values()), int)


def _frame(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes on questions as a votes frame, whose two sides are named chosen and rejected."""
    names = {"first": "chosen", "second": "rejected", "tie": "tie"}
    choice = [names.get(value) for value in votes["choice"]]
    return votes_frame(votes["task_id"].tolist(), votes["annotator"].tolist(), choice)


def _left_share(votes: pd.DataFrame) -> np.ndarray:
    """Share of each question's decided votes that went to the left side, `(n_questions,)`."""
    decided = votes[votes["choice"].isin([FIRST, "second"]) & votes["left"].notna()]
    is_left = (decided["choice"] == decided["left"]).astype(float)
    return is_left.groupby(decided["task_id"]).mean().to_numpy()
