"""The page's section on how far people agree: all of them, one by one, and two by two."""

import numpy as np
from IPython.display import Markdown

from proxylab.cleaning.annotator_quality import MIN_OVERLAP
from proxylab.pages.people.rows import DATA_NAMES, OVER_PAIRS, people, units_in_words
from proxylab.paper_values import paper_table
from proxylab.plots import publish
from proxylab.plots.style import COLOURS, GREY
from proxylab.tables import joined, number, show_table

STATISTICS = {
    "alpha": "alpha",
    "ac1": "AC1",
    "leave-one-out": "leave-one-out",
    "split-half": "reliability",
}
FEW = 10  # points below which a line of steps is drawn with its corners
ENOUGH = 50  # votes from which an annotator is looked at alone


def agreement_table(profile: str) -> Markdown:
    """Four statistics of agreement, by data set."""
    table = people("agreement", profile)
    table = table.assign(text=joined(table, stacked=True))
    wide = table.pivot(index="votes", columns="statistic", values="text")[list(STATISTICS)]
    n = table.groupby("votes")[["n_pairs", "n_units"]].max()
    raters = people("annotators", profile).groupby("votes").size()
    wide.insert(0, "n", n["n_pairs"])
    wide.insert(1, "n_units", units_in_words(wide.index, n["n_units"]))
    wide.insert(2, "raters", raters)
    wide = wide.rename(index=DATA_NAMES, columns=STATISTICS).reset_index()
    return show_table(
        wide,
        label="people-agreement",
        caption="How far people agree: Krippendorff's alpha and Gwet's AC1 (both beyond chance, a "
        "tie a third value), the share of votes that equal the mode of the others, and the "
        "reliability of the mean vote from split halves (ties left out); [95 % interval over "
        "units, each redrawn with all its pairs].",
        names={"votes": "data", "n": "pairs", "n_units": "units", "raters": "annotators"},
        text=("data", "votes", "n_units"),
    )


def pattern_table(profile: str) -> Markdown:
    """How the votes on a pair split."""
    table = people("patterns", profile)
    table = table[table["n"] >= 100]
    shown = table[["votes", "pattern", "n"]].assign(
        votes=table["votes"].map(DATA_NAMES),
        share=joined(table, value="share", digits=1, percent=True),
    )
    return show_table(
        shown,
        label="vote-patterns",
        caption="How the votes on a pair split, largest part first (patterns of at least 100 "
        f"pairs; %, Wilson intervals at 95 % {OVER_PAIRS}).",
        names={"votes": "data", "n": "pairs"},
        text=("votes", "pattern"),
    )


def neighbours_sentence(profile: str) -> Markdown:
    """Leave-one-out agreement here beside the published figures."""
    table = people("agreement", profile)
    own = table[table["statistic"] == "leave-one-out"]
    texts = [
        f"{DATA_NAMES[name]} {text} %"
        for name, text in zip(own["votes"], joined(own, digits=1, percent=True), strict=True)
    ]
    published = paper_table("neighbours", "agreement").set_index("row")["value"]
    person = published["AlpacaEval: one person, mode of the three others"]
    longer = published["AlpacaEval: the longer response, mode of four people"]
    return Markdown(
        f"One person against the others: {'; '.join(texts)}. On AlpacaEval's evaluation set it is "
        f"{number(person, 1)} % with four annotators a pair, and the rule that the longer response "
        f"wins comes to {number(longer, 1)} % (as reported by others). A proxy's accuracy means "
        "little without the people's own beside it."
    )


def spread_figure(profile: str) -> Markdown:
    """Annotators one by one, and couples of annotators by Cohen's kappa."""
    annotators = people("annotators", profile)
    annotators = annotators[annotators["n"] >= ENOUGH]
    couples = people("couples", profile).dropna(subset="kappa")
    names = [name for name in DATA_NAMES if name in set(annotators["votes"])]

    def draw(figure) -> None:
        axes = figure.subplots(1, 2)
        panels = (
            (annotators, "agreement", "leave-one-out agreement of an annotator"),
            (couples, "kappa", "Cohen's kappa of two annotators"),
        )
        for ax, (table, column, xlabel) in zip(axes, panels, strict=True):
            for i, name in enumerate(names):
                values = table.loc[table["votes"] == name, column].sort_values()
                share = np.arange(1, len(values) + 1) / max(len(values), 1)
                label = f"{DATA_NAMES[name]} ({len(values):,})"
                marker = "o" if len(values) < FEW else None
                style = {"color": COLOURS[i], "lw": 1.8, "marker": marker, "ms": 3}
                ax.step(values, share, where="post", label=label, **style)
            ax.set_xlabel(xlabel)
            ax.set_ylabel("share at or below")
            ax.legend(loc="upper left")
        axes[1].axvline(0, color=GREY, lw=1, ls=(0, (4, 3)))
        axes[1].set_ylabel("")

    return publish(
        "annotator-spread",
        draw,
        profile=profile,
        size=(8.4, 3.4),
        caption=f"Left: annotators with at least {ENOUGH} votes, by how often they agree with the "
        f"mode of the others. Right: couples with at least {MIN_OVERLAP} pairs in common, by "
        "Cohen's kappa; much of the spread is that of few pairs.",
        alt=f"Two panels of cumulative shares. {spread_sentence(profile).data}",
    )


def spread_sentence(profile: str) -> Markdown:
    """How many annotators and couples stand out from the others, against what chance would do."""
    parts = []
    overall = people("agreement", profile).set_index(["votes", "statistic"])["value"]
    for votes, part in people("annotators", profile).groupby("votes", sort=False):
        known = part[part["n"] >= ENOUGH]
        middle = overall[votes, "leave-one-out"]
        below, above = int((known["high"] < middle).sum()), int((known["low"] > middle).sum())
        parts.append(
            f"{DATA_NAMES[votes]}: of {len(part):,} annotators {len(known):,} have {ENOUGH} votes "
            f"or more; the interval of {below} lies below the overall agreement, that of {above} "
            f"above it (chance alone: about {number(0.025 * len(known), 0)} each)"
        )
    couples = people("couples", profile).dropna(subset="kappa")
    for votes, part in couples.groupby("votes", sort=False):
        worse = int((part["kappa_high"] < 0).sum())
        parts.append(
            f"{DATA_NAMES[votes]}: {len(part):,} couples, median kappa "
            f"{number(part['kappa'].median())}; {worse} agree less than by chance, beyond noise "
            f"(chance alone: about {number(0.025 * len(part), 0)} if all kappas were 0)"
        )
    return Markdown(f"{'. '.join(parts)}.")
