"""Thresholds of conflict by their level: how often an unrelated proxy and policy exceed them.

"Targeting Misalignment" (arXiv 2512.09212) selects prompts of mean |PACS| above 1.0 (released
code; file names suggest 1.5 as well). What such a number means changes with K, the samples of a
prompt; its level under independence does not.

Reward and log-probability independent and Gaussian, K samples: both vectors of z-scores are
uniform on a sphere, so the length of their difference, sqrt(2 K (1 - rho)), is independent of its
direction. Hence, derived here and exact,

    mean |PACS|  =  sqrt(2 (1 - rho)) * G,        rho and G independent,

(1 + rho) / 2 ~ Beta(K/2 - 1, K/2 - 1), and G the ratio of mean absolute to standard deviation of
K Gaussian values (Geary 1935). The level at a threshold t is the mean over G of a Beta tail: only
G is simulated, with a fixed seed. Left out: rewards that are not Gaussian.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import betaincc

RELEASED_THRESHOLDS = {"released-1.0": 1.0, "released-1.5": 1.5}
RELEASED_SAMPLES = 8  # completions a prompt in the released code
LARGEST = 2.0  # mean |PACS| of a proxy that reverses the policy, each reply one of two values
N_DRAWS = 200_000  # standard error of a level below 0.0005 at every K (see `threshold_table`)
N_POINTS = 2000  # quantiles that stand for the draws: the Beta tail is smooth in G
BLOCK = 1 << 22  # Gaussian values held at once, 32 MB


def independence_threshold(
    n_samples: int, level: float, *, n_draws: int = N_DRAWS, seed: int = 0
) -> float:
    """Mean |PACS| that an independent Gaussian proxy and policy exceed with probability `level`.

    Arguments: `n_samples` completions a prompt, 3 or more (with 2, mean |PACS| is 0 or 2, each
    half the time, and no threshold has a given level); `level` a fraction; `n_draws` and `seed`
    of the simulation: the same arguments, the same number.
    Raises ValueError for fewer than 3 samples or a level outside (0, 1).
    Source: derived here (module docstring).
    """
    if n_samples < 3:
        raise ValueError(
            f"n_samples must be 3 or more for a threshold of a given level, got {n_samples}"
        )
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1 (say 0.05), got {level}")
    return _threshold(int(n_samples), float(level), int(n_draws), int(seed))


def independence_level(
    threshold: float, n_samples: int, *, n_draws: int = N_DRAWS, seed: int = 0
) -> float:
    """Probability that mean |PACS| of an independent Gaussian proxy and policy is above it.

    The inverse of `independence_threshold`. Arguments: `threshold` a mean |PACS|, 0 or more;
    `n_samples` completions a prompt, 2 or more; `n_draws` and `seed` of the simulation.
    Raises ValueError for a negative threshold or fewer than 2 samples.
    Source: derived here (module docstring).
    """
    if not threshold >= 0:
        raise ValueError(f"threshold must be 0 or more, got {threshold}")
    if n_samples < 2:
        raise ValueError(f"n_samples must be 2 or more, got {n_samples}")
    if n_samples == 2:  # rho is -1 or 1, each half the time, and G is 1
        return 0.5 if threshold < LARGEST else 0.0
    return float(_levels(threshold, int(n_samples), int(n_draws), int(seed)).mean())


def released_levels(n_samples: int = RELEASED_SAMPLES) -> dict[str, float]:
    """Level under independence of each of RELEASED_THRESHOLDS, by its name.

    Arguments: `n_samples` completions a prompt (the released code has 8).
    """
    return {
        name: independence_level(threshold, n_samples)
        for name, threshold in RELEASED_THRESHOLDS.items()
    }


def threshold_table(
    n_samples: Iterable[int], levels: Iterable[float], *, n_draws: int = N_DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Thresholds for every number of samples and level, in the order given.

    Columns: n_samples, level (asked for), threshold (mean |PACS|), level_se (Monte-Carlo standard
    error of the level that this threshold has).
    Arguments and errors: as for `independence_threshold`.
    """
    levels = list(levels)
    rows = []
    for k in n_samples:
        for level in levels:
            threshold = independence_threshold(k, level, n_draws=n_draws, seed=seed)
            se = _levels(threshold, k, n_draws, seed).std() / np.sqrt(n_draws)
            rows.append((int(k), level, threshold, float(se)))
    return pd.DataFrame(rows, columns=["n_samples", "level", "threshold", "level_se"])


@cache
def _threshold(n_samples: int, level: float, n_draws: int, seed: int) -> float:
    def excess(threshold: float) -> float:
        return _levels(threshold, n_samples, n_draws, seed).mean() - level

    return float(brentq(excess, 0.0, LARGEST, xtol=1e-9))


def _levels(threshold: float, n_samples: int, n_draws: int, seed: int) -> np.ndarray:
    """P(mean |PACS| > threshold) given each quantile of G `(N_POINTS,)`; its mean is the level."""
    half = n_samples / 2 - 1
    share = (threshold / (2 * _geary_quantiles(n_samples, n_draws, seed))) ** 2  # of (1 - rho) / 2
    return betaincc(half, half, np.minimum(share, 1.0))


@cache
def _geary_quantiles(n_samples: int, n_draws: int, seed: int) -> np.ndarray:
    """Quantiles of mean absolute deviation over population sd, Gaussian samples `(N_POINTS,)`."""
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // n_samples)
    ratios = np.empty(n_draws)
    for start in range(0, n_draws, step):
        x = rng.standard_normal((min(step, n_draws - start), n_samples))
        deviation = np.abs(x - x.mean(axis=1, keepdims=True)).mean(axis=1)
        ratios[start : start + len(x)] = deviation / x.std(axis=1)
    quantiles = np.quantile(ratios, (np.arange(N_POINTS) + 0.5) / N_POINTS)
    quantiles.flags.writeable = False  # the cache hands out one array
    return quantiles
