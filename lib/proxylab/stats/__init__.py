"""Intervals and tests shared by every page: Wilson, bootstraps, paired tests, Holm."""

from proxylab.stats.auroc import auroc, auroc_over_seeds
from proxylab.stats.intervals import (
    Interval,
    bootstrap,
    bootstrap_mean,
    seed_prompt_bootstrap,
    wilson,
)
from proxylab.stats.paired import McNemar, holm, mcnemar_exact, paired_difference

__all__ = [
    "Interval",
    "McNemar",
    "auroc",
    "auroc_over_seeds",
    "bootstrap",
    "bootstrap_mean",
    "holm",
    "mcnemar_exact",
    "paired_difference",
    "seed_prompt_bootstrap",
    "wilson",
]
