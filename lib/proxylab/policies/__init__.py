"""Policies: language models that write responses, and how probable they find them."""

from proxylab.policies.generation import Samples, response_logprobs, sample_responses
from proxylab.policies.language_model import (
    LanguageModelSettings,
    TrainingSettings,
    load_policy,
    new_language_model,
    save_policy,
    train_language_model,
)
from proxylab.policies.tokenizers import bpe_tokenizer, encode_dialogues, word_tokenizer

__all__ = [
    "LanguageModelSettings",
    "Samples",
    "TrainingSettings",
    "bpe_tokenizer",
    "encode_dialogues",
    "load_policy",
    "new_language_model",
    "response_logprobs",
    "sample_responses",
    "save_policy",
    "train_language_model",
    "word_tokenizer",
]
