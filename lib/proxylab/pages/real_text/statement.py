"""The answer of the page on real text in a few sentences, each from a section below it.

The words are those of the tests; what has not been run is named and left out.
"""

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.real_text import alignment, detection, feedback, gap, gold
from proxylab.pages.real_text.rows import prompts, tasks_of
from proxylab.pages.verdicts import HIGHER, LOWER, ONE_SEED
from proxylab.results import MissingResults
from proxylab.stats.intervals import ENOUGH_SEEDS
from proxylab.tables import joined


def statement(profile: str) -> Markdown:
    """Gold, the gap, detection, feedback, alignment: a sentence each, then what seeds can say.

    Raises MissingResults where nothing has been run.
    """
    said, missing = [], []
    for say, about in SECTIONS.items():
        try:
            said.append(say(profile))
        except MissingResults as error:
            missing.append(error)
            said.append(f"Runs of `{error.notebook}` for the {about} have not been made.")
    if len(missing) == len(said):
        raise missing[0]
    return Markdown(" ".join(said) + f"\n\n{caution(profile)}")


def gold_in_short(profile: str) -> str:
    """How good what stands for gold is."""
    found = gold.shares(profile)
    said = []
    for task in tasks_of(found):
        right = [gold.share(found, task, what) for what in (gold.GOLD, gold.PROXY)]
        texts = [joined(row, digits=0, percent=True)[0] for row in right]
        verdict = gold.share(found, task, gold.LEAD)["verdict"].iloc[0]
        said.append(
            f"{texts[0]} % of *{task}* pairs (the biased proxy on {texts[1]} %, "
            f"{gold.against_a_coin(right[1])}: gold is "
            f"{gold.BETTER.get(verdict, gold.NOT_TOLD)})"
        )
    return (
        "On real text gold is the opinion of a preference model, which agrees with the published "
        f"label on {' and on '.join(said)}."
    )


def gap_in_short(profile: str) -> str:
    """Where the coverage gap took."""
    found = gap.gaps(profile)
    own = found[found["task"].isin(tasks_of(prompts(profile)))]
    clear = own[own["verdict"] == HIGHER]
    names = ", ".join(f"{row.task} ({row.who})" for row in clear.itertuples())
    return (
        "The gap in coverage shows in how a model's order of completions correlates with gold in "
        f"{len(clear)} of {len(own)} cases of task and model{f': {names}' if names else ''}."
    )


def conflict_in_short(profile: str) -> str:
    """Whether conflict finds wrong proxies, over all prompts."""
    found = detection.conflict_areas(profile)
    own = found[found["place"] == detection.ALL]
    said = "; ".join(
        f"{row.task}: {detection.answer(row.verdict)} (AUROC {text})"
        for row, text in zip(own.itertuples(), joined(own), strict=True)
    )
    return f"{said[0].upper()}{said[1:]}."


def feedback_in_short(profile: str) -> str:
    """Conflict against random in gold, and how many selectors differ from random at all."""
    found = feedback.against_random(profile)
    if found.empty:
        return "No selector has been compared with random."
    own = found[(found["selector"] == feedback.PAPERS) & (found["measure"] == "gold")]
    said = "; ".join(f"{row['task']}: {feedback.conflict_answer(row)}" for _, row in own.iterrows())
    clear = int(found["verdict"].isin([HIGHER, LOWER]).sum())
    return (
        f"In gold of the optimised policy, {said}; of all {len(found)} comparisons with random, "
        f"{clear} are clear after Holm's correction."
    )


def align_in_short(profile: str) -> str:
    """How many trained policies gain gold, and cleaned against raw pairs."""
    found = alignment.changes(profile)
    own = found[found["measure"] == "gold"]
    by_gold = own["by_gold"]
    said = (
        f"Of {(~by_gold).sum()} policies aligned on the {MIXED} prompts, "
        f"{_gains_and_losses(own[~by_gold])} gold clearly against the policy they start from"
    )
    if not by_gold.any():
        return f"{said}."
    return (
        f"{said}; of {by_gold.sum()} more, optimised against a proxy that has learnt gold's own "
        f"labels, {_gains_and_losses(own[by_gold])}."
    )


def _gains_and_losses(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    return f"{counts.get(HIGHER, 0)} gain and {counts.get(LOWER, 0)} lose"


SECTIONS = {
    gold_in_short: "judgement of gold",
    gap_in_short: "coverage gap",
    conflict_in_short: "conflict metrics",
    feedback_in_short: "value of feedback",
    align_in_short: "alignment on text",
}


def caution(profile: str) -> str:
    """What so many seeds can say."""
    rows = _any_rows(profile)
    if rows.empty:
        return ""
    n, said = rows["seed"].nunique(), seeds_in_words(rows)
    if n == 1:
        return f"There is {said}: nothing here is judged ({ONE_SEED})."
    if n >= ENOUGH_SEEDS:
        return f"There are {said}."
    return (
        f"There are {said}. Intervals are no narrower than Student's t over seeds makes them, "
        "which asks a great deal of so few: *noise* means that these seeds cannot tell, not that "
        "there is nothing to tell."
    )


def _any_rows(profile: str) -> pd.DataFrame:
    try:
        return prompts(profile)
    except MissingResults:
        return pd.DataFrame()
