"""Training: whose loss it is, what a seed fixes, what is saved and what is loaded."""

import copy
import json

import numpy as np
import pytest
import torch
from proxylab.policies import (
    LanguageModelSettings,
    TrainingSettings,
    load_policy,
    new_language_model,
    response_logprobs,
    sample_responses,
    save_policy,
    train_language_model,
)
from pydantic import ValidationError
from transformers import GPT2Config, GPT2LMHeadModel

PROMPTS = [
    "\n\nHuman: tell me\n\nAssistant:",
    "\n\nHuman: why\n\nAssistant: no\n\nHuman: tell me why\n\nAssistant:",
    "\n\nHuman: why yes\n\nAssistant:",
]
RESPONSES = ["red blue", "", "north south yes no red"]
ONE_STEP = TrainingSettings(epochs=1, batch_size=len(PROMPTS), warmup_steps=0)
MAX_LENGTH = 32


def train(model, tokenizer, settings=ONE_STEP, *, seed=0, **options):
    prompts, responses = options.pop("dialogues", (PROMPTS, RESPONSES))
    return train_language_model(
        model, tokenizer, prompts, responses, settings, max_length=MAX_LENGTH, seed=seed, **options
    )


@pytest.mark.parametrize("loss_on_prompt", [False, True])
@pytest.mark.usefixtures("full_precision")
def test_the_loss_is_that_of_the_transformers_model(model, tokenizer, loss_on_prompt):
    losses, n_tokens = [], []
    for prompt, response in zip(PROMPTS, RESPONSES, strict=True):
        n_prompt = len(tokenizer(prompt)["input_ids"])
        ids = torch.tensor([[*tokenizer(f"{prompt} {response}")["input_ids"], 1]])
        assert tokenizer.eos_token_id == 1
        labels = ids.clone()
        if not loss_on_prompt:
            labels[:, :n_prompt] = -100
        with torch.no_grad():
            losses.append(model(input_ids=ids, labels=labels).loss.item())
        n_tokens.append(int((labels[:, 1:] != -100).sum()))
    # the batch's loss is the mean over its tokens, not over its dialogues
    expected = np.average(losses, weights=n_tokens)
    # response tokens: 2 + end, end, 5 + end; with the prompt also 3, 8 and 3 predicted tokens
    assert n_tokens == ([6, 9, 9] if loss_on_prompt else [3, 1, 6])
    [found] = train(model, tokenizer, loss_on_prompt=loss_on_prompt)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.usefixtures("full_precision")
def test_the_loss_is_minus_the_mean_logprob_of_a_token(model, tokenizer):
    logprobs = response_logprobs(model, tokenizer, PROMPTS, RESPONSES, max_length=MAX_LENGTH)
    [found] = train(model, tokenizer)
    assert found == pytest.approx(-logprobs.sum() / 10, abs=1e-5)


@pytest.mark.usefixtures("full_precision")
def test_the_loss_is_that_of_trls_sft_trainer(model, tokenizer, tmp_path):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"prompt": prompt, "completion": f" {response}"}
        for prompt, response in zip(PROMPTS, RESPONSES, strict=True)
    ]
    trainer = SFTTrainer(
        model=copy.deepcopy(model),
        args=SFTConfig(
            output_dir=str(tmp_path),
            completion_only_loss=True,
            per_device_train_batch_size=len(rows),
            max_length=MAX_LENGTH,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            report_to="none",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    [batch] = trainer.get_train_dataloader()
    expected = trainer.compute_loss(trainer.model, batch).item()
    [found] = train(model, tokenizer)
    assert found == pytest.approx(expected, abs=1e-5)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def many(n=40):
    """Dialogues of different lengths, so that batches differ in shape."""
    return [PROMPTS[i % 3] for i in range(n)], ["red blue " * (i % 4) + "green" for i in range(n)]


SEVERAL = TrainingSettings(epochs=2, batch_size=8, warmup_steps=2)


def test_equal_seeds_give_bitwise_equal_weights(model, tokenizer):
    trained = []
    for seed, noise in ((1, 10), (1, 20), (2, 10)):
        torch.manual_seed(noise)  # must not matter
        copied = copy.deepcopy(model)
        losses = train(copied, tokenizer, SEVERAL, seed=seed, dialogues=many())
        trained.append((weights(copied), losses))
    assert torch.equal(trained[0][0], trained[1][0])
    assert trained[0][1] == trained[1][1]
    assert not torch.equal(trained[0][0], trained[2][0])


def test_a_base_with_dropout_trains_without_it(tokenizer):
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=32, n_embd=16, n_layer=1, n_head=2,
        resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    trained = []
    for noise in (10, 20):
        torch.manual_seed(noise)
        copied = copy.deepcopy(model).train()
        train(copied, tokenizer, SEVERAL, dialogues=many())
        trained.append(weights(copied))
    assert torch.equal(*trained)


@pytest.mark.parametrize(
    ("epochs", "n_steps"),
    [(1, 5), (2, 10), (1.5, 8), (0.4, 2), (0.01, 1)],  # five batches of eight an epoch
)
def test_the_number_of_steps(model, tokenizer, epochs, n_steps):
    settings = SEVERAL.model_copy(update={"epochs": epochs})
    assert len(train(model, tokenizer, settings, dialogues=many())) == n_steps


def test_training_teaches_and_says_how_far_it_is(model, tokenizer):
    lines = []
    settings = TrainingSettings(epochs=60, batch_size=3, learning_rate=1e-2, warmup_steps=5)
    losses = train(model, tokenizer, settings, progress=lines.append)
    assert losses[0] > 2 > 0.1 > losses[-1]
    assert len(lines) == 5
    assert lines[-1].startswith("step 60/60, loss ")
    assert not model.training
    # what was taught is what is said, end token included
    drawn = sample_responses(
        model, tokenizer, PROMPTS, n_samples=1, max_new_tokens=8, temperature=0.05, seed=0
    )
    assert drawn.responses[:, 0].tolist() == RESPONSES
    assert drawn.finished.all()
    assert drawn.n_tokens[:, 0].tolist() == [3, 1, 6]


def test_nothing_to_train_on_is_an_error(model, tokenizer):
    with pytest.raises(ValueError, match="no dialogues"):
        train(model, tokenizer, dialogues=([], []))


def test_a_new_model_is_the_seeds_and_leaves_other_draws_alone(tokenizer):
    settings = LanguageModelSettings(hidden_size=16, n_layers=1, n_heads=2, max_length=32)
    before = torch.random.get_rng_state()
    first, again, other = (
        weights(new_language_model(tokenizer, settings, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (LanguageModelSettings, {"hiden_size": 32}),
        (LanguageModelSettings, {"max_length": 2}),
        (TrainingSettings, {"epochs": 0}),
        (TrainingSettings, {"learning_rate": -1e-3}),
    ],
)
def test_settings_that_no_model_can_have(settings, wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings(**wrong)


def test_a_saved_policy_is_an_ordinary_folder_of_safetensors(model, tokenizer, tmp_path):
    save_policy(model, tokenizer, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "gpt_neox"
    names = {path.suffix for path in tmp_path.iterdir()}
    assert names <= {".json", ".safetensors"}
    loaded, loaded_tokenizer = load_policy(tmp_path)
    assert not loaded.training
    assert loaded.dtype == torch.float32
    assert torch.equal(weights(loaded), weights(model))
    options = {"max_length": MAX_LENGTH}
    before = response_logprobs(model, tokenizer, PROMPTS, RESPONSES, **options)
    after = response_logprobs(loaded, loaded_tokenizer, PROMPTS, RESPONSES, **options)
    assert np.array_equal(before, after)


def test_a_tokenizer_without_padding_pads_with_its_end(model, tokenizer, tmp_path):
    bare = copy.deepcopy(tokenizer)
    bare.pad_token = None
    save_policy(model, bare, tmp_path)
    assert load_policy(tmp_path)[1].pad_token_id == tokenizer.eos_token_id


def test_weights_that_could_hold_code_are_refused(model, tokenizer, tmp_path):
    save_policy(model, tokenizer, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_policy(tmp_path)
