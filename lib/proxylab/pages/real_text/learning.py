"""Whose pairs policy, proxy and gold of a task learn from, as the runs' profile and data say.

Where training pairs are not divided into subsets, all of them are taken for either task
(`studies.text_models.of_task`): then only what comes of the test split is a task's own.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.real_text.rows import CONFLICT, DATA, TASKS
from proxylab.preferences import SUBSETS
from proxylab.results import MissingResults, Run, load_runs
from proxylab.tables import escaped, number

CLEAN = "clean"  # its runs count the pairs that were read


def cleaning_runs(profile: str) -> list[Run]:
    """The runs that counted the pairs of the data; raises MissingResults without one."""
    return load_runs(CLEAN, profile=profile, where={"data": DATA})


def learning_sentence(profile: str) -> Markdown:
    """Who learns from which pairs, with their number."""
    asked = {"data": DATA, "task": TASKS}
    try:
        run = load_runs(CONFLICT, profile=profile, where=asked)[0]
    except MissingResults:
        raise MissingResults(
            CONFLICT, profile=profile, where={"data": DATA, "task": TASKS[0]}
        ) from None
    read = cleaning_runs(profile)[0].table("read")
    train = read[read["split"] == "train"]
    divided = bool(train["subset"].isin(SUBSETS).any())
    gold = run.record["resolved_profile"]["text_gold"]
    return Markdown(f"{_pairs(train, divided)} {_gold(gold, divided)}")


def _pairs(train: pd.DataFrame, divided: bool) -> str:
    subsets = ", ".join(f"*{escaped(name)}*" for name in train["subset"])
    counted = f"{train['n_pairs'].sum():,} training pairs ({subsets})"
    if divided:
        return f"Of the {counted} policy and proxy of a task learn from those of its own subsets."
    return (
        f"The {counted} are **not divided into subsets**: policy and proxy learn from the same "
        "pairs for either task, so that a seed has one policy and one proxy for both. Test pairs "
        "alone are told apart by task."
    )


def _gold(settings: Mapping[str, Any], divided: bool) -> str:
    """What gold has learnt from; `settings` are the profile's of `text_gold`."""
    if settings["model"] is not None:
        return f"Gold is a released model, `{settings['model']}`."
    train = f"{_percent(settings['share'])} of the training questions"
    test = settings["test_share"]
    if not test:
        alone = "" if divided else " The pairs being one pool, gold is the same model for either."
        return f"Gold learns from {train}, which nobody else sees.{alone}"
    rest = f"prompts and published labels come from the other {_percent(1 - test)}"
    if divided:
        return (
            f"Gold learns from {train} and, which departs from a clean split, from "
            f"{_percent(test)} of the questions **of the test split**; {rest}."
        )
    return (
        f"Gold of a task learns from {_percent(test)} of the questions of its own subsets **in the "
        f"test split**; {rest}. Nobody learns for a task from {train}, set aside for the gold of "
        "both tasks (@sec-text-align)."
    )


def _percent(share: float) -> str:
    return f"{number(100 * share, 0)} %"
