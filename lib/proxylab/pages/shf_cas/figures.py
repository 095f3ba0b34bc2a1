"""Lines with interval bars for several selectors, in panels that share one legend."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.pages.shf_cas.rows import TASKS
from proxylab.plots.style import COLOURS, GREY

# One look a selector, the same in every figure; the control is grey and dashed.
LOOKS = {
    "random": (GREY, "o", (0, (4, 2))),
    "conflict": (COLOURS[0], "s", "-"),
    "low_conflict": (COLOURS[5], "v", "-"),
    "learned_by_region": (COLOURS[4], "D", "-"),
    "learned": (COLOURS[1], "^", "-"),
    "uncertainty": (COLOURS[2], "P", "-"),
    "oracle": (COLOURS[3], "X", (0, (1, 1.5))),
}


def lines(
    figure: Figure,
    frame: pd.DataFrame,
    *,
    panels: Sequence[str],
    series: Sequence[str],
    ylabel: str,
) -> None:
    """A panel a task: value over labels spent, one line a selector, bars low to high.

    Arguments: `frame` has columns task, selector, n_labels, value, low, high; `series` selectors
    that have a look. The panels' y axes differ, for tasks do.
    """
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, task in zip(axes, panels, strict=True):
        _panel(ax, frame[frame["task"] == task], series)
        ax.set_title(TASKS[task])
        ax.set_xlabel("labelled completions bought")
    axes[0].set_ylabel(ylabel)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 6))


def _panel(ax: Axes, frame: pd.DataFrame, series: Sequence[str]) -> None:
    step = 0.012 * max(float(frame["n_labels"].max()), 1.0)
    for i, name in enumerate(series):
        part = frame[frame["selector"] == name].sort_values("n_labels")
        colour, marker, style = LOOKS[name]
        aside = step * (i - (len(series) - 1) / 2) * (part["n_labels"] > 0)
        spread = [part["value"] - part["low"], part["high"] - part["value"]]
        ax.errorbar(
            part["n_labels"] + aside,
            part["value"],
            yerr=[side.clip(lower=0) for side in spread],
            color=colour,
            marker=marker,
            ms=4.5,
            lw=1.5,
            elinewidth=0.9,
            ls=style,
            label=name,
        )
    ax.set_xticks(sorted(set(frame["n_labels"])))
