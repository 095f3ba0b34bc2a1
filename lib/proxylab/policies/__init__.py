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
from proxylab.policies.reweighting import (
    beta_for_kl,
    kl_from_reference,
    optimal_weights,
    reweighted_logprob,
    weights_at_kl,
)
from proxylab.policies.tokenizers import bpe_tokenizer, encode_dialogues, word_tokenizer

__all__ = [
    "LanguageModelSettings",
    "Samples",
    "TrainingSettings",
    "beta_for_kl",
    "bpe_tokenizer",
    "encode_dialogues",
    "kl_from_reference",
    "load_policy",
    "new_language_model",
    "optimal_weights",
    "response_logprobs",
    "reweighted_logprob",
    "sample_responses",
    "save_policy",
    "train_language_model",
    "weights_at_kl",
    "word_tokenizer",
]
