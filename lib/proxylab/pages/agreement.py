"""Tables of the cleaning page on people: how far they agree, and HH-RLHF as published."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.cleaning import NOTEBOOK, REAL, WORLD
from proxylab.pages.usual import first_seed
from proxylab.paper_values import paper_value
from proxylab.results import MissingResults, gather
from proxylab.tables import joined, number, show_table

PEOPLE = "measure_agreement"


def agreement_table(profile: str) -> Markdown:
    """Agreement of simulated annotators, of the committee, and of people."""
    rows = []
    world = gather(NOTEBOOK, "agreement", profile=profile, where=WORLD)
    world = world[(world["split"] == "train") & (world["seed"] == world["seed"].min())]
    for who, part in world.groupby("annotators", sort=False):
        rows.append(_agreement_row(f"world, {who} (one seed)", part))
    try:
        real = gather(NOTEBOOK, "agreement", profile=profile, where=REAL)
        rows.append(_agreement_row("HH-RLHF test, committee", real[real["split"] == "test"]))
    except MissingResults:
        pass
    try:
        people = first_seed(gather(PEOPLE, "agreement", profile=profile), of="votes")
        names = {"pandalm": "PandaLM, people", "ukpconvarg1": "UKPConvArg1, people"}
        for votes, part in people.groupby("votes", sort=False):
            rows.append(_agreement_row(names[votes], part))
    except MissingResults:
        pass
    return show_table(
        pd.DataFrame(rows),
        label="agreement",
        caption="Agreement between annotators: Krippendorff's alpha (nominal) and the share of "
        "votes that equal the mode of the others, with bootstrap intervals over pairs.",
        names={"n": "pairs"},
        text=("votes",),
    )


def _agreement_row(name: str, part: pd.DataFrame) -> dict:
    by_name = part.set_index("statistic")
    texts = dict(zip(by_name.index, joined(by_name), strict=True))
    return {
        "votes": name,
        "n": int(by_name.loc["alpha", "n"]),
        "annotators": int(by_name.loc["alpha", "n_raters"]),
        "alpha": texts["alpha"],
        "leave-one-out": texts["leave-one-out"],
    }


def relabelled_table(profile: str) -> Markdown:
    """The paper's rules on people's votes: one is the record, the others relabel."""
    table = first_seed(gather(PEOPLE, "relabelled", profile=profile), of="votes")
    table = table[table["category"].isin(["Same", "Opposite", "Vague"])]
    texts = joined(table, value="share", digits=1, percent=True)
    wide = table.assign(text=texts).pivot(index="votes", columns="category", values="text")
    names = {"pandalm": "PandaLM (2 relabel)", "ukpconvarg1": "UKPConvArg1 (4 relabel)"}
    wide = wide[["Same", "Opposite", "Vague"]].rename(index=names).reset_index()
    same = paper_value("elephant", "figure 3", "train", "Same")
    row = {"votes": "paper: HH-RLHF train", "Same": number(same, 1), "Opposite": "–", "Vague": "–"}
    return show_table(
        pd.concat([wide, pd.DataFrame([row])], ignore_index=True),
        label="relabelled",
        caption="People against people, in per cent: one annotator's vote is taken for the "
        "recorded label and the others relabel it. No label here is noise by anyone's intent.",
        text=("votes",),
    )


def real_text_table(profile: str) -> Markdown:
    """HH-RLHF's test split as read: counts, and what is exactly Empty and Repetitive."""
    read = gather(NOTEBOOK, "read", profile=profile, where=REAL)
    read = read[read["split"] == "test"]
    counts = gather(NOTEBOOK, "counts", profile=profile, where=REAL)
    counts = counts[(counts["split"] == "test") & (counts["category"] == "Toxic")]
    texts = joined(counts, value="share", percent=True, stacked=True)
    toxic = dict(zip(counts["subset"], texts, strict=True))
    table = read[["subset", "n_pairs", "identical", "empty", "prompts_differ", "multi_turn"]]
    return show_table(
        table.assign(toxic=[toxic[name] for name in table["subset"]]),
        label="hh-read",
        caption="HH-RLHF's published test split as read. Identical and empty pairs are exact "
        "counts; toxic is the share (%) whose chosen response a classifier of offensive language "
        "flags, with Wilson interval.",
        names={"n_pairs": "pairs", "prompts_differ": "prompts differ", "multi_turn": "multi-turn"},
        text=("subset",),
    )


def contradiction_sentence(profile: str) -> Markdown:
    """What the published data says about figure 7's caption."""
    read = gather(NOTEBOOK, "read", profile=profile, where=REAL)
    test = read[read["split"] == "test"].set_index("subset")
    return Markdown(
        "The paper's figure 7 says that Harmless_base and Helpful_rejection hold no Repetitive and "
        "no Empty data. The published test split does: "
        f"{test.loc['helpful-rejection-sampled', 'identical']} identical pairs in "
        f"helpful-rejection-sampled and {test.loc['harmless-base', 'empty']} pairs with an empty "
        "response in harmless-base."
    )
