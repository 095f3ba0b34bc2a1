"""Who votes: simulated annotators, a committee of models, files of votes, public data sets."""

from proxylab.annotators.committee import committee_votes, cross_fit_votes, score_gap
from proxylab.annotators.public import (
    read_pandalm,
    read_pandalm_pairs,
    read_ukpconvarg1,
    read_ukpconvarg1_pairs,
)
from proxylab.annotators.simulated import (
    FEATURES,
    SimulatedAnnotator,
    make_annotators,
    simulate_votes,
)
from proxylab.annotators.votes import (
    CHOICES,
    VOTE_COLUMNS,
    check_votes,
    count_votes,
    votes_frame,
)
from proxylab.annotators.votes_file import read_votes, write_votes

__all__ = [
    "CHOICES",
    "FEATURES",
    "VOTE_COLUMNS",
    "SimulatedAnnotator",
    "check_votes",
    "committee_votes",
    "count_votes",
    "cross_fit_votes",
    "make_annotators",
    "read_pandalm",
    "read_pandalm_pairs",
    "read_ukpconvarg1",
    "read_ukpconvarg1_pairs",
    "read_votes",
    "score_gap",
    "simulate_votes",
    "votes_frame",
    "write_votes",
]
