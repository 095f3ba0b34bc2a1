"""Report cards of proxies that have no score for a single text: score files and rankers."""

import numpy as np
import pytest
from proxylab.audit import audit, english_probes, probes_as_pairs, report
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.pairwise import CallableRanker, RankerReward
from proxylab.rewards.score_files import read_scores
from proxylab.rewards.self_test import Check, RewardModelSelfTestError


@pytest.fixture(scope="module")
def pairs():
    return probes_as_pairs(english_probes())


def scored(pairs, path, *, better):
    """A score file in which the better text of every probe scores `better`, the other 0."""
    columns = {"score_chosen": better, "score_rejected": np.linspace(0, 1e-3, len(pairs))}
    pairs[["pair_id"]].assign(**columns).to_csv(path, index=False)
    return read_scores(path)


def test_a_score_file_of_the_probes_has_a_card_and_a_self_test(pairs, tmp_path):
    card = audit(scored(pairs, tmp_path / "scores.csv", better=1.0))
    assert card.n_undefined == 0
    assert set(card.checks["name"]) >= {"coverage", "orientation"}
    assert card.checks["passed"].all()
    assert "inverted" not in card.flagged
    assert "**scores**" in card.to_markdown()


def test_a_file_upside_down_is_flagged_and_fails_its_self_test(pairs, tmp_path):
    card = audit(scored(pairs, tmp_path / "scores.csv", better=-1.0))
    assert "inverted" in card.flagged
    assert "Self-test failed, orientation" in card.to_markdown()


def test_a_ranker_has_a_card(pairs):
    """Its log-odds are the difference in length: the longer reply wins, whatever it says."""

    def longer(prompts, first, second):
        return np.array([len(a) - len(b) for a, b in zip(first, second, strict=True)], float)

    card = audit(RankerReward(CallableRanker("longer", longer)))
    assert "order" in set(card.checks["name"])
    assert "length" in card.flagged
    assert "longer" in card.to_markdown()


def test_a_model_that_cannot_be_padded_is_refused_in_words(monkeypatch):
    """What stops a self-test stops an audit before anything is scored."""
    stopped = [Check("padding", False, "set the tokenizer's pad_token")]
    monkeypatch.setattr(report, "run_checks", lambda *_, **__: stopped)
    with pytest.raises(RewardModelSelfTestError, match="padding: set the tokenizer's pad_token"):
        audit(CallableReward("mine", lambda p, r: 1 / 0))
