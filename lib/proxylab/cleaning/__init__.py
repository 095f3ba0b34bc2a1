"""Votes to categories to a cleaned set, aggregation, agreement, and recovery of the truth."""

from proxylab.cleaning.aggregation import METHODS, aggregate, rare_annotators
from proxylab.cleaning.agreement import (
    draw_records,
    gwet_ac1,
    krippendorff_alpha,
    leave_one_out_agreement,
    relabel_one_out,
)
from proxylab.cleaning.annotator_quality import (
    annotator_agreement,
    expected_accuracy,
    pairwise_agreement,
    vote_patterns,
)
from proxylab.cleaning.categories import (
    CATEGORIES,
    LABELS,
    PRECEDENCE,
    RULES,
    UNDECIDED,
    categorise,
    category_by_votes,
    category_counts,
    toxic_by_votes,
)
from proxylab.cleaning.ceiling import (
    beta_ceiling,
    disattenuated,
    equal_difficulty_ceiling,
    proxy_ceiling,
    split_half_reliability,
)
from proxylab.cleaning.cleaned import cleaned_set
from proxylab.cleaning.posterior import category_by_posterior, recategorise
from proxylab.cleaning.recovery import confusion, precision_recall
from proxylab.cleaning.toxicity import (
    THRESHOLD,
    HFToxicity,
    ProfanityCheck,
    ToxicityClassifier,
    WordList,
    is_toxic,
)

__all__ = [
    "CATEGORIES",
    "LABELS",
    "METHODS",
    "PRECEDENCE",
    "RULES",
    "THRESHOLD",
    "UNDECIDED",
    "HFToxicity",
    "ProfanityCheck",
    "ToxicityClassifier",
    "WordList",
    "aggregate",
    "annotator_agreement",
    "beta_ceiling",
    "categorise",
    "category_by_posterior",
    "category_by_votes",
    "category_counts",
    "cleaned_set",
    "confusion",
    "disattenuated",
    "draw_records",
    "equal_difficulty_ceiling",
    "expected_accuracy",
    "gwet_ac1",
    "is_toxic",
    "krippendorff_alpha",
    "leave_one_out_agreement",
    "pairwise_agreement",
    "precision_recall",
    "proxy_ceiling",
    "rare_annotators",
    "recategorise",
    "relabel_one_out",
    "split_half_reliability",
    "toxic_by_votes",
    "vote_patterns",
]
