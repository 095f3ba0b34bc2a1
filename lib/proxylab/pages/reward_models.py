"""Tables, figures and sentences of the page on reward-model accuracy (Elephant, table 4)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED, compare, outcomes, within_parts
from proxylab.pages.pooling import pooled_by, pooled_mean, seeds_in_words
from proxylab.paper_values import paper_table
from proxylab.plots import forest, publish
from proxylab.results import gather
from proxylab.studies.reward_models import CLEANED, RAW, on_cleaned
from proxylab.tables import interval_text, joined, number, show_table

TRAINED, RULERS, SCORES = "train_reward_model", "measure_rulers", "measure_scores"
WORLD = {"data": "world", "annotators": "simulated"}
REAL = {"data": "hh-rlhf", "annotators": "committee"}
NAMES = {"world": "Controlled world", "hh-rlhf": "HH-RLHF test split"}
SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled", MIXED)
RULER_ORDER = ("random", "longest", "shortest", "style", "tfidf-char", "tfidf-word")
ROUNDING = 0.005  # the paper prints two decimals of a percentage


def scored_pairs(profile: str, where: Mapping) -> pd.DataFrame:
    """Per-pair outcomes of every model: model, seed, subset, `raw` and `cleaned` (1, 0 or NaN)."""
    models = gather(TRAINED, "scores", profile=profile, where=where)
    rulers = gather(RULERS, "scores", profile=profile, where=where)
    if where["data"] != WORLD["data"]:  # no ruler on real text depends on the seed but the coin
        seeds = models[["seed"]].drop_duplicates()
        rulers = rulers[rulers["seed"] == rulers["seed"].min()].drop(columns="seed")
        rulers = rulers.merge(seeds, how="cross")
    models = models.assign(model=[_name(row) for row in models.itertuples()])
    columns = ["model", "seed", "pair_id", "subset", "category", "score_chosen", "score_rejected"]
    table = pd.concat([rulers[columns], models[columns]], ignore_index=True)
    swapped = table["category"] == "Opposite"
    right = outcomes(table)
    turned = outcomes(
        table.assign(score_chosen=table["score_rejected"], score_rejected=table["score_chosen"])
    )
    kept = table["category"].isin(["Same", "Opposite"])
    return table.assign(raw=right, cleaned=np.where(kept, np.where(swapped, turned, right), np.nan))


def _name(row) -> str:
    share = "" if row.fraction == 1 else f", {100 * row.fraction:g} % of pairs"
    return f"reward model on {row.train_on}{share}"


def _rank(model: str) -> float:
    """Rulers that know nothing first, then those that learn, trained models, and the ceiling."""
    order = (*RULER_ORDER, "gold")
    return order.index(model) if model in order else len(RULER_ORDER) - 0.5


def _in_words(rows: pd.DataFrame) -> str:
    return " ".join(f"{r.model}, {r.labels}: {number(r.value, 1)}." for r in rows.itertuples())


def accuracy_rows(table: pd.DataFrame, *, shared: bool) -> pd.DataFrame:
    """Accuracy by model, subset and test labels, with intervals over seeds and pairs.

    Arguments: `table` from `scored_pairs`; `shared` if every seed has the same pairs.
    """
    frames = []
    for labels in (RAW, CLEANED):
        parts = pooled_by(table, ["model", "subset"], labels, shared=shared)
        mixed = pooled_by(table, ["model"], labels, shared=shared).assign(subset=MIXED)
        frames.append(pd.concat([parts, mixed], ignore_index=True).assign(labels=labels))
    return pd.concat(frames, ignore_index=True)


def accuracy_table(profile: str, where: Mapping, *, label: str) -> Markdown:
    """Accuracy on the cleaned test sets in per cent, models down, sets across."""
    table = scored_pairs(profile, where)
    rows = accuracy_rows(table, shared=where["data"] != "world")
    rows = rows[rows["labels"] == CLEANED]
    rows = rows.assign(text=joined(rows, digits=1, percent=True, stacked=True))
    wide = rows.pivot(index="model", columns="subset", values="text")
    order = sorted(wide.index, key=_rank)
    wide = wide.loc[order, [name for name in SUBSETS if name in wide]].reset_index()
    n = rows[(rows["subset"] == MIXED)]["n"].max()
    return show_table(
        wide,
        label=label,
        caption=f"Accuracy (equation 2, %) on the cleaned test sets, {seeds_in_words(table)}, "
        f"{n:,} scored pairs in all; mean [95 % interval over seeds and pairs]. A tie counts as "
        "wrong: longest and shortest cannot sum to 100.",
        text=("model",),
    )


def accuracy_figure(profile: str, where: Mapping, *, label: str) -> Markdown:
    """Accuracy on all test pairs, with the labels as published and as cleaned."""
    table = scored_pairs(profile, where)
    rows = accuracy_rows(table, shared=where["data"] != "world")
    rows = rows[rows["subset"] == MIXED].assign(labels=lambda t: "labels: " + t["labels"])
    for column in ("value", "low", "high"):
        rows[column] = 100 * rows[column]
    rows = rows.sort_values("model", key=lambda names: names.map(_rank), kind="stable")
    n_models = rows["model"].nunique()

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            rows,
            rows="model",
            series="labels",
            xlabel="accuracy on all test pairs (%)",
            reference=50,
            reference_label="coin",
        )

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.6, 1.1 + 0.34 * n_models),
        caption=f"{NAMES[where['data']]}: the same scores against the labels as published "
        f"(raw) and as corrected (cleaned); {seeds_in_words(table)}, 95 % intervals over seeds "
        "and pairs.",
        alt=f"Dots with intervals, one row a model. {_in_words(rows)}",
    )


def comparison_table(profile: str, where: Mapping, *, label: str) -> Markdown:
    """The trained models and the best rulers in pairs, on the cleaned labels of the same pairs."""
    table = scored_pairs(profile, where)
    shared = where["data"] != "world"
    trained = [name for name in dict.fromkeys(table["model"]) if name.startswith("reward model")]
    names = [*trained, "tfidf-word"]
    table = table[table["model"].isin(names)]
    told_apart = _told_apart(table, names)
    rows = []
    for (a, b), n_seeds in told_apart.items():
        found = _pooled_difference(table, a, b, shared=shared)
        rows.append(
            {
                "a": a,
                "b": b,
                "difference": interval_text(found, 1, percent=True),
                "told apart": f"{n_seeds} of {table['seed'].nunique()} seeds",
            }
        )
    return show_table(
        pd.DataFrame(rows),
        label=label,
        caption="Differences in accuracy on the cleaned labels, in points, of two models on the "
        f"same pairs: mean [95 % interval over seeds and pairs], {seeds_in_words(table)}; and in "
        "how many seeds the exact McNemar test tells them apart after Holm's correction.",
        names={"a": "model", "b": "less model"},
        text=("a", "b"),
    )


def _told_apart(table: pd.DataFrame, names: list[str]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for seed, part in table.groupby("seed", sort=True):
        scores = {
            name: on_cleaned(
                part[part["model"] == name].reset_index(drop=True), part[part["model"] == name]
            )
            for name in names
        }
        tests = compare(scores, rng=np.random.default_rng(seed), n_resamples=100)
        for row in tests.itertuples():
            pair = (row.model_a, row.model_b)
            counts[pair] = counts.get(pair, 0) + int(row.distinguishable)
    return counts


def _pooled_difference(table: pd.DataFrame, a: str, b: str, *, shared: bool):
    keys = ["seed", "pair_id"]
    left = table.loc[table["model"] == a, [*keys, CLEANED]]
    right = table.loc[table["model"] == b, [*keys, CLEANED]]
    joint = left.merge(right, on=keys, suffixes=("_a", "_b"))
    joint["difference"] = joint[f"{CLEANED}_a"] - joint[f"{CLEANED}_b"]
    return pooled_mean(joint, "difference", shared=shared)


def paper_accuracy_table() -> Markdown:
    """Table 4 of the paper, with the rows that arithmetic rules out."""
    table = paper_table("elephant", "4").rename(
        columns={"row": "model", "column": "subset", "value": "accuracy"}
    )
    possible = within_parts(table, rounding=ROUNDING).set_index("model")["possible"]
    wide = table.assign(text=[number(v, 2) for v in table["accuracy"]])
    order = list(dict.fromkeys(table["model"]))
    wide = wide.pivot(index="model", columns="subset", values="text").loc[order, list(SUBSETS)]
    verdict = {True: "possible", False: "outside its parts"}
    wide = wide.assign(mixed_is=[verdict[bool(possible[name])] for name in order]).reset_index()
    return show_table(
        wide,
        label="paper-accuracy",
        caption="The paper's table 4 (accuracy in %, cleaned test sets, no intervals given).",
        names={"mixed_is": "mixed is"},
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
        "which no weighting allows. Every table of ours passes the same check."
    )


def our_tables_are_possible(profile: str, where: Mapping) -> Markdown:
    """The same check on our own runs, in a sentence."""
    frames = [
        gather(notebook, "accuracy", profile=profile, where=where).assign(
            model=lambda t: t["model"] + t["run_id"] + t["test_labels"]
        )
        for notebook in (RULERS, TRAINED)
    ]
    found = within_parts(pd.concat(frames, ignore_index=True))
    return Markdown(
        f"{int(found['possible'].sum())} of our {len(found)} rows of this kind lie within the "
        "range of their parts."
    )


def published_scores_table(profile: str) -> Markdown:
    """JudgeBench's five reward models, from their published scores."""
    table = gather(SCORES, "accuracy", profile=profile)
    rows = table.assign(text=joined(table, value="accuracy", digits=1, percent=True))
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
    tests = gather(SCORES, "comparisons", profile=profile)
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
