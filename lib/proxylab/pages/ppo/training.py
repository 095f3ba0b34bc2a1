"""The PPO page on training: figure 5 of the paper, and whether what it shows ranks the policies.

Rewards in training are those of each arm's own proxy. The paper's reward models have scales of
their own; here every proxy has mean 0 and standard deviation 1 on the start policy's completions.
"""

from functools import cache
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.evaluate import rank_agreement, rank_agreement_by_seed
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.ppo.figures import training_panels
from proxylab.pages.ppo.outcomes import ELEPHANT
from proxylab.pages.ppo.rows import SETS, arms_by_seed, last_steps, ppo_rows, proxies_only
from proxylab.paper_values import paper_table
from proxylab.plots import publish
from proxylab.stats import holm
from proxylab.tables import DASH, number, show_table

FIGURE_5 = {"loss": "training loss", "reward": "mean reward (the arm's own proxy)"}
COURSE = {
    "gold": "gold reward of the rollouts",
    "kl": "KL from the start (nats a reply)",
    "entropy": "entropy (nats a token)",
    "n_tokens": "length (tokens)",
    "clip_fraction": "share of ratios clipped",
    "explained_variance": "variance explained by\nthe value function",
}
RULERS = {
    "training_reward": "mean reward at the end of training",
    "training_loss_down": "training loss at the end (lower ranks higher)",
    "accuracy": "accuracy on cleaned test pairs",
    "ordering": "accuracy on the start policy's completions",
}
MOST_ARMS = 8  # whose orders are counted out one by one
ALPHA = 0.05


def training_figure(profile: str) -> Markdown:
    """Figure 5: training loss and mean reward over the steps."""
    steps = ppo_rows(profile, "steps")
    return publish(
        "ppo-training",
        lambda figure: training_panels(figure, steps, FIGURE_5, n_columns=2, named_at_end=True),
        profile=profile,
        size=(8.6, 3.5),
        caption="Training loss and mean reward over PPO's steps, as the paper's figure 5: moving "
        f"average (thick) over the recorded values (thin), means over {seeds_in_words(steps)}; the "
        "bands reach from the lowest seed to the highest. Each reward is that of the arm's own "
        "proxy, in standard deviations of its scores on the start policy's completions.",
        alt=f"Two panels of lines, one a reward model. At the end: {_in_words(steps, FIGURE_5)}",
    )


def course_figure(profile: str) -> Markdown:
    """KL, entropy, length and more over the steps, small multiples."""
    steps = ppo_rows(profile, "steps")
    panels = {name: title for name, title in COURSE.items() if name in steps}
    return publish(
        "ppo-course",
        lambda figure: training_panels(figure, steps, panels, n_columns=3, named_at_end=False),
        profile=profile,
        size=(8.6, 5.0),
        caption="What else happens in training, drawn as in @fig-ppo-training; "
        f"{seeds_in_words(steps)}. KL is exact at each token of the rollouts and summed over the "
        "reply.",
        alt=f"Small panels of lines, one a reward model. At the end: {_in_words(steps, panels)}",
    )


def _in_words(steps: pd.DataFrame, panels) -> str:
    ended = last_steps(steps).groupby("name", sort=False)[list(panels)].mean()
    parts = []
    for name, row in ended.iterrows():
        said = ", ".join(f"{panels[c]} {number(row[c])}".replace("\n", " ") for c in panels)
        parts.append(f"{name}: {said}.")
    return " ".join(parts)


@cache
def rank_rows(profile: str) -> pd.DataFrame:
    """Rank agreement of each ruler with the final policies' gold reward, over the proxies.

    Columns: ruler, rho (mean over seeds), by_seed (list), n_arms, p (two-sided, Holm over the
    rulers; NaN if not one seed has two arms).
    """
    arms = proxies_only(arms_by_seed(profile))
    arms = arms.assign(training_loss_down=-arms["training_loss"])
    rows = []
    for ruler, name in RULERS.items():
        found = rank_agreement_by_seed(arms, ruler, "gold").dropna(subset="rho")
        rows.append(
            {
                "ruler": name,
                "rho": found["rho"].mean(),
                "by_seed": found["rho"].tolist(),
                "n_arms": int(found["n"].max()) if len(found) else 0,
                "p": chance_of(found["rho"].tolist(), found["n"].tolist()),
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(p=holm(table["p"].to_numpy()))


def chance_of(rhos: list[float], n_arms: list[int]) -> float:
    """Probability of a mean rank agreement at least as far from 0 if every order were as likely.

    Exact, two-sided: the seeds' orders are drawn apart from each other, ties apart. NaN without a
    seed, and for more than MOST_ARMS arms.
    Arguments: one rho and one count of arms a seed.
    """
    if not rhos or max(n_arms) > MOST_ARMS:
        return float("nan")
    sums = {0.0: 1.0}
    for n in n_arms:
        values, counts = _all_agreements(n)
        shares, before, sums = counts / counts.sum(), sums, {}
        for total, chance in before.items():
            for value, share in zip(values, shares, strict=True):
                key = round(total + value, 6)
                sums[key] = sums.get(key, 0.0) + chance * share
    observed = abs(sum(rhos)) - 1e-4
    return float(min(1.0, sum(chance for total, chance in sums.items() if abs(total) >= observed)))


def _all_agreements(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every value that Spearman's rho takes over the orders of n arms, and how many orders do."""
    orders = np.array(list(permutations(range(n))))
    squares = ((orders - np.arange(n)) ** 2).sum(axis=1)
    return np.unique(1 - 6 * squares / (n * (n**2 - 1)), return_counts=True)


def rank_table(profile: str) -> Markdown:
    """`rank_rows`, with the paper's own where its tables give one."""
    found, arms = rank_rows(profile), proxies_only(arms_by_seed(profile))
    shown = pd.DataFrame(
        {
            "ruler": found["ruler"],
            "rho": [number(rho) for rho in found["rho"]],
            "by_seed": [
                ", ".join(number(rho) for rho in rhos) or DASH for rhos in found["by_seed"]
            ],
            "p": [number(p, 3) for p in found["p"]],
            "paper": [_paper_agreement(name) for name in found["ruler"]],
        }
    )
    return show_table(
        shown,
        label="ppo-ranks",
        caption="Does it rank the final policies? Spearman's rank correlation with the final mean "
        f"gold reward over {found['n_arms'].max()} reward models (without the ceiling), mean and "
        f"each of {seeds_in_words(arms)}; p: how often orders drawn at random in each seed would "
        "agree (or disagree) as much, exactly, Holm's correction over the rows. The end of "
        "training is its last tenth of steps. The paper's column is from its table 5 (accuracy on "
        "the mixed set against the alignment score); its figure 5 shows curves, which have no "
        "numbers to rank.",
        names={
            "ruler": "what is known before the gold reward is",
            "rho": "mean rho",
            "by_seed": "each seed",
            "p": "p (Holm)",
            "paper": "rho, paper",
        },
        text=("ruler",),
    )


def _paper_agreement(ruler: str) -> str:
    if ruler != RULERS["accuracy"]:
        return DASH
    agreement = paper_agreement()
    return f"{number(agreement.rho)} ({agreement.n} models)"


def paper_agreement():
    """Rank agreement of accuracy and alignment score on the mixed set in the paper's table 5."""
    table = paper_table(ELEPHANT, "5")
    wide = table.pivot(index="row", columns="column", values="value")
    mixed = SETS[-1]
    return rank_agreement(wide[f"accuracy {mixed}"], wide[f"alignment {mixed}"])


def rank_sentence(profile: str) -> Markdown:
    """Does the reward seen in training rank the final policies, and does accuracy, in words."""
    found, arms = rank_rows(profile), proxies_only(arms_by_seed(profile))
    if found["n_arms"].max() < 2:
        return Markdown("Fewer than two reward models have been run: there is nothing to rank.")
    parts = [_rank_verdict(row) for row in found.itertuples()]
    n_seeds, n_arms = arms["seed"].nunique(), int(found["n_arms"].max())
    least = 2 / factorial(n_arms) ** n_seeds  # p of a perfect order in every seed
    caution = ""
    if least * len(found) >= ALPHA:
        caution = " With so few reward models and seeds not even a perfect order would be clear."
    return Markdown(f"Against the final gold reward: {'; '.join(parts)}.{caution}")


def _rank_verdict(row) -> str:
    name = f"*{row.ruler}* (mean rho {number(row.rho)})"
    if np.isnan(row.p):
        return f"{name} is undefined or not judged"
    if row.p >= ALPHA:
        return f"{name} cannot be told from an order at random"
    return f"{name} {'ranks them' if row.rho > 0 else 'ranks them upside down'}"
