"""What a reward model reads: turns, layout, truncation, the end-of-text token."""

import pytest
from proxylab.rewards.text import encode, render, scoring_tokenizer, to_messages

PROMPT = "\n\nHuman: tell w1\n\nAssistant: w2 w3\n\nHuman: w4\n\nAssistant:"


def test_turns_of_a_transcript():
    assert to_messages(PROMPT, "good") == [
        {"role": "user", "content": "tell w1"},
        {"role": "assistant", "content": "w2 w3"},
        {"role": "user", "content": "w4"},
        {"role": "assistant", "content": "good"},
    ]


def test_a_prompt_without_turns_is_one_user_message():
    assert to_messages("tell w1", "good") == [
        {"role": "user", "content": "tell w1"},
        {"role": "assistant", "content": "good"},
    ]


def test_an_empty_response_keeps_its_turn():
    assert to_messages("\n\nHuman: w1\n\nAssistant:", "")[-1] == {
        "role": "assistant",
        "content": "",
    }


def test_plain_layout(tokenizer):
    assert render([PROMPT], ["good"], template="plain", tokenizer=tokenizer) == [PROMPT + " good"]


def test_chat_layout_comes_from_the_tokenizer(tokenizer):
    chat = scoring_tokenizer(tokenizer)
    chat.chat_template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    found = render(["\n\nHuman: w1\n\nAssistant:"], ["good"], template="chat", tokenizer=chat)
    assert found == ["[user]w1[assistant]good"]
    with pytest.raises(ValueError, match="no chat template"):
        render([PROMPT], ["good"], template="chat", tokenizer=tokenizer)


def test_long_texts_lose_the_start_of_the_prompt(tokenizer):
    cutter = scoring_tokenizer(tokenizer)
    ids, cut = encode(["w1 w2 w3 good", "w1"], tokenizer=cutter, max_length=3, append_eos=True)
    assert cutter.convert_ids_to_tokens(ids[0]) == ["w3", "good", "<eos>"]
    assert cutter.convert_ids_to_tokens(ids[1]) == ["w1", "<eos>"]
    assert cut.tolist() == [True, False]


def test_eos_is_never_doubled(tokenizer):
    ids, _ = encode(
        ["w1 <eos>"], tokenizer=scoring_tokenizer(tokenizer), max_length=9, append_eos=True
    )
    assert tokenizer.convert_ids_to_tokens(ids[0]) == ["w1", "<eos>"]


def test_the_callers_tokenizer_is_left_alone(tokenizer):
    side = tokenizer.truncation_side
    scoring_tokenizer(tokenizer).truncation_side = "left"
    assert tokenizer.truncation_side == side == "right"


def test_nothing_to_encode(tokenizer):
    ids, cut = encode([], tokenizer=tokenizer, max_length=4, append_eos=True)
    assert (ids, cut.tolist()) == ([], [])
