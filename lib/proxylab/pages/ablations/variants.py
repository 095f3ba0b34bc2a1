"""What conflict buys over random labels, in variants of the loop: rounds, noise, refit, log-prob.

Every variant spends the same budget by each selector, from the same pool; differences are paired
by seed and held-out prompt, after the last round. The released code has one round and refits from
the backbone.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.ablations.detection import few_seeds, in_task_order
from proxylab.pages.pooling import seed_spread, seeds_in_words
from proxylab.pages.redraws import UNIT, Redraws, limits, mean_draws
from proxylab.pages.verdicts import judged, verdicts_in_words, widened
from proxylab.parameters import defaults_of
from proxylab.plots import publish
from proxylab.plots.maps import forest_panels
from proxylab.results import gather
from proxylab.runs import ShfCas
from proxylab.tables import joined, show_table

NOTEBOOK = "shf_cas"
RANDOM, CONFLICT, ORACLE = "random", "conflict", "oracle"
# Name of the measure, and what it is multiplied by to be shown.
MEASURES = {"accuracy": ("accuracy (points)", 100), "gold": ("gold reward", 1)}
NOISY = "noisy"  # any other annotator than this and gold is a votes file, named by its path
USUAL = "usual loop"
USUAL_VALUES = defaults_of(ShfCas)
LOGPROBS = {"per_token": "log-prob. per token", "length_residual": "log-prob. less length"}


def variant_name(run: pd.Series) -> str:
    """What a run's parameters change against the study's loop, in words."""
    parts = []
    if run["rounds"] != USUAL_VALUES["rounds"]:
        parts.append("one round" if run["rounds"] == 1 else f"{run['rounds']} rounds")
    if run["budget"] != USUAL_VALUES["budget"]:
        parts.append(f"{run['budget']:,} labels")
    if run["annotator"] == NOISY:
        parts.append(f"annotator noise {run['annotator_noise']:g}")
    elif run["annotator"] != USUAL_VALUES["annotator"]:
        parts.append(f"labels from {run['annotator']}")
    if run["logprob"] != USUAL_VALUES["logprob"]:
        parts.append(LOGPROBS[run["logprob"]])
    if run["refit"] != USUAL_VALUES["refit"]:
        parts.append("refit from scratch")
    return " + ".join(parts) or USUAL


@cache
def last_rounds(profile: str) -> pd.DataFrame:
    """Held-out prompts after each run's last round, by variant, the usual one first.

    Runs with a fault switched on are left out; a selector that two runs of a variant share counts
    once. `control` names the variant whose random labels are the control: the same, but for the
    normalisation of the log-probability, which random labels do not depend on.
    """
    rows = gather(NOTEBOOK, "held_out", profile=profile, where={"faults": (), "data": "world"})
    rows = rows[rows["selector"].isin([RANDOM, CONFLICT, ORACLE])]
    last = rows.groupby(["run_id", "selector"])["round"].transform("max")
    rows = rows[rows["round"] == last]
    first = rows.drop_duplicates("run_id")
    names = {run["run_id"]: variant_name(run) for _, run in first.iterrows()}
    first = first.assign(logprob=USUAL_VALUES["logprob"])
    controls = {run["run_id"]: variant_name(run) for _, run in first.iterrows()}
    rows = rows.assign(variant=rows["run_id"].map(names), control=rows["run_id"].map(controls))
    rows = rows.drop_duplicates(["variant", "task", *UNIT, "selector"])
    rank = rows["variant"].map(lambda name: (name != USUAL, name.count(" + "), name))
    return in_task_order(rows.iloc[rank.argsort(kind="stable")])


@cache
def gains(profile: str) -> pd.DataFrame:
    """Each prompt's gold and accuracy under a selector less those under random labels.

    Columns: variant, task, seed, prompt, quadrant, selector, n_labels, gold, accuracy.
    """
    rows, keys = last_rounds(profile), ["control", "task", *UNIT]
    is_random = rows["selector"] == RANDOM
    random = rows[is_random].drop_duplicates(keys)
    both = rows[~is_random].merge(random[[*keys, *MEASURES]], on=keys, suffixes=("", "_random"))
    for name in MEASURES:
        both[name] = both[name] - both[f"{name}_random"]
    return both[["variant", *keys[1:], "quadrant", "selector", "n_labels", *MEASURES]]


def mean_gains(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mean of both measures in each group with its redraws, in shown units; `task` is a key.

    Columns: the keys, measure, value, low, high, n_seeds, seed_se, draws.
    """
    found = []
    for _, own in rows.groupby("task", sort=False):
        redraws = Redraws(own)
        for names, part in own.groupby(keys, sort=False):
            counts, named = redraws.counts(part), dict(zip(keys, names, strict=True))
            for name, (measure, scale) in MEASURES.items():
                draws = scale * mean_draws(part[name], counts)
                by_seed = scale * part.groupby("seed")[name].mean()
                row = {"measure": measure} | limits(draws) | seed_spread(by_seed)
                found.append(named | row | {"draws": draws})
    columns = [*keys, "measure", "value", "low", "high", "n_seeds", "seed_se", "draws"]
    return pd.DataFrame(found, columns=columns)


@cache
def variant_gains(profile: str) -> pd.DataFrame:
    """Mean gain over random labels by task, variant and selector."""
    table = mean_gains(gains(profile), ["task", "variant", "selector"])
    rank = table["selector"].map((CONFLICT, ORACLE).index)
    return table.iloc[rank.argsort(kind="stable")].reset_index(drop=True)


def variants_figure(profile: str, *, label: str) -> Markdown:
    """Gain of conflict, and of the oracle, over random labels in each variant and task."""
    table = widened(variant_gains(profile))
    table = table.assign(series=table["selector"] + " less random")
    n_rows, tasks = table["variant"].nunique(), list(dict.fromkeys(table["task"]))

    def draw(figure) -> None:
        axes = figure.subplots(len(MEASURES), len(tasks), sharex="row", squeeze=False)
        for row, (measure, _) in zip(axes, MEASURES.values(), strict=True):
            forest_panels(
                row,
                table[table["measure"] == measure],
                rows="variant",
                panels="task",
                series="series",
                xlabel=f"gain in {measure}",
                reference=0,
                reference_label="no gain",
            )

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.8, 1.9 + 2 * 0.36 * n_rows),
        caption="What the same number of labels buys when the most conflicted prompts are labelled "
        "instead of random ones, and what the oracle would have bought: accuracy of the refitted "
        "reward model and gold reward of the policy optimised with it, on held-out prompts. "
        f"{_scale_in_words(profile)} 95 % intervals over seeds and prompts, paired, "
        "no narrower than Student's t over fewer than ten seeds.",
        alt="Dots with intervals, one row a variant, one panel a task and measure. "
        + " ".join(
            f"{row.task}, {row.variant}, {row.series}, {row.measure}: {text}."
            for row, text in zip(table.itertuples(), joined(table), strict=True)
        ),
    )


def _scale_in_words(profile: str) -> str:
    rows = gains(profile)
    labels = sorted(set(rows["n_labels"]))
    prompts = rows.groupby(["task", "seed"])["prompt"].nunique().max()
    return (
        f"{seeds_in_words(rows)}, {prompts} prompts a task and seed, "
        f"{' or '.join(f'{n:,}' for n in labels)} labelled completions."
    )


@cache
def variant_changes(profile: str) -> pd.DataFrame:
    """Gain of conflict in each variant less that in the usual loop, paired, with verdicts.

    Seeds and prompts that both have are compared. Columns: task, variant, measure and limits.
    """
    rows = gains(profile)
    rows = rows[rows["selector"] == CONFLICT]
    keys = ["task", *UNIT]
    usual = rows.loc[rows["variant"] == USUAL, [*keys, *MEASURES]]
    both = rows[rows["variant"] != USUAL].merge(usual, on=keys, suffixes=("", "_usual"))
    for name in MEASURES:
        both[name] = both[name] - both[f"{name}_usual"]
    return judged(mean_gains(both, ["task", "variant"]))


def variants_table(profile: str, *, label: str) -> Markdown:
    """Gain of conflict over random by variant and task, and its change from the usual loop."""
    table = widened(variant_gains(profile))
    table = table[table["selector"] == CONFLICT]
    changed = variant_changes(profile)
    keys = ["task", "variant", "measure"]
    change = pd.Series(
        joined(changed, stacked=True), index=pd.MultiIndex.from_frame(changed[keys]), dtype=object
    )
    seeds = gains(profile).groupby(["task", "variant"], sort=False)["seed"].nunique()
    shown = table[["task", "variant"]].drop_duplicates().set_index(["task", "variant"])
    shown["seeds"] = [str(seeds[key]) for key in shown.index]
    for measure, part in table.groupby("measure", sort=False):
        own = pd.Series(
            joined(part, stacked=True), index=pd.MultiIndex.from_frame(part[["task", "variant"]])
        )
        shown[measure] = own
        shown["change" if measure == "accuracy (points)" else "change "] = [
            change.get((*key, measure), "(usual)" if key[1] == USUAL else "") for key in shown.index
        ]
    return show_table(
        shown.reset_index(),
        label=label,
        caption="Gain of conflict over random labels after the last round, and the change of that "
        f"gain from the usual loop on the same seeds and prompts. {_scale_in_words(profile)} "
        "[95 % interval over seeds and prompts, no narrower than Student's t over fewer than "
        "ten seeds].",
        text=("task", "variant"),
    )


def variants_sentence(profile: str) -> Markdown:
    """In which variants conflict beats random labels, and which variants change its gain."""
    table = variant_gains(profile)
    families = {
        "Gain of conflict over random": judged(
            table[table["selector"] == CONFLICT].reset_index(drop=True)
        ),
        "Change of that gain from the usual loop": variant_changes(profile),
    }
    said = [
        verdicts_in_words(
            part,
            part["task"] + ", " + part["variant"],
            what=f"{what}, in {measure}",
            n_family=len(family),
        )
        for what, family in families.items()
        for measure, part in family.groupby("measure", sort=False)
    ]
    return Markdown("\n\n".join([*said, *few_seeds(gains(profile))]))
