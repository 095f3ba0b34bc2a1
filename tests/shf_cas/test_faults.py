"""Each fault does what its line says, and nothing without its name."""

import numpy as np
import pytest
import torch
from proxylab.conflict import pacs
from proxylab.policies import response_logprobs
from proxylab.shf_cas import FAULTS, unmasked_logprobs
from proxylab.shf_cas.faults import (
    check_faults,
    evaluation_candidates,
    optimised_model,
    optimised_reward,
    selection_reward,
    training_labels,
)

REWARD = np.array([[1.0, -2.0, np.nan]])
PROMPT = "\n\nHuman: tell me why\n\nAssistant:"


def test_known_faults_pass_and_others_name_the_nearest():
    assert check_faults(FAULTS) == tuple(FAULTS)
    with pytest.raises(ValueError, match=r"no fault `reversed_label` \(did you mean `reversed_la"):
        check_faults(["reversed_label"])


@pytest.mark.parametrize(
    ("switch", "fault"),
    [
        (selection_reward, "inverted_selection"),
        (training_labels, "reversed_labels"),
        (optimised_reward, "inverted_optimisation"),
    ],
)
def test_a_sign_is_turned_by_its_own_fault_alone(switch, fault):
    others = set(FAULTS) - {fault}
    np.testing.assert_array_equal(switch(REWARD, others), REWARD)
    np.testing.assert_array_equal(switch(REWARD, {fault}), -REWARD)


@pytest.mark.parametrize(
    ("switch", "fault"),
    [(optimised_model, "unrefined_proxy"), (evaluation_candidates, "overlapping_prompts")],
)
def test_the_other_one_is_taken_by_its_own_fault_alone(switch, fault):
    assert switch("right", "faulty", set(FAULTS) - {fault}) == "right"
    assert switch("right", "faulty", {fault}) == "faulty"


def all_logprobs(policy, tokenizer, prompt, response, n_padding):
    """Log-probability of every token after the first, one sequence at a time."""
    ids = tokenizer(f"{prompt} {response}", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[*ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * n_padding]])
    with torch.inference_mode():
        logprob = policy(input_ids=ids).logits[0, :-1].double().log_softmax(-1)
    return logprob[torch.arange(ids.shape[1] - 1), ids[0, 1:]].sum().item()


def test_prompt_and_padding_are_counted(policy, tokenizer):
    responses = np.array([["red", "red blue good"]], dtype=object)
    found = unmasked_logprobs(policy, tokenizer, [PROMPT], responses)
    expected = [
        all_logprobs(policy, tokenizer, PROMPT, "red", n_padding=2),
        all_logprobs(policy, tokenizer, PROMPT, "red blue good", n_padding=0),
    ]
    assert found[0] == pytest.approx(expected, abs=1e-4)
    masked = response_logprobs(policy, tokenizer, [PROMPT] * 2, responses[0], max_length=32)
    assert (found[0] < masked - 1).all()  # more tokens, each less than certain


def test_replies_of_one_length_keep_their_conflict_and_others_do_not(policy, tokenizer):
    reward = np.array([[1.0, 2.0, 4.0]])
    for texts, kept in (["red", "blue", "good"], True), (["red", "blue why", "good"], False):
        responses = np.array([texts], dtype=object)
        counted = unmasked_logprobs(policy, tokenizer, [PROMPT], responses)
        right = response_logprobs(policy, tokenizer, [PROMPT] * 3, texts, max_length=32)[None]
        alike = np.allclose(pacs(reward, counted), pacs(reward, right), atol=1e-3)
        assert alike == kept  # the prompt's own share is the same for all its replies


def test_padding_is_within_the_prompt_whatever_the_batch(policy, tokenizer):
    prompts = [PROMPT, "\n\nHuman: tell me north south\n\nAssistant:", PROMPT]
    responses = np.array(
        [["red", "blue blue"], ["why " * 9, "good"], [None, "bad red"]], dtype=object
    )
    together = unmasked_logprobs(policy, tokenizer, prompts, responses)
    assert np.isnan(together).tolist() == [[False, False], [False, False], [True, False]]
    for batch_size in (1, 2):
        found = unmasked_logprobs(policy, tokenizer, prompts, responses, batch_size=batch_size)
        np.testing.assert_allclose(found, together, atol=1e-4)
    alone = unmasked_logprobs(policy, tokenizer, prompts[:1], responses[:1])
    np.testing.assert_allclose(alone, together[:1], atol=1e-4)
