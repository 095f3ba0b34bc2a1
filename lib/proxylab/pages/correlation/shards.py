"""The paper's figure 4 beside ours, per shard and per item, and what the shards hide."""

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes

from proxylab.evaluate.correlation_shards import null_limit, shard_correlation
from proxylab.pages.correlation import rows
from proxylab.pages.pooling import seeds_in_words
from proxylab.plots import publish
from proxylab.plots.charts import MARKERS
from proxylab.plots.style import COLOURS, GREY
from proxylab.results import gather
from proxylab.studies.correlation.world import GOLD, ONE
from proxylab.tables import interval_text, number, show_table, with_interval

SIZES = np.geomspace(1, 1000, 60)
ITEM_CORRELATIONS = (0.0, 0.2, 0.4, 0.6)
JITTER = 0.12  # marks; they are whole thirds, and would lie on each other


def shown_scorers(profile: str) -> tuple[str, str]:
    """The reward models that go least and most with people per item, as the paper shows two."""
    models = rows.reward_models(profile)
    order = sorted(models, key=lambda name: rows.pooled(profile, name, ONE).estimate)
    return order[0], order[-1]


def figure_4(profile: str) -> Markdown:
    """Shard means above, items below, for the worst and the best reward model of one seed."""
    seed = int(rows.seeds_of(profile)["seed"].min())
    where = {**rows.in_world(profile), "seed": seed}
    shards = gather(rows.NOTEBOOK, "shards", profile=profile, where=where)
    points = gather(rows.NOTEBOOK, "points", profile=profile, where=where)
    names = shown_scorers(profile)
    numbers = gather(rows.NOTEBOOK, "sharding", profile=profile, where=where)
    numbers = numbers[numbers["method"] == "pearson"].set_index("scorer")

    def draw(figure) -> None:
        axes = figure.subplots(2, 2, sharex="col")
        for column, name in enumerate(names):
            _scatter(axes[0, column], shards[shards["scorer"] == name], size=34)
            _scatter(axes[1, column], points[points["scorer"] == name], size=7, jitter=JITTER)
            for row, (what, key) in enumerate((("shards", "drawn"), ("items", "items"))):
                r = number(numbers.loc[name, key])
                axes[row, column].set_title(f"{name}, {what}: r = {r}")
            axes[1, column].set_xlabel("reward (standardised)")
        for ax in axes[:, 0]:
            ax.set_ylabel("people's mean mark")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, columnspacing=1.1)

    said = [
        f"{n}: r {number(numbers.loc[n, 'drawn'])} over shards, {number(numbers.loc[n, 'items'])} "
        "over items."
        for n in names
    ]
    n_shards, n_items = int(numbers["n_points"].iloc[0]), int(numbers["n_items"].iloc[0])
    return publish(
        "correlation-shards",
        draw,
        profile=profile,
        size=(7.6, 6.2),
        caption=f"Figure 4's design in the world, seed {seed}: the mean mark of simulated people "
        f"against the reward, over {n_shards} shards (above) and over the {n_items} items that "
        "they are means of (below), for the reward model that agrees least and the one that "
        "agrees most with people. The same data, drawn twice.",
        alt=f"{2 * len(names)} scatter plots. {' '.join(said)}",
    )


def _scatter(ax: Axes, frame: pd.DataFrame, *, size: float, jitter: float = 0.0) -> None:
    rng = np.random.default_rng(0)
    for i, (name, part) in enumerate(frame.groupby("subset", sort=True)):
        y = part["human"] + jitter * rng.normal(size=len(part))
        style = {"s": size, "color": COLOURS[i], "marker": MARKERS[i], "alpha": 0.8, "lw": 0}
        ax.scatter(part["score"], y, label=name, **style)


def sharding_table(profile: str) -> Markdown:
    """Per item and per shard side by side, with the shards drawn again and the null."""
    table = rows.sharding(profile)
    shown = []
    for name in rows.scorers(profile):
        own = table.loc[name]
        again = with_interval(*own[["redrawn", "redrawn_low", "redrawn_high"]])
        blind = with_interval(*own[["blind", "blind_low", "blind_high"]])
        shown.append(
            {
                "scorer": name,
                "items": interval_text(rows.pooled(profile, name, ONE)),
                "inside": number(own["inside"]),
                "drawn": with_interval(*own[["drawn", "drawn_low", "drawn_high"]]),
                "expected": number(own["expected"]),
                "again": again,
                "blind": blind,
            }
        )
    return show_table(
        pd.DataFrame(shown),
        label="correlation-sharding",
        caption="Pearson's correlation with the people's mean mark, one response a prompt, "
        f"{seeds_in_words(rows.seeds_of(profile))}. Per item: mean "
        f"[{rows.interval_in_words(profile)}]; inside: per item once each subset's mean is taken "
        "away. Over "
        f"{int(table['n_points'].iloc[0])} shards: as first drawn [lowest, highest seed]; what the "
        "items lead one to expect; the items put into shards again at random; and *blind*: the "
        "scores shuffled within each subset, so that they know the subset and nothing else. The "
        f"last two: median [middle 95 %] of {rows.N_ASSIGNMENTS:,} means over seeds, each seed's "
        "items assigned anew for every one.",
        names={
            "items": "per item",
            "inside": "inside subsets",
            "drawn": "per shard",
            "again": "shards drawn again",
        },
        text=("scorer",),
    )


def sharding_sentence(profile: str) -> Markdown:
    """What the shards add, and how much of it a proxy that knows the subset alone would get."""
    table = rows.sharding(profile)
    name = shown_scorers(profile)[1]
    best, item = table.loc[name], rows.pooled(profile, name, ONE)
    models = table.loc[[n for n in table.index if n != GOLD]]
    places = rows.against_blind(models)
    outside = "".join(
        f"; {where}: {', '.join(f'*{n}*' for n in models.index[places == place])}"
        for place, where in ((1, "above it"), (-1, "below it"))
        if (places == place).any()
    )
    within = with_interval(*best[["five", "five_low", "five_high"]])
    n_points, n_within = int(best["n_points"]), int(best["n_shards"])
    return Markdown(
        f"*{name}* correlates {interval_text(item)} with people per item and "
        f"{number(best['drawn'])} per shard. Shuffled within each subset, so that it knows "
        f"nothing but which subset a prompt is from, it would still show {number(best['blind'])} "
        f"[{number(best['blind_low'])}, {number(best['blind_high'])}]. Of {len(models)} scorers "
        f"(gold left out), the shard correlation of {(places == 0).sum()} lies where such a "
        f"shuffled copy's would{outside}. The {n_within} shards of one subset say next to "
        f"nothing: *{name}* gets {within} there (averaged over seeds), depending on who is put in "
        f"which shard. Without any relation, {n_within} points show |r| below "
        f"{number(null_limit(n_within))} 95 times in 100, and {n_points} below "
        f"{number(null_limit(n_points))}."
    )


def theory_figure(profile: str) -> Markdown:
    """The shard correlation that a given item correlation leads to, by size of shard."""
    name = shown_scorers(profile)[1]
    table = rows.sharding(profile)
    own = table.loc[name]
    ours = own["n_items"] / own["n_points"]
    apart = {
        "between_x": own["between_x"],
        "between_y": own["between_y"],
        "between_correlation": own["between_correlation"],
    }
    alike = {"between_x": 0.0, "between_y": 0.0, "between_correlation": 1.0}
    titles = ("subsets differ as here", "subsets do not differ")

    def draw(figure) -> None:
        axes = figure.subplots(1, 2, sharey=True)
        for ax, shares, title in zip(axes, (apart, alike), titles, strict=True):
            for i, r in enumerate(ITEM_CORRELATIONS):
                y = shard_correlation(r, shard_size=SIZES, **shares)
                ax.plot(SIZES, y, color=COLOURS[i], lw=1.8, label=f"{r:g}")
            ax.axvline(ours, color=GREY, lw=1, ls=(0, (4, 3)))
            ax.set(xscale="log", title=title, xlabel="items a shard", ylim=(-0.05, 1.02))
        axes[0].set_ylabel("correlation of shard means")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=len(labels),
            title="correlation per item, inside a subset",
        )

    none = shard_correlation(0.0, shard_size=np.array([1, ours, 500.0]), **apart)
    return publish(
        "correlation-theory",
        draw,
        profile=profile,
        size=(7.6, 3.6),
        caption="What averaging does, from the law of total covariance: the correlation of shard "
        f"means by the number of items a shard, for {len(ITEM_CORRELATIONS)} correlations inside a "
        "subset. Left: "
        f"{100 * own['between_x']:.0f} % of the variance of the reward (*{name}*) and "
        f"{100 * own['between_y']:.0f} % of that of the marks lie between subsets, whose means "
        f"correlate {number(own['between_correlation'])}, as measured here. Right: none of it "
        f"does. The dashed line: our shards of {ours:.0f}.",
        alt=f"{len(titles)} panels of {len(ITEM_CORRELATIONS)} lines. Left, all rise with the "
        "size of the shard; with no "
        f"correlation inside a subset from {number(none[0])} (one item) through {number(none[1])} "
        f"({ours:.0f}) to {number(none[2])} (500). Right, all lines are flat.",
    )
