"""Log-probabilities and samples against the model itself, one sequence at a time."""

import numpy as np
import pytest
import torch
from proxylab.policies import load_policy, response_logprobs, sample_responses, save_policy
from scipy.stats import chisquare

PROMPTS = [
    "\n\nHuman: tell me\n\nAssistant:",
    "\n\nHuman: why\n\nAssistant: no\n\nHuman: tell me why north is red\n\nAssistant:",
    "\n\nHuman: why yes\n\nAssistant:",
    "\n\nHuman: blue green red north south yes no\n\nAssistant:",
]
RESPONSES = ["red blue", "", "north south yes no red", "green"]
MAX_LENGTH = 32


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@torch.no_grad()
def next_logprobs(model, sequence, temperature=1.0):
    """Log-probabilities of what follows one unpadded sequence."""
    logits = model(input_ids=torch.tensor([sequence])).logits[0, -1].double()
    return torch.log_softmax(logits / temperature, -1).numpy()


def plain_logprob(model, prompt, response):
    """Sum over the response, token after token, each from its own forward pass."""
    total = 0.0
    for position, token in enumerate(response):
        total += next_logprobs(model, prompt + response[:position])[token]
    return total


def sample(model, tokenizer, prompts=PROMPTS, **options):
    defaults = {"n_samples": 8, "max_new_tokens": 6, "seed": 0}
    return sample_responses(model, tokenizer, prompts, **defaults | options)


def test_logprobs_are_those_of_single_forward_passes(model, tokenizer):
    found = response_logprobs(model, tokenizer, PROMPTS, RESPONSES, max_length=MAX_LENGTH)
    expected = [
        plain_logprob(model, ids(tokenizer, p), [*ids(tokenizer, r), tokenizer.eos_token_id])
        for p, r in zip(PROMPTS, RESPONSES, strict=True)
    ]
    assert found == pytest.approx(expected, abs=1e-4)
    assert (found < -0.1).all()  # the empty response too pays for its end token


def test_a_cut_response_is_scored_without_its_end(model, tokenizer):
    found = response_logprobs(model, tokenizer, PROMPTS[:1], ["red blue green"], max_length=3)
    # three tokens in all: the prompt is gone, and nothing predicts the first of them
    red, blue, green = ids(tokenizer, "red blue green")
    assert found == pytest.approx([plain_logprob(model, [red], [blue, green])], abs=1e-4)


def test_no_responses_have_no_logprobs(model, tokenizer):
    assert response_logprobs(model, tokenizer, [], [], max_length=8).shape == (0,)


def test_samples_are_scored_at_temperature_one(model, tokenizer):
    drawn = sample(model, tokenizer, temperature=0.7, n_samples=32)
    shape = (len(PROMPTS), 32)
    for array in (drawn.responses, drawn.policy_logprob, drawn.n_tokens, drawn.finished):
        assert array.shape == shape
    checked = 0
    for i, prompt in enumerate(PROMPTS):
        for k in range(32):
            # a sampled special token is lost in the text: such samples cannot be read back
            tokens = [*ids(tokenizer, drawn.responses[i, k]), tokenizer.eos_token_id]
            whole = len(tokens) == drawn.n_tokens[i, k] and tokenizer.unk_token_id not in tokens
            if drawn.finished[i, k] and whole:
                expected = plain_logprob(model, ids(tokenizer, prompt), tokens)
                assert drawn.policy_logprob[i, k] == pytest.approx(expected, abs=1e-4)
                checked += 1
    assert checked > 20


def text_probabilities(model, tokenizer, prompt, temperature):
    """Probability of every text that at most two sampled tokens can give."""
    found, prompt = {}, ids(tokenizer, prompt)
    first = np.exp(next_logprobs(model, prompt, temperature))
    for a, p in enumerate(first):
        after = np.exp(next_logprobs(model, [*prompt, a], temperature))
        ended = a == tokenizer.eos_token_id
        for b, q in [(a, 1.0)] if ended else enumerate(after):
            tokens = [a] if ended else [a, b]
            text = tokenizer.decode(tokens, skip_special_tokens=True).strip()
            found[text] = found.get(text, 0.0) + p * q
    return found


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_samples_follow_the_models_tempered_probabilities(model, tokenizer, temperature):
    n = 3000
    # prompts of 4 and 11 tokens in one batch, so that the short one is padded on the left
    drawn = sample(
        model,
        tokenizer,
        [PROMPTS[0], PROMPTS[1]],
        n_samples=n,
        max_new_tokens=2,
        temperature=temperature,
        batch_size=2 * n,
    )
    for prompt, responses in zip(PROMPTS, drawn.responses, strict=False):
        expected = text_probabilities(model, tokenizer, prompt, temperature)
        assert sum(expected.values()) == pytest.approx(1)
        frequent = [text for text, p in expected.items() if n * p >= 5]
        counts = np.array([np.sum(responses == text) for text in frequent])
        p = np.array([expected[text] for text in frequent])
        observed = [*counts, n - counts.sum()]
        # a fixed seed: below 0.001 for one correct sampler in a thousand
        assert chisquare(observed, n * np.array([*p, 1 - p.sum()])).pvalue > 1e-3
        assert len(frequent) > 10


def test_a_cold_batch_of_padded_prompts_is_greedy_decoding_of_each(model, tokenizer):
    drawn = sample(model, tokenizer, temperature=1e-3, n_samples=1, batch_size=4)
    for prompt, text in zip(PROMPTS, drawn.responses[:, 0], strict=True):
        sequence = ids(tokenizer, prompt)
        n_prompt = len(sequence)
        while len(sequence) < n_prompt + 6 and sequence[-1] != tokenizer.eos_token_id:
            sequence.append(int(next_logprobs(model, sequence).argmax()))
        assert text == tokenizer.decode(sequence[n_prompt:], skip_special_tokens=True).strip()


def test_samples_end_at_the_end_token(model, tokenizer):
    drawn = sample(model, tokenizer, n_samples=64)
    assert 0.1 < drawn.finished.mean() < 0.9
    assert (drawn.n_tokens[~drawn.finished] == 6).all()
    assert (drawn.n_tokens[drawn.finished] < 6).any()
    assert (drawn.n_tokens >= 1).all()
    words = np.vectorize(lambda text: len(text.split()))(drawn.responses)
    assert (words <= drawn.n_tokens - drawn.finished).all()  # the end token is no word


def test_a_seed_names_the_samples_whatever_else_is_drawn(model, tokenizer):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = sample(model, tokenizer, seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = sample(model, tokenizer, seed=4), sample(model, tokenizer, seed=5)
    assert np.array_equal(first.responses, again.responses)
    assert np.array_equal(first.policy_logprob, again.policy_logprob)
    assert not np.array_equal(first.responses, other.responses)


def test_prompts_keep_their_order_and_their_own_samples(model, tokenizer):
    # cold samples do not depend on the draws, only on the prompt they belong to
    together = sample(model, tokenizer, temperature=1e-3, batch_size=8)
    assert together.prompts == PROMPTS
    for i, prompt in enumerate(PROMPTS):
        alone = sample(model, tokenizer, [prompt], temperature=1e-3)
        assert alone.responses[0].tolist() == together.responses[i].tolist()


def test_a_long_prompt_loses_its_start(model, tokenizer):
    # 28 of 32 positions are for the response: the last four tokens of the prompt are left
    long = "\n\nHuman: why\n\nAssistant: no\n\nHuman: tell me\n\nAssistant:"
    short = "\n\nHuman: tell me\n\nAssistant:"
    cut, whole = (sample(model, tokenizer, [p], max_new_tokens=28) for p in (long, short))
    assert cut.responses.tolist() == whole.responses.tolist()
    assert np.array_equal(cut.policy_logprob, whole.policy_logprob)


def test_no_room_for_a_prompt_is_an_error(model, tokenizer):
    with pytest.raises(ValueError, match=r"max_new_tokens=32 leaves no room .* 32 positions"):
        sample(model, tokenizer, max_new_tokens=32)


def test_a_loaded_models_own_sampling_habits_are_left_aside(model, tokenizer, tmp_path):
    expected = sample(model, tokenizer)
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.min_new_tokens = 6
    save_policy(model, tokenizer, tmp_path)
    assert "repetition_penalty" in (tmp_path / "generation_config.json").read_text()
    drawn = sample(*load_policy(tmp_path))
    assert drawn.responses.tolist() == expected.responses.tolist()
