"""What each algorithm learns from: pairs, ranked groups, or prompts and a proxy."""

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.interface import RewardModel
from proxylab.studies.alignment.arms import BY_PROXY, CLEANED, RAW, RAW_AS_FEW, Arm
from proxylab.studies.alignment.setting import Setting

FEWER_STREAM, SWEEP_STREAM = 57, 58


def training_pairs(arm: Arm, proxy: RewardModel | None, setting: Setting) -> pd.DataFrame:
    """The pairs that SFT or DPO learns from: prompt, chosen, rejected.

    "by_proxy": the replies of published pairs (a seeded sample of them), the one that the proxy
    scores higher as chosen; pairs that it scores the same are dropped.
    """
    raw = setting.pairs("train", cleaned=False)
    if arm.pairs == RAW:
        return _with_replies(raw)
    if arm.pairs == CLEANED:
        return setting.pairs("train", cleaned=True)
    if arm.pairs == RAW_AS_FEW:
        n = len(setting.pairs("train", cleaned=True))
        return _sample(_with_replies(raw), n, [setting.settings.seed, FEWER_STREAM])
    assert arm.pairs == BY_PROXY, arm
    return relabelled(_for_proxy(setting), proxy)


def relabelled(pairs: pd.DataFrame, proxy: RewardModel) -> pd.DataFrame:
    """The pairs with the reply that the proxy scores higher as chosen, without its ties."""
    scores = score_pairs(proxy, pairs)
    margin = scores["score_chosen"].to_numpy() - scores["score_rejected"].to_numpy()
    turned = pd.Series(margin < 0, index=pairs.index)
    ordered = pairs.assign(
        chosen=pairs["chosen"].mask(turned, pairs["rejected"]),
        rejected=pairs["rejected"].mask(turned, pairs["chosen"]),
    )
    return ordered[margin != 0].reset_index(drop=True)


def ranked_groups(proxy: RewardModel, setting: Setting) -> list[RankedGroup]:
    """The two replies of each published pair with the proxy's scores: ranking length 2, as PRO.

    Whose rewards rank the candidates is the arm's proxy, and nobody else.
    """
    pairs = _for_proxy(setting)
    scores = score_pairs(proxy, pairs)
    columns = (pairs["prompt"], pairs["chosen"], pairs["rejected"])
    both = (scores["score_chosen"], scores["score_rejected"])
    return [
        RankedGroup(prompt, (first, second), (float(a), float(b)))
        for prompt, first, second, a, b in zip(*columns, *both, strict=True)
    ]


def _for_proxy(setting: Setting) -> pd.DataFrame:
    pairs = _with_replies(setting.pairs("train", cleaned=False))
    n = setting.profile.alignment.n_proxy_labelled
    return _sample(pairs, n, [setting.settings.seed, SWEEP_STREAM])


def _with_replies(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs that say something: two replies that differ, and none of them empty for SFT's sake."""
    says = (pairs["chosen"] != pairs["rejected"]) & (pairs["chosen"] != "")
    return pairs[says].reset_index(drop=True)


def _sample(pairs: pd.DataFrame, n: int, seed: list[int]) -> pd.DataFrame:
    """`n` of the pairs in their order; all of them if there are no more."""
    rows = np.random.default_rng(seed).permutation(len(pairs))[:n]
    return pairs.iloc[np.sort(rows)].reset_index(drop=True)
