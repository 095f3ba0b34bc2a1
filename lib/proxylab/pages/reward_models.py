"""Tables, figures and sentences of the page on reward-model accuracy (Elephant, table 4)."""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED, compare, outcomes
from proxylab.pages.areas import as_row
from proxylab.pages.pooling import pooled_by, pooled_mean, seeds_in_words
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM, ONE_SEED, judged
from proxylab.plots import forest, publish
from proxylab.results import gather
from proxylab.studies.reward_models import CLEANED, RAW, on_cleaned
from proxylab.tables import joined, number, show_table

TRAINED, RULERS = "train_reward_model", "measure_rulers"
WORLD, REAL = "world", "hh-rlhf"
WHERE = {
    WORLD: {"data": WORLD, "annotators": "simulated"},
    REAL: {"data": REAL, "annotators": "committee"},
}
NAMES = {WORLD: "Controlled world", REAL: "HH-RLHF test split"}
# The labels that count as the result: a committee's cleaning of real text is not people's.
LABELS = {WORLD: CLEANED, REAL: RAW}
SHORT = {
    "harmless-base": "harmless",
    "helpful-base": "helpful",
    "helpful-online": "online",
    "helpful-rejection-sampled": "rejection",
}
SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled", MIXED)
RULER_ORDER = ("random", "longest", "shortest", "style", "tfidf-char", "tfidf-word")
PREFIX = "trained on "
UNCLEAR = {
    NOT_AFTER_HOLM: "differ by their own interval, but not after Holm's correction",
    NOISE: "cannot be told apart: the gap is inside the noise",
    ONE_SEED: "rest on one seed and are not judged",
}


@cache
def scored_pairs(profile: str, data: str) -> pd.DataFrame:
    """Per-pair outcomes of every model: model, seed, subset, `raw` and `cleaned` (1, 0 or NaN)."""
    models = gather(TRAINED, "scores", profile=profile, where=WHERE[data])
    rulers = gather(RULERS, "scores", profile=profile, where=WHERE[data])
    if data != WORLD:  # no ruler on real text depends on the seed but the coin
        rulers = rulers[rulers["seed"] == rulers["seed"].min()].drop(columns="seed")
        rulers = rulers.merge(models[["seed"]].drop_duplicates(), how="cross")
    models = models.assign(model=[_name(row) for row in models.itertuples()])
    columns = ["model", "seed", "pair_id", "subset", "category", "score_chosen", "score_rejected"]
    table = pd.concat([rulers[columns], models[columns]], ignore_index=True)
    swapped, right = table["category"] == "Opposite", outcomes(table)
    exchanged = {"score_chosen": table["score_rejected"], "score_rejected": table["score_chosen"]}
    turned = outcomes(table.assign(**exchanged))
    kept = table["category"].isin(["Same", "Opposite"])
    return table.assign(raw=right, cleaned=np.where(kept, np.where(swapped, turned, right), np.nan))


def _name(row) -> str:
    share = "" if row.fraction == 1 else f", {100 * row.fraction:g} %"
    return f"{PREFIX}{row.train_on}{share}"


def _rank(model: str) -> float:
    """Rulers that know nothing first, then those that learn, trained models, and the ceiling."""
    order = (*RULER_ORDER, "gold")
    return order.index(model) if model in order else len(RULER_ORDER) - 0.5


def _in_words(rows: pd.DataFrame) -> str:
    return " ".join(f"{r.model}, {r.labels}: {number(r.value, 1)}." for r in rows.itertuples())


@cache
def accuracy_rows(profile: str, data: str) -> pd.DataFrame:
    """Accuracy by model, subset and test labels, with intervals over seeds and pairs.

    On real text every seed has the same pairs, which are then redrawn together.
    """
    table, shared = scored_pairs(profile, data), data != WORLD
    frames = []
    for labels in (RAW, CLEANED):
        parts = pooled_by(table, ["model", "subset"], labels, shared=shared)
        mixed = pooled_by(table, ["model"], labels, shared=shared).assign(subset=MIXED)
        frames.append(pd.concat([parts, mixed], ignore_index=True).assign(labels=labels))
    return pd.concat(frames, ignore_index=True)


def accuracy_table(profile: str, data: str, *, label: str) -> Markdown:
    """Accuracy on the test sets in per cent, models down, sets across."""
    table, labels = scored_pairs(profile, data), LABELS[data]
    rows = accuracy_rows(profile, data).query("labels == @labels")
    rows = rows.assign(text=joined(rows, digits=1, percent=True, stacked=True))
    wide = rows.pivot(index="model", columns="subset", values="text")
    wide = wide.loc[
        sorted(wide.index, key=_rank), [name for name in SUBSETS if name in wide]
    ].reset_index()
    n = rows[(rows["subset"] == MIXED)]["n"].max()
    same = f"{table['pair_id'].nunique():,} pairs, the same for every seed"
    pairs = f"{n:,} scored pairs in all" if data == WORLD else same
    return show_table(
        wide,
        label=label,
        caption=f"Accuracy (equation 2, %) on the four test sets and their union, {labels} labels, "
        f"{seeds_in_words(table)}, {pairs}; mean [95 % interval over seeds and "
        "pairs]. A tie counts as wrong: longest and shortest cannot sum to 100.",
        names=SHORT,
        text=("model",),
    )


def accuracy_figure(profile: str, data: str, *, label: str) -> Markdown:
    """Accuracy on all test pairs, with the labels as published and as cleaned."""
    table = scored_pairs(profile, data)
    rows = accuracy_rows(profile, data)
    rows = rows[rows["subset"] == MIXED].assign(labels=lambda t: "labels: " + t["labels"])
    for column in ("value", "low", "high"):
        rows[column] = 100 * rows[column]
    rows = rows.sort_values("model", key=lambda names: names.map(_rank), kind="stable")

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
        size=(7.6, 1.1 + 0.34 * rows["model"].nunique()),
        caption=f"{NAMES[data]}: the same scores against the labels as published "
        f"(raw) and as corrected (cleaned); {seeds_in_words(table)}, 95 % intervals over seeds "
        "and pairs.",
        alt=f"Dots with intervals, one row a model. {_in_words(rows)}",
    )


@cache
def comparisons(profile: str, data: str) -> pd.DataFrame:
    """The trained models and the two rulers over words in twos, judged as one family.

    Columns a, b, value, low, high (fractions), n, n_seeds, p, verdict; apart, both: in how many
    seeds McNemar's test tells them apart, and in how many it was made.
    """
    table, labels = scored_pairs(profile, data), LABELS[data]
    trained = [name for name in dict.fromkeys(table["model"]) if name.startswith(PREFIX)]
    names = [*trained, "tfidf-word", "tfidf-char"]
    rows = []
    for (a, b), (apart, both) in _told_apart(table, names, labels).items():
        found = _pooled_difference(table, a, b, labels, shared=data != WORLD)
        rows.append({"a": a, "b": b, **found, "apart": apart, "both": both})
    return judged(pd.DataFrame(rows))


def comparison_table(profile: str, data: str, *, label: str) -> Markdown:
    """`comparisons` as a table, in points."""
    found = comparisons(profile, data)
    shown = found[["a", "b"]].assign(
        difference=joined(found, digits=1, percent=True),
        verdict=found["verdict"],
        apart=[f"{row.apart} of {row.both} seeds" for row in found.itertuples()],
    )
    return show_table(
        shown,
        label=label,
        caption=f"Differences in accuracy on the {LABELS[data]} labels, in points, of two models "
        "on the same pairs: mean [95 % interval over seeds and pairs, no narrower than Student's t "
        f"over fewer than ten seeds], {seeds_in_words(scored_pairs(profile, data))}; the verdict "
        f"after Holm's correction over the {len(found)} rows; and in how many seeds the exact "
        "McNemar test, which looks at one seed at a time, tells them apart after Holm's "
        "correction within the seed.",
        names={"a": "model", "b": "less model", "apart": "told apart"},
        text=("a", "b", "verdict"),
    )


def comparison_sentence(profile: str, data: str) -> Markdown:
    """Which differences are clear, which are not in every seed, and which are noise, in words."""
    found = comparisons(profile, data)
    clear, each = found["verdict"].isin([HIGHER, LOWER]), found["apart"] == found["both"]
    groups = {
        "differ in every seed and over all of them": clear & each,
        "differ over all seeds but cannot be told apart in each": clear & ~each,
        **{words: found["verdict"] == verdict for verdict, words in UNCLEAR.items()},
    }
    said = {
        words: [f"*{row.a}* and *{row.b}*" for row in found[rows].itertuples()]
        for words, rows in groups.items()
    }
    return Markdown(" ".join(f"{'; '.join(two)}: {words}." for words, two in said.items() if two))


def _told_apart(
    table: pd.DataFrame, names: list[str], labels: str
) -> dict[tuple[str, str], tuple[int, int]]:
    """For every two models: seeds in which they differ, and seeds that have both.

    Exact McNemar tests, Holm's correction within the seed; a seed not run yet does not count.
    """
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for seed, part in table.groupby("seed", sort=True):
        scores = {}
        for name in (name for name in names if name in set(part["model"])):
            own = part[part["model"] == name].reset_index(drop=True)
            scores[name] = on_cleaned(own, own) if labels == CLEANED else own
        tests = compare(scores, rng=np.random.default_rng(seed), n_resamples=100)
        for row in tests.itertuples():
            apart, both = counts.get((row.model_a, row.model_b), (0, 0))
            counts[row.model_a, row.model_b] = (apart + int(row.distinguishable), both + 1)
    return counts


def _pooled_difference(
    table: pd.DataFrame, a: str, b: str, labels: str, *, shared: bool
) -> dict[str, float]:
    """Mean of a's outcome less b's on the pairs of seeds that have both, as `judged` takes it."""
    keys = ["seed", "pair_id"]
    left, right = (table.loc[table["model"] == name, [*keys, labels]] for name in (a, b))
    joint = left.merge(right, on=keys, suffixes=("_a", "_b"))
    joint["difference"] = joint[f"{labels}_a"] - joint[f"{labels}_b"]
    by_seed = joint.groupby("seed")["difference"].mean()
    return as_row(pooled_mean(joint, "difference", shared=shared), by_seed)


def circularity_sentence(profile: str) -> Markdown:
    """What a committee's labels do for models like its own members."""
    rows = accuracy_rows(profile, REAL)
    mixed = rows[rows["subset"] == MIXED].set_index(["model", "labels"])
    texts = {
        name: " and ".join(
            f"{joined(mixed.loc[[(name, labels)]], digits=1, percent=True)[0]} on {labels} labels"
            for labels in (RAW, CLEANED)
        )
        for name in ("tfidf-word", "longest")
    }
    return Markdown(
        "::: {.callout-warning}\n## Labels made by models\n\n"
        f"Linear models over words are right on {texts['tfidf-word']}: the committee that cleaned "
        "the labels is made of such models. The rule that the longest reply wins goes from "
        f"{texts['longest'].replace(' and ', ' to ')}. An accuracy on model-made labels measures "
        "likeness to the labeller. The raw labels are the result here.\n:::\n"
    )
