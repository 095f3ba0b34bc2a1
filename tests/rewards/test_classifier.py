"""Sequence classifiers: batches, orientation, truncation, what is bitwise, what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from proxylab.rewards.card import CARD_NAME, read_card
from proxylab.rewards.classifier import SequenceClassifierReward, pad_right, token_batches
from transformers import AutoModelForSequenceClassification


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 200))
def test_token_batches_hold_every_text_once_within_the_budget(lengths, budget):
    batches = list(token_batches(lengths, budget))
    assert sorted(np.concatenate([[], *batches])) == list(range(len(lengths)))
    for batch in batches:
        width = max(lengths[i] for i in batch)
        assert width * len(batch) <= budget or len(batch) == 1


def test_token_batches_by_hand():
    # Sorted lengths 1 2 2 4 with 6 padded tokens: three times 2, then 4 alone.
    assert [batch.tolist() for batch in token_batches([4, 2, 1, 2], 6)] == [[2, 1, 3], [0]]


def test_pad_right_by_hand():
    tokens, mask = pad_right([[5], [6, 7]], 0)
    assert tokens.tolist() == [[5, 0], [6, 7]]
    assert mask.tolist() == [[1, 0], [1, 1]]


def test_scores_equal_the_model_run_by_hand(trained, held_out, tokenizer):
    folder, _ = trained
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    text = f"{held_out.prompt[0]} {held_out.chosen[0]}"
    ids = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
    with torch.inference_mode():
        expected = model(ids).logits.item()
    reward = SequenceClassifierReward.load(folder)
    assert reward.score([held_out.prompt[0]], [held_out.chosen[0]]) == pytest.approx(expected)


def test_order_of_the_texts_does_not_matter(trained, held_out):
    reward = SequenceClassifierReward.load(trained[0], batch_tokens=128)
    prompts, chosen = held_out.prompt.tolist(), held_out.chosen.tolist()
    scores = reward.score(prompts, chosen)
    assert scores.shape == (64,)
    assert scores.dtype == np.float64
    assert reward.score(prompts[::-1], chosen[::-1])[::-1] == pytest.approx(scores, abs=1e-5)
    assert reward.score([], []).shape == (0,)


def test_same_call_same_bits(trained, held_out):
    prompts, chosen = held_out.prompt.tolist(), held_out.chosen.tolist()
    first = SequenceClassifierReward.load(trained[0]).score(prompts, chosen)
    second = SequenceClassifierReward.load(trained[0]).score(prompts, chosen)
    np.testing.assert_array_equal(first, second)


def test_a_cost_model_is_negated_once(trained, held_out):
    prompts, chosen = held_out.prompt.tolist(), held_out.chosen.tolist()
    reward = SequenceClassifierReward.load(trained[0])
    cost = SequenceClassifierReward.load(trained[0], orientation=-1)
    np.testing.assert_array_equal(cost.score(prompts, chosen), -reward.score(prompts, chosen))
    assert cost.fingerprint != reward.fingerprint


def test_the_response_survives_a_long_prompt(trained):
    reward = SequenceClassifierReward.load(trained[0], max_length=8)
    long = "\n\nHuman: please tell " + "w1 " * 40 + "\n\nAssistant:"
    longer = "\n\nHuman: please " + "w1 " * 50 + "\n\nAssistant:"
    good, same, bad = reward.score([long, longer, long], ["w1 w2 good"] * 2 + ["w1 w2 bad"])
    assert good == same  # the last eight tokens are the same
    assert good > bad
    assert reward.n_truncated == 3


def test_settings_come_from_the_card(trained):
    reward = SequenceClassifierReward.load(trained[0])
    assert (reward.max_length, reward.append_eos, reward.template) == (32, True, "plain")
    assert reward.missing_keys == ()
    assert reward.card.head_trained


def test_fingerprint_depends_on_content_not_on_the_folder(trained, tmp_path):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for file in trained[0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    first, second = (SequenceClassifierReward.load(folder) for folder in (trained[0], copy))
    assert first.fingerprint == second.fingerprint
    with torch.no_grad():
        second.model.score.weight[0, 0] += 1
    del second.fingerprint  # computed once; forget it
    assert first.fingerprint != second.fingerprint


def test_a_language_model_is_no_reward_model(language_model):
    with pytest.raises(ValueError, match="2 labels, not 1; its head is not in the checkpoint"):
        SequenceClassifierReward.load(language_model)


@pytest.mark.parametrize(
    ("option", "message"), [({"orientation": 0}, "1 or -1"), ({"template": "chta"}, "'plain' or")]
)
def test_wrong_options_are_named(trained, option, message):
    with pytest.raises(ValueError, match=message):
        SequenceClassifierReward.load(trained[0], **option)


def test_a_damaged_card_is_an_error_that_names_file_and_key(trained, tmp_path):
    text = (trained[0] / CARD_NAME).read_text().replace('"orientation": 1', '"orientation": 2')
    (tmp_path / CARD_NAME).write_text(text)
    with pytest.raises(ValueError, match=rf"{CARD_NAME}: orientation: Input should be 1 or -1"):
        read_card(tmp_path)
