"""Real votes and real scores that others published: PandaLM, UKPConvArg1, JudgeBench.

They are data of third parties: read from the folder that PROXYLAB_DATA names, never kept here.
"""

import numpy as np
import pandas as pd

from proxylab.accuracy import accuracy_table, compare, score_pairs
from proxylab.annotators import read_pandalm, read_ukpconvarg1
from proxylab.cleaning import category_counts, relabel_one_out
from proxylab.profiles import Profile
from proxylab.rewards.score_files import read_judgebench
from proxylab.runs import MeasureAgreement, MeasureScores
from proxylab.studies.cleaning_report import agreement_rows
from proxylab.studies.data import real_data_folder

READERS = {"pandalm": read_pandalm, "ukpconvarg1": read_ukpconvarg1}


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
    """Equation 2 for each published scorer, and every two of them compared on the same pairs.

    Raises ValueError for a source that is not known.
    """
    if settings.scores != "judgebench":
        raise ValueError(
            f"scores={settings.scores!r}: the published scores read here: 'judgebench'"
        )
    pairs, models = read_judgebench(real_data_folder() / "judgebench")
    scores = {name: score_pairs(model, pairs) for name, model in models.items()}
    rng = np.random.default_rng([settings.seed, 13])
    return {
        "accuracy": accuracy_table(scores, pairs),
        "comparisons": compare(scores, rng=rng, n_resamples=profile.n_resamples),
    }
