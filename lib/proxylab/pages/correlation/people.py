"""Real people's votes: how far rulers and a small reward model go with them, beside one person."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.correlation.rows import NOTEBOOK
from proxylab.pages.usual import first_seed, usual
from proxylab.plots import forest, publish
from proxylab.results import MissingResults, gather
from proxylab.studies.correlation.real import LEFT_OUT, PERSON, TRAINED, UNANIMOUS
from proxylab.tables import joined, number, show_table

NAMES = {"pandalm": "PandaLM", "ukpconvarg1": "UKPConvArg1"}
UNITS = {"pandalm": "instructions", "ukpconvarg1": "sides of a debate"}


def people_rows(profile: str, data: str) -> pd.DataFrame:
    """The recorded rows of one data set, of the first seed that was run."""
    return _of_first_seed(profile, "people", data)


def _of_first_seed(profile: str, name: str, data: str) -> pd.DataFrame:
    table = gather(NOTEBOOK, name, profile=profile, where=usual(NOTEBOOK, profile, data=data))
    return first_seed(table, of="data")


def available_data(profile: str) -> list[str]:
    """The data sets of people's votes that were run; raises MissingResults if none was."""
    found, missing = [], None
    for data in NAMES:
        try:
            people_rows(profile, data)
            found.append(data)
        except MissingResults as error:
            missing = error
    if not found:
        raise missing
    return found


def people_figure(profile: str) -> Markdown:
    """Pearson's correlation with the mean of the other people, scorers and one person."""
    frames = []
    for data in available_data(profile):
        own = people_rows(profile, data)
        own = own[(own["target"] == LEFT_OUT) & (own["measure"] == "pearson")]
        frames.append(own.assign(people=NAMES[data]))
    table = pd.concat(frames, ignore_index=True)
    order = list(dict.fromkeys(table["scorer"]))
    order = [*(name for name in order if name != PERSON), PERSON]
    table = table.sort_values("scorer", key=lambda column: column.map(order.index), kind="stable")
    words = [f"{row.people}, {row.scorer}: {number(row.value)}." for row in table.itertuples()]

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            table,
            rows="scorer",
            series="people",
            xlabel="correlation with the mean vote of the others",
            reference=0,
            reference_label="none",
        )

    return publish(
        "correlation-people",
        draw,
        profile=profile,
        size=(7.6, 1.1 + 0.42 * len(order)),
        caption="Real people: Pearson's correlation of the gap between two responses with the "
        "mean vote of all annotators but one, averaged over who is left out; the last row is the "
        "vote of the one left out. 95 % intervals over prompts.",
        alt=f"Dots with intervals, one row a scorer. {' '.join(words)}",
    )


def people_table(profile: str, data: str) -> Markdown:
    """All three correlations, and accuracy where all annotators agree, for one data set."""
    table = people_rows(profile, data)
    facts = _of_first_seed(profile, "judged", data).iloc[0]
    votes = table[table["target"] == LEFT_OUT]
    votes = votes.assign(text=joined(votes, stacked=True))
    wide = votes.pivot(index="scorer", columns="measure", values="text")
    right = table[table["target"] == UNANIMOUS].set_index("scorer")
    texts = dict(zip(right.index, joined(right, digits=1, percent=True, stacked=True), strict=True))
    order = list(dict.fromkeys(table["scorer"]))
    wide = wide.loc[order, ["pearson", "spearman", "kendall"]].reset_index()
    wide["accuracy"] = [texts.get(name, "–") for name in order]
    n = int(right["n_pairs"].iloc[0])
    return show_table(
        wide,
        label=f"people-{data}",
        caption=f"{NAMES[data]}: {int(facts['n_pairs']):,} pairs of {int(facts['n_prompts'])} "
        f"{UNITS[data]}, {int(facts['n_votes'])} votes each (+1, 0, −1); "
        f"{100 * facts['unanimous']:.0f} % unanimous. Correlations with the mean vote of the "
        f"others, and accuracy (%) on the {n:,} pairs where all voted for the same response (a gap "
        "of 0 counts as wrong): value [95 % interval over prompts].",
        names={"accuracy": "accuracy, unanimous"},
        text=("scorer",),
    )


def people_sentence(profile: str) -> Markdown:
    """Which scorers differ from nothing and which reach one person, by data set."""
    parts = []
    for data in available_data(profile):
        own = people_rows(profile, data)
        own = own[(own["target"] == LEFT_OUT) & (own["measure"] == "pearson")].set_index("scorer")
        person = own.loc[PERSON]
        others = own.drop(index=PERSON)
        above = [str(name) for name in others.index[others["low"] > 0]]
        reached = [str(n) for n in others.index[others["high"] >= person["low"]]]
        parts.append(
            f"On {NAMES[data]} one person correlates {joined(own.loc[[PERSON]])[0]} with the rest. "
            f"Clearly above nothing: {_listed(above)}. Not clearly below one person (intervals "
            f"overlap): {_listed(reached)}."
        )
    return Markdown(" ".join(parts))


def transfer_sentence(profile: str) -> Markdown:
    """That what was trained here was trained for other data."""
    if "pandalm" not in available_data(profile):
        return Markdown("")
    own = people_rows(profile, "pandalm")
    own = own[own["target"] == UNANIMOUS].set_index("scorer")
    shown = joined(own.loc[[TRAINED]], digits=1, percent=True)[0]
    return Markdown(
        "The linear models and the reward model were trained on HH-RLHF: other questions, other "
        f"writers, other rules. That the reward model is right on {shown} % of PandaLM's unanimous "
        "pairs says how far it carries, not what it is worth where it was trained."
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"*{name}*" for name in names) if names else "none"
