"""All proxies at a glance: a map of proxies by families, and what it says in a sentence."""

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from proxylab.audit.rule import ALLOWANCE, FAMILIES, MINIMAL, RATE, SHIFT
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.report_cards.rows import RULERS, WORLD, card_rows, name_of, unbiased
from proxylab.plots import publish
from proxylab.plots.style import COLOURS, GREY
from proxylab.tables import escaped, number

DARK_TEXT, LIGHT_TEXT = "#16191D", "#FFFFFF"
# From nothing to much: one hue that darkens, so that lightness alone carries the order.
EXCESS = LinearSegmentedColormap.from_list("excess", ("#F4F1EA", "#F0B98D", COLOURS[4], "#7A2E00"))
FULL = {RATE: 0.5, SHIFT: 0.5}  # what has the darkest colour; more is drawn no darker


def card_map(profile: str, data: str = WORLD, *, label: str) -> Markdown:
    """The map: proxies down, families across, numbers in the cells, a frame where flagged."""
    rows = card_rows(profile, data)
    names = list(dict.fromkeys(rows["proxy"]))
    return publish(
        label,
        lambda figure: _draw(figure, rows, names),
        profile=profile,
        size=(9.0, 1.9 + 0.42 * len(names)),
        caption="Every proxy as it is, by family: rates in % of the prompts, shifts in tenths of "
        "the proxy's own scale. Pale: within the allowance "
        f"({number(100 * ALLOWANCE[RATE], 0)} %, {number(10 * ALLOWANCE[SHIFT], 0)} tenth); "
        f"darker from there on, full at {number(100 * FULL[RATE], 0)} % and "
        f"{number(10 * FULL[SHIFT], 0)} tenths. A frame: flagged in every seed; a dashed frame: in "
        f"some. {seeds_in_words(unbiased(profile, data))}, {_n_in_words(rows)}; intervals are on "
        "the cards.",
        alt=f"Map of proxies by families. {_in_words(rows)}",
    )


def _draw(figure: Figure, rows: pd.DataFrame, names: list[str]) -> None:
    ax, families = figure.subplots(), list(FAMILIES)
    for row in rows.itertuples():
        _cell(ax, families.index(row.family), names.index(row.proxy), row)
    n_paper = 5
    ax.axvline(n_paper - 0.5, color=GREY, lw=1)
    heading = {"va": "bottom", "fontsize": 9, "color": GREY}
    ax.text(-0.48, -0.62, "the paper's pitfalls", **heading)
    ax.text(n_paper - 0.42, -0.62, "further probes", **heading)
    ax.set_xticks(range(len(families)), families, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), [name_of(name) for name in names])
    ax.set_xlim(-0.5, len(families) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)


def _cell(ax: Axes, x: int, y: int, row) -> None:
    """One cell: its colour by the value, its number, and a frame where the rule flags it."""
    if np.isnan(row.value):
        ax.text(x, y, "–", ha="center", va="center", color=GREY, fontsize=9)
        return
    share = excess(row.value, row.measure)
    corners = ([x - 0.47, x + 0.47], y - 0.45, y + 0.45)
    ax.fill_between(*corners, color=EXCESS(share), lw=0)
    digits, scale = (0, 100) if row.measure == RATE else (1, 10)
    ink = LIGHT_TEXT if share > 0.62 else DARK_TEXT
    weight = "bold" if row.flagged_seeds else "normal"
    text = {"ha": "center", "va": "center", "color": ink, "fontsize": 9, "fontweight": weight}
    ax.text(x, y, number(scale * row.value, digits), **text)
    if row.flagged_seeds:
        style = "-" if row.flagged_seeds == row.n_seeds else (0, (2, 1.5))
        xs = [x - 0.42, x + 0.42, x + 0.42, x - 0.42, x - 0.42]
        ys = [y - 0.39, y - 0.39, y + 0.39, y + 0.39, y - 0.39]
        ax.plot(xs, ys, color=ink, lw=1.3, ls=style)


def excess(value: float, measure: str) -> float:
    """How dark a value is drawn, in [0, 1]: 0 within the allowance, 1 from `FULL` on."""
    allowed = ALLOWANCE[measure]
    return float(np.clip((abs(value) - allowed) / (FULL[measure] - allowed), 0, 1))


def _n_in_words(rows: pd.DataFrame) -> str:
    low, high = int(rows["n"].min()), int(rows["n"].max())
    return f"{low:,} prompts a cell" if low == high else f"{low:,} to {high:,} prompts a cell"


def _in_words(rows: pd.DataFrame) -> str:
    parts = []
    for proxy, own in rows.groupby("proxy", sort=False):
        flagged = own[own["flagged_seeds"] > 0]
        said = [
            f"{row.family} {_value(row)}, {row.flagged_seeds} of {row.n_seeds} seeds"
            for row in flagged.itertuples()
        ]
        parts.append(f"{name_of(proxy)}: flagged {'; '.join(said) or 'nowhere'}.")
    return " ".join(parts)


def _value(row) -> str:
    return f"{number(100 * row.value, 0)} %" if row.measure == RATE else number(row.value, 2)


def overview_sentence(profile: str, data: str = WORLD) -> Markdown:
    """What each proxy is flagged for in every seed, and the largest that is not flagged."""
    rows = card_rows(profile, data)
    parts = []
    for proxy, own in rows[~rows["proxy"].isin(RULERS)].groupby("proxy", sort=False):
        always = own[own["flagged_seeds"] == own["n_seeds"]]
        said = ", ".join(f"{row.family} ({_value(row)})" for row in always.itertuples())
        some = own[(own["flagged_seeds"] > 0) & (own["flagged_seeds"] < own["n_seeds"])]
        verdict = f"for {said}" if said else "for nothing"
        verdict += f" (in some seeds only: {', '.join(some['family'])})" if len(some) else ""
        parts.append(f"*{escaped(name_of(proxy))}* {verdict}")
    near = rows[(rows["flagged_seeds"] == 0) & (rows["measure"] == RATE)]
    near = near[near["value"] > MINIMAL[RATE]]
    unproven = (
        f" {len(near)} rates of more than {number(100 * MINIMAL[RATE], 0)} % are flagged in no "
        "seed: their tests cannot tell them from the allowance."
        if len(near)
        else ""
    )
    several = int(rows["n_seeds"].max()) > 1
    start = "Flagged in every seed: " if several else "Flagged: "
    return Markdown(f"{start}{'; '.join(parts)}.{unproven}")
