"""The chain that both papers are about, drawn: what stands for people where, and who measures it.

The scheme of figure 2 of "Elephant in the Room", with the loop of "Targeting Misalignment" and the
pages of this site. Left out: what came out, which the pages say.
"""

from dataclasses import dataclass

import matplotlib as mpl
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from proxylab.plots import COLOURS, publish
from proxylab.plots.style import GREY


@dataclass(frozen=True)
class Part:
    """One part of the chain: its name, what it is, its colour, the pages that measure it."""

    name: str
    what: str
    colour: str
    pages: dict[str, str]  # short names by the page's file

    @property
    def in_words(self) -> str:
        """For those who cannot see the figure."""
        return f"{self.name} ({self.what}): {', '.join(self.pages.values())}."


CHAIN = (
    Part(
        "Preference data",
        "proxy, level 1",
        COLOURS[0],
        {"judges_and_people": "judges and people", "world": "the controlled world"},
    ),
    Part("Cleaning", "relabelled pairs", COLOURS[0], {"cleaning": "cleaning", "dpo": "DPO"}),
    Part(
        "Reward model",
        "proxy, level 2",
        COLOURS[1],
        {
            "reward_models": "accuracy",
            "report_cards": "report cards",
            "correlation": "agreement with people",
        },
    ),
    Part(
        "Alignment",
        "the policy",
        COLOURS[2],
        {"ppo": "PPO", "pro": "PRO", "overoptimisation": "over-optimisation"},
    ),
)
FEEDBACK = Part(
    "Feedback",
    "labels where policy and reward model disagree",
    COLOURS[3],
    {
        "conflict_metrics": "conflict metrics",
        "shf_cas": "SHF-CAS",
        "ablations": "ablations",
        "real_text": "real text",
    },
)
DIRECT = "DPO: without a reward model"

# Places in inches, of a figure that is drawn at this size.
WIDTH, HEIGHT = 8.6, 2.5
BOX, GAP, LEFT = 1.8, 0.43, 0.05
FLOOR, CEILING = 0.83, 1.95  # of the four boxes
LOW = (0.05, 0.57)  # floor and ceiling of the box below them
LINE = 0.19


def chain_figure(profile: str) -> Markdown:
    """The chain from preference data to a policy, with the pages that measure each part."""
    said = " ".join(part.in_words for part in (*CHAIN, FEEDBACK))
    return publish(
        "front-chain",
        _draw,
        profile=profile,
        size=(WIDTH, HEIGHT),
        caption="People's preferences reach a policy through two proxies; below the name of each "
        "part, the pages that measure it (links in @tbl-pages). After figure 2 of *Elephant in the "
        "Room*, with the loop of *Targeting Misalignment*.",
        alt=f"Boxes from left to right, joined by arrows. {said} From cleaning an arrow leads to "
        f"alignment at once ({DIRECT}); from alignment one leads to feedback, and from there one "
        "to the reward model.",
    )


def _draw(figure: Figure) -> None:
    figure.set_layout_engine("none")  # places are given, in inches
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    ax.axis("off")
    edges = [LEFT + i * (BOX + GAP) for i in range(len(CHAIN))]
    for left, part in zip(edges, CHAIN, strict=True):
        _box(ax, part, (left, left + BOX), (FLOOR, CEILING), list(part.pages.values()))
    for left in edges[1:]:
        _arrow(ax, (left - GAP, (FLOOR + CEILING) / 2), (left, (FLOOR + CEILING) / 2))
    middles = [left + BOX / 2 for left in edges]
    _past_the_reward_model(ax, middles[1], middles[3])
    _box(ax, FEEDBACK, (edges[2], edges[3] + BOX), LOW, [" · ".join(FEEDBACK.pages.values())])
    _arrow(ax, (middles[3], FLOOR), (middles[3], LOW[1]))
    _arrow(ax, (middles[2], LOW[1]), (middles[2], FLOOR))


def _box(
    ax: Axes, part: Part, across: tuple[float, float], up: tuple[float, float], lines: list[str]
) -> None:
    """A box from left to right and from floor to ceiling; name, what it is, one page a line."""
    width, height = across[1] - across[0], up[1] - up[0]
    style = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 1.3}
    fill = {"facecolor": to_rgba(part.colour, 0.12), "edgecolor": part.colour}
    ax.add_patch(FancyBboxPatch((across[0], up[0]), width, height, **style, **fill))
    y, x = up[1] - 0.17, across[0] + 0.1
    wide = len(lines) == 1  # the name and what it is fit on one line
    name = ax.text(x, y, part.name, fontsize=9.5, fontweight="bold", va="center")
    if wide:
        ax.annotate(
            part.what, (1, 0.5), (6, 0), xycoords=name, textcoords="offset points", va="center",
            fontsize=8.5,
        )  # fmt: skip
    else:
        y -= LINE
        ax.text(x, y, part.what, fontsize=8.5, va="center", style="italic")
        y -= 0.05
    for line in lines:
        y -= LINE
        ax.text(x, y, line, fontsize=8.5, va="center")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": mpl.rcParams["text.color"], "shrinkA": 2, "shrinkB": 2}
    ax.annotate("", end, start, arrowprops={**style, "linewidth": 1.1})


def _past_the_reward_model(ax: Axes, start: float, end: float) -> None:
    """The way from data to the policy that needs no reward model, above the boxes."""
    height = CEILING + 0.22
    ax.plot([start, start, end], [CEILING + 0.03, height, height], color=GREY, lw=1.1)
    style = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 0, "shrinkB": 2, "linewidth": 1.1}
    ax.annotate("", (end, CEILING), (end, height), arrowprops=style)
    ax.text((start + end) / 2, height + 0.13, DIRECT, fontsize=8.5, ha="center", va="center")
