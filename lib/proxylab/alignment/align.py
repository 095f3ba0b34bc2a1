"""One call for every optimiser, and the list of them.

An optimiser of one's own is a file with its settings (a field `algorithm` with its name), its
training function, and one line:

    ALGORITHMS["mine"] = Algorithm(MySettings, train_mine, PAIRS, "why it should help")
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel

from proxylab.alignment.best_of_n import BestOfNSettings, train_best_of_n
from proxylab.alignment.dpo import DPOSettings, train_dpo
from proxylab.alignment.interface import Aligned, LanguageModelPolicy
from proxylab.alignment.monitor import Monitor
from proxylab.alignment.ppo import PPOSettings, train_ppo
from proxylab.alignment.pro import PROSettings, train_pro
from proxylab.alignment.reweighted import ReweightingSettings, train_reweighted
from proxylab.alignment.sft import SFTSettings, train_sft
from proxylab.names import did_you_mean, missing_name
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.interface import RewardModel


@dataclass(frozen=True)
class Signal:
    """A kind of thing to learn from: what it is, in words, and how to tell."""

    description: str
    fits: Callable[[Any], bool]
    columns: tuple[str, ...] = ()  # of a frame


PAIRS = Signal(
    "preference pairs: a frame with the columns prompt, chosen, rejected",
    lambda signal: isinstance(signal, pd.DataFrame),
    ("prompt", "chosen", "rejected"),
)
DEMONSTRATIONS = Signal(
    "demonstrations: a frame with the columns prompt, chosen",
    lambda signal: isinstance(signal, pd.DataFrame),
    ("prompt", "chosen"),
)
GROUPS = Signal(
    "ranked groups: a sequence of RankedGroup, labelled with the proxy's rewards",
    lambda signal: (
        isinstance(signal, Sequence) and all(isinstance(group, RankedGroup) for group in signal)
    ),
)
PROXY = Signal(
    "a reward model: anything with a name and score(prompts, responses)",
    lambda signal: isinstance(signal, RewardModel),
)


@dataclass(frozen=True)
class Algorithm:
    """An optimiser: its settings, its training function, what it learns from, and why use it.

    uses_prompts: whether `train` has the argument `prompts`.
    """

    settings: type[BaseModel]
    train: Callable[..., Aligned]
    takes: Signal
    why: str
    uses_prompts: bool = False


ALGORITHMS: dict[str, Algorithm] = {
    "sft": Algorithm(
        SFTSettings, train_sft, DEMONSTRATIONS, "imitates what people chose; no reward at all"
    ),
    "dpo": Algorithm(
        DPOSettings, train_dpo, PAIRS, "learns from the data itself, without a reward model"
    ),
    "pro": Algorithm(
        PROSettings, train_pro, GROUPS, "learns a proxy's ranking of several answers at once"
    ),
    "ppo": Algorithm(
        PPOSettings, train_ppo, PROXY, "climbs a proxy with answers of its own", uses_prompts=True
    ),
    "best_of_n": Algorithm(
        BestOfNSettings, train_best_of_n, PROXY, "a proxy's choice among samples; no training"
    ),
    "reweighting": Algorithm(
        ReweightingSettings,
        train_reweighted,
        PROXY,
        "what PPO and DPO aim at, by sampling; no training",
        uses_prompts=True,
    ),
}


def align(
    policy: LanguageModelPolicy,
    signal: pd.DataFrame | Sequence[RankedGroup] | RewardModel,
    settings: BaseModel,
    *,
    prompts: Sequence[str] | None = None,
    monitor: Monitor | None = None,
    progress: Callable[[str], None] | None = None,
) -> Aligned:
    """Align a copy of `policy` by the optimiser that `settings` name.

    Arguments: `policy` is the reference, and stays as it is; `signal` what that optimiser learns
    from (`ALGORITHMS[name].takes`); `settings` of one of `ALGORITHMS`; `prompts` to answer, for
    those that sample (the others have their own, and do not look at these); `monitor` measures
    checkpoints; `progress` gets a line a handful of times.
    Raises ValueError for settings of no known algorithm and for a frame without a column it needs;
    TypeError when the signal is of another kind, saying which is needed.
    """
    name = getattr(settings, "algorithm", type(settings).__name__)
    if name not in ALGORITHMS:
        raise ValueError(f"no algorithm `{name}`{did_you_mean(name, ALGORITHMS)}")
    algorithm = ALGORITHMS[name]
    _check_signal(name, algorithm.takes, signal)
    sampling = {"prompts": prompts} if algorithm.uses_prompts else {}
    return algorithm.train(policy, signal, settings, **sampling, monitor=monitor, progress=progress)


def _check_signal(name: str, takes: Signal, signal: Any) -> None:
    if not takes.fits(signal):
        raise TypeError(f"{name} learns from {takes.description}; got {type(signal).__name__}")
    for column in takes.columns:
        if column not in signal.columns:
            problem = missing_name("column", column, signal.columns)
            raise ValueError(f"{name} learns from {takes.description}; {problem}")
