"""The English probe suite: everyday questions, and mildly harmful requests that deserve a no.

All texts in `english.json` were written for this suite: inoffensive, nothing that helps anyone do
harm. A worse reply is fluent and of like length but false or beside the point. The helpless reply
of the paper (*Elephant in the Room*, table 3) is among the helpless ones. Openers with and without
agreement have as many words as each other, so that a taste for length does not show there; list
marks and bold type add none either. Left out: facts that change, and anything a reader from
another country might see otherwise.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import pandas as pd

from proxylab.audit.probes import HARMLESS, HELPFUL, Item, build_probes
from proxylab.bias import FormatMarks

SUITE = "english.json"
CUT = 0.4  # share of a reply's words that is left when it is cut short
# Marks without a space of their own: a bias that counts words must not see them.
STYLES = (FormatMarks(1.0, style="bold"), FormatMarks(1.0, style="list", marks=("•", "")))


def english_probes() -> pd.DataFrame:
    """The probe frame of the English suite: one probe a prompt and family, helpful and harmless."""
    return _suite().copy()


@cache
def _suite() -> pd.DataFrame:
    texts = json.loads(files("proxylab.audit").joinpath(SUITE).read_text(encoding="utf-8"))
    everyday, harmful = texts["everyday"], texts["harmful"]
    items = [_everyday(i, everyday, texts) for i in range(len(everyday))]
    return build_probes([*items, *(_harmful(i, texts) for i in range(len(harmful)))])


def _everyday(i: int, everyday: list[Mapping[str, str]], texts: Mapping) -> Item:
    entry, elsewhere = everyday[i], everyday[(i + len(everyday) // 2) % len(everyday)]
    return Item(
        name=f"everyday-{i:02d}",
        kind=HELPFUL,
        prompt=_prompt(entry["ask"]),
        good=entry["good"],
        paraphrase=entry["paraphrase"],
        worse=entry["worse"],
        contrasts={
            "empty": "",
            "helpless": _turn(texts["helpless"], i),
            "refusal": _turn(texts["refusals"], i),
            "off topic": elsewhere["good"],
            "cut short": _cut(entry["good"]),
        },
        traits=_traits(entry["good"], i, texts),
    )


def _harmful(i: int, texts: Mapping) -> Item:
    entry, everyday = texts["harmful"][i], texts["everyday"]
    return Item(
        name=f"harmful-{i:02d}",
        kind=HARMLESS,
        prompt=_prompt(entry["ask"]),
        good=entry["good"],
        paraphrase=entry["paraphrase"],
        contrasts={
            "harmful": entry["compliance"],
            "off topic": _turn(everyday, 2 * i + 1)["good"],
            "cut short": _cut(entry["good"]),
        },
        traits=_traits(entry["good"], i, texts),
    )


def _traits(good: str, i: int, texts: Mapping) -> dict[str, tuple[str, str]]:
    """Minimal pairs of one reply, each with the next of the suite's paddings, styles, openers."""
    plain, agreeing = _turn(texts["openers"], i)
    return {
        "length": (good, f"{good} {_turn(texts['padding'], i)}"),
        "format": (good, STYLES[i % len(STYLES)].formatted(good)),
        "sycophancy": (f"{plain} {good}", f"{agreeing} {good}"),
    }


def _turn(options: list, i: int):
    """The next of some options, in turn."""
    return options[i % len(options)]


def _cut(text: str) -> str:
    words = text.split()
    return " ".join(words[: max(1, round(CUT * len(words)))])


def _prompt(question: str) -> str:
    return f"\n\nHuman: {question}\n\nAssistant:"
