"""A language of twenty words and models small enough to train in a test."""

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

WORDS = [f"w{i}" for i in range(16)] + ["good", "bad", "please", "tell"]
CHAT = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos>{% endfor %}"


@pytest.fixture(scope="session")
def tokenizer():
    words = ["<pad>", "<eos>", "<unk>", "<user>", "<assistant>", *WORDS]
    base = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    base.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    base.add_tokens([AddedToken(mark) for mark in ("\n\nHuman:", "\n\nAssistant:")])
    return PreTrainedTokenizerFast(
        tokenizer_object=base, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


@pytest.fixture(scope="session")
def language_model(tmp_path_factory, tokenizer):
    """Folder of an untrained causal language model and its tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "language-model"
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_pairs(n, seed=0):
    """Pairs in which the chosen reply holds "good" and the rejected one "bad"."""
    rng = np.random.default_rng(seed)

    def words(low, high):
        return " ".join(rng.choice(WORDS[:16], rng.integers(low, high)))

    rows = [
        {
            "pair_id": f"toy/train/{i:06d}",
            "subset": "toy",
            "split": "train",
            "prompt": f"\n\nHuman: please tell {words(2, 6)}\n\nAssistant:",
            "chosen": f"{words(1, 6)} good {words(1, 4)}",
            "rejected": f"{words(1, 6)} bad {words(1, 4)}",
            "prompts_differ": False,
            "n_turns": 1,
        }
        for i in range(n)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def pairs():
    return make_pairs(256)


@pytest.fixture(scope="session")
def held_out():
    return make_pairs(64, seed=1)


@pytest.fixture(scope="session")
def settings():
    from proxylab.rewards.training import RewardTraining

    return RewardTraining(
        epochs=3, learning_rate=1e-2, batch_size=32, warmup_steps=4, max_length=32, seed=3
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tokenizer, language_model, pairs, held_out, settings):
    """Folder of a reward model trained on `pairs`, and what training reported."""
    from proxylab.rewards.training import train_reward_model

    out = tmp_path_factory.mktemp("trained") / "reward-model"
    facts = train_reward_model(
        pairs,
        tokenizer=tokenizer,
        base=language_model,
        out=out,
        settings=settings,
        eval_pairs=held_out,
    )
    return out, facts


@pytest.fixture
def train(pairs, tokenizer, language_model, settings):
    """Train one epoch on `pairs` into a folder; settings may be changed."""
    from proxylab.rewards.training import train_reward_model

    def run(out, pairs=pairs, **changes):
        return train_reward_model(
            pairs,
            tokenizer=tokenizer,
            base=language_model,
            out=out,
            settings=settings.model_copy(update={"epochs": 1, **changes}),
        )

    return run
