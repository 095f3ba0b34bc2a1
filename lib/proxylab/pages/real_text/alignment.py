"""Aligning on real text: gold and length of every policy less the start policy's.

Arms are those of the `align` runs on the mixed prompts, by whatever algorithm was run. Left out:
wins, training curves, and what is chosen without training (`best_of_n`).
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.alignment_rows import ALGORITHMS, START, cells, differences, proxy_label
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.real_text.pairs import shared_mean
from proxylab.pages.real_text.rows import ALIGN, DATA, forests, label
from proxylab.pages.verdicts import judged, p_text, verdicts_in_words, widened
from proxylab.plots import publish
from proxylab.results import MissingResults, load_runs
from proxylab.studies.alignment.arms import STRONG
from proxylab.tables import joined, number, show_table

MEASURES = {"gold": "gold", "n_tokens": "tokens of a reply"}
TRAINED = ("sft", "dpo", "pro", "ppo")
LABELS = "labels"
RAW, CLEANED = "raw", "cleaned"
BY_GOLD = "gold's labels"  # what the proxy STRONG has learnt on text, where no truth is known


@cache
def align_rows(profile: str, table: str, algorithms: tuple[str, ...]) -> pd.DataFrame:
    """A table of the runs on real text, each arm once a seed, with algorithm, seed and `name`.

    Rows of the start policy have the algorithm START. Raises MissingResults without such a run.
    """
    where = {"data": DATA, "task": MIXED, "algorithm": algorithms}
    try:
        runs = load_runs(ALIGN, profile=profile, where=where)
    except MissingResults:
        asked = {"data": DATA, "task": MIXED, "algorithm": algorithms[0]}
        raise MissingResults(ALIGN, profile=profile, where=asked) from None
    frames = [
        run.table(table).assign(
            run_id=run.run_id, algorithm=run.parameters["algorithm"], seed=run.parameters["seed"]
        )
        for run in runs
        if table in run.record["tables"]
    ]
    if not frames:
        raise MissingResults(ALIGN, profile=profile, where=where)
    rows = pd.concat(frames, ignore_index=True)
    started = (rows["pairs"] == "") & (rows["proxy"] == "")
    rows["algorithm"] = rows["algorithm"].mask(started, START)
    rows["name"] = arm_names(rows)
    first = rows.groupby(["name", "seed"])["run_id"].transform("min")
    rank = {name: i for i, name in enumerate(ALGORITHMS)}
    rows = rows[rows["run_id"] == first]
    return rows.sort_values("algorithm", key=lambda names: names.map(rank), kind="stable")


def arm_names(rows: pd.DataFrame) -> pd.Series:
    """'DPO, cleaned', 'PPO, strong, length_bias=0.2, beta 0.5': what tells arms apart."""
    names = rows["algorithm"].map(ALGORITHMS)
    proxy = proxy_label(rows).str.replace(f"^{STRONG}", f"{STRONG} ({BY_GOLD})", regex=True)
    for part in (rows["pairs"], proxy.where(rows["proxy"] != "", "")):
        names += (", " + part).where(part != "", "")
    several = rows.groupby(names)["set_beta"].transform("nunique") > 1
    names += (", beta " + rows["set_beta"].map("{:g}".format)).where(several, "")
    sizes = (", " + rows["size"]).where(rows["size"] != "standard", "")
    return names + sizes


@cache
def changes(profile: str) -> pd.DataFrame:
    """Every trained policy less the start policy, prompt by prompt: gold and length, two families.

    Columns measure, comparison (the arm), by_gold (its proxy has learnt gold's labels), value, low,
    high, n, n_seeds, n_above, p, verdict.
    """
    rows, frames = align_rows(profile, "evaluation", TRAINED), []
    starts = rows[rows["algorithm"] == START]
    own = dict(zip(starts["size"], starts["name"], strict=True))  # a small policy's is small
    trained = rows[rows["algorithm"] != START].drop_duplicates("name")
    pairs = {
        row.name: (row.name, own[row.size])
        for row in trained[["name", "size"]].itertuples(index=False)
    }
    by_gold = set(trained.loc[trained["proxy"] == STRONG, "name"])
    for measure in MEASURES:
        found = judged(differences(cells(rows, measure, "name"), pairs))
        taught = found["comparison"].isin(by_gold)
        frames.append(found.assign(measure=measure, by_gold=taught))
    return pd.concat(frames, ignore_index=True)


def changes_figure(profile: str) -> Markdown:
    """Gold and length of every policy less the start policy's, a panel each."""
    found, rows = changes(profile), align_rows(profile, "evaluation", TRAINED)
    said = " ".join(
        f"{row.comparison}, {row.measure}: {number(row.value)}." for row in found.itertuples()
    )
    n_arms = found["comparison"].nunique()
    return publish(
        label("align", profile),
        lambda figure: forests(
            figure,
            found,
            panels={name: f"{words},\nless the start policy" for name, words in MEASURES.items()},
            panel="measure",
            rows="comparison",
            series=None,
            reference=0,
            share_x=False,
        ),
        profile=profile,
        size=(8.6, 1.3 + 0.36 * n_arms),
        caption="Policies trained on HH-RLHF less the policy they start from, on the same test "
        f"prompts: gold and length, {seeds_in_words(rows)}, n = {found['n'].max():,} prompts in "
        "all, 95 % intervals over seeds and prompts, paired.",
        alt=f"Dots with intervals in two panels, a row a policy. {said}",
    )


def changes_table(profile: str) -> Markdown:
    """The same as a table."""
    found, rows = changes(profile), align_rows(profile, "evaluation", TRAINED)
    start = rows.loc[rows["algorithm"] == START, "gold"]
    wide = {"policy": list(dict.fromkeys(found["comparison"]))}
    for measure in MEASURES:
        own = found[found["measure"] == measure]
        texts = zip(joined(own), p_text(own["p"]), own["n_above"], own["n_seeds"], strict=True)
        wide[measure] = [f"{text}<br>p {p}, {above} of {n}" for text, p, above, n in texts]
    return show_table(
        pd.DataFrame(wide),
        label=label("align", profile),
        caption="Difference from the start policy on the same test prompts [95 % interval], p "
        "after Holm over the column, and the seeds in which it is above zero; "
        f"{seeds_in_words(rows)}. Gold of the start policy: mean {number(start.mean())}, standard "
        f"deviation between prompts {number(start.std())}.",
        names=MEASURES,
        text=("policy",),
    )


@cache
def gold_rows(profile: str) -> pd.DataFrame:
    """Gold against the published labels, of one run a seed, for all runs of a seed say the same.

    Columns subset, gold_right, seed. Raises MissingResults without such a run.
    """
    runs = load_runs(ALIGN, profile=profile, where={"data": DATA, "task": MIXED})
    of_seed = {run.parameters["seed"]: run for run in runs if LABELS in run.record["tables"]}
    if not of_seed:
        asked = {"data": DATA, "task": MIXED, "algorithm": TRAINED[0]}
        raise MissingResults(ALIGN, profile=profile, where=asked)
    frames = [run.table(LABELS).assign(seed=seed) for seed, run in of_seed.items()]
    return pd.concat(frames, ignore_index=True)


def gold_sentence(profile: str) -> Markdown:
    """How often people agree with the gold of these policies."""
    rows = gold_rows(profile)
    row = widened(pd.DataFrame([shared_mean(rows, "gold_right")])).drop(columns="seed_se")
    return Markdown(
        f"This gold agrees with the published label on {joined(row, digits=1, percent=True)[0]} % "
        f"of test pairs that it has not learnt from (n = {row['n'].iloc[0]:,} a seed, "
        f"{seeds_in_words(rows)})."
    )


def changes_sentence(profile: str) -> Markdown:
    """Which algorithms gained gold, and whether cleaned pairs did better than raw ones."""
    found = changes(profile)
    own = found[found["measure"] == "gold"].reset_index(drop=True)
    said = verdicts_in_words(own, own["comparison"], what="Gold less the start policy's")
    return Markdown(f"{said}\n\n{cleaned_sentence(profile)}")


@cache
def cleaned_rows(profile: str) -> pd.DataFrame:
    """DPO from cleaned pairs less DPO from raw ones, in gold and in length; not one family."""
    rows = align_rows(profile, "evaluation", TRAINED)
    name = ALGORITHMS["dpo"]
    pair = {f"{name}, {CLEANED} − {RAW}": (f"{name}, {CLEANED}", f"{name}, {RAW}")}
    frames = [
        judged(differences(cells(rows, measure, "name"), pair)).assign(measure=measure)
        for measure in MEASURES
    ]
    return pd.concat(frames, ignore_index=True)


def cleaned_sentence(profile: str) -> str:
    """DPO from cleaned pairs against raw ones, in words."""
    found = cleaned_rows(profile)
    if found.empty:
        return "DPO has not been run on both raw and cleaned pairs."
    said = "; ".join(
        f"{MEASURES[row.measure]} {text} ({row.verdict})"
        for row, text in zip(found.itertuples(), joined(found), strict=True)
    )
    return f"DPO from cleaned pairs less DPO from raw ones: {said}."
