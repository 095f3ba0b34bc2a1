"""The PPO page on accuracy: by how much a better reward model makes a better policy."""

import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.evaluate import SeedSlope, slope_over_seeds
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.ppo.figures import look_of
from proxylab.pages.ppo.rows import CEILING, arms_by_seed, proxies_only
from proxylab.plots import publish
from proxylab.plots.style import GREY
from proxylab.tables import interval_text, number

TENTH = 0.1  # slopes are told in gold reward for ten points of accuracy
RULERS = {
    "accuracy": "accuracy on cleaned test pairs",
    "ordering": "accuracy on the start policy's completions",
}


def slope_of(profile: str, ruler: str) -> SeedSlope:
    """Slope of final gold reward on a ruler, within seeds, over the proxies but the ceiling."""
    arms = proxies_only(arms_by_seed(profile))
    return slope_over_seeds(arms.assign(tenths=arms[ruler] / TENTH), "tenths", "gold")


def slope_figure(profile: str) -> Markdown:
    """Final gold reward against accuracy, a point a seed and reward model, two rulers."""
    arms = arms_by_seed(profile)
    texts = {
        ruler: f"{name}: {_slope_text(slope_of(profile, ruler))}" for ruler, name in RULERS.items()
    }
    return publish(
        "ppo-slope",
        lambda figure: _draw(figure, arms, profile),
        profile=profile,
        size=(8.2, 3.9),
        caption="Mean gold reward of the final policy against accuracy of the reward model that it "
        f"followed, a point a seed and reward model, {seeds_in_words(arms)}. Line: the mean of the "
        "seeds' least-squares slopes, through the mean point. The ceiling is shown where it falls "
        "into the picture and takes no part in the line.",
        alt="Two scatter plots with a line. Gold reward for ten points of "
        + "; ".join(texts.values())
        + ".",
    )


def _draw(figure: Figure, arms: pd.DataFrame, profile: str) -> None:
    axes = figure.subplots(1, len(RULERS), sharey=True)
    for ax, (ruler, name) in zip(axes, RULERS.items(), strict=True):
        _points(ax, arms, ruler)
        _line(ax, proxies_only(arms), ruler, slope_of(profile, ruler))
        ax.set_xlabel(f"{name} (%)")
    axes[0].set_ylabel("mean gold reward, final policy")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _points(ax: Axes, arms: pd.DataFrame, ruler: str) -> None:
    for i, ((proxy, name), part) in enumerate(arms.groupby(["proxy", "name"], sort=False)):
        colour, marker, _ = look_of(proxy, i)
        ax.plot(100 * part[ruler], part["gold"], marker, color=colour, ms=6.5, label=name)


def _line(ax: Axes, proxies: pd.DataFrame, ruler: str, slope: SeedSlope) -> None:
    middle, ends = proxies[[ruler, "gold"]].mean(), proxies[ruler].agg(["min", "max"])
    height = middle["gold"] + slope.interval.estimate * (ends - middle[ruler]) / TENTH
    ax.plot(100 * ends, height, color=GREY, lw=1.4, zorder=1)


def _slope_text(slope: SeedSlope) -> str:
    return interval_text(slope.interval)


def slope_sentence(profile: str) -> Markdown:
    """By how much gold reward goes with accuracy, and whether that is more than noise."""
    arms = proxies_only(arms_by_seed(profile))
    parts = [_said(name, slope_of(profile, ruler)) for ruler, name in RULERS.items()]
    ceiling = CEILING in set(arms_by_seed(profile)["proxy"])
    apart = " The ceiling takes no part." if ceiling else ""
    return Markdown(
        f"For ten points more, over {arms['proxy'].nunique()} reward models, mean of the slopes "
        f"of {seeds_in_words(arms)} [95 % t interval over seeds]: {'; '.join(parts)}.{apart} The "
        "interval is about these reward models trained again, not about another one."
    )


def _said(name: str, slope: SeedSlope) -> str:
    found = slope.interval
    if not found.n:
        return f"*{name}*: undefined, the reward models do not differ in it"
    text = f"*{name}*: {_slope_text(slope)} gold reward"
    if found.n < 2:
        return f"{text} in one seed, which is not judged"
    if found.contains(0):
        return f"{text}, inside the noise"
    seeds = slope.by_seed["slope"]
    sign = int((seeds > 0).sum() if found.estimate > 0 else (seeds < 0).sum())
    return f"{text} (of this sign in {number(sign, 0)} of {found.n} seeds)"
