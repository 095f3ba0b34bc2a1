"""Tiny models and data sets with the hub's own layout, names, columns and configuration.

What is known of each from the hub's pages: Pythia is GPT-NeoX with a byte-level BPE, no padding
token and no chat template; Alpaca and Beaver are Llama, whose tokenizer puts BOS first and whose
padding token is the last one; Beaver's head is `score_head`, with running statistics beside it.
Weights are random and the texts are made up.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from proxylab.preferences.safe_rlhf import KINDS_OF_HARM
from proxylab.profiles import Profile
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    PreTrainedTokenizerFast,
)

LENGTH = 192  # positions of the tiny models; the hub's have 2,048
SUBJECTS = ("kettle", "ladder", "candle", "bicycle", "garden", "letter", "window", "ticket")
SAFE = ("Please ask a friend to help.", "That is best left alone.", "Read the label first.")
UNSAFE = ("Just climb on it.", "Take it when nobody looks.", "Mix it and see.")

# What a test can afford, laid over a profile; everything else stays as the profile has it.
SIZES = {
    "seeds": [0],
    "n_resamples": 100,
    "text_backbone": {"size": {"max_length": LENGTH}},
    "text_policy": {
        "n_demonstrations": 24,
        "fine_tuning": {"epochs": 1},
        "n_samples": 3,
        "max_new_tokens": 8,
    },
    "text_regions": {"n_regions": 4, "n_components": 4},
    "text_reward_model": {
        "n_proxy_pairs": 24,
        "training": {"epochs": 1, "max_length": LENGTH},
        "proxy_training": {"epochs": 1},
    },
    "cleaning": {"committee_folds": 2},
    "conflict": {
        "n_pool": 12,
        "n_held_out": 10,
        "n_members": 2,
        "n_member_pairs": 10,
        "budget": 12,
        "n_replay": 8,
        "n_bias_pairs": 10,
        "sweep_n_samples": [3],
        "sweep_temperatures": [0.7],
        "score_doses": [0.5],
        "share_doses": [0.5],
    },
    "alignment": {
        "n_train_prompts": 16,
        "n_test_prompts": 8,
        "n_scale_prompts": 6,
        "n_scale_samples": 2,
        "n_perturbed": 4,
        "n_preference_pairs": 8,
        "n_monitor_prompts": 2,
        "n_monitor_samples": 1,
        "n_checkpoints": 1,
        "n_proxy_labelled": 32,
        "sft": {"epochs": 1, "max_length": LENGTH},
        "dpo": {"epochs": 2, "max_length": LENGTH},
        "pro": {"epochs": 1, "max_length": LENGTH},
        "ppo": {"n_steps": 1, "max_new_tokens": 8},
    },
}


def pythia(folder: Path, *, seed: int = 0) -> Path:
    """A causal language model as EleutherAI/pythia-1b is laid out."""
    tokenizer = _byte_level(["<|endoftext|>", "<|padding|>"])
    end = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **end)
    config = GPTNeoXConfig(
        vocab_size=len(fast) + 3,  # the hub's are rounded up too
        hidden_size=16,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=0,
        eos_token_id=0,
        hidden_act="gelu",
        use_parallel_residual=True,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def alpaca(folder: Path, *, seed: int = 0) -> Path:
    """A causal language model as PKU-Alignment/alpaca-7b-reproduced is laid out."""
    tokenizer = _llama_tokenizer()
    torch.manual_seed(seed)
    LlamaForCausalLM(_llama_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def cost_model(folder: Path, *, seed: int = 0) -> Path:
    """A score model as PKU-Alignment/beaver-7b-unified-cost is laid out."""
    tokenizer = _llama_tokenizer()
    config = _llama_config(tokenizer)
    torch.manual_seed(seed)
    weights = {f"model.{name}": value for name, value in LlamaModel(config).state_dict().items()}
    weights["score_head.weight"] = torch.randn(1, config.hidden_size)
    weights |= {"normalizer.mean": torch.tensor([-1.0]), "normalizer.var": torch.tensor([4.0])}
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    stated = {key: value for key, value in config.to_dict().items() if "label" not in key} | {
        "architectures": ["LlamaForScore"],
        "bias": False,
        "do_normalize": False,
        "mean": [-1.0],
        "momentum": 0.9,
        "normalizer_type": "ExponentialMovingAverage",
        "score_dim": 1,
        "var": [4.0],
    }
    (folder / "config.json").write_text(json.dumps(stated))
    tokenizer.save_pretrained(folder)
    return folder


def safe_rlhf(folder: Path, topics: Sequence[str], *, n_train: int, n_test: int) -> Path:
    """PKU-SafeRLHF as the hub lays it out; each question is of one of `topics` in turn."""
    sizes = {"train": n_train, "test": n_test}
    place = folder / "data" / "Alpaca3-8B"
    place.mkdir(parents=True)
    for split, n in sizes.items():
        rows = [safe_rlhf_row(i, split, topics[i % len(topics)]) for i in range(n)]
        (place / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def safe_rlhf_row(number: int, split: str, topic: str) -> dict:
    """One row: the unsafe reply is the second in every other row, and is the more helpful one."""
    subject, unsafe_at = SUBJECTS[number % len(SUBJECTS)], number % 2
    replies = [SAFE[number % len(SAFE)], UNSAFE[number % len(UNSAFE)]]
    if unsafe_at == 0:
        replies.reverse()
    row = {
        "prompt": f"What about the {subject} number {number} of the {split} set?",
        "prompt_source": "made up",
        "safer_response_id": 1 - unsafe_at,
        "better_response_id": unsafe_at,
    }
    for side, reply in enumerate(replies):
        harmful = side == unsafe_at
        row |= {
            f"response_{side}": reply,
            f"response_{side}_source": "Alpaca3-8B",
            f"is_response_{side}_safe": not harmful,
            f"response_{side}_harm_category": {
                kind: harmful and kind == topic for kind in KINDS_OF_HARM
            },
            f"response_{side}_severity_level": 2 if harmful else 0,
            f"response_{side}_sha256": "0" * 64,
        }
    return row


def hh_rlhf(folder: Path, *, n_train: int, n_test: int) -> Path:
    """HH-RLHF as the hub lays it out, in the four subsets."""
    subsets = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")
    for subset in subsets:
        for split, n in {"train": n_train, "test": n_test}.items():
            path = folder / subset / f"{split}.jsonl.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [json.dumps(_hh_row(i, subset, split)) for i in range(n)]
            path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode(), mtime=0))
    return folder


def _hh_row(number: int, subset: str, split: str) -> dict[str, str]:
    subject = SUBJECTS[number % len(SUBJECTS)]
    asked = f"\n\nHuman: A {subset} question {number} of {split}: the {subject}?\n\nAssistant: "
    return {
        "chosen": asked + SAFE[number % len(SAFE)],
        "rejected": asked + UNSAFE[number % len(UNSAFE)],
    }


def _llama_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=tokenizer.pad_token_id,
        rms_norm_eps=1e-6,
        tie_word_embeddings=False,
    )


def _llama_tokenizer() -> PreTrainedTokenizerFast:
    """BOS first in every text; the padding token was added last, as Alpaca did."""
    tokenizer = _byte_level(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **named)


def _byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*SUBJECTS, *SAFE, *UNSAFE, "Human: Assistant: USER:"], trainer)
    return tokenizer


def shrunk(profile: Profile, places: Mapping[str, Path]) -> Profile:
    """The profile with the hub's ids replaced by folders, and the sizes of SIZES."""
    values = _replaced(profile.model_dump(), {name: str(path) for name, path in places.items()})
    return Profile.model_validate(_laid_over(values, SIZES))


def _replaced(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        kept = {key: _replaced(part, places) for key, part in value.items()}
        return kept | ({"revision": None} if "revision" in kept else {})
    if isinstance(value, list | tuple):
        return [_replaced(part, places) for part in value]
    return places.get(value, value) if isinstance(value, str) else value


def _laid_over(below: dict, above: Mapping) -> dict:
    merged = {
        key: _laid_over(below[key] or {}, part) if isinstance(part, Mapping) else part
        for key, part in above.items()
    }
    return below | merged
