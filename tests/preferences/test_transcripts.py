"""Transcripts split at the last shared Assistant turn, and written back."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from proxylab.preferences import (
    TranscriptError,
    first_human_turn,
    full_text,
    parse_pair,
    to_hh_row,
)

ONE_TURN = "\n\nHuman: Tea?\n\nAssistant:"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)
plain = words.filter(lambda text: "Assistant:" not in text and "Human:" not in text)
turns = st.lists(st.tuples(plain, plain), min_size=1, max_size=3)


def dialogue(exchanges: list[tuple[str, str]]) -> str:
    """A prompt whose last Assistant turn is open."""
    texts = [f"\n\nHuman: {asked}\n\nAssistant: {said}" for asked, said in exchanges]
    return "".join(texts).removesuffix(f" {exchanges[-1][1]}")


def test_a_single_turn_is_split_after_the_assistant_mark():
    pair = parse_pair(ONE_TURN + " Yes, please.", ONE_TURN + " No.\n")
    assert (pair.prompt, pair.chosen, pair.rejected) == (ONE_TURN, "Yes, please.", "No.")
    assert (pair.prompts_differ, pair.n_turns) == (False, 1)


def test_replies_that_begin_alike_keep_their_first_letters():
    # The longest common prefix would put "D" into the prompt.
    pair = parse_pair(ONE_TURN + " Darjeeling", ONE_TURN + " Dark coffee")
    assert (pair.chosen, pair.rejected) == ("Darjeeling", "Dark coffee")


def test_dialogues_that_part_earlier_are_cut_at_the_last_shared_turn():
    chosen = ONE_TURN + " Yes.\n\nHuman: Milk?\n\nAssistant: A little."
    rejected = ONE_TURN + " No."
    pair = parse_pair(chosen, rejected)
    assert pair.prompt == ONE_TURN
    assert pair.chosen == "Yes.\n\nHuman: Milk?\n\nAssistant: A little."
    assert pair.rejected == "No."
    assert (pair.prompts_differ, pair.n_turns) == (True, 1)


def test_an_empty_reply_is_kept_as_an_empty_string():
    pair = parse_pair(ONE_TURN, ONE_TURN + " Yes.")
    assert (pair.chosen, pair.rejected, pair.prompts_differ) == ("", "Yes.", False)


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        ("\n\nHuman: Tea?", ONE_TURN + " Yes.", "'chosen' has no Assistant turn"),
        (ONE_TURN + " Yes.", "Tea?", "'rejected' has no Assistant turn"),
        (ONE_TURN + " a", "\n\nHuman: Ale?\n\nAssistant: a", "share no Assistant turn"),
    ],
)
def test_texts_without_a_shared_assistant_turn_are_refused(chosen, rejected, reason):
    with pytest.raises(TranscriptError, match=reason):
        parse_pair(chosen, rejected)


def test_first_human_turn_is_the_question_without_white_space():
    assert first_human_turn("\n\nHuman:  Tea? \n\nAssistant: Yes\n\nHuman: Milk?") == "Tea?"


@given(exchanges=turns, chosen=plain, rejected=plain)
def test_a_pair_written_and_read_again_is_the_same_pair(exchanges, chosen, rejected):
    prompt = dialogue(exchanges)
    pair = parse_pair(full_text(prompt, chosen), full_text(prompt, rejected))
    assert (pair.prompt, pair.chosen, pair.rejected) == (prompt, chosen, rejected)
    assert parse_pair(**renamed(to_hh_row(pair))) == pair


@given(shared=turns, later=turns, chosen=plain, rejected=plain)
def test_writing_inverts_reading_when_the_dialogues_part_early(shared, later, chosen, rejected):
    prompt = dialogue(shared)
    longer = f"{chosen}{dialogue(later)} {rejected}".strip()
    assume(not longer.startswith(rejected[:1]) or rejected == "")
    pair = parse_pair(full_text(prompt, longer), full_text(prompt, rejected))
    assert pair.prompts_differ
    assert parse_pair(**renamed(to_hh_row(pair))) == pair
    assert to_hh_row(pair) == {
        "chosen": full_text(prompt, longer),
        "rejected": full_text(prompt, rejected),
    }


def renamed(row: dict[str, str]) -> dict[str, str]:
    return {f"{name}_text": text for name, text in row.items()}
