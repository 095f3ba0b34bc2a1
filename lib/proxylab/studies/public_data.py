"""Real votes and real scores that others published: PandaLM, UKPConvArg1, JudgeBench.

They are data of third parties: read from the folder that PROXYLAB_DATA names, never kept here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.accuracy import accuracy_table, compare, score_pairs
from proxylab.annotators import (
    read_pandalm,
    read_pandalm_pairs,
    read_ukpconvarg1,
    read_ukpconvarg1_pairs,
)
from proxylab.cleaning import category_counts, relabel_one_out
from proxylab.profiles import Profile
from proxylab.rewards.score_files import read_judgebench
from proxylab.runs import MeasureAgreement, MeasureScores
from proxylab.studies.cleaning_report import agreement_rows
from proxylab.studies.correlation.judgebench import judgebench_tables
from proxylab.studies.data import real_data_folder

READERS = {"pandalm": read_pandalm, "ukpconvarg1": read_ukpconvarg1}
PAIR_READERS = {"pandalm": read_pandalm_pairs, "ukpconvarg1": read_ukpconvarg1_pairs}
VALUES = {"chosen": 1.0, "tie": 0.0, "rejected": -1.0}


@dataclass(frozen=True)
class JudgedPairs:
    """Pairs that real people judged; `votes` `(n_votes, n_pairs)`: +1 the first, 0 tie, -1.

    Where annotators differ from pair to pair, row k is just the k-th vote of each pair.
    """

    pairs: pd.DataFrame
    votes: np.ndarray


def judged_pairs(name: str) -> JudgedPairs:
    """The texts and votes of "pandalm" or "ukpconvarg1", of every pair with the most votes.

    Pairs that lack a text or a vote are left out.
    """
    folder = real_data_folder() / name
    pairs, votes = PAIR_READERS[name](folder)[0], READERS[name](folder)[0]
    votes = votes.assign(
        value=votes["choice"].map(VALUES), place=votes.groupby("pair_id").cumcount()
    )
    wide = votes.pivot(index="pair_id", columns="place", values="value").dropna()
    pairs = pairs[pairs["pair_id"].isin(wide.index)].reset_index(drop=True)
    return JudgedPairs(pairs, wide.loc[pairs["pair_id"]].to_numpy(float).T)


def agreement_of_people(
    settings: MeasureAgreement, profile: Profile
) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables of agreement and of relabelled categories, and what reading the votes reported.

    relabelled: one annotator a pair is taken for the recorded label and the others relabel it.
    """
    votes, report = READERS[settings.votes](real_data_folder() / settings.votes)
    rng = np.random.default_rng([settings.seed, 12])
    rows = agreement_rows(votes, split="all", rng=rng, n_resamples=profile.n_resamples)
    relabelled = category_counts(relabel_one_out(votes, rng))
    return {"agreement": pd.DataFrame(rows), "relabelled": relabelled}, report.summary()


def accuracy_of_score_files(settings: MeasureScores, profile: Profile) -> dict[str, pd.DataFrame]:
    """Equation 2 for each published scorer, every two compared, and what else 350 pairs can say.

    Tables accuracy and comparisons, and those of `correlation.judgebench`.
    Raises ValueError for a source that is not known.
    """
    if settings.scores != "judgebench":
        raise ValueError(
            f"scores={settings.scores!r}: the published scores read here: 'judgebench'"
        )
    pairs, models = read_judgebench(real_data_folder() / "judgebench")
    scores = {name: score_pairs(model, pairs) for name, model in models.items()}
    rng = np.random.default_rng([settings.seed, 13])
    comparisons = compare(scores, rng=rng, n_resamples=profile.n_resamples)
    return {
        "accuracy": accuracy_table(scores, pairs),
        "comparisons": comparisons,
        **judgebench_tables(
            scores, pairs, comparisons, seed=settings.seed, n_resamples=profile.n_resamples
        ),
    }
