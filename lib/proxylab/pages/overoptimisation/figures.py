"""Small multiples of gold and proxy reward against distance: by proxy, and by bias.

Methods stand in columns whose distances are not to be compared: each has an axis of its own.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from proxylab.pages.alignment_rows import PROXIES
from proxylab.pages.overoptimisation.fits import CurveFit, fitted_line
from proxylab.pages.overoptimisation.rows import bias_label, method_label
from proxylab.plots.charts import MARKERS
from proxylab.plots.style import COLOURS, GREY

Name = tuple[str, str, str]  # method, proxy, bias
SHORT_NAME = 16  # letters: four of them fit beside each other
DISTANCE = "√KL (√nats)"
GOLD, REWARD = "gold reward gained", "proxy reward gained"
GOLD_LOOK, REWARD_LOOK = (COLOURS[0], "o", "-"), (COLOURS[4], "s", (0, (4, 2)))


def by_proxy(
    figure: Figure, curves: Mapping[Name, pd.DataFrame], fits: Mapping[Name, CurveFit]
) -> None:
    """Two rows, gold and proxy reward; one column a method, one line a proxy.

    A triangle marks a fitted peak that lies inside what was measured, dots the fitted form.
    """
    methods = list(dict.fromkeys(method for method, _, _ in curves))
    known = {proxy for _, proxy, _ in curves}
    proxies = proxy_order(known)
    axes = figure.subplots(2, len(methods), sharex="col", sharey="row", squeeze=False)
    for name, table in curves.items():
        column, look = methods.index(name[0]), _look(proxies.index(name[1]))
        _line(axes[0, column], table, "gold", look)
        _line(axes[1, column], table, "reward", look)
        if name in fits:
            _fit(axes[0, column], fits[name], look[0])
    _name_axes(axes, methods)
    axes[0, 0].set_ylabel(GOLD)
    axes[1, 0].set_ylabel(REWARD)
    handles = [_handle(_look(i), PROXIES.get(name, name)) for i, name in enumerate(proxies)]
    _legend(figure, handles)


def by_bias(
    figure: Figure, curves: Mapping[Name, pd.DataFrame], fits: Mapping[Name, CurveFit]
) -> None:
    """One row a bias and one column a method: gold (left axis) and the proxy (right axis).

    Both axes of a row have their zero at one height; a method without such a run stays empty.
    """
    methods = list(dict.fromkeys(method for method, _, _ in curves))
    biases = list(dict.fromkeys(bias for _, _, bias in curves))
    axes = figure.subplots(len(biases), len(methods), sharex="col", sharey="row", squeeze=False)
    for i, bias in enumerate(biases):
        own = {name: table for name, table in curves.items() if name[2] == bias}
        scale = _scale(own.values())
        for j, method in enumerate(methods):
            _both(axes[i, j], own, fits, method, scale)
        axes[i, 0].set_ylabel(bias_label(bias))
        right = axes[i, -1].secondary_yaxis(
            "right", functions=(lambda y, s=scale: y * s, lambda y, s=scale: y / s)
        )
        right.tick_params(colors=REWARD_LOOK[0])
    _name_axes(axes, methods)
    _legend(figure, [_handle(GOLD_LOOK, GOLD), _handle(REWARD_LOOK, f"{REWARD} (right axes)")])


def proxy_order(names: Collection[str]) -> list[str]:
    """Proxies from poor to good, others last; a proxy's place is its colour."""
    return [name for name in PROXIES if name in names] + sorted(set(names) - {*PROXIES})


def panel_size(n_rows: int, n_columns: int, *, height: float) -> tuple[float, float]:
    """Inches for so many panels of this height, a legend above and labels around them."""
    return (1.3 + 1.65 * max(n_columns, 3), 1.1 + height * n_rows)


def _both(ax: Axes, own: Mapping, fits: Mapping, method: str, scale: float) -> None:
    """Gold and proxy reward of one method, every proxy among them, the latter on gold's scale."""
    mine = {name: table for name, table in own.items() if name[0] == method}
    if not mine:
        middle = {"ha": "center", "va": "center", "transform": ax.transAxes}
        ax.text(0.5, 0.5, "not run", color=GREY, **middle)
        return
    for name, table in mine.items():
        shrunk = table[["reward", "reward_low", "reward_high"]] / scale
        _line(ax, table.assign(**shrunk), "reward", REWARD_LOOK)
        _line(ax, table, "gold", GOLD_LOOK)
        if name in fits:
            _fit(ax, fits[name], GOLD_LOOK[0])


def _scale(tables) -> float:
    """Proxy reward a unit of gold, such that the largest gains of a row are as high."""
    both = pd.concat(tables)
    gold, reward = (both[name].abs().max() for name in ("gold", "reward"))
    return float(reward / gold) if gold > 0 and reward > 0 else 1.0


def _line(ax: Axes, table: pd.DataFrame, value: str, look: tuple) -> None:
    colour, marker, style = look
    shown = table.dropna(subset=["distance", value])
    x, y = shown["distance"], shown[value]
    ax.plot(x, y, color=colour, marker=marker, ls=style, ms=3.2, lw=1.3)
    spread = np.vstack([y - shown[f"{value}_low"], shown[f"{value}_high"] - y]).clip(min=0)
    # Bars and no band: along a training run the distance may turn back on itself.
    ax.errorbar(x, y, yerr=spread, fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.55)


def _fit(ax: Axes, fit: CurveFit, colour: str) -> None:
    line, one = fitted_line(fit), fit.found.fit
    ax.plot(line["distance"], line["gold"], color=colour, ls=(0, (1, 1.4)), lw=1.1, alpha=0.9)
    if one.is_peak_inside:
        style = {"marker": "v", "ms": 8, "mec": colour, "mfc": "none", "mew": 1.5, "zorder": 5}
        ax.plot([one.peak_distance], [one.peak_gain], ls="none", **style)


def _look(i: int) -> tuple:
    return COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], "-"


def _name_axes(axes: np.ndarray, methods: Sequence[str]) -> None:
    for ax, method in zip(axes[0], methods, strict=True):
        ax.set_title(method_label(method))
    for ax in axes[-1]:
        ax.set_xlabel(DISTANCE)
    for ax in axes.flat:
        ax.axhline(0, color=GREY, lw=0.8, zorder=1)
        ax.locator_params(nbins=4)


def _handle(look: tuple, label: str) -> Line2D:
    colour, marker, style = look
    return Line2D([], [], color=colour, marker=marker, ls=style, ms=4, lw=1.4, label=label)


def _legend(figure: Figure, handles: list[Line2D]) -> None:
    handles = [
        *handles,
        Line2D([], [], color=GREY, ls=(0, (1, 1.4)), label="fitted form"),
        Line2D([], [], ls="none", marker="v", mec=GREY, mfc="none", mew=1.5, label="its peak"),
    ]
    longest = max(len(handle.get_label()) for handle in handles)
    ncols = 4 if longest <= SHORT_NAME else 2
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols)
