"""How far a proxy reward and a base policy disagree: PACS, Kendall-Tau distance, thresholds.

"Targeting Misalignment" (arXiv 2512.09212). Everything takes numpy arrays or torch tensors
`(n_prompts, n_samples)`, NaN where there is no completion, and gives numpy arrays or frames;
torch itself is never loaded. Left out: which prompts to label (room `selection`).
"""

from proxylab.conflict.kendall import (
    CorpusKendall,
    corpus_kendall,
    kendall_table,
    kendall_tau_distance,
    no_better_than_chance,
    share_ordered_rightly,
)
from proxylab.conflict.logprob import LOGPROB_NORMALISATIONS, normalised_logprob
from proxylab.conflict.pacs import MIN_SD, CorpusConflict, corpus_conflict, pacs, prompt_conflict
from proxylab.conflict.simulation import PAPER_COLUMNS, gaussian_simulation
from proxylab.conflict.thresholds import (
    RELEASED_SAMPLES,
    RELEASED_THRESHOLDS,
    independence_level,
    independence_threshold,
    released_levels,
    threshold_table,
)

__all__ = [
    "LOGPROB_NORMALISATIONS",
    "MIN_SD",
    "PAPER_COLUMNS",
    "RELEASED_SAMPLES",
    "RELEASED_THRESHOLDS",
    "CorpusConflict",
    "CorpusKendall",
    "corpus_conflict",
    "corpus_kendall",
    "gaussian_simulation",
    "independence_level",
    "independence_threshold",
    "kendall_table",
    "kendall_tau_distance",
    "no_better_than_chance",
    "normalised_logprob",
    "pacs",
    "prompt_conflict",
    "released_levels",
    "share_ordered_rightly",
    "threshold_table",
]
