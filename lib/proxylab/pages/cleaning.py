"""Tables, figures and sentences of the page on cleaning preference data."""

import pandas as pd
from IPython.display import Markdown
from scipy.stats import binom

from proxylab.cleaning import CATEGORIES, LABELS
from proxylab.pages.pooling import seeds_in_words
from proxylab.paper_values import paper_value
from proxylab.parameters import defaults_of
from proxylab.plots import curves, publish, stacked_shares
from proxylab.results import MissingResults, available, gather
from proxylab.runs import Clean
from proxylab.stats import wilson
from proxylab.tables import interval_text, number, show_table

NOTEBOOK = "clean"
# Runs that someone tried with other choices are not pooled with the batch's.
USUAL = {
    name: value
    for name, value in defaults_of(Clean).items()
    if name in ("n_annotators", "annotator_temperature", "rule")
}
WORLD = {"data": "world", **USUAL}
REAL = {"data": "hh-rlhf", "annotators": "committee", "seed": 0, **USUAL}
SIMULATED = {**WORLD, "annotators": "simulated"}
COMMITTEE = {**WORLD, "annotators": "committee"}
SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")
KINDS_FROM_VOTES = ("Same", "Opposite", "Toxic", "Vague")


def coin_flip_sentence(n_annotators: int = 4) -> Markdown:
    """What the paper's rule makes of a pair that nobody can tell apart."""
    tie = binom.pmf(n_annotators // 2, n_annotators, 0.5)
    wrong = binom.sf(n_annotators // 2, n_annotators, 0.5)
    return Markdown(
        f"One consequence can be worked out on paper. Where two responses are equally good, "
        f"{n_annotators} forced choices are {n_annotators} coin flips: they split evenly only "
        f"{100 * tie:.1f} % of the time, and in {100 * wrong:.1f} % of cases a clear majority "
        "calls the pair Opposite. The rule cannot find most of what is truly vague, and part of "
        "what it calls Opposite is chance."
    )


def share_rows(profile: str) -> pd.DataFrame:
    """Category shares in per cent: the world's truth, what annotators found, and real text."""
    rows = []
    confusion = gather(NOTEBOOK, "confusion", profile=profile, where=SIMULATED)
    truth = confusion.groupby("true")[list(LABELS)].sum().sum(axis=1)
    rows.append(("world: truth", 100 * truth / truth.sum()))
    for label, where in (("world: four annotators", SIMULATED), ("world: committee", COMMITTEE)):
        rows.append((label, _shares(gather(NOTEBOOK, "counts", profile=profile, where=where))))
    try:
        real = gather(NOTEBOOK, "counts", profile=profile, where=REAL)
    except MissingResults:
        real = None
    if real is not None:
        test = real[real["split"] == "test"]
        rows += [(f"HH-RLHF {name}: committee", _shares(test, name)) for name in SUBSETS]
    frame = pd.DataFrame([shares.reindex(CATEGORIES).fillna(0) for _, shares in rows])
    return frame.assign(who=[label for label, _ in rows]).reset_index(drop=True)


def _shares_in_words(frame: pd.DataFrame) -> str:
    rows = frame.to_dict("records")
    return " ".join(
        f"{row['who']}: {', '.join(f'{name} {row[name]:.0f}' for name in CATEGORIES)}."
        for row in rows
    )


def _shares(counts: pd.DataFrame, subset: str = "all") -> pd.Series:
    part = counts[counts["subset"] == subset]
    return 100 * part.groupby("category")["n"].sum() / part["n"].sum()


def share_figure(profile: str) -> Markdown:
    """Category shares as stacked bars."""
    frame = share_rows(profile)
    runs = gather(NOTEBOOK, "counts", profile=profile, where=SIMULATED)
    same = paper_value("elephant", "figure 3", "train", "Same")

    def draw(figure) -> None:
        stacked_shares(
            figure.subplots(), frame, rows="who", parts=CATEGORIES, xlabel="share of pairs (%)"
        )

    return publish(
        "category-shares",
        draw,
        profile=profile,
        size=(7.2, 0.9 + 0.42 * len(frame)),
        caption=f"Shares of the six categories. World: train and test of {seeds_in_words(runs)}, "
        "with the truth as the first bar. A committee of models is not people: hold its bar in "
        f"the world against the truth. The paper's four people called {same:g} % of train Same.",
        alt=f"Stacked bars of category shares in per cent. {_shares_in_words(frame)}",
    )


def recovery_table(profile: str) -> Markdown:
    """Precision and recall by category of simulated annotators and of the committee."""
    frames = []
    for who, where in (("annotators", SIMULATED), ("committee", COMMITTEE)):
        pooled = _pooled_recovery(gather(NOTEBOOK, "recovery", profile=profile, where=where))
        frames.append(pooled.assign(who=who))
    table = pd.concat(frames).sort_values("category", key=_in_order, kind="stable")
    runs = gather(NOTEBOOK, "recovery", profile=profile, where=SIMULATED)
    return show_table(
        table[["category", "who", "n_true", "precision", "recall"]],
        label="recovery",
        caption="How much of the world's truth is found: pairs of train and test pooled over "
        f"{seeds_in_words(runs)}, Wilson intervals at 95 % that treat pairs as independent. "
        "Precision: of the pairs put in the category, the share that belong there; recall: of "
        "those that belong, the share put there.",
        names={"who": "relabelled by", "n_true": "true pairs"},
        text=("category", "who"),
    )


def _in_order(categories: pd.Series) -> pd.Series:
    return categories.map(CATEGORIES.index)


def _pooled_recovery(table: pd.DataFrame) -> pd.DataFrame:
    counts = ["n_true", "n_found", "n_both"]
    sums = table.groupby("category", sort=False)[counts].sum().reset_index()
    precision = [wilson(row.n_both, row.n_found) for row in sums.itertuples()]
    recall = [wilson(row.n_both, row.n_true) for row in sums.itertuples()]
    return sums.assign(
        precision=[interval_text(found) for found in precision],
        recall=[interval_text(found) for found in recall],
    )


def _sweep(profile: str) -> pd.DataFrame:
    keys = ["category", "sweep_n", "sweep_temperature"]
    table = gather(NOTEBOOK, "sweep", profile=profile, where=SIMULATED)
    sums = table.groupby(keys, sort=False)[["n_true", "n_found", "n_both"]].sum().reset_index()
    rows = []
    for row in sums.itertuples():
        for measure, total in (("precision", row.n_found), ("recall", row.n_true)):
            found = wilson(row.n_both, total)
            rows.append(
                {
                    "category": row.category,
                    "n_annotators": row.sweep_n,
                    "temperature": row.sweep_temperature,
                    "measure": measure,
                    "value": found.estimate,
                    "low": found.low,
                    "high": found.high,
                }
            )
    return pd.DataFrame(rows)


def sweep_figure(profile: str) -> Markdown:
    """Precision and recall against the number of annotators and against their noise."""
    table = _sweep(profile)
    runs = gather(NOTEBOOK, "sweep", profile=profile, where=SIMULATED)
    n, temperature = runs["n_annotators"].iloc[0], runs["annotator_temperature"].iloc[0]
    shown = table[table["category"].isin(KINDS_FROM_VOTES)]
    panels = (
        ("n_annotators", shown[shown["temperature"] == temperature], "annotators"),
        ("temperature", shown[shown["n_annotators"] == n], "annotators' noise (gold reward)"),
    )

    def draw(figure) -> None:
        axes = figure.subplots(2, 2, sharey=True)
        for row, measure in enumerate(("precision", "recall")):
            for ax, (x, part, label) in zip(axes[row], panels, strict=True):
                part = part[part["measure"] == measure]
                curves(ax, part, x=x, series="category", xlabel=label, ylabel=measure, log_x=True)
            axes[row, 1].set_ylabel("")
        axes[0, 0].set_ylim(-0.02, 1.04)

    return publish(
        "recovery-sweep",
        draw,
        profile=profile,
        size=(8.4, 5.4),
        caption="Precision and recall of the categories that votes decide, against the number of "
        f"annotators (noise {temperature:g}) and against their noise ({n} annotators). Training "
        f"pairs of {seeds_in_words(runs)}; bands are 95 % Wilson intervals.",
        alt="Four panels of lines: precision above and recall below, against the number of "
        f"annotators and against their noise. {sweep_sentence(profile).data}",
    )


def sweep_sentence(profile: str) -> Markdown:
    """What more or calmer annotators do to the precision of Opposite and the recall of Vague."""
    table = _sweep(profile)
    runs = gather(NOTEBOOK, "sweep", profile=profile, where=SIMULATED)
    n, temperature = runs["n_annotators"].iloc[0], runs["annotator_temperature"].iloc[0]
    by_number = table[table["temperature"] == temperature]
    by_noise = table[table["n_annotators"] == n]
    return Markdown(
        "Precision of Opposite: "
        f"{_along(by_number, 'Opposite', 'precision', 'n_annotators', 'annotators')}; "
        f"{_along(by_noise, 'Opposite', 'precision', 'temperature', 'noise')}. "
        f"Recall of Vague: {_along(by_number, 'Vague', 'recall', 'n_annotators', 'annotators')}; "
        f"{_along(by_noise, 'Vague', 'recall', 'temperature', 'noise')}."
    )


def _along(table: pd.DataFrame, category: str, measure: str, x: str, name: str) -> str:
    part = table[(table["category"] == category) & (table["measure"] == measure)].sort_values(x)
    steps = [f"{number(value)} at {at:g}" for at, value in zip(part[x], part["value"], strict=True)]
    return f"by {name}, {', '.join(steps)}"


def committee_sentence(profile: str) -> Markdown:
    """How much of what a committee calls Opposite is, where that is known."""
    found = gather(NOTEBOOK, "recovery", profile=profile, where=COMMITTEE)
    row = found[found["category"] == "Opposite"][["n_found", "n_both"]].sum()
    right = interval_text(wilson(row["n_both"], row["n_found"]), 1, percent=True)
    if not available(NOTEBOOK, profile=profile, where=REAL):
        return Markdown(f"In the world, {right} % of what a committee calls Opposite is Opposite.")
    return Markdown(
        "::: {.callout-warning}\n## A committee is not people\n\n"
        "The HH-RLHF bars of @fig-category-shares are votes of four small linear models. In the "
        f"world, {right} % of the pairs that such a committee calls Opposite are Opposite; the "
        "rest is its own error. Read those bars as what a committee does, not as how noisy "
        "HH-RLHF is."
        "\n:::\n"
    )
