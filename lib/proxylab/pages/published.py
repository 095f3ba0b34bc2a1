"""The accuracy page's published numbers: the paper's table 4, and JudgeBench's raw scores."""

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED, within_parts
from proxylab.pages.correlation import judgebench
from proxylab.pages.reward_models import RULERS, SHORT, SUBSETS, TRAINED, WHERE
from proxylab.paper_values import paper_table
from proxylab.results import gather
from proxylab.tables import joined, number, show_table

ROUNDING = 0.005  # the paper prints two decimals of a percentage


def paper_accuracy_table() -> Markdown:
    """Table 4 of the paper, with the rows that arithmetic rules out."""
    table = paper_table("elephant", "4").rename(
        columns={"row": "model", "column": "subset", "value": "accuracy"}
    )
    possible = within_parts(table, rounding=ROUNDING).set_index("model")["possible"]
    wide = table.assign(text=[number(v, 2) for v in table["accuracy"]])
    order = list(dict.fromkeys(table["model"]))
    wide = wide.pivot(index="model", columns="subset", values="text").loc[order, list(SUBSETS)]
    verdict = {True: "possible", False: "impossible"}
    wide = wide.assign(mixed_is=[verdict[bool(possible[name])] for name in order]).reset_index()
    return show_table(
        wide,
        label="paper-accuracy",
        caption="The paper's table 4 (accuracy in %, cleaned test sets, no intervals given).",
        names={**SHORT, "mixed_is": "mixed is"},
        text=("model", "mixed_is"),
    )


def impossible_sentence() -> Markdown:
    """Which rows of the paper's table 4 cannot be what they are said to be."""
    table = paper_table("elephant", "4").rename(
        columns={"row": "model", "column": "subset", "value": "accuracy"}
    )
    found = within_parts(table, rounding=ROUNDING)
    names = found.loc[~found["possible"], "model"].tolist()
    return Markdown(
        f"If Test_mixed is the union of the four sets, its accuracy is a weighted mean of theirs. "
        f"For {len(names)} of {len(found)} rows ({', '.join(names)}) it lies above every part, "
        "which no weighting allows."
    )


def possible_rows(profile: str, data: str) -> pd.DataFrame:
    """`within_parts` of every accuracy table of our own runs."""
    frames = [
        gather(notebook, "accuracy", profile=profile, where=WHERE[data]).assign(
            model=lambda t: t["model"] + t["run_id"] + t["test_labels"]
        )
        for notebook in (RULERS, TRAINED)
    ]
    return within_parts(pd.concat(frames, ignore_index=True))


def our_tables_are_possible(profile: str, data: str) -> Markdown:
    """The same check on our own runs, in a sentence."""
    found = possible_rows(profile, data)
    return Markdown(
        f"The same check on our own tables: {int(found['possible'].sum())} of {len(found)} rows "
        "lie within the range of their parts."
    )


def published_scores_table(profile: str) -> Markdown:
    """JudgeBench's five reward models, from their published scores."""
    table = judgebench.recorded(profile, "accuracy")
    texts = joined(table, value="accuracy", digits=1, percent=True, stacked=True)
    rows = table.assign(text=texts)
    order = list(dict.fromkeys(rows["model"]))
    wide = rows.pivot(index="model", columns="subset", values="text").loc[order]
    columns = [*[name for name in wide if name != MIXED], MIXED]
    ties = table[table["subset"] == MIXED].set_index("model")["n_tied"]
    wide = wide[columns].assign(ties=[int(ties[name]) for name in order]).reset_index()
    wide["model"] = [name.split("/")[-1] for name in wide["model"]]
    n = int(table.loc[table["subset"] == MIXED, "n"].max())
    return show_table(
        wide,
        label="judgebench",
        caption=f"Five published reward models on JudgeBench's {n} pairs (accuracy in %, Wilson "
        "intervals at 95 %), recomputed from their raw scores.",
        names={name: name.removeprefix("judgebench-") for name in columns},
        text=("model",),
    )


def published_comparison_sentence(profile: str) -> Markdown:
    """Which of the five published models can be told apart."""
    tests = judgebench.recorded(profile, "comparisons")
    n = int(tests["distinguishable"].sum())
    which = "none" if n == 0 else str(n)
    widest = tests.loc[tests["difference"].abs().idxmax()]
    text = joined(pd.DataFrame([widest]), value="difference", digits=1, percent=True)[0]
    return Markdown(
        f"Of {len(tests)} comparisons between them, {which} can be told from chance after Holm's "
        f"correction (exact McNemar; smallest corrected p {tests['p_holm'].min():.2f}). The widest "
        f"gap is {text} points. A ranking of these five from {int(tests['n'].max())} pairs is "
        "noise."
        if n == 0
        else f"Of {len(tests)} comparisons between them, {which} survive Holm's correction."
    )
