"""What held out means in the world: apart from the prompts that are searched, not from training."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.conflict_metrics.scores import prompts, tasks_of
from proxylab.pages.pooling import seeds_in_words
from proxylab.tables import number

SEEN = {
    "in_demonstrations": ("the policy's demonstrations", ("both", "policy only")),
    "in_proxy_pairs": ("the pairs that the proxy was trained on", ("both", "proxy only")),
}


def seen_sentence(profile: str) -> Markdown:
    """How many held-out prompts also occur in training, by whether their topic was taught.

    Nothing where runs were recorded without it.
    """
    table = prompts(profile)
    if not set(SEEN) <= set(table) or table[list(SEEN)].isna().any(axis=None):
        return Markdown("")
    said = [_seen(table, column, *named) for column, named in SEEN.items()]
    return Markdown(
        f"Held-out prompts that training has asked too: {'; '.join(said)} "
        f"({seeds_in_words(table)})."
    )


def _seen(table: pd.DataFrame, column: str, where: str, quadrants: tuple[str, ...]) -> str:
    taught = table["quadrant"].isin(quadrants)
    own, others = table[taught], table[~taught]
    shares = ", ".join(
        f"{task} {number(100 * own.loc[own['task'] == task, column].astype(float).mean(), 0)} %"
        for task in tasks_of(own)
    )
    seen = f"{int(others[column].astype(bool).sum())} of {len(others):,}"
    return f"in {where}, of topics taught there {shares}, of other topics {seen}"
