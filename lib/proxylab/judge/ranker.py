"""A judge as a proxy: which of two responses it prefers, for accuracy and the audit.

Left out: a score for a single response, which a judge of pairs does not have.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.judge.judging import judge_pairs
from proxylab.judge.outcomes import combined
from proxylab.judge.prompt import PROMPT_VERSION
from proxylab.judge.settings import JudgeSettings


class JudgeRanker:
    """Prefers one of two responses by a judge's verdicts.

    Arguments: `settings` the judge; `cache` the folder of the answers known; `log_odds`: the log
    odds of its votes in place of +1, 0, -1. `fingerprint` tells judges apart whose preferences may
    differ.
    """

    def __init__(
        self, settings: JudgeSettings, *, cache: str | Path, log_odds: bool = False
    ) -> None:
        self.settings, self.cache, self.log_odds = settings, cache, log_odds
        self.name = f"judge {settings.model}"
        orders = "both orders" if settings.both_orders else "one order"
        asked = f"{orders}, {settings.n_votes} votes, temperature {settings.temperature}"
        form = "log odds" if log_odds else "outcome"
        self.fingerprint = f"{self.name}, prompt {PROMPT_VERSION}, {asked}, {form}"

    def prefer(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray:
        """+1 where `first[i]` is better, -1 where `second[i]` is, 0 tie, NaN undecided: `(n,)`.

        With `log_odds`: log((w + 1/2) / (n - w + 1/2)) of the n verdicts on a pair, w of them for
        the first, a tie half of one (Haldane 1956, Anscombe 1956).
        Raises ValueError for unequal lengths, EndpointError as `judge_pairs` does.
        """
        if not len(prompts) == len(first) == len(second):
            lengths = (len(prompts), len(first), len(second))
            raise ValueError(f"need one first and one second response a prompt, got {lengths}")
        ids = [f"{i:06d}" for i in range(len(prompts))]
        columns = {"pair_id": ids, "prompt": prompts, "response": first, "opponent": second}
        if not ids:
            return np.empty(0)
        verdicts = judge_pairs(pd.DataFrame(columns), self.settings, cache=self.cache).verdicts
        if self.log_odds:
            return _log_odds(verdicts).reindex(ids).to_numpy(float)
        return combined(verdicts).set_index("pair_id")["outcome"].reindex(ids).to_numpy(float)


def _log_odds(verdicts: pd.DataFrame) -> pd.Series:
    outcomes = verdicts.dropna(subset="outcome").groupby("pair_id")["outcome"]
    n, won = outcomes.size(), (outcomes.sum() + outcomes.size()) / 2
    return np.log((won + 0.5) / (n - won + 0.5))
