"""What the same questions come to on HH-RLHF, to stand beside an item's results in the world.

Frames are those of the pages on real text and on conflict metrics, with their verdicts; text that
has not been run is said to be missing and leaves the item as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from proxylab.pages.conflict_metrics import text as published
from proxylab.pages.ledger.rule import clear_of, seeds_text
from proxylab.pages.real_text import detection, feedback
from proxylab.results import MissingResults
from proxylab.tables import joined

DATA = "HH-RLHF"
LINK, PAIRS_LINK = (f"[{DATA}]({page}.ipynb)" for page in ("real_text", "conflict_metrics"))
TASK_OF = {"safety": "harmless", "helpfulness": "helpful"}  # the paper's task: the text's


@dataclass(frozen=True)
class Beside:
    """What is said of real text, and the judged comparisons behind it, none where not run."""

    said: str
    rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"verdict": []}))


def beside(find: Callable[..., Beside], *arguments) -> Beside:
    """`find(*arguments)`, or that it has not been run."""
    try:
        return find(*arguments)
    except MissingResults as missing:
        return Beside(f"{LINK}: needs runs of `{missing.notebook}`")


def feedback_gains(profile: str, task: str) -> Beside:
    """Conflict less random on the text's task that is like one of the paper's."""
    found = feedback.against_random(profile)
    if found.empty:
        return Beside(f"{LINK}: random selection has not been run")
    name = TASK_OF[task]
    own = found[(found["task"] == name) & (found["selector"] == feedback.PAPERS)]
    texts = zip(own["measure"], joined(own, digits=3), strict=True)
    said = "; ".join(f"{measure} − random {text}" for measure, text in texts)
    return Beside(f"{LINK} (*{name}*): {said}; {_counted(own)}", own)


def areas(profile: str) -> Beside:
    """AUROC of conflict for a wrong proxy on all prompts, by task."""
    found = detection.conflict_areas(profile)
    own = found[found["place"] == detection.ALL]
    texts = zip(own["task"], joined(own), strict=True)
    said = "; ".join(f"{task} {text}" for task, text in texts)
    return Beside(
        f"{LINK}, AUROC of conflict for a wrong proxy, all prompts: {said}; {_counted(own)}", own
    )


def pairs(profile: str) -> Beside:
    """How much more often the proxy contradicts a published label where the policy disagrees."""
    found = published.disagreement(profile)
    own = found[(found["subset"] == published.ALL) & (found["kind"] == "sum")]
    text = joined(own, digits=1, percent=True)[0]
    return Beside(
        f"{PAIRS_LINK}, published labels: the proxy is wrong {text} points more often where the "
        f"policy disagrees with it ({own['verdict'].iloc[0]})",
        own,
    )


def _counted(own: pd.DataFrame) -> str:
    return f"{seeds_text(int(own['n_seeds'].max()))}; {clear_of(own)}"
