"""Training curves: a moving average over what was recorded, one line a proxy, several panels."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.evaluate import exponential_moving_average
from proxylab.plots.style import COLOURS, GREY

DASHED = (0, (4, 2))
# One look a proxy, the same in every figure; the ceiling is grey and dashed.
LOOKS = {
    "raw@0.1": (COLOURS[4], "v", "-"),
    "raw": (COLOURS[1], "s", "-"),
    "cleaned": (COLOURS[2], "D", "-"),
    "strong": (COLOURS[0], "o", "-"),
    "gold": (GREY, "^", DASHED),
}
HALFLIFE = 0.05  # of the moving average, as a share of the steps
MIN_GAP = 0.075  # between the names at the lines' ends, as a share of the axis


def look_of(proxy: str, place: int) -> tuple[str, str, object]:
    """Colour, marker and line style of a proxy; others take what is left in order."""
    return LOOKS.get(proxy, (COLOURS[place % len(COLOURS)], "P", DASHED))


def smoothed(steps: pd.DataFrame, value: str) -> pd.DataFrame:
    """Means over seeds by proxy and step: proxy, name, step, raw, value; low and high of the seeds.

    `value` is the moving average of `raw`; low and high are those of the lowest and the highest
    seed. A step that not every seed of the proxy took is left out.
    """
    frames = []
    for (proxy, name), part in steps.groupby(["proxy", "name"], sort=False):
        wide = part.pivot(index="step", columns="seed", values=value).sort_index().dropna()
        halflife = max(1.0, HALFLIFE * len(wide))
        smooth = [exponential_moving_average(wide[s], halflife=halflife) for s in wide]
        raw = wide.mean(axis=1)
        columns = {
            "step": wide.index,
            "raw": raw.to_numpy(),
            "value": exponential_moving_average(raw, halflife=halflife),
            "low": np.min(smooth, axis=0),
            "high": np.max(smooth, axis=0),
        }
        frames.append(pd.DataFrame({"proxy": proxy, "name": name, **columns}))
    return pd.concat(frames, ignore_index=True)


def training_panels(
    figure: Figure,
    steps: pd.DataFrame,
    panels: Mapping[str, str],
    *,
    n_columns: int,
    named_at_end: bool,
) -> None:
    """One panel a column of `steps` (with its title), lines over steps, one a proxy.

    Arguments: `named_at_end`: names at the lines' ends, or in one legend below all panels.
    """
    n_rows = -(-len(panels) // n_columns)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).ravel()
    for ax, (column, title) in zip(axes, panels.items(), strict=False):
        curves = smoothed(steps, column)
        _lines(ax, curves)
        ax.set_title(title)
        if named_at_end:
            _names_at_end(ax, curves)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[max(0, len(panels) - n_columns) : len(panels)]:
        ax.set_xlabel("step")
        ax.tick_params(labelbottom=True)
    if not named_at_end:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _lines(ax: Axes, curves: pd.DataFrame) -> None:
    for i, ((proxy, name), part) in enumerate(curves.groupby(["proxy", "name"], sort=False)):
        colour, _, style = look_of(proxy, i)
        ax.plot(part["step"], part["raw"], color=colour, lw=0.7, alpha=0.35)
        ax.fill_between(part["step"], part["low"], part["high"], color=colour, alpha=0.12, lw=0)
        ax.plot(part["step"], part["value"], color=colour, lw=1.8, ls=style, label=name)


def _names_at_end(ax: Axes, curves: pd.DataFrame) -> None:
    """Names right of the lines' ends, pushed apart and kept in the lines' order."""
    low, high = ax.get_ylim()
    groups = list(curves.groupby(["proxy", "name"], sort=False))
    ends = [
        (part["value"].iloc[-1], name, look_of(proxy, i)[0])
        for i, ((proxy, name), part) in enumerate(groups)
    ]
    gap = MIN_GAP * (high - low)
    lowest = low - gap
    for i, (value, name, colour) in enumerate(sorted(ends)):
        # Room must be left above for the names still to come.
        ceiling = high - gap * (len(ends) - 1 - i)
        lowest = min(max(value, lowest + gap), max(ceiling, lowest + gap))
        place = (1.02, (lowest - low) / (high - low))
        ax.annotate(name, place, xycoords="axes fraction", color=colour, va="center", size=8.5)
