"""Per item: how each scorer goes with people and with gold, between and within prompts."""

import pandas as pd
from IPython.display import Markdown

from proxylab.evaluate.correlation import METHODS
from proxylab.pages.correlation import rows
from proxylab.pages.correlation.rows import CHOSEN, GOLD, PEOPLE, PERSON, START
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import LOWER, verdicts_in_words
from proxylab.plots import forest, publish
from proxylab.results import gather
from proxylab.studies.correlation.world import ALL, WITHIN
from proxylab.tables import interval_text, number, show_table


def item_table(profile: str) -> Markdown:
    """All three correlations with people over all responses, and the rank correlation within."""
    shown = []
    for name in (*rows.scorers(profile), PERSON):
        cells = {
            method: interval_text(rows.pooled(profile, name, ALL, method=method))
            for method in METHODS
        }
        within = rows.pooled(profile, name, WITHIN, method="spearman") if name != PERSON else None
        gold = (
            rows.pooled(profile, name, WITHIN, method="spearman", target=GOLD)
            if name not in (PERSON, GOLD)
            else None
        )
        cells |= {"within": _or_dash(within), "gold": _or_dash(gold)}
        shown.append({"scorer": name, **cells})
    counts = gather(rows.NOTEBOOK, "counts", profile=profile, where=rows.in_world(profile))
    counts = counts[(counts["policy"] == START) & (counts["target"] == PEOPLE)]
    own = counts[counts["scorer"] == GOLD]
    return show_table(
        pd.DataFrame(shown),
        label="correlation-items",
        caption="Correlation with the people's mean mark over all "
        f"{int(own['n_responses'].sum()):,} responses to {int(own['n_prompts'].sum()):,} prompts "
        f"of {seeds_in_words(counts)}: mean [{rows.interval_in_words(profile)}; the responses "
        "to one prompt are redrawn together]. Within: the mean over prompts of Spearman's "
        "correlation among the responses to one prompt, with people and with gold; a prompt "
        "whose responses are all marked or scored alike has none (of "
        f"{int(own['n_prompts'].sum()):,} prompts, {int(own['n_defined'].sum()):,} have one for "
        "gold). *One of the people*: against the mean of the others, averaged over who is left "
        "out; *gold*: the ceiling of any proxy.",
        names={"within": "within a prompt, people", "gold": "within a prompt, gold"},
        text=("scorer",),
    )


def _or_dash(found) -> str:
    return "–" if found is None else interval_text(found)


def selected_rows(profile: str) -> pd.DataFrame:
    """Each reward model's rank correlation with people on all responses, and on those that it
    chose itself: scorer, of (START or CHOSEN), value, low, high."""
    found = []
    for name in rows.reward_models(profile):
        for policy in (START, CHOSEN):
            value = rows.pooled(profile, name, ALL, method="spearman", policy=policy)
            found.append({"scorer": name, "of": policy, **rows.row(value)})
    return pd.DataFrame(found)


def selected_changes(profile: str) -> pd.DataFrame:
    """Chosen less all for each reward model (comparison), one family: see `rows.differences`."""
    keys = {
        name: tuple((policy, PEOPLE, name, ALL, "spearman") for policy in (CHOSEN, START))
        for name in rows.reward_models(profile)
    }
    return rows.differences(profile, keys)


def selected_figure(profile: str) -> Markdown:
    """What is left of the agreement where a reward model chose the responses itself."""
    shown = selected_rows(profile)
    names = {START: "drawn", CHOSEN: "chosen by the proxy"}
    shown = shown.assign(responses=[names[of] for of in shown["of"]])
    words = [f"{row.scorer}, {row.responses}: {number(row.value)}." for row in shown.itertuples()]

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            shown,
            rows="scorer",
            series="responses",
            xlabel="Spearman's correlation with people",
            reference=0,
            reference_label="none",
        )

    return publish(
        "correlation-chosen",
        draw,
        profile=profile,
        size=(7.6, 1.1 + 0.42 * shown["scorer"].nunique()),
        caption="Agreement with people on responses as the policy draws them, and on those that "
        "the reward model itself chose from several: "
        f"{seeds_in_words(rows.seeds_of(profile))}, each with its "
        f"{rows.interval_in_words(profile)}.",
        alt=f"Dots with intervals, two a reward model. {' '.join(words)}",
    )


def selected_sentence(profile: str) -> Markdown:
    """How much of the agreement is lost where the proxy chose."""
    table = selected_changes(profile)
    said = verdicts_in_words(
        table,
        table["comparison"],
        what="Spearman's correlation with people, on responses that the reward model chose itself "
        "less on all",
    )
    if not (table["verdict"] == LOWER).any():
        return Markdown(f"{said} Some loss would be arithmetic: chosen responses differ less.")
    return Markdown(
        f"{said} Part of a loss is arithmetic: chosen responses differ less. What is left is what "
        "an evaluator has that was also the optimiser's target."
    )
