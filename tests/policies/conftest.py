"""A language of a few words and a model small enough to look at whole."""

import pytest
import torch
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer

WORDS = ("tell", "me", "why", "red", "blue", "green", "north", "south", "yes", "no")


@pytest.fixture(scope="session")
def tokenizer():
    return word_tokenizer(WORDS, max_length=32)


@pytest.fixture
def model(tokenizer):
    """An untrained model whose next-token distribution is far from uniform and differs by place."""
    settings = LanguageModelSettings(hidden_size=16, n_layers=2, n_heads=2, max_length=32)
    model = new_language_model(tokenizer, settings, seed=1).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter *= 1.7
    return model


@pytest.fixture
def full_precision(monkeypatch):
    """No bfloat16, so that losses can be compared where the hardware would use it."""
    from proxylab.policies import language_model

    monkeypatch.setattr(language_model, "fast_bfloat16", lambda device: False)
