"""The style of every figure: colour-blind safe, on no background, legible in light and in dark."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import seaborn as sns

# Okabe and Ito's palette, in an order whose first colours also differ in lightness; black and
# yellow are left out because one of them vanishes on each background.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GREY = "#8A8F98"


@dataclass(frozen=True)
class Theme:
    """The colours that depend on the page: text and lines, and the faint grid."""

    name: str
    ink: str
    grid: str


LIGHT = Theme("light", ink="#23282F", grid="#DCD8D0")
DARK = Theme("dark", ink="#D9DDE2", grid="#39424D")
THEMES = (LIGHT, DARK)


@contextmanager
def themed(theme: Theme) -> Iterator[None]:
    """Draw in this theme within the block."""
    settings = {
        "figure.figsize": (7.2, 3.6),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "font.family": ["DejaVu Sans"],
        "font.size": 9.5,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": theme.ink,
        "axes.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "grid.color": theme.grid,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.linewidth": 0.6,
        "axes.prop_cycle": mpl.cycler(color=COLOURS),
        "legend.frameon": False,
        "svg.fonttype": "path",  # letters as outlines: the page needs no font
        "svg.hashsalt": "proxylab",  # equal figures, equal files
    }
    with sns.axes_style("ticks"), mpl.rc_context(settings):
        yield
