"""Committees: whatever scores can vote, and cross-fitting hides from it its own pairs."""

import numpy as np
import pandas as pd
import pytest
from proxylab.annotators import committee_votes, cross_fit_votes
from proxylab.preferences import PreferenceError


def pair_frame(questions: list[str]) -> pd.DataFrame:
    n = len(questions)
    return pd.DataFrame(
        {
            "pair_id": [f"w/test/{i:06d}" for i in range(n)],
            "subset": "w",
            "split": "test",
            "prompt": [f"\n\nHuman: {question}\n\nAssistant:" for question in questions],
            "chosen": ["x" * (i + 1) for i in range(n)],
            "rejected": "xxx",
            "prompts_differ": False,
            "n_turns": 1,
        }
    )


class Length:
    """Scores a response by its number of characters."""

    def score(self, prompts, responses):
        assert len(prompts) == len(responses)
        return np.array([len(response) for response in responses], float)


class Undefined:
    """A model whose scores are not numbers."""

    def score(self, prompts, responses):
        return np.full(len(responses), np.nan)


def test_members_vote_for_what_they_score_higher():
    pairs = pair_frame(list("abcde"))  # lengths 1..5 against 3
    votes = committee_votes(pairs, {"length": Length(), "broken": Undefined()})
    by_name = votes.groupby("annotator")["choice"]
    wide = {name: choices.reset_index(drop=True) for name, choices in by_name}
    assert wide["length"].tolist() == ["rejected", "rejected", "tie", "chosen", "chosen"]
    assert wide["broken"].isna().all()
    assert votes["toxic"].isna().all()


def test_a_margin_turns_small_gaps_into_ties():
    votes = committee_votes(pair_frame(list("abcde")), {"length": Length()}, tie_margin=1.0)
    assert votes["choice"].tolist() == ["rejected", "tie", "tie", "tie", "chosen"]


def test_no_member_votes_on_a_question_that_it_was_trained_on():
    questions = [f"q{i // 2}" for i in range(40)]  # each question twice, in different case
    pairs = pair_frame([q.upper() if i % 2 else q for i, q in enumerate(questions)])
    seen: list[set[str]] = []

    class Remembers(Length):
        def __init__(self, train: pd.DataFrame) -> None:
            self.known = set(train["prompt"].str.lower())
            seen.append(self.known)

        def score(self, prompts, responses):
            assert not self.known & {prompt.lower() for prompt in prompts}
            return super().score(prompts, responses)

    votes = cross_fit_votes(pairs, {"one": Remembers, "two": Remembers}, n_folds=4, seed=1)
    assert len(seen) == 8  # two members, four folds
    assert len(votes) == 80
    assert votes["choice"].notna().all()
    assert votes["pair_id"].tolist() == pairs["pair_id"].repeat(2).tolist()


def test_a_cross_fitted_member_that_needs_no_training_votes_as_in_a_committee():
    pairs = pair_frame([f"q{i}" for i in range(20)])
    crossed = cross_fit_votes(pairs, {"length": lambda train: Length()}, n_folds=5, seed=0)
    pd.testing.assert_frame_equal(crossed, committee_votes(pairs, {"length": Length()}))


def test_fewer_groups_than_folds_is_an_error():
    with pytest.raises(PreferenceError, match="5 folds need as many groups; there are 1"):
        cross_fit_votes(pair_frame(["q"] * 9), {"length": lambda train: Length()}, n_folds=5)
