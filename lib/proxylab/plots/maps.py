"""Charts that set settings side by side: forests in panels, points over curves, a 2 x 2 map.

As in `charts`, every function draws from a tidy frame whose estimates and limits are given, and
computes nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from proxylab.plots.charts import MARKERS, forest
from proxylab.plots.style import COLOURS, GREY

# From a loss to a gain: two of the palette's colours around a light grey, read by lightness too.
DIVERGING = LinearSegmentedColormap.from_list("loss-gain", (COLOURS[4], "#EFEDE8", COLOURS[0]))
STYLES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), "-.")
EVEN_CONTRAST = 0.2  # relative luminance on which black and white text read alike
DARK_TEXT, LIGHT_TEXT = "#16191D", "#FFFFFF"


def forest_panels(
    axes: Sequence[Axes],
    frame: pd.DataFrame,
    *,
    rows: str,
    panels: str,
    series: str | None = None,
    xlabel: str,
    reference: float | None = None,
    reference_label: str = "",
) -> None:
    """One forest a panel over the same rows, named once at the left, with one legend above.

    Arguments: `frame` has columns `rows`, `panels`, value, low, high and, if given, `series`; a
    combination that is missing stays empty. `axes` has one for each value of `panels`, in order.
    """
    names = list(dict.fromkeys(frame[rows]))
    keys = [rows] if series is None else [rows, series]
    wanted = frame[keys].drop_duplicates()
    for i, (ax, panel) in enumerate(zip(axes, dict.fromkeys(frame[panels]), strict=True)):
        part = wanted.merge(frame[frame[panels] == panel], on=keys, how="left")
        part = part.sort_values(rows, key=lambda column: column.map(names.index), kind="stable")
        forest(
            ax,
            part,
            rows=rows,
            series=series,
            xlabel=xlabel,
            reference=reference,
            reference_label=reference_label,
        )
        ax.set_title(panel)
        if i:
            ax.set_yticklabels([])
        if ax.get_legend():
            handles, labels = ax.get_legend_handles_labels()
            ax.get_legend().remove()
            if i == 0 and not ax.figure.legends:
                ax.figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def marked_curves(
    ax: Axes, frame: pd.DataFrame, *, x: str, series: str, marks: Mapping[str, float]
) -> None:
    """One line a series over `x` with its interval as a band, and vertical lines with names.

    Arguments: `frame` has columns `x`, `series`, value, low, high; `marks` where the lines stand.
    Everything is named in the legend, which the caller places.
    """
    for i, (name, part) in enumerate(frame.groupby(series, sort=False)):
        part = part.sort_values(x)
        ax.plot(part[x], part["value"], color=COLOURS[i], lw=1.6, label=name)
        ax.fill_between(part[x], part["low"], part["high"], color=COLOURS[i], alpha=0.16, lw=0)
    for i, (name, place) in enumerate(marks.items()):
        ax.axvline(place, color=GREY, lw=1.2, ls=STYLES[i % len(STYLES)], label=name)


def points_over_curves(
    ax: Axes,
    curves: pd.DataFrame,
    points: pd.DataFrame,
    *,
    x: str,
    curve: str,
    series: str,
    xlabel: str,
    ylabel: str,
    reference: float | None = None,
) -> None:
    """Measured points with intervals over theoretical curves.

    Arguments: `curves` has columns `x`, `curve` (one name a line) and value; `points` has `x`,
    `series` (one name a colour), value, low, high; `reference` draws a horizontal line.
    """
    if reference is not None:
        ax.axhline(reference, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
    for i, (name, part) in enumerate(curves.groupby(curve, sort=False)):
        part = part.sort_values(x)
        style = STYLES[i % len(STYLES)]
        ax.plot(part[x], part["value"], color=GREY, lw=1.6, ls=style, zorder=2, label=name)
    for i, (name, part) in enumerate(points.groupby(series, sort=False)):
        spread = np.vstack([part["value"] - part["low"], part["high"] - part["value"]])
        style = {"fmt": MARKERS[i], "color": COLOURS[i], "ms": 6, "lw": 1.4, "capsize": 2}
        ax.errorbar(part[x], part["value"], yerr=np.abs(spread), label=name, zorder=3, **style)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def square_map(
    ax: Axes,
    frame: pd.DataFrame,
    *,
    row: str,
    column: str,
    text: str,
    rows: Sequence[str],
    columns: Sequence[str],
    limit: float,
    title: str = "",
    empty: str = "",
) -> None:
    """Cells coloured by their value, from a loss to a gain, each with its text.

    Arguments: `frame` has columns `row`, `column`, value and `text`; `rows` and `columns` name the
    cells in order, one that is not in the frame says `empty`; `limit` is the absolute value that
    has the full colour, the same for maps that are to be compared.
    """
    cells = {(found[row], found[column]): found for found in frame.to_dict("records")}
    for (i, name), (j, other) in product(enumerate(rows), enumerate(columns)):
        if (found := cells.get((name, other))) is None:
            ax.text(j, i, empty, ha="center", va="center", color=GREY, fontsize=8.5)
            continue
        share = np.clip(found["value"] / (2 * limit) + 0.5, 0, 1) if limit else 0.5
        colour = DIVERGING(share)
        ax.fill_between([j - 0.48, j + 0.48], i - 0.48, i + 0.48, color=colour, lw=0)
        ink = LIGHT_TEXT if _luminance(colour) < EVEN_CONTRAST else DARK_TEXT
        ax.text(j, i, found[text], ha="center", va="center", color=ink, fontsize=8.5)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title(title)


def _luminance(colour: Sequence[float]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2), in [0, 1]."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot(channels, (0.2126, 0.7152, 0.0722)))
