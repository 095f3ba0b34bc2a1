"""Proxies trained on the pairs of a run, by name: on which pairs, how many of them, of which size.

"raw" and "cleaned" learn from all of these pairs, "raw@0.1" from a tenth; "raw-small" is a model of
the small size. So a run compares reward models graded by data, by labels and by size.
"""

import re
from dataclasses import dataclass

from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.runs import TrainRewardModel
from proxylab.studies.alignment.arms import CLEANED, RAW, SMALL, STANDARD
from proxylab.studies.alignment.setting import Setting
from proxylab.studies.cleaning import COMMITTEE, SIMULATED
from proxylab.studies.data import WORLD
from proxylab.studies.reward_models import trained_reward_model

NAME = re.compile(rf"({RAW}|{CLEANED})(?:@(\d*\.?\d+))?(-{SMALL})?")


@dataclass(frozen=True)
class PairProxy:
    """Which pairs ("raw" or "cleaned"), what share of them, and the size of the model."""

    pairs: str
    fraction: float = 1.0
    size: str = STANDARD


def pair_proxy(name: str) -> PairProxy | None:
    """What a name says of a proxy trained on pairs; None where it is the name of another."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    pairs, fraction, small = match.groups()
    return PairProxy(pairs, float(fraction or 1), SMALL if small else STANDARD)


def trained_pair_proxy(proxy: PairProxy, setting: Setting) -> SequenceClassifierReward:
    """The reward model, trained or found trained.

    Raises ValueError for a share outside (0, 1], and for a small one of a released model.
    """
    chosen = setting.settings
    wanted = TrainRewardModel(
        profile=chosen.profile,
        seed=chosen.seed,
        data=chosen.data,
        train_on=proxy.pairs,
        annotators=SIMULATED if chosen.data == WORLD else COMMITTEE,
        fraction=proxy.fraction,
    )
    base = setting.proxy_base(proxy.size)
    return trained_reward_model(wanted, setting.profile, setting.cleaned, base=base)[0]
