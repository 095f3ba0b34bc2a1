"""DPO and SFT against TRL on one batch: loss and every gradient."""

import copy

import numpy as np
import pytest
import torch
from datasets import Dataset
from proxylab.alignment.dpo import DPOObjective, DPOSettings
from proxylab.alignment.sft import SFTObjective
from proxylab.alignment.training import summed_logprobs
from proxylab.policies import encode_dialogues
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

PROMPTS = [
    "\n\nHuman: tell me\n\nAssistant:",
    "\n\nHuman: why\n\nAssistant: no\n\nHuman: tell me why\n\nAssistant:",
    "\n\nHuman: blue green red\n\nAssistant:",
]
CHOSEN = ["red blue", "", "north south yes no red"]
REJECTED = ["green green green", "no", "south"]
COMMON = {
    "max_length": 32,
    "bf16": False,
    "use_cpu": True,
    "gradient_checkpointing": False,
    "report_to": "none",
    "save_strategy": "no",
    "dataloader_pin_memory": False,
}


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def by_trl(trainer):
    """Loss and gradients of the only batch, the trainer's own loop left aside."""
    [batch] = trainer.get_train_dataloader()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    return loss.item(), gradients(trainer.model)


def assert_equal(model, values, expected):
    loss, expected_gradients = expected
    values["loss"].backward()
    assert values["loss"].item() == pytest.approx(loss, abs=1e-5)
    found = gradients(model)
    assert found.keys() == expected_gradients.keys()
    assert max(float(gradient.norm()) for gradient in found.values()) > 0.05
    for name, gradient in found.items():
        assert torch.allclose(gradient, expected_gradients[name], atol=1e-5), name


def encoded(policy, prompts, responses):
    return encode_dialogues(policy.tokenizer, prompts, responses, max_length=32)


@pytest.mark.parametrize(
    ("loss_type", "rows", "options"),
    [
        ("sigmoid", 3, {}),
        ("hinge", 3, {"form": "hinge"}),
        # TRL's sigmoid form ignores label smoothing; its sorted form (aot) of one pair, which has
        # nothing to sort, is the smoothed sigmoid form
        ("aot", 1, {"label_smoothing": 0.2}),
    ],
)
def test_dpo(policy, tmp_path, loss_type, rows, options):
    reference = copy.deepcopy(policy.model)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter *= 0.95
    columns = {"prompt": PROMPTS, "chosen": CHOSEN, "rejected": REJECTED}
    data = [
        {name: texts[i] if name == "prompt" else f" {texts[i]}" for name, texts in columns.items()}
        for i in range(rows)
    ]
    trainer = DPOTrainer(
        model=copy.deepcopy(policy.model),
        ref_model=copy.deepcopy(reference),
        args=DPOConfig(
            output_dir=str(tmp_path),
            beta=0.3,
            loss_type=[loss_type],
            label_smoothing=options.get("label_smoothing", 0.0),
            per_device_train_batch_size=rows,
            **COMMON,
        ),
        train_dataset=Dataset.from_list(data),
        processing_class=policy.tokenizer,
    )
    chosen, rejected = (encoded(policy, PROMPTS[:rows], t[:rows]) for t in (CHOSEN, REJECTED))
    with torch.no_grad():
        references = [summed_logprobs(reference, side) for side in (chosen, rejected)]
    objective = DPOObjective(chosen, rejected, *references, DPOSettings(beta=0.3, **options))
    batch = np.arange(rows)
    assert_equal(policy.model, objective(policy.model, batch, batch), by_trl(trainer))


def test_sft(policy, tmp_path):
    trainer = SFTTrainer(
        model=copy.deepcopy(policy.model),
        args=SFTConfig(
            output_dir=str(tmp_path),
            completion_only_loss=True,
            per_device_train_batch_size=3,
            **COMMON,
        ),
        train_dataset=Dataset.from_list(
            [{"prompt": p, "completion": f" {c}"} for p, c in zip(PROMPTS, CHOSEN, strict=True)]
        ),
        processing_class=policy.tokenizer,
    )
    objective = SFTObjective(encoded(policy, PROMPTS, CHOSEN))
    batch = np.arange(3)
    assert_equal(policy.model, objective(policy.model, batch, batch), by_trl(trainer))
