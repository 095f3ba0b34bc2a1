"""What a cleaning run records: what was read, how far annotators agree, what they found, and, where
the truth is known, how much of it (Elephant, section 3 and figure 3).
"""

import numpy as np
import pandas as pd

from proxylab.cleaning import (
    categorise,
    category_counts,
    confusion,
    krippendorff_alpha,
    leave_one_out_agreement,
    precision_recall,
)
from proxylab.preferences import describe_pairs
from proxylab.profiles import Profile
from proxylab.runs import Clean
from proxylab.stats import Interval
from proxylab.studies.cleaning import SIMULATED, Cleaned, simulated_votes
from proxylab.studies.data import StudyData

SPLITS = ("train", "test")


def read_table(data: StudyData) -> pd.DataFrame:
    """What reading found, by split and subset; counts only."""
    parts = [("train", data.train), ("test", data.test)]
    return pd.concat(
        [
            describe_pairs(read.pairs).assign(split=split, rows_left_out=len(read.report.problems))
            for split, read in parts
        ],
        ignore_index=True,
    )


def count_table(cleaned: Cleaned) -> pd.DataFrame:
    """Shares of the categories with Wilson intervals, by split: each subset, then all."""
    frames = []
    for split in SPLITS:
        found, pairs = cleaned.of(split), cleaned.pairs(split)
        by_subset = category_counts(found, by=pairs["subset"].tolist())
        frames += [by_subset.assign(split=split), category_counts(found).assign(split=split)]
    return pd.concat(frames, ignore_index=True).rename(columns={"group": "subset"})


def agreement_table(
    cleaned: Cleaned, *, rng: np.random.Generator, n_resamples: int
) -> pd.DataFrame:
    """Krippendorff's alpha and leave-one-out agreement of each split's votes."""
    rows = []
    for split in SPLITS:
        votes = cleaned.votes[cleaned.votes["pair_id"].isin(cleaned.pairs(split)["pair_id"])]
        rows += agreement_rows(votes, split=split, rng=rng, n_resamples=n_resamples)
    return pd.DataFrame(rows)


def agreement_rows(
    votes: pd.DataFrame, *, split: str, rng: np.random.Generator, n_resamples: int
) -> list[dict]:
    """The two agreement statistics of one votes frame, as rows of `agreement_table`."""
    options = {"rng": rng, "n_resamples": n_resamples}
    found: dict[str, Interval] = {
        "alpha": krippendorff_alpha(votes, **options),
        "leave-one-out": leave_one_out_agreement(votes, **options),
    }
    return [
        {
            "split": split,
            "statistic": name,
            "value": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "n": interval.n,
            "n_raters": votes["annotator"].nunique(),
        }
        for name, interval in found.items()
    ]


def recovery_tables(cleaned: Cleaned) -> dict[str, pd.DataFrame]:
    """Precision and recall by category, and the confusion matrix; empty without a known truth."""
    if cleaned.data.truth is None:
        return {}
    ids = pd.concat([cleaned.pairs(split) for split in SPLITS], ignore_index=True)
    true = cleaned.data.truth_of(ids)["category"]
    found = cleaned.categories.set_index("pair_id").loc[ids["pair_id"], "category"]
    matrix = confusion(true, found).rename_axis(columns=None).rename_axis("true").reset_index()
    return {"recovery": precision_recall(true, found), "confusion": matrix}


def recovery_sweep(cleaned: Cleaned, profile: Profile, settings: Clean) -> pd.DataFrame:
    """Precision and recall over numbers of annotators and noise; empty unless they are simulated.

    One factor is varied at a time, around the run's own `n_annotators` and temperature.
    """
    if settings.annotators != SIMULATED:
        return pd.DataFrame()
    pairs = cleaned.pairs("train")
    truth = cleaned.data.truth_of(pairs)
    grid = [(n, settings.annotator_temperature) for n in profile.cleaning.sweep_n_annotators]
    grid += [(settings.n_annotators, t) for t in profile.cleaning.sweep_temperatures]
    frames = []
    for n_annotators, temperature in dict.fromkeys(grid):
        votes = simulated_votes(
            pairs,
            truth,
            profile,
            n_annotators=n_annotators,
            temperature=temperature,
            rng=np.random.default_rng([settings.seed, 11]),
        )
        found = categorise(pairs, votes, rule=settings.rule)
        table = precision_recall(truth["category"], found["category"])
        frames.append(table.assign(sweep_n=n_annotators, sweep_temperature=temperature))
    return pd.concat(frames, ignore_index=True)
