"""Conflict of Gaussian rewards and log-probabilities of known correlation, by our own metrics.

Reproduces the table "gaussian" of the paper file (derived here, not the authors': arXiv
2512.09212 has no such table that could be read). Left out: any other distribution.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from proxylab.conflict.kendall import kendall_tau_distance
from proxylab.conflict.pacs import prompt_conflict
from proxylab.conflict.thresholds import RELEASED_SAMPLES, RELEASED_THRESHOLDS

# Our column -> the column of the same number in data/paper/targeting.csv.
PAPER_COLUMNS = {
    "mean_abs_pacs": "mean abs PACS",
    "share_above_1.0": "P(mean abs PACS > 1.0)",
    "share_above_1.5": "P(mean abs PACS > 1.5)",
    "kendall_tau_distance": "Kendall-Tau distance",
}


def gaussian_simulation(
    correlations: Iterable[float],
    n_samples: int = RELEASED_SAMPLES,
    n_prompts: int = 40_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean conflict and Kendall-Tau distance at each true correlation, with standard errors.

    Columns: correlation, n_prompts (defined ones), then each of PAPER_COLUMNS and its Monte-Carlo
    standard error (`<column>_se`). Every correlation sees the same draws, so a row does not depend
    on the others.
    Arguments: `correlations` of reward and log-probability, -1 to 1; `n_samples` completions of
    each of `n_prompts` prompts; `seed` of the draws.
    Raises ValueError for a correlation outside -1 to 1 or fewer than 2 samples or prompts.
    """
    if n_samples < 2 or n_prompts < 2:
        raise ValueError(f"need 2 or more samples and prompts, got {n_samples} and {n_prompts}")
    rng = np.random.default_rng(seed)
    reward, noise = rng.standard_normal((2, n_prompts, n_samples))
    return pd.DataFrame([_row(float(rho), reward, noise) for rho in correlations])


def _row(rho: float, reward: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    if not -1 <= rho <= 1:
        raise ValueError(f"a correlation must lie in -1 to 1, got {rho}")
    logprob = rho * reward + np.sqrt(1 - rho**2) * noise
    conflict = prompt_conflict(reward, logprob)
    conflict = conflict[~np.isnan(conflict)]
    values = {
        "mean_abs_pacs": conflict,
        **{f"share_above_{t}": conflict > t for t in RELEASED_THRESHOLDS.values()},
        "kendall_tau_distance": kendall_tau_distance(reward, logprob),
    }
    row = {"correlation": rho, "n_prompts": len(conflict)}
    for name, per_prompt in values.items():
        row[name] = float(np.mean(per_prompt))
        row[f"{name}_se"] = float(np.std(per_prompt) / np.sqrt(len(per_prompt)))
    return row
