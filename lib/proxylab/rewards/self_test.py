"""What can be wrong with a proxy without its scores looking wrong.

A head that was never trained, a cost model read as a reward, the wrong text layout, a policy and a
reference swapped, a ranker that looks at the order, a score file of other pairs: each gives
plausible numbers. `self_test` asks before they are used; what it asks, and what it cannot see, is
in `self_tests`, by kind of proxy.
"""

import pandas as pd

from proxylab.rewards.cache import CachedReward
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.pairwise import RankerReward
from proxylab.rewards.score_files import ScoreFile
from proxylab.rewards.self_tests.check import Check, RewardModelSelfTestError, checks_table
from proxylab.rewards.self_tests.files import file_checks
from proxylab.rewards.self_tests.models import model_checks
from proxylab.rewards.self_tests.probes import probe_pairs
from proxylab.rewards.self_tests.rankings import ranking_checks
from proxylab.rewards.self_tests.scores import score_checks

__all__ = ["Check", "RewardModelSelfTestError", "checks_table", "run_checks", "self_test"]

Proxy = RewardModel | RankerReward | ScoreFile
BLOCKING = {"template", "padding", "vocabulary"}  # failing these, a model cannot be asked


def self_test(
    model: Proxy,
    *,
    pairs: pd.DataFrame | None = None,
    tolerance: float = 0.02,
    alpha: float = 0.01,
    min_coverage: float = 0.9,
) -> list[Check]:
    """Check a proxy before it is trusted; returns the checks when all have passed.

    Arguments: `pairs` a pair frame the proxy should do no worse than chance on (the first 256
    count, of a score file all); without it ten plain English probes serve, which say nothing about
    a model of another vocabulary; `tolerance` how far batching may move a score, as a fraction of
    the scores' range; `alpha` of the one-sided tests against chance; `min_coverage` share of the
    pairs that a score file must score.
    Raises RewardModelSelfTestError naming every check that failed.
    """
    checks = run_checks(
        model, pairs=pairs, tolerance=tolerance, alpha=alpha, min_coverage=min_coverage
    )
    if not all(check.passed for check in checks):
        raise RewardModelSelfTestError(model.name, checks)
    return checks


def run_checks(
    model: Proxy,
    *,
    pairs: pd.DataFrame | None = None,
    tolerance: float = 0.02,
    alpha: float = 0.01,
    min_coverage: float = 0.9,
) -> list[Check]:
    """The checks of `self_test`, passed or failed, for a report that shows both.

    What a model cannot be asked without (a template, padding, a shared vocabulary) is checked
    first; where that fails, nothing is scored. A cache is looked behind.
    """
    if isinstance(model, CachedReward):
        model = model.model
    if isinstance(model, ScoreFile):
        return file_checks(model, pairs, alpha=alpha, min_coverage=min_coverage)
    checks = model_checks(model)
    if any(check.name in BLOCKING and not check.passed for check in checks):
        return checks
    ask = ranking_checks if isinstance(model, RankerReward) else score_checks
    return checks + ask(model, probe_pairs(pairs), tolerance=tolerance, alpha=alpha)
