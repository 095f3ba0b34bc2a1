"""TRL's RewardTrainer on tokenised pairs: our batches, our arguments, and a loss of safety.

What TRL 1.16 decides by default and a reward model must not depend on is set here: no checkpoints,
no reports, no pairs dropped for their length, one device a process.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import softplus
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import RewardConfig, RewardTrainer

from proxylab.machine.device import fast_bfloat16, usable_device
from proxylab.machine.processes import n_processes
from proxylab.rewards.classifier import pad_right
from proxylab.rewards.training_settings import RewardTraining

SAFETY = ("chosen_safe", "rejected_safe")  # columns that the safety loss reads


class PairTrainer(RewardTrainer):
    """RewardTrainer whose batches hold pairs of like length, with labels of safety if there are.

    transformers' own "group_by_length" reads the lengths out of Arrow one by one: 0.2 ms a pair,
    as much again as all else that a step costs beyond the arithmetic.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> LengthGroupedSampler:
        columns = self.train_dataset["chosen_ids"][:], self.train_dataset["rejected_ids"][:]
        lengths = [max(map(len, pair)) for pair in zip(*columns, strict=True)]
        parts = self.args.gradient_accumulation_steps * n_processes()  # of what one step sees
        # A generator of its own: every process must deal out the same order.
        order = torch.Generator().manual_seed(self.args.seed)
        return LengthGroupedSampler(
            self.args.train_batch_size * parts, lengths=lengths, generator=order
        )

    def compute_loss(self, model, inputs, return_outputs=False, **options):
        """RewardTrainer's loss, and with labels of safety their likelihood.

        Safe RLHF adds -log sigmoid(s c) for a cost c, s = 1 of an unsafe reply and -1 of a safe
        one; with the reward r = -c that is -log sigmoid(r) of a safe and -log sigmoid(-r) of an
        unsafe reply.
        """
        signs = inputs.pop("safety", None)
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **options)
        if signs is not None:
            likelihood = softplus(-signs * outputs.logits[:, 0].float())
            loss = loss + 2 * likelihood.mean()  # a pair has two replies
        return (loss, outputs) if return_outputs else loss


def pair_trainer(
    model: PreTrainedModel,
    data: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    settings: RewardTraining,
    *,
    device: str,
    scratch: str,
) -> RewardTrainer:
    """The trainer of `model` on tokenised pairs, `scratch` being a folder that it may write to.

    Several processes share each batch. Raises ValueError where it cannot be shared out evenly.
    `device`: where a single process trains; of several, each has the GPU of its number.
    """
    trainer = PairTrainer(
        model=model,
        args=_arguments(settings, device, scratch),
        train_dataset=data,
        processing_class=tokenizer,
        data_collator=lambda rows: _collate(rows, tokenizer.pad_token_id),
        optimizers=(_optimizer(model, settings), None),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(settings: RewardTraining, device: str, scratch: str) -> RewardConfig:
    named = torch.device(usable_device(device))
    on_cpu = named.type == "cpu"
    share, micro = _share(settings)
    arguments = _quiet_config(
        output_dir=scratch,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=share // micro,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        max_grad_norm=settings.max_grad_norm,
        center_rewards_coefficient=settings.center_rewards_coefficient,
        max_length=None,  # it would drop long pairs; ours are cut already
        seed=settings.seed,
        bf16=_uses_bfloat16(settings, on_cpu),
        use_cpu=on_cpu,
        gradient_checkpointing=settings.gradient_checkpointing,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,  # it would take the labels of safety for such
    )
    # Seeing several GPUs, one process would spread each batch over all of them.
    arguments._n_gpu = min(1, arguments.n_gpu)
    if named.type == "cuda" and named.index is not None and n_processes() == 1:
        _train_on(named, arguments)
    return arguments


def _train_on(gpu: torch.device, arguments: RewardConfig) -> None:
    """Train on this GPU: transformers 5.23 has a single process move its model to the first."""
    torch.cuda.set_device(gpu)  # accelerate sends batches to the current one
    arguments.__dict__["_setup_devices"] = gpu  # a cached property, which `device` reads


def _share(settings: RewardTraining) -> tuple[int, int]:
    """Pairs of a step in each process, and those of one forward pass among them."""
    n = n_processes()
    share, left = divmod(settings.batch_size, n)
    if not share:
        raise ValueError(
            f"batch_size={settings.batch_size} leaves some of the {n} processes without a pair: it "
            f"must be {n} or a multiple of it"
        )
    micro = min(settings.micro_batch_size or share, share)
    if left or share % micro:
        raise ValueError(
            f"batch_size={settings.batch_size} must be a multiple of the {n} processes times "
            f"micro_batch_size={micro}"
        )
    return share, micro


def _quiet_config(**options: Any) -> RewardConfig:
    with warnings.catch_warnings():
        # TRL 1.16 still sets gradient_checkpointing, which transformers 5.23 has renamed.
        warnings.simplefilter("ignore", FutureWarning)
        return RewardConfig(**options)


def _uses_bfloat16(settings: RewardTraining, on_cpu: bool) -> bool:
    if settings.lora is not None and settings.lora.base_precision == "bfloat16":
        return True  # the head, in float32, could not read what such a base gives
    if settings.dtype != "auto":
        return settings.dtype == "bfloat16"
    return fast_bfloat16(torch.device("cpu" if on_cpu else "cuda"))


def _optimizer(model: PreTrainedModel, settings: RewardTraining) -> torch.optim.Optimizer:
    backbone = {id(parameter) for parameter in model.base_model.parameters()}
    rate = settings.learning_rate
    head_rate = rate * (settings.head_learning_rate_multiplier or 1.0)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) in backbone], "lr": rate},
        {"params": [p for p in trained if id(p) not in backbone], "lr": head_rate},
    ]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=settings.weight_decay, fused=True)


def _collate(rows: Sequence[dict[str, Any]], pad_token_id: int) -> dict[str, torch.Tensor]:
    """Chosen texts, then rejected ones, as RewardTrainer's loss expects them."""
    ids = [row["chosen_ids"] for row in rows] + [row["rejected_ids"] for row in rows]
    tokens, mask = pad_right(ids, pad_token_id)
    batch = {"input_ids": tokens, "attention_mask": mask}
    if SAFETY[0] in rows[0]:
        batch["safety"] = torch.tensor([row[name] for name in SAFETY for row in rows])
    return batch
