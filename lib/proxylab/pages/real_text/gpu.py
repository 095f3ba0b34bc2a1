"""What the profile `gpu` found on real text, in the words and figures of the rest of the page.

Left out where the page itself is about that profile.
"""

from collections.abc import Sequence

from IPython.display import Markdown

from proxylab.pages.footer import machines
from proxylab.pages.real_text import (
    alignment,
    best_of_n,
    detection,
    feedback,
    gains,
    gap,
    gold,
    hardware,
    learning,
    statement,
)
from proxylab.pages.real_text.rows import GPU
from proxylab.results import MissingResults
from proxylab.tables import escaped, number

SHOWN = (
    statement.statement,
    learning.learning_sentence,
    gold.shares_table,
    gap.gap_figure,
    gap.gap_sentence,
    detection.areas_figure,
    detection.areas_sentence,
    gains.gains_table,
    feedback.selectors_figure,
    feedback.feedback_sentence,
    alignment.gold_sentence,
    alignment.changes_figure,
    alignment.changes_sentence,
    best_of_n.choices_figure,
    best_of_n.choices_sentence,
    hardware.times_table,
    hardware.stages_sentence,
    hardware.tokens_table,
    hardware.tokens_sentence,
)


def sections(profile: str) -> list[Markdown]:
    """What is lacking of the profile `gpu`, then what there is of it, on whatever it was made."""
    if profile == GPU:
        return []
    shown = [gpu_note(profile)]
    if not hardware.text_runs(GPU):
        return shown
    for part in SHOWN:
        try:
            shown.append(part(GPU))
        except MissingResults:  # named by the note
            continue
    return shown


def kinds(*, on_accelerator: bool) -> list[str]:
    """The run notebooks of real text with a run of the profile `gpu` that names an accelerator.

    Or one that names none: what a run was made on is recorded, and its profile does not tell it.
    """
    made = [
        run.record["notebook"]
        for run in hardware.text_runs(GPU)
        if bool(run.record["hardware"]["accelerator"]) == on_accelerator
    ]
    return [name for name in hardware.READ if name in made]


def gpu_note(profile: str) -> Markdown:
    """What is lacking of the profile `gpu` on a GPU, with the command; empty where nothing is."""
    made, without = (kinds(on_accelerator=on) for on in (True, False))
    lacking = [name for name in hardware.READ if name not in made]
    if not lacking and not without:
        return Markdown("")
    title = "Partly run on a GPU" if made else "Not yet run on a GPU"
    said = ""
    if lacking:
        said = f"No finished run of the profile `gpu` names an accelerator for {_named(lacking)}. "
    if without:
        said += (
            f"Runs of that profile for {_named(without)} were made **without an accelerator**, and "
            "stand below with the rest. "
        )
    return Markdown(
        f"::: {{.callout-note}}\n## {title}\n\n{said}From the project's folder, on a machine with "
        f"a GPU:\n\n```\nmake notebooks PROFILE={GPU} DATA=folder\n```\n\n"
        f"{'' if made or without else _instead(profile)}\n:::\n"
    )


def _instead(profile: str) -> str:
    """What stands on the page while nothing of the profile `gpu` does."""
    runs = hardware.text_runs(profile)
    if not runs:
        return f"Nor have the runs of profile `{profile}` been made here."
    minutes = number(sum(run.record["wall_time_s"] for run in runs) / 60, 1)
    return (
        f"The runs of profile `{profile}` stand in their place, {minutes} minutes in all: "
        f"{escaped(machines(runs))}."
    )


def _named(notebooks: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in notebooks)
