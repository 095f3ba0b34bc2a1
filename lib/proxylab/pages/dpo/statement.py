"""The page on DPO in words: does cleaning help, by how much, is it the number, what does it cost.

Every sentence follows from the comparisons; a difference inside its interval is called noise. A
part whose runs are missing says so and leaves the others as they are.
"""

from collections.abc import Callable

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.alignment_rows import seeds_caution, short_subset
from proxylab.pages.dpo.held_out import RIGHT, follow_differences
from proxylab.pages.dpo.policies import EQUAL, FEWER, HELPS, policy_rows, sizes_of
from proxylab.pages.dpo.quality import gains
from proxylab.pages.dpo.robustness import ALL_WORDINGS, LEFT_OUT, TRAINED, drops, shifts
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOT_AFTER_HOLM,
    ONE_SEED,
    UNDEFINED,
    signed,
    verdicts_in_words,
)
from proxylab.results import MissingResults
from proxylab.tables import number

SAID = {
    HIGHER: "a gain",
    LOWER: "a loss",
    NOT_AFTER_HOLM: "clear alone but not after Holm's correction",
    ONE_SEED: "one seed, not judged",
    UNDEFINED: "undefined",
}
NOISE = "inside the noise"


def statement(profile: str) -> Markdown:
    """What cleaning does to DPO, size by size, and what it costs in robustness."""
    rows = policy_rows(profile, "evaluation")
    parts = [_help_in_words(gains(profile), size) for size in sizes_of(rows)]
    parts += [seeds_caution(rows), _robustness(profile)]
    return Markdown("\n\n".join(part for part in parts if part))


def gain_sentence(profile: str) -> Markdown:
    """All comparisons of gold reward in words, the clear ones by name."""
    found = gains(profile)
    names = found["size"] + ", " + found["subset"].map(short_subset) + ", " + found["comparison"]
    return Markdown(verdicts_in_words(found, names, what="Gold reward"))


def _help_in_words(found: pd.DataFrame, size: str) -> str:
    own = found[(found["size"] == size) & (found["subset"] == MIXED)].set_index("comparison")
    heading = f"**{size.capitalize()} size.**"
    if HELPS not in own.index:
        return f"{heading} DPO on raw and on cleaned pairs have not both been run."
    text = (
        f"{heading} On all test prompts, DPO on cleaned pairs less DPO on raw ones: "
        f"{_in_words(own.loc[HELPS])}."
    )
    if EQUAL in own.index:
        text += f" Less DPO on as few raw pairs: {_in_words(own.loc[EQUAL])}."
    if FEWER in own.index:
        text += f" As few raw pairs less all of them: {_in_words(own.loc[FEWER])}."
    return f"{text} {_verdict(own)}".rstrip()


def _verdict(own: pd.DataFrame) -> str:
    """Whether cleaning helps and whether it is the number of pairs, in a sentence."""
    helps = own.loc[HELPS, "verdict"]
    if helps == ONE_SEED:
        return ""
    if helps == LOWER:
        return "Cleaning hurts here."
    if helps != HIGHER:
        return "That cleaning helps is not shown here."
    if EQUAL not in own.index:
        return "Cleaning helps; the control with as few raw pairs has not been run."
    if own.loc[EQUAL, "verdict"] == HIGHER:
        return "Cleaning helps, and not through the number of pairs."
    return "Cleaning helps; against as few raw pairs that cannot be told from noise."


def _in_words(row: pd.Series) -> str:
    limits = f"{signed(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
    said = SAID.get(row["verdict"], NOISE)
    return f"{limits} ({said}; above zero in {row['n_above']:.0f} of {row['n_seeds']:.0f} seeds)"


def _robustness(profile: str) -> str:
    """One list item for each of the three ways in which robustness was measured."""
    items = [
        ("Prompts worded otherwise", lambda: _wording(profile)),
        ("Topics left out of training", lambda: _topics(profile)),
        ("Noisy pairs held out", lambda: _noise(profile)),
    ]
    lines = [f"- *{name}*: {_or_missing(said)}" for name, said in items]
    return "**Does it cost robustness?** Cleaned less raw:\n\n" + "\n".join(lines)


def _or_missing(said: Callable[[], str]) -> str:
    try:
        return said()
    except MissingResults as error:
        return f"not run yet (`{error.command}`)."


def _wording(profile: str) -> str:
    found = drops(profile)
    own = found[(found["wording"] == ALL_WORDINGS) & (found["comparison"] == HELPS)]
    said = _by_size(own)
    return f"the change by another wording differs by {said}. {_count(found)}" if said else _NOTHING


def _topics(profile: str) -> str:
    found = shifts(profile)
    found = found[found["comparison"] == HELPS]
    said = _by_size(found[found["topics"] == LEFT_OUT])
    rest = _by_size(found[found["topics"] == TRAINED])
    if not said:
        return _NOTHING
    return f"gold reward on these topics differs by {said}; on the topics trained on by {rest}."


def _noise(profile: str) -> str:
    found = follow_differences(profile)
    found = found[found["comparison"] == HELPS]
    said = [
        f"{row.size_}, {row.category} pairs (following is {RIGHT[row.category]}): {_points(row)}"
        for row in found.rename(columns={"size": "size_"}).itertuples(index=False)
    ]
    text = "the share of pairs whose published label is followed differs, in points, by"
    return f"{text} {'; '.join(said)}." if said else _NOTHING


_NOTHING = "raw and cleaned have not both been run."


def _points(row) -> str:
    limits = f"{signed(100 * row.value)} [{number(100 * row.low)}, {number(100 * row.high)}]"
    words = {HIGHER: "more", LOWER: "less"}
    return f"{limits} ({words.get(row.verdict, SAID.get(row.verdict, NOISE))})"


def _by_size(own: pd.DataFrame) -> str:
    return "; ".join(f"{_in_words(row)} at {row['size']} size" for _, row in own.iterrows())


def _count(found: pd.DataFrame) -> str:
    clear = found["verdict"].isin([HIGHER, LOWER]).sum()
    return f"Of {len(found)} comparisons by wording, size and control {clear} are clear."
