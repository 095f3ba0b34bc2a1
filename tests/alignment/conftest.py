"""A problem whose optimum is known, and a tiny policy to train."""

import pytest
import torch
from proxylab.alignment.finite import finite_problem
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.policies import LanguageModelSettings, new_language_model, word_tokenizer

WORDS = ("tell", "me", "why", "red", "blue", "green", "north", "south", "yes", "no")


@pytest.fixture(scope="session")
def problem():
    """Two prompts, five candidates; nobody trains its reference in place (a test holds this)."""
    return finite_problem(seed=0)


@pytest.fixture
def policy():
    """An untrained policy whose next-token distribution is far from uniform."""
    tokenizer = word_tokenizer(WORDS, max_length=32)
    size = LanguageModelSettings(hidden_size=16, n_layers=2, n_heads=2, max_length=32)
    model = new_language_model(tokenizer, size, seed=1).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter *= 1.7
    return LanguageModelPolicy(model, tokenizer)
