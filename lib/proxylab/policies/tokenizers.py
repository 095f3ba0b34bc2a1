"""Tokenizers of our own models: whole words for the controlled world, byte-level BPE for real text.

Both know HH-RLHF's two turn markers as single tokens, so that tokenising a prompt and a response
apart gives the same tokens as tokenising the whole transcript.
"""

from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

TURN_MARKERS = ("\n\nHuman:", "\n\nAssistant:")
PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"


def word_tokenizer(words: Sequence[str], *, max_length: int) -> PreTrainedTokenizerFast:
    """A tokenizer with one token a word of the controlled world's vocabulary."""
    vocabulary = {word: index for index, word in enumerate([PAD, EOS, UNKNOWN, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _finish(tokenizer, max_length)


def bpe_tokenizer(
    texts: Iterable[str], *, vocabulary_size: int, max_length: int
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on `texts`; any string can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - len(TURN_MARKERS),
        special_tokens=[PAD, EOS, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _finish(tokenizer, max_length)


def _finish(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    markers = [AddedToken(marker, normalized=False) for marker in TURN_MARKERS]
    tokenizer.add_tokens(markers)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        truncation_side="left",
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def encode_dialogues(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    max_length: int,
) -> list[tuple[list[int], list[int]]]:
    """Token ids of each prompt and of each response with its end-of-sequence token.

    A dialogue longer than `max_length` loses the start of its prompt; a response that alone is
    longer loses its end.
    """
    if not prompts:
        return []
    prompt_ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    texts = [f" {response}" for response in responses]
    response_ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    dialogues = []
    for prompt, response in zip(prompt_ids, response_ids, strict=True):
        response = [*response, tokenizer.eos_token_id][:max_length]
        room = max_length - len(response)
        dialogues.append((prompt[-room:] if room else [], response))
    return dialogues
