"""Does a better reward model make a better policy: slope and rank agreement, by algorithm.

Reward models are graded twice: on cleaned test pairs (the paper's equation 2), and on comparisons
among the start policy's own completions. Left out: the gold reward as a proxy, whose place at the
end would decide every slope.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown
from statsmodels.stats.weightstats import DescrStatsW

from proxylab.evaluate import rank_agreement_by_seed, slope_over_seeds
from proxylab.pages.alignment_rows import ALGORITHMS
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.pro.policies import JUDGED, START_NAME, policy_rows
from proxylab.plots import forest, publish
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import CHOOSING
from proxylab.studies.alignment.proxies import GOLD
from proxylab.tables import joined, number, show_table, with_interval

COMPARED = ("pro", "ppo", "best_of_n", "reweighting")
STEP = 0.1  # accuracy: slopes are gold reward for each ten points
X = {"pairs": "accuracy on pairs", "completions": "on own completions"}


@cache
def points(profile: str) -> pd.DataFrame:
    """One row an algorithm, seed and proxy: algorithm, seed, policy, gold, pairs, completions.

    Accuracies are fractions, NaN where not measured. Raises MissingResults where no algorithm has
    been run.
    """
    frames, missing = [], None
    for algorithm in COMPARED:
        try:
            frames.append(_points_of(profile, algorithm).assign(algorithm=ALGORITHMS[algorithm]))
        except MissingResults as error:
            missing = missing or error
    if not frames:
        raise missing
    return pd.concat(frames, ignore_index=True)


def _points_of(profile: str, algorithm: str) -> pd.DataFrame:
    proxies = policy_rows(profile, "proxies", algorithm)
    right = proxies.groupby(["seed", "policy", "judged"])["right"].mean().unstack("judged")
    choosing = algorithm in CHOOSING
    rows = policy_rows(profile, "choices" if choosing else "evaluation", algorithm)
    rows = rows[(rows["policy"] != START_NAME) & (rows["proxy"] != GOLD)]
    rows = strongest(rows) if choosing else rows
    gold = rows.groupby(["seed", "policy"])["gold"].mean().to_frame()
    return gold.join(right.reindex(columns=list(JUDGED)), how="inner").reset_index()


def strongest(choices: pd.DataFrame) -> pd.DataFrame:
    """Rows of the highest strength that every arm of every seed reached.

    Arguments: `choices` with columns seed, policy, strength.
    """
    n_arms = choices[["seed", "policy"]].drop_duplicates().shape[0]
    reached = choices.groupby("strength").apply(
        lambda part: part[["seed", "policy"]].drop_duplicates().shape[0], include_groups=False
    )
    return choices[choices["strength"] == reached.index[reached == n_arms].max()]


@cache
def slope_rows(profile: str) -> pd.DataFrame:
    """Slope and rank agreement by algorithm and kind of accuracy.

    Columns algorithm, x, value, low, high (gold reward for ten points of accuracy, t interval over
    seeds), n_seeds, n_arms, rho (mean of the seeds' Spearman correlations).
    """
    rows = []
    for algorithm, part in points(profile).groupby("algorithm", sort=False):
        for kind, name in X.items():
            found = slope_over_seeds(part.assign(x=part[kind] / STEP), "x", "gold")
            slope, by_seed = found.interval, rank_agreement_by_seed(part, kind, "gold")
            limits = {"value": slope.estimate, "low": slope.low, "high": slope.high}
            counts = {"n_seeds": slope.n, "n_arms": int(found.by_seed["n"].max())}
            agreement = {"rho": by_seed["rho"].mean()}
            rows.append({"algorithm": algorithm, "x": name, **limits, **counts, **agreement})
    return pd.DataFrame(rows)


def slope_figure(profile: str, *, label: str) -> Markdown:
    """Slopes of gold reward on both accuracies, a row an algorithm."""
    table = slope_rows(profile).dropna(subset="value")
    if table.empty:
        return Markdown("A slope takes two reward models that differ: not run yet.")

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            table,
            rows="algorithm",
            series="x",
            xlabel="gold reward for ten points of accuracy",
            reference=0,
            reference_label="none",
        )

    said = " ".join(f"{r.algorithm}, {r.x}: {number(r.value)}." for r in table.itertuples())
    return publish(
        label,
        draw,
        profile=profile,
        size=(7.4, 1.2 + 0.5 * table["algorithm"].nunique()),
        caption="What ten points of reward-model accuracy are worth in gold reward, by algorithm: "
        f"mean of the slopes within each seed, {table['n_arms'].max()} reward models, "
        f"{seeds_in_words(points(profile))}, 95 % t intervals over seeds (none for one seed).",
        alt=f"Dots with intervals, a row an algorithm. {said}",
    )


def slope_table(profile: str, *, label: str) -> Markdown:
    """Slopes with intervals and rank agreement, algorithms down."""
    table = slope_rows(profile)
    shown = table[["algorithm", "x"]].assign(
        slope=joined(table),
        rho=[number(value) for value in table["rho"]],
        n_arms=table["n_arms"],
        n_seeds=table["n_seeds"],
    )
    return show_table(
        shown,
        label=label,
        caption="Gold reward of the aligned policy on the accuracy of its reward model: slope for "
        "ten points [95 % t interval over seeds] and mean Spearman correlation over reward models "
        "within a seed. Best-of-n and the exact optimum at the greatest strength that all reward "
        "models reached.",
        names={"x": "accuracy", "rho": "rank correlation", "n_arms": "models", "n_seeds": "seeds"},
        text=("algorithm", "x"),
    )


def slope_sentence(profile: str) -> Markdown:
    """Whose slope is above zero, and which accuracy ranks the final policies better."""
    table = slope_rows(profile).dropna(subset="value")
    said = [
        f"{name}: {'; '.join(_slope_in_words(row) for row in part.itertuples())}"
        for name, part in table.groupby("algorithm", sort=False)
    ]
    start = f"Gold reward for ten points of accuracy. {'. '.join(said)}. " if said else ""
    return Markdown(f"{start}{_which_ranks_better(profile)}")


def _slope_in_words(row) -> str:
    text = f"{row.x} {with_interval(row.value, row.low, row.high)}"
    if row.n_seeds < 2:
        return f"{text} (one seed, no interval)"
    return text if row.low > 0 or row.high < 0 else f"{text} (noise)"


def rank_differences(profile: str) -> pd.Series:
    """By seed, rank correlation of gold with accuracy on completions less that on pairs.

    Means over algorithms where both are defined.
    """
    frames = []
    for _, part in points(profile).groupby("algorithm", sort=False):
        rho = {kind: rank_agreement_by_seed(part, kind, "gold").set_index("seed") for kind in X}
        frames.append(rho["completions"]["rho"] - rho["pairs"]["rho"])
    return pd.concat(frames).dropna().groupby(level="seed").mean()


def _which_ranks_better(profile: str) -> str:
    found = rank_differences(profile)
    if found.empty:
        return "Rank correlations take two reward models that differ."
    start = (
        "Rank correlation of gold reward with accuracy on the policy's own completions, less that "
        "with accuracy on pairs, mean over algorithms: "
    )
    if len(found) < 2:
        return f"{start}{number(found.iloc[0])} in the one seed, which is not judged."
    low, high = DescrStatsW(found.to_numpy()).tconfint_mean()
    text = f"{start}{with_interval(found.mean(), low, high)} over {len(found)} seeds"
    if low <= 0 <= high:
        return f"{text}: which of the two ranks policies better cannot be told from noise."
    better = "the policy's own completions" if low > 0 else "pairs"
    return f"{text}: accuracy on {better} ranks the final policies better."
