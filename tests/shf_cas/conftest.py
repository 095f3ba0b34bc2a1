"""A language of ten words in which good and bad words decide, and models that train in a moment."""

import numpy as np
import pandas as pd
import pytest
import torch
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.ranked import RankedTraining
from proxylab.shf_cas import Candidates, LoopSettings
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification

TOPICS = ("north", "south")
FILLER = ("red", "blue", "green", "why")
WORDS = (*TOPICS, *FILLER, "tell", "me", "good", "bad")
TRAINING = RankedTraining(epochs=2, learning_rate=1e-2, warmup_steps=2)


def gold_reward(prompts, responses):
    """Good words less bad words."""
    return np.array([r.split().count("good") - r.split().count("bad") for r in responses], float)


def make_candidates(n_prompts, n_samples, seed=0) -> Candidates:
    """Replies of two to five words, log-probabilities at random."""
    rng = np.random.default_rng(seed)
    shape = (n_prompts, n_samples)
    topics = rng.choice(TOPICS, n_prompts)
    fillers = rng.choice(FILLER, (n_prompts, 3))
    prompts = [
        f"\n\nHuman: tell me {topic} {' '.join(words)}\n\nAssistant:"
        for topic, words in zip(topics, fillers, strict=True)
    ]
    texts = [
        " ".join(rng.choice((*FILLER, "good", "bad"), rng.integers(2, 6)))
        for _ in range(n_prompts * n_samples)
    ]
    responses = np.array(texts, dtype=object).reshape(shape)
    return Candidates(
        prompts=prompts,
        responses=responses,
        policy_logprob=rng.normal(-8, 3, shape),
        n_tokens=np.array([len(text.split()) + 1 for text in texts]).reshape(shape),
        region=topics,
        quadrant=rng.choice(["both", "neither"], n_prompts),
        gold_reward=gold_reward(None, texts).reshape(shape),
    )


@pytest.fixture(scope="session")
def gold():
    return CallableReward("gold", gold_reward)


@pytest.fixture(scope="session")
def tokenizer():
    return word_tokenizer(WORDS, max_length=32)


@pytest.fixture(scope="session")
def policy(tokenizer):
    """An untrained policy whose next-token distribution is far from uniform."""
    settings = LanguageModelSettings(hidden_size=16, n_layers=2, n_heads=2, max_length=32)
    model = new_language_model(tokenizer, settings, seed=1).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter *= 1.7
    return model


def fresh_reward_model(tokenizer, seed, name):
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = GPTNeoXForSequenceClassification(config)
    return SequenceClassifierReward(model, tokenizer, name=name, device="cpu")


@pytest.fixture(scope="session")
def proxy(tokenizer):
    """A reward model that knows nothing."""
    return fresh_reward_model(tokenizer, 0, "proxy")


@pytest.fixture(scope="session")
def backbone(tokenizer):
    return fresh_reward_model(tokenizer, 5, "backbone")


@pytest.fixture(scope="session")
def original_pairs():
    """Forty pairs that say nothing of good and bad: the longer reply is chosen."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "prompt": f"\n\nHuman: tell me {rng.choice(TOPICS)}\n\nAssistant:",
            "chosen": " ".join(rng.choice(FILLER, 5)),
            "rejected": " ".join(rng.choice(FILLER, 2)),
        }
        for _ in range(40)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def candidates():
    """Makes candidates: `candidates(n_prompts, n_samples, seed)`."""
    return make_candidates


@pytest.fixture(scope="session")
def pool():
    return make_candidates(16, 4)


@pytest.fixture(scope="session")
def held_out():
    return make_candidates(40, 4, seed=1)


@pytest.fixture
def settings():
    return LoopSettings(
        selector="conflict", rounds=2, budget=22, n_replay=10, kl=0.3, training=TRAINING, seed=7
    )
