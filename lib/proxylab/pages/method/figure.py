"""The example's figure: each completion's place by reward and by log-probability, joined by a line.

Two lines cross exactly where a pair of completions is discordant, so that the Kendall-Tau distance
can be counted in the figure.
"""

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.conflict import kendall_table, prompt_conflict
from proxylab.pages.conflict_metrics.definitions import COMPLETIONS
from proxylab.pages.method.example import LOGPROB, N_SAMPLES, REWARD, SHORT
from proxylab.plots import COLOURS, publish
from proxylab.tables import number

LEFT, RIGHT = 0.0, 1.0


def places(values: np.ndarray) -> np.ndarray:
    """1 for the largest of each prompt, down to n_samples for the smallest; no ties."""
    return (-values).argsort(axis=1).argsort(axis=1) + 1


def slope_figure(profile: str) -> Markdown:
    """Both prompts side by side, a line a completion."""
    counts, conflict = kendall_table(REWARD, LOGPROB), prompt_conflict(REWARD, LOGPROB)
    said = [
        f"{name}: discordant {row.discordant} of {row.n_pairs} pairs, distance "
        f"{number(row.distance)}, mean |PACS| {number(conflict[i])}"
        for i, (name, row) in enumerate(zip(SHORT, counts.itertuples(), strict=True))
    ]
    return publish(
        "method-slopes",
        _draw,
        profile=profile,
        size=(6.6, 3.1),
        caption="The four completions of each prompt, in order of the proxy's reward (left of a "
        "panel) and of the policy's log-probability (right), best on top. Lines cross where a "
        f"pair is discordant. {'; '.join(said)}. Made-up numbers: n = {REWARD.size} completions, "
        "no seed and no interval.",
        alt=f"Two slope charts with a line a completion. {'. '.join(said)}.",
    )


def _draw(figure: Figure) -> None:
    for i, ax in enumerate(figure.subplots(1, len(SHORT))):
        _panel(ax, i)


def _panel(ax: Axes, i: int) -> None:
    by_reward, by_logprob = places(REWARD)[i], places(LOGPROB)[i]
    for k, name in enumerate(COMPLETIONS):
        colour = COLOURS[k]
        ax.plot([LEFT, RIGHT], [by_reward[k], by_logprob[k]], "o-", color=colour, linewidth=2)
        left, right = (f"{name}  {number(REWARD[i, k])}", f"{number(LOGPROB[i, k], 0)}  {name}")
        ax.annotate(
            left, (LEFT, by_reward[k]), (-9, 0), textcoords="offset points", ha="right", va="center"
        )
        ax.annotate(right, (RIGHT, by_logprob[k]), (9, 0), textcoords="offset points", va="center")
    ax.set(
        title=SHORT[i],
        xlim=(-0.75, 1.75),
        ylim=(N_SAMPLES + 0.5, 0.5),
        xticks=[LEFT, RIGHT],
        xticklabels=["reward", "log-prob."],
        yticks=[],
    )
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
