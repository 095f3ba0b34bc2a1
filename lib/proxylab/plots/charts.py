"""Three kinds of chart, each with its intervals: forest, curves, stacked shares.

Every function draws on `ax` from a tidy frame and labels its series directly where there is room.
Left out: computing anything; estimates and limits come in the frame.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from proxylab.plots.style import COLOURS, GREY, LIGHT

MARKERS = ("o", "s", "D", "^", "v", "P")


def forest(
    ax: Axes,
    frame: pd.DataFrame,
    *,
    rows: str,
    series: str | None = None,
    xlabel: str,
    reference: float | None = None,
    reference_label: str = "",
) -> None:
    """One line a row with its estimate and interval; series side by side in a row.

    Arguments: `frame` has columns `rows`, value, low, high and, if given, `series`; `reference`
    draws a vertical line (chance, say).
    """
    names = list(dict.fromkeys(frame[rows]))
    groups = [None] if series is None else list(dict.fromkeys(frame[series]))
    # Closer together than to the next row, so that a row's series are seen as one group.
    offsets = np.linspace(-0.16, 0.16, len(groups)) * (len(groups) > 1) * min(len(groups) - 1, 1.5)
    if reference is not None:
        ax.axvline(reference, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1, label=reference_label)
    for i, group in enumerate(groups):
        part = frame if group is None else frame[frame[series] == group]
        y = np.array([names.index(name) for name in part[rows]]) + offsets[i]
        spread = np.vstack([part["value"] - part["low"], part["high"] - part["value"]])
        style = {"fmt": MARKERS[i], "color": COLOURS[i], "ms": 5, "lw": 1.4, "capsize": 2}
        ax.errorbar(part["value"], y, xerr=np.abs(spread), label=group, **style)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)
    if len(groups) > 1 or reference_label:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def curves(
    ax: Axes,
    frame: pd.DataFrame,
    *,
    x: str,
    series: str,
    xlabel: str,
    ylabel: str,
    log_x: bool = False,
    ylim: tuple[float, float] | None = None,
) -> None:
    """One line a series over `x`, with its interval as a band and its name at the right end.

    Arguments: `frame` has columns `x`, `series`, value, low, high; `ylim` the limits of the y axis.
    """
    names = list(dict.fromkeys(frame[series]))
    ends = []
    for i, name in enumerate(names):
        part = frame[frame[series] == name].sort_values(x)
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(
            part[x], part["value"], marker=MARKERS[i % len(MARKERS)], color=colour, ms=4.5, lw=1.6
        )
        ax.fill_between(part[x], part["low"], part["high"], color=colour, alpha=0.16, lw=0)
        last = part.dropna(subset="value")
        if len(last):
            ends.append((last["value"].iloc[-1], str(name), colour))
    if log_x:
        ax.set_xscale("log")
        ticks = sorted(frame[x].unique())
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    if ylim is not None:
        ax.set_ylim(*ylim)
    _end_labels(ax, ends, frame[x].max())
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)


def _end_labels(ax: Axes, ends: Sequence[tuple[float, str, str]], x: float) -> None:
    """Names at the lines' ends, pushed apart so that none lies on another or above the axes."""
    low, high = ax.get_ylim()
    gap = 0.085 * (high - low)
    ends = sorted(ends, reverse=True)
    heights = []
    for value, _, _ in ends:  # from the top down
        heights.append(min([value, *(last - gap for last in heights[-1:])]))
    for (_, name, colour), height in zip(ends, heights, strict=True):
        ax.annotate(
            name,
            (x, height),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def stacked_shares(
    ax: Axes,
    frame: pd.DataFrame,
    *,
    rows: str,
    parts: Sequence[str],
    xlabel: str,
    muted: Sequence[str] = (),
) -> None:
    """One bar a row, cut into `parts` (columns of `frame`, in per cent), named once above.

    Arguments: `muted` names parts to draw in grey (what is undefined, say).
    """
    left = np.zeros(len(frame))
    y = np.arange(len(frame))
    for i, part in enumerate(parts):
        width = frame[part].to_numpy(float)
        colour = GREY if i >= len(COLOURS) or part in muted else COLOURS[i]
        ax.barh(y, width, left=left, color=colour, height=0.62, label=part)
        for row, share in enumerate(width):
            if share >= 6:  # narrower pieces have no room for their number
                middle = left[row] + share / 2
                text = {"ha": "center", "va": "center", "color": _ink_on(colour), "size": 8.5}
                ax.text(middle, row, f"{share:.0f}", **text)
        left += width
    ax.set_yticks(y, frame[rows])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)
    # Outside the axes and centred on the figure: long row names leave the axes little width.
    ax.figure.legend(loc="outside upper center", ncols=len(parts), columnspacing=1.1)


def _ink_on(colour: str) -> str:
    """White or the dark ink, whichever has the higher contrast on `colour` (WCAG 2)."""

    def luminance(name: str) -> float:
        rgb = np.array(to_rgb(name))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    def contrast(ink: str) -> float:
        darker, lighter = sorted((luminance(ink), luminance(colour)))
        return (lighter + 0.05) / (darker + 0.05)

    return max(("white", LIGHT.ink), key=contrast)
