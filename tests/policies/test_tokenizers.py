"""Tokenising apart is tokenising together; nothing is lost; truncation takes the right end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.policies import bpe_tokenizer, encode_dialogues, word_tokenizer
from proxylab.policies.tokenizers import TURN_MARKERS
from proxylab.world import WorldSettings, build_world, lexicon
from proxylab.world.demonstrations import pretraining_dialogues
from transformers import AutoTokenizer

WORLD_TEXT = pretraining_dialogues(
    build_world(WorldSettings(multi_turn_rate=0.5)), 300, np.random.default_rng(0)
)
WORD = word_tokenizer(lexicon.vocabulary(), max_length=64)
BPE = bpe_tokenizer(
    [*WORLD_TEXT.prompts, *WORLD_TEXT.responses], vocabulary_size=400, max_length=64
)
# What chat data is made of: markers, white space, and anything that text can hold.
PIECES = st.sampled_from(
    [*TURN_MARKERS, "\n", " ", "\n\n", "Human", "Assistant:", "<eos>", "é", "日本"]
)
ANY_TEXT = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5))).map("".join))


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("tokenizer", [WORD, BPE], ids=["word", "bpe"])
def test_world_text_tokenised_apart_is_the_whole_tokenised(tokenizer):
    encoded = encode_dialogues(tokenizer, WORLD_TEXT.prompts, WORLD_TEXT.responses, max_length=1000)
    pairs = zip(WORLD_TEXT.prompts, WORLD_TEXT.responses, encoded, strict=True)
    for prompt, response, (prompt_ids, response_ids) in pairs:
        joint = ids(tokenizer, f"{prompt} {response}")
        assert prompt_ids + response_ids == [*joint, tokenizer.eos_token_id]


@given(ANY_TEXT, ANY_TEXT)
def test_any_transcript_tokenised_apart_is_the_whole_tokenised(turn, response):
    prompt = f"\n\nHuman: {turn}\n\nAssistant:"
    [(prompt_ids, response_ids)] = encode_dialogues(BPE, [prompt], [response], max_length=10**6)
    assert prompt_ids + response_ids == [*ids(BPE, f"{prompt} {response}"), BPE.eos_token_id]


@given(ANY_TEXT)
def test_bpe_gives_any_text_back(text):
    assert BPE.decode(ids(BPE, text)) == text


def test_words_give_world_text_back():
    for response in WORLD_TEXT.responses:
        assert WORD.decode(ids(WORD, response), skip_special_tokens=True) == response
    for text in [*WORLD_TEXT.prompts, *WORLD_TEXT.responses]:
        assert WORD.unk_token_id not in ids(WORD, text)


def test_an_unknown_word_is_unknown():
    kettle = WORD.convert_tokens_to_ids("kettle")
    assert ids(WORD, "kettle zebra") == [kettle, WORD.unk_token_id]


@pytest.mark.parametrize("tokenizer", [WORD, BPE], ids=["word", "bpe"])
def test_turn_markers_are_one_token_each(tokenizer):
    human, assistant = (ids(tokenizer, marker) for marker in TURN_MARKERS)
    assert len(human) == len(assistant) == 1
    assert human != assistant
    assert len({*human, *assistant, tokenizer.pad_token_id, tokenizer.eos_token_id}) == 4


def test_the_vocabulary_is_of_the_size_asked_for():
    assert len(BPE) == 400
    assert len(WORD) == len(lexicon.vocabulary()) + 3 + len(TURN_MARKERS)


@pytest.mark.parametrize("tokenizer", [WORD, BPE], ids=["word", "bpe"])
def test_a_saved_tokenizer_is_the_same(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    texts = [*WORLD_TEXT.prompts[:20], *WORLD_TEXT.responses[:20], "<eos> é"]
    assert loaded(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert (loaded.pad_token_id, loaded.eos_token_id) == (
        tokenizer.pad_token_id,
        tokenizer.eos_token_id,
    )
    assert loaded.truncation_side == "left"


PROMPT = "\n\nHuman: what is the best way to open the kettle\n\nAssistant:"  # 11 tokens
RESPONSE = "take the torch and open the kettle"  # 7 tokens and the end


@pytest.mark.parametrize(
    ("max_length", "n_prompt", "n_response"),
    [(19, 11, 8), (18, 10, 8), (9, 1, 8), (8, 0, 8), (7, 0, 7), (1, 0, 1)],
)
def test_prompts_lose_their_start_and_responses_their_end(max_length, n_prompt, n_response):
    [(prompt, response)] = encode_dialogues(WORD, [PROMPT], [RESPONSE], max_length=max_length)
    whole_prompt, whole_response = ids(WORD, PROMPT), [*ids(WORD, RESPONSE), WORD.eos_token_id]
    assert (len(whole_prompt), len(whole_response)) == (11, 8)
    assert prompt == whole_prompt[11 - n_prompt :]
    assert response == whole_response[:n_response]


def test_an_empty_response_is_an_end_token_and_no_dialogues_are_none():
    assert encode_dialogues(WORD, [PROMPT], [""], max_length=64)[0][1] == [WORD.eos_token_id]
    assert encode_dialogues(WORD, [], [], max_length=64) == []


def test_one_response_a_prompt_is_needed():
    with pytest.raises(ValueError):
        encode_dialogues(WORD, [PROMPT], [RESPONSE, RESPONSE], max_length=64)
