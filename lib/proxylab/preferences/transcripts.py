r"""HH-RLHF transcripts: prompt and two replies out of two dialogues, and back.

A transcript is "\n\nHuman: ...\n\nAssistant: ..." with any number of turns (Bai et al. 2022; the
data of Elephant, section 3). The prompt ends at the last Assistant turn that both transcripts
share, so a pair whose dialogues part earlier keeps its later turns in the replies and is marked.
Cutting at the longest common prefix instead would move the first letters of many replies into
the prompt. Left out: a system turn, which HH-RLHF does not have.
"""

from dataclasses import dataclass
from typing import Protocol

from proxylab.preferences.schema import PreferenceError

HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"


class TranscriptError(PreferenceError):
    """Two texts that do not share an Assistant turn."""


class PairTexts(Protocol):
    """Anything with a prompt and two replies: a ParsedPair, or a row of a pair frame."""

    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class ParsedPair:
    """A pair split into prompt (no trailing space) and replies (no outer whitespace)."""

    prompt: str
    chosen: str
    rejected: str
    prompts_differ: bool
    n_turns: int


def parse_pair(chosen_text: str, rejected_text: str) -> ParsedPair:
    """Split two transcripts at the last Assistant turn that they share.

    Arguments: the two whole transcripts. `prompts_differ` of the result says that the dialogues
    part before the last turn; `n_turns` counts the human turns of the shared prompt.
    Raises TranscriptError when a text has no Assistant turn or they share none.
    """
    heads = [_head("chosen", chosen_text), _head("rejected", rejected_text)]
    prompts_differ = heads[0] != heads[1]
    head = _shared_head(chosen_text, rejected_text) if prompts_differ else heads[0]
    prompt = head + ASSISTANT
    return ParsedPair(
        prompt=prompt,
        chosen=chosen_text[len(prompt) :].strip(),
        rejected=rejected_text[len(prompt) :].strip(),
        prompts_differ=prompts_differ,
        n_turns=prompt.count(HUMAN),
    )


def full_text(prompt: str, response: str) -> str:
    """The transcript of one response: the prompt, a space, the response."""
    return f"{prompt} {response}"


def to_hh_row(pair: PairTexts) -> dict[str, str]:
    """The pair as HH-RLHF writes it; the inverse of `parse_pair` up to outer whitespace."""
    return {
        "chosen": full_text(pair.prompt, pair.chosen),
        "rejected": full_text(pair.prompt, pair.rejected),
    }


def first_human_turn(prompt: str) -> str:
    """What the person says first, without outer whitespace; '' if no person speaks."""
    _, _, after = prompt.partition(HUMAN)
    return after.partition(ASSISTANT)[0].strip()


def _head(name: str, text: str) -> str:
    head, mark, _ = text.rpartition(ASSISTANT)
    if not mark:
        raise TranscriptError(f"{name!r} has no Assistant turn ('\\n\\nAssistant:')")
    return head


def _shared_head(chosen_text: str, rejected_text: str) -> str:
    shortest = min(len(chosen_text), len(rejected_text))
    letters = enumerate(zip(chosen_text, rejected_text, strict=False))
    parting = next((i for i, (a, b) in letters if a != b), shortest)
    head, mark, _ = chosen_text[:parting].rpartition(ASSISTANT)
    if not mark:
        raise TranscriptError("the two dialogues share no Assistant turn")
    return head
