"""What conflict could find at best: Gaussian proxies and policies that know a stated amount.

Within a prompt the gold reward g, the log-probability a g + noise and the proxy reward b g + noise
are standard normal: a is what the policy knows of the prompt, b what the proxy knows. No model and
no text; the measured points of the controlled world are laid over these curves.
"""

import numpy as np
import pandas as pd

from proxylab.conflict import (
    RELEASED_THRESHOLDS,
    gaussian_simulation,
    independence_level,
    kendall_table,
    kendall_tau_distance,
    prompt_conflict,
    threshold_table,
)
from proxylab.stats import auroc

CORRELATIONS = (-0.9, -0.5, 0.0, 0.3, 0.6, 0.9)  # those of the notes on the paper
SAMPLE_COUNTS = (4, 8, 16, 32, 64)
LEVELS = (0.5, 0.2, 0.1, 0.05, 0.01)
POLICY_KNOWLEDGE = tuple(np.round(np.arange(-0.3, 0.91, 0.1), 1).tolist())
PROXY_KNOWLEDGE = (0.5, 0.7, 0.9)  # where it knows; elsewhere 0
SHARE_UNKNOWN = 0.5  # of the prompts the proxy knows nothing
SELECTED_SHARE = 0.3  # of the prompts would be labelled


def theory_tables(*, n_prompts: int, n_samples: int, seed: int) -> dict[str, pd.DataFrame]:
    """Tables "gaussian", "thresholds", "released" and "theory"."""
    return {
        "gaussian": gaussian_simulation(CORRELATIONS, n_samples, n_prompts, seed),
        # A table column may not bear the name of a parameter that says something else.
        "thresholds": threshold_table(SAMPLE_COUNTS, LEVELS).rename(columns={"n_samples": "k"}),
        "released": released_table(),
        "theory": theory_table(n_prompts=n_prompts, n_samples=n_samples, seed=seed),
    }


def released_table() -> pd.DataFrame:
    """How often unrelated proxy and policy exceed each released threshold, by samples a prompt."""
    rows = [
        {"threshold": name, "value": value, "k": k, "level": independence_level(value, k)}
        for name, value in RELEASED_THRESHOLDS.items()
        for k in SAMPLE_COUNTS
    ]
    return pd.DataFrame(rows)


def theory_table(*, n_prompts: int, n_samples: int, seed: int) -> pd.DataFrame:
    """How well conflict finds wrong proxies, by what policy and proxy know.

    One row for each policy knowledge a and proxy knowledge b. On half of the prompts the proxy
    knows b, on the others nothing. auroc, auroc_tau: of mean |PACS| and of the Kendall-Tau distance
    for "the proxy orders the prompt no better than chance"; gain: share of wrong proxies among the
    most conflicted 30 % less the share among all; n_wrong of n_prompts.
    """
    rows = [
        {"policy_knowledge": a, "proxy_knowledge": b} | _find(a, b, n_prompts, n_samples, [seed, i])
        for i, (a, b) in enumerate((a, b) for b in PROXY_KNOWLEDGE for a in POLICY_KNOWLEDGE)
    ]
    return pd.DataFrame(rows)


def _find(a: float, b: float, n_prompts: int, n_samples: int, seed: list[int]) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    gold, noise_policy, noise_proxy = rng.normal(size=(3, n_prompts, n_samples))
    known = np.where(np.arange(n_prompts) < SHARE_UNKNOWN * n_prompts, 0.0, b)[:, None]
    policy = a * gold + np.sqrt(1 - a**2) * noise_policy
    proxy = known * gold + np.sqrt(1 - known**2) * noise_proxy
    wrong = kendall_table(proxy, gold)["tau_b"].to_numpy() <= 0
    conflict = prompt_conflict(proxy, policy)
    top = np.argsort(-conflict)[: round(SELECTED_SHARE * n_prompts)]
    return {
        "auroc": auroc(conflict, wrong),
        "auroc_tau": auroc(kendall_tau_distance(proxy, policy), wrong),
        "gain": float(wrong[top].mean() - wrong.mean()),
        "n_wrong": int(wrong.sum()),
        "n_prompts": n_prompts,
    }
