"""The comparisons of all pages, each family as one frame with the same columns.

A family is what its page judged together: its verdicts and Holm's correction are taken as they
stand. The expectation of a comparison is the papers' claim or what the method is for, and was
written down here by name, not by result. Left out: descriptions that compare nothing, and
comparisons that cannot differ by construction.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.pages import reward_models
from proxylab.pages.ablations import biases, finding, knowledge_map, sampling, variants
from proxylab.pages.conflict_metrics import cells, outcomes, text
from proxylab.pages.dpo import held_out, quality, robustness
from proxylab.pages.overoptimisation import curves, refined
from proxylab.pages.overoptimisation.rows import method_label
from proxylab.pages.overoptimisation.sections import proxy_label
from proxylab.pages.ppo import outcomes as ppo_outcomes
from proxylab.pages.ppo import slopes, training
from proxylab.pages.pro import wins
from proxylab.pages.shf_cas import contrasts, faults, overview, rows, trained_policy
from proxylab.pages.verdicts import (
    HIGHER,
    LOWER,
    NOISE,
    NOT_AFTER_HOLM,
    ONE_SEED,
    UNDEFINED,
    verdicts,
)

COLUMNS = ["comparison", "value", "low", "high", "n_seeds", "verdict", "expected"]
UP, DOWN, OPEN = 1, -1, 0
WORDS = {
    "better": HIGHER,
    "worse": LOWER,
    "unclear": NOT_AFTER_HOLM,
    "noise": NOISE,
    "undefined": UNDEFINED,
}
# Reward models by what they are trained on, the poorest first; the rulers know words alone.
BY_DATA = ("trained on raw, 10 %", "trained on raw", "trained on cleaned")


@dataclass(frozen=True)
class Family:
    """One family of comparisons: the page that shows it, what it measures, and how it is read.

    `read` takes a profile and returns a frame of COLUMNS; it raises MissingResults.
    """

    page: str
    what: str
    read: Callable[[str], pd.DataFrame]
    percent: bool = False


def tidy(table: pd.DataFrame, comparison, expected) -> pd.DataFrame:
    """`table` (value, low, high, verdict, n_seeds if known) as a family's frame."""
    known = table if "n_seeds" in table else table.assign(n_seeds=np.nan)
    return known.assign(comparison=comparison, expected=expected)[COLUMNS].reset_index(drop=True)


def dpo_gains(profile: str) -> pd.DataFrame:
    table = quality.gains(profile)
    helps = table["comparison"].str.startswith("cleaned")
    name = table["comparison"] + ", " + table["subset"] + ", " + table["size"]
    return tidy(table, name, np.where(helps, UP, OPEN))


def dpo_drops(profile: str) -> pd.DataFrame:
    table = robustness.drops(profile)
    name = table["comparison"] + ", " + table["wording"] + ", " + table["size"]
    return tidy(table, name, OPEN)


def dpo_follows(profile: str) -> pd.DataFrame:
    """A policy trained on cleaned pairs should follow right labels more and faulty ones less."""
    table = held_out.follow_differences(profile)
    right = table["category"].map(held_out.RIGHT) == held_out.RIGHT["Same"]
    name = table["comparison"] + ", pairs that are " + table["category"] + ", " + table["size"]
    return tidy(table, name, np.where(right, UP, DOWN))


def ppo_contrasts(profile: str) -> pd.DataFrame:
    table = ppo_outcomes.contrasts(profile)
    return tidy(table, table["comparison"], UP)


def ppo_slope(profile: str) -> pd.DataFrame:
    found = slopes.slope_of(profile, "accuracy").interval
    row = {"value": found.estimate, "low": found.low, "high": found.high, "n_seeds": found.n}
    return tidy(verdicts(pd.DataFrame([row])), "gold for ten points of accuracy", UP)


def ppo_ranks(profile: str) -> pd.DataFrame:
    """Rank correlations with the final gold reward; a permutation test, and no interval."""
    table = training.rank_rows(profile)
    backwards = table["ruler"] == training.RULERS["training_reward"]
    clear, single = table["p"] < training.ALPHA, table["by_seed"].map(len) < 2
    side = np.where(table["rho"] > 0, HIGHER, LOWER)
    verdict = np.select([single, clear], [ONE_SEED, side], default=NOISE)
    table = table.rename(columns={"rho": "value"}).assign(
        low=np.nan, high=np.nan, verdict=verdict, n_seeds=table["by_seed"].map(len)
    )
    return tidy(table, table["ruler"], np.where(backwards, DOWN, UP))


def pro_net(profile: str) -> pd.DataFrame:
    table = wins.net_differences(profile)
    return tidy(table, table["comparison"] + ", " + table["subset"], UP)


def accuracies(profile: str, data: str) -> pd.DataFrame:
    """Reward models by pairs; the one with the better data, or any against a ruler, should lead."""
    table = reward_models.comparisons(profile, data)
    table = verdicts(table.assign(n_seeds=table["both"]))
    place = {name: i + 1 for i, name in enumerate(BY_DATA)}
    rank = [table[side].map(lambda name: place.get(name, 0)) for side in ("a", "b")]
    return tidy(table, table["a"] + " − " + table["b"], np.sign(rank[0] - rank[1]))


def conflict_areas(profile: str) -> pd.DataFrame:
    table = cells.cells(profile).rename(columns={"n_seeds": "n_seeds_all", "seeds_used": "n_seeds"})
    return tidy(table, table["task"] + ", topics taught to: " + table["quadrant"], UP)


def conflict_outcomes(profile: str) -> pd.DataFrame:
    """Prompts with the proxy wrong, or both, among the most conflicted less all."""
    table = outcomes.outcome_shares(profile)
    table = table[table["what"].isin(["only proxy wrong", "both wrong"])]
    n_seeds = outcomes.marked(profile)["seed"].nunique()
    name = table["task"] + ", " + table["what"] + ", most conflicted − all"
    return tidy(table.assign(n_seeds=n_seeds), name, UP)


def conflict_text(profile: str) -> pd.DataFrame:
    table = text.disagreement(profile)
    kind = table["kind"].replace("sum", "summed").str.replace("_", " ")
    name = table["subset"] + ", log-probability " + kind
    return tidy(table, name, UP)


def selectors(profile: str) -> pd.DataFrame:
    """Every selector less random, both measures and all tasks."""
    found = []
    for task in overview.tasks(profile):
        table = rows.against_random(profile, task)
        words = [WORDS[rows.verdict(row)] for row in table.itertuples()]
        direction = table["selector"].map({"low_conflict": DOWN, "random_pairs": OPEN}).fillna(UP)
        name = task + ", " + table["measure"] + ", " + table["selector"].str.replace("_", " ")
        found.append(tidy(table.assign(verdict=_seeds(table, words)), name, direction.astype(int)))
    return pd.concat(found, ignore_index=True)


def high_less_low(profile: str) -> pd.DataFrame:
    table = contrasts.contrasts(profile)
    words = [WORDS[rows.verdict(row)] for row in table.itertuples()]
    table = table.assign(verdict=_seeds(table, words))
    table = table[table["contrast"] == "conflict − low_conflict"]
    return tidy(table, table["task"] + ", " + table["measure"] + ", high − low conflict", UP)


def trained_policies(profile: str) -> pd.DataFrame:
    table = trained_policy.contrast_rows(profile)
    return tidy(table, table["method"] + ", " + table["comparison"], UP)


def fault_changes(profile: str) -> pd.DataFrame:
    """Faults of the released code, but for what a fault cannot touch (no change and no width)."""
    table = faults.fault_effects(profile)
    words = [WORDS[rows.verdict(row)] for row in table.itertuples()]
    table = table.assign(verdict=_seeds(table, words))
    table = table[(table["high"] > table["low"]) | (table["value"] != 0)]
    name = table["task"] + ", " + table["measure"] + ", " + table["fault"].str.replace("_", " ")
    return tidy(table, name, OPEN)


def does_it_hold(profile: str) -> pd.DataFrame:
    table = finding.finding(profile)
    return tidy(table, table["task"] + ", policy taught the topic − not taught", UP)


def loop_variants(profile: str) -> pd.DataFrame:
    table = variants.variant_changes(profile)
    return tidy(table, table["task"] + ", " + table["variant"] + ", " + table["measure"], OPEN)


def samplings(profile: str) -> pd.DataFrame:
    table = sampling.sampling_changes(profile)
    setting = table["sweep"] + " " + table["at"].map("{:g}".format)
    return tidy(table, table["task"] + ", " + setting, OPEN)


def bias_kinds(profile: str) -> pd.DataFrame:
    """Biases that change how completions are ordered; the others cannot change the area."""
    table = biases.bias_changes(profile)
    table = table[~table["same"].astype(bool)]
    return tidy(table, table["task"] + ", " + table["name"], OPEN)


def by_quadrant(profile: str) -> pd.DataFrame:
    table = knowledge_map.quadrant_gains(profile)
    name = table["task"] + ", topics taught to: " + table["quadrant"] + ", " + table["measure"]
    return tidy(table, name, UP)


def curve_ends(profile: str) -> pd.DataFrame:
    """Gold should fall from its best (Goodhart), the proxy's reward rise, gold end above 0."""
    table = curves.endings(profile)
    name = (
        table["method"].map(method_label)
        + ", "
        + table["proxy"].map(proxy_label)
        + table["bias"].map(lambda bias: "" if bias in ("", "none") else f", {bias}")
        + table["what"].map({curves.FALL: ", gold: end − best", curves.RISE: ", proxy: end − best"})
        .fillna(", gold: end − start")
    )  # fmt: skip
    return tidy(table, name, table["what"].map({curves.FALL: DOWN}).fillna(UP).astype(int))


def after_feedback(profile: str) -> pd.DataFrame:
    table = refined.compared(profile)
    pair = table["proxy"].map(proxy_label) + " − " + table["less"].map(proxy_label)
    name = table["method"].map(method_label) + ", " + table["where"] + ", " + pair
    return tidy(table, name, UP)


def _seeds(table: pd.DataFrame, words: list[str]) -> np.ndarray:
    return np.where(table["n_seeds"] < 2, ONE_SEED, words)


FAMILIES = (
    Family(
        "reward_models",
        "accuracy in the world, points",
        lambda profile: accuracies(profile, reward_models.WORLD),
        percent=True,
    ),
    Family(
        "reward_models",
        "accuracy on HH-RLHF, points",
        lambda profile: accuracies(profile, reward_models.REAL),
        percent=True,
    ),
    Family("dpo", "gold reward of policies", dpo_gains),
    Family("dpo", "gold lost by another wording", dpo_drops),
    Family("dpo", "share of held-out labels followed, points", dpo_follows, percent=True),
    Family("ppo", "gold reward of policies", ppo_contrasts),
    Family("ppo", "slope on accuracy", ppo_slope),
    Family("ppo", "rank correlation with the final gold reward", ppo_ranks),
    Family("pro", "win less lose, good − poor reward model, points", pro_net, percent=True),
    Family("overoptimisation", "how curves end", curve_ends),
    Family("overoptimisation", "gold after a round of feedback", after_feedback),
    Family("conflict_metrics", "AUROC of conflict for a wrong proxy (chance 0.5)", conflict_areas),
    Family("conflict_metrics", "who is wrong, points", conflict_outcomes, percent=True),
    Family(
        "conflict_metrics",
        "HH-RLHF, proxy wrong where policy and proxy differ less where they agree, points",
        conflict_text,
        percent=True,
    ),
    Family("shf_cas", "selectors less random", selectors),
    Family("shf_cas", "high less low conflict", high_less_low),
    Family("shf_cas", "gold of the optimised policy", trained_policies),
    Family("shf_cas", "faults of the released code, switched on", fault_changes),
    Family("ablations", "does the finding hold, AUROC", does_it_hold),
    Family("ablations", "completions and temperature, change of AUROC", samplings),
    Family("ablations", "kind and dose of bias, change of AUROC", bias_kinds),
    Family("ablations", "variants of the loop, change of conflict's gain", loop_variants),
    Family("ablations", "gain of conflict over random by topic", by_quadrant),
)
