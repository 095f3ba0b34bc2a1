"""The page's section on the human ceiling: what a perfect proxy could score against noisy votes."""

import pandas as pd
from IPython.display import Markdown

from proxylab.cleaning.ceiling import AGREEMENT, BETA, FLOOR, LIMIT
from proxylab.pages.people.rows import CROWD_NAMES, DATA_NAMES, people, units_in_words, world
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import signed
from proxylab.plots import publish
from proxylab.plots.style import COLOURS
from proxylab.studies.aggregation.crowds import EQUAL
from proxylab.tables import joined, number, show_table

GOLD = "gold, votes"
PROXY, PROXY_GOLD = "proxy, votes", "proxy, gold"
CORRECTED = f"proxy, corrected by {BETA}"
SLACK = 0.005  # a gold share this far outside the bracket still counts as inside: half a point


def ceiling_table(profile: str) -> Markdown:
    """Floor, estimate and limit of the best accuracy against single votes, by data set."""
    table = people("ceiling", profile)
    table = table.assign(text=joined(table, digits=1, percent=True, stacked=True))
    wide = table.pivot(index="votes", columns="statistic", values="text")
    wide = wide[[AGREEMENT, FLOOR, BETA, LIMIT]]
    n = table.groupby("votes")[["n_pairs", "n_units"]].max()
    wide.insert(0, "n", n["n_pairs"])
    wide.insert(1, "n_units", units_in_words(wide.index, n["n_units"]))
    return show_table(
        wide.rename(index=DATA_NAMES).reset_index(),
        label="human-ceiling",
        caption="What a perfect proxy could score against a single vote (%): at least what the "
        "majority of the others scores, at most what it would if all pairs were equally hard; "
        "between them the estimate of a symmetric beta distribution; [95 % bootstrap interval "
        "over units, each redrawn with all its pairs]. Ties are left out.",
        names={
            "votes": "data",
            "n": "pairs",
            "n_units": "units",
            FLOOR: f"floor: {FLOOR}",
            BETA: f"estimate: {BETA}",
            LIMIT: f"limit: {LIMIT}",
        },
        text=("votes", "n_units"),
    )


def bracket_rows(profile: str) -> pd.DataFrame:
    """Floor, limit and gold's true accuracy against votes in the world, means over seeds."""
    table = world("ceiling", profile)
    keys = ["crowd", "n_annotators"]
    wide = table.pivot_table(index=keys, columns="statistic", values="value", sort=False)
    wide = wide.loc[list(CROWD_NAMES)].reset_index()
    low, high = wide[FLOOR] - SLACK, wide[LIMIT] + SLACK
    return wide.assign(inside=(wide[GOLD] >= low) & (wide[GOLD] <= high))


def bracket_figure(profile: str) -> Markdown:
    """The bracket against gold's accuracy, by crowd and number of annotators."""
    rows = bracket_rows(profile)
    names = [f"{CROWD_NAMES[row.crowd]}, {row.n_annotators}" for row in rows.itertuples()]

    def draw(figure) -> None:
        ax = figure.subplots()
        y = range(len(rows))
        ax.hlines(y, 100 * rows[FLOOR], 100 * rows[LIMIT], color=COLOURS[0], lw=4, alpha=0.4)
        ax.plot(100 * rows[BETA], y, "D", color=COLOURS[0], ms=5, ls="", label="estimate")
        ax.plot(100 * rows[GOLD], y, "o", color=COLOURS[4], ms=5, ls="", label="gold itself")
        ax.set_yticks(y, names)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel("accuracy against single votes (%)")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    seeds = seeds_in_words(world("ceiling", profile))
    return publish(
        "ceiling-bracket",
        draw,
        profile=profile,
        size=(7.6, 0.9 + 0.26 * len(rows)),
        caption="The world: the bracket that votes alone give for the ceiling (bar), the estimate "
        f"within it, and what the gold reward scores against the same votes; means over {seeds}.",
        alt=f"Bars and dots, one row a crowd and number. {bracket_sentence(profile).data}",
    )


def bracket_sentence(profile: str) -> Markdown:
    """In how many settings the bracket holds gold, and for which crowds it does not."""
    rows = bracket_rows(profile)
    parts = []
    for crowd, part in rows.groupby("crowd", sort=False):
        outside = part.loc[~part["inside"], "n_annotators"].tolist()
        where = f" (not with {', '.join(map(str, outside))} annotators)" if outside else ""
        parts.append(f"{CROWD_NAMES[crowd]}, {int(part['inside'].sum())} of {len(part)}{where}")
    return Markdown(
        "Settings in which gold's accuracy against votes lies within the bracket, give or take "
        f"half a point: {'; '.join(parts)}. The bracket supposes annotators who are drawn alike "
        "for every pair; a fixed few of unequal quality are not."
    )


def correction_sentence(profile: str) -> Markdown:
    """What correcting a proxy's accuracy for the noise of the votes gives, and what is true."""
    table = world("ceiling", profile)
    wide = table[table["crowd"] == EQUAL].pivot_table(
        index=["seed", "n_annotators"], columns="statistic", values="value"
    )
    means = 100 * wide.mean()
    off = 100 * (wide[CORRECTED] - wide[PROXY_GOLD])
    return Markdown(
        "A linear model over words agrees with single votes of equal annotators in "
        f"{number(means[PROXY], 1)} % of cases. Corrected for the noise of the votes that is "
        f"{number(means[CORRECTED], 1)} %, and against gold it is right in "
        f"{number(means[PROXY_GOLD], 1)} % (means over {seeds_in_words(table)} and numbers of "
        f"annotators). Over these {len(off)} settings the corrected value is off by "
        f"{signed(off.min())} to {signed(off.max())} points. The correction takes the votes to err "
        "as often where the proxy errs as elsewhere, which nothing guarantees."
    )
