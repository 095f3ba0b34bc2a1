"""What a score file shows: rows that could be read, pairs once each, coverage, range, sign."""

import numpy as np
import pandas as pd

from proxylab.rewards.score_files import ScoreFile
from proxylab.rewards.self_tests.check import Check
from proxylab.rewards.self_tests.scores import orientation, score_range

CURE = "load it with orientation=-1, or without if it has that"


def file_checks(
    file: ScoreFile, pairs: pd.DataFrame | None, *, alpha: float, min_coverage: float
) -> list[Check]:
    """The checks of a score file, on all of the pairs given or, without any, on its own rows.

    Every pair counts, not the first few: nothing has to be computed.
    """
    checks = [_rows(file), _duplicates(file)]
    if not checks[1].passed:
        return checks
    scores = file.scores
    if pairs is not None:
        checks.append(_coverage(file, pairs, min_coverage))
        scores = file.score_pairs(pairs)
    chosen, rejected = (scores[f"score_{side}"].to_numpy(float) for side in ("chosen", "rejected"))
    both = ~np.isnan(chosen) & ~np.isnan(rejected)
    if both.any():
        chosen, rejected = chosen[both], rejected[both]
        checks.append(score_range(np.concatenate([chosen, rejected]), of="scores"))
        checks.append(orientation(chosen, rejected, alpha=alpha, cure=CURE))
    elif pairs is None:
        checks.append(Check("range", False, f"none of {len(both)} rows has two scores"))
    return checks


def _rows(file: ScoreFile) -> Check:
    report = file.report
    n_bad = report.n_read - report.n_kept
    detail = f"{report.n_kept:,} of {report.n_read:,} rows read"
    if n_bad:
        detail += f"; first left out, line {report.problems[0].line}: {report.problems[0].reason}"
    return Check("rows", n_bad == 0, detail)


def _duplicates(file: ScoreFile) -> Check:
    repeated = file.scores["pair_id"][file.scores["pair_id"].duplicated()]
    if len(repeated):
        detail = f"{len(repeated)} rows repeat a pair, the first {repeated.iloc[0]!r}"
        return Check("duplicates", False, detail)
    return Check("duplicates", True, "each pair once")


def _coverage(file: ScoreFile, pairs: pd.DataFrame, min_coverage: float) -> Check:
    found = file.score_pairs(pairs)
    n = int(found[["score_chosen", "score_rejected"]].notna().all(axis=1).sum())
    detail = f"both scores for {n:,} of {len(pairs):,} pairs"
    if n == 0 and len(pairs) and len(file.scores):
        detail += f" (the file has {file.scores['pair_id'].iloc[0]!r}, the pairs "
        detail += f"{pairs['pair_id'].iloc[0]!r})"
    elif n < min_coverage * len(pairs):
        detail += f", less than {min_coverage:.0%}"
    return Check("coverage", n > 0 and n >= min_coverage * len(pairs), detail)
