"""The paper's hyper-parameters of an algorithm beside those of the runs that a page shows.

What a run was made with is read from its record, not from the profile as it is now.
"""

from typing import Any

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import ALGORITHMS, NOTEBOOK
from proxylab.paper_values import paper_table
from proxylab.results import load_runs
from proxylab.tables import DASH, show_table

# What the paper states, by the place where a run's own value lies.
STATED = {
    "learning rate": ("optimiser", "learning_rate"),
    "batch size": ("batch_size",),
    "epochs": ("epochs",),
}


def recorded_settings(profile: str, algorithm: str) -> dict[str, Any]:
    """An algorithm's settings as the first of its runs recorded them.

    Raises MissingResults where it has not been run.
    """
    run = load_runs(NOTEBOOK, profile=profile, where={"algorithm": algorithm})[0]
    return run.record["resolved_profile"]["alignment"][algorithm]


def settings_table(
    profile: str, algorithm: str, own: dict[str, Any] | None = None, *, label: str
) -> Markdown:
    """What the paper states of an algorithm's training beside ours.

    Arguments: `own` settings of ours that are not in the recorded ones, by the name that readers
    see: those that the paper states, and more.
    """
    recorded, name = recorded_settings(profile, algorithm), ALGORITHMS[algorithm]
    paper = paper_table("elephant", "settings")
    paper = paper[paper["row"] == name].set_index("column")["value"]
    ours = {row: _at(recorded, place) for row, place in STATED.items()} | (own or {})
    rows = [
        {"setting": row, "paper": _text(paper.get(row, DASH)), "here": _text(ours.get(row, DASH))}
        for row in dict.fromkeys([*paper.index, *ours])
    ]
    return show_table(
        pd.DataFrame(rows),
        label=label,
        caption=f"{name} in the paper and here. Its models have billions of parameters, which "
        "learn at lower rates.",
        text=("setting",),
    )


def _at(settings: dict[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = settings
    for key in place:
        value = value[key]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}".replace("e-0", "e-")
