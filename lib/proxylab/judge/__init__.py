"""The paper's judge of pairs, over any OpenAI-compatible endpoint: prompt, verdicts, position bias.

"The Elephant in the Room", table 6 and figure 6, appendix B.2. Left out: which pairs are judged
(`studies.judge`), and win, tie and lose with intervals (`evaluate.win_tie_lose_table`).
"""

from proxylab.judge.budget import BudgetSettings
from proxylab.judge.client import EndpointError
from proxylab.judge.judging import (
    OPPONENT_FIRST,
    ORDERS,
    RESPONSE_FIRST,
    Judged,
    judge_pairs,
)
from proxylab.judge.outcomes import combined, one_order, position_bias, verdict_counts
from proxylab.judge.prompt import PROMPT_VERSION, judge_message
from proxylab.judge.ranker import JudgeRanker
from proxylab.judge.settings import JudgeSettings

__all__ = [
    "OPPONENT_FIRST",
    "ORDERS",
    "PROMPT_VERSION",
    "RESPONSE_FIRST",
    "BudgetSettings",
    "EndpointError",
    "JudgeRanker",
    "JudgeSettings",
    "Judged",
    "combined",
    "judge_message",
    "judge_pairs",
    "one_order",
    "position_bias",
    "verdict_counts",
]
