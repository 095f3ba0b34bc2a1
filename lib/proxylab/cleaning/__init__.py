"""Votes to categories to a cleaned set, agreement of annotators, and recovery of the truth."""

from proxylab.cleaning.agreement import (
    krippendorff_alpha,
    leave_one_out_agreement,
    relabel_one_out,
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
from proxylab.cleaning.cleaned import cleaned_set, swap_pairs
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
    "PRECEDENCE",
    "RULES",
    "THRESHOLD",
    "UNDECIDED",
    "HFToxicity",
    "ProfanityCheck",
    "ToxicityClassifier",
    "WordList",
    "categorise",
    "category_by_votes",
    "category_counts",
    "cleaned_set",
    "confusion",
    "is_toxic",
    "krippendorff_alpha",
    "leave_one_out_agreement",
    "precision_recall",
    "relabel_one_out",
    "swap_pairs",
    "toxic_by_votes",
]
