"""What each algorithm learns from: pairs, ranked groups, or prompts and a proxy."""

from dataclasses import replace

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.artifacts import code_fingerprint
from proxylab.preferences.swapping import swap_replies
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.interface import RewardModel
from proxylab.studies.alignment.arms import BY_PROXY, CLEANED, RAW, RAW_AS_FEW, Arm
from proxylab.studies.alignment.setting import Setting
from proxylab.studies.world_models import drawn_once
from proxylab.world.preferences import draw_preferences

FEWER_STREAM, SWEEP_STREAM = 57, 58


def training_pairs(arm: Arm, proxy: RewardModel | None, setting: Setting) -> pd.DataFrame:
    """The pairs that SFT or DPO learns from: prompt, chosen, rejected.

    "by_proxy": replies that nobody has ordered (`unlabelled_pairs`), the one that the proxy scores
    higher as chosen; pairs that it scores the same are dropped.
    """
    raw = setting.pairs("train", cleaned=False)
    if arm.pairs == RAW:
        return with_replies(raw)
    if arm.pairs == CLEANED:
        return setting.pairs("train", cleaned=True)
    if arm.pairs == RAW_AS_FEW:
        n = len(setting.pairs("train", cleaned=True))
        return _sample(with_replies(raw), n, [setting.settings.seed, FEWER_STREAM])
    assert arm.pairs == BY_PROXY, arm
    return relabelled(unlabelled_pairs(setting), proxy)


def unlabelled_pairs(setting: Setting) -> pd.DataFrame:
    """Pairs of replies for a proxy to order: pair_id, prompt, chosen, rejected.

    In the world they are drawn anew, by the writers of the training pairs: a reward model has
    memorised the labels of the very pairs that it was trained on, and would order those far better
    than its accuracy says. On real text there are only the training pairs, and that is so: which
    of them is drawn by the run's seed, as those of the arms it is compared with are.
    """
    n, stream = setting.profile.alignment.n_proxy_labelled, [setting.settings.seed, SWEEP_STREAM]
    if setting.world is None:
        return _sample(with_replies(setting.pairs("train", cleaned=False)), n, stream)
    code = code_fingerprint("studies/alignment/signals")
    wanted = {"world": setting.world.settings, "n": n, "seed": setting.settings.seed, "code": code}

    def draw() -> pd.DataFrame:
        sized = setting.world.settings.model_copy(update={"n_train_pairs": max(40, n)})
        rng = np.random.default_rng(stream)
        drawn = draw_preferences(replace(setting.world, settings=sized), "train", rng)
        return drawn.pairs.assign(topic=drawn.truth["topic"])

    pairs = with_replies(drawn_once(wanted, draw))
    left_out = pairs["topic"].isin(setting.settings.leave_out)
    left_out |= pairs["prompt"].isin(setting.test_prompts["prompt"])
    return pairs[~left_out].reset_index(drop=True)


def relabelled(pairs: pd.DataFrame, proxy: RewardModel) -> pd.DataFrame:
    """The pairs with the reply that the proxy scores higher as chosen, without its ties."""
    scores = score_pairs(proxy, pairs)
    margin = scores["score_chosen"].to_numpy() - scores["score_rejected"].to_numpy()
    turned = pd.Series(margin < 0, index=pairs.index)
    ordered = swap_replies(pairs, turned)
    return ordered[np.abs(margin) > 0].reset_index(drop=True)  # nor pairs without a score


def ranked_groups(proxy: RewardModel, setting: Setting) -> list[RankedGroup]:
    """Two replies to each prompt with the proxy's scores: ranking length 2, as in the paper.

    Whose rewards rank the candidates is the arm's proxy, and nobody else.
    """
    pairs = unlabelled_pairs(setting)
    scores = score_pairs(proxy, pairs)
    columns = (pairs["prompt"], pairs["chosen"], pairs["rejected"])
    both = (scores["score_chosen"], scores["score_rejected"])
    return [
        RankedGroup(prompt, (first, second), (float(a), float(b)))
        for prompt, first, second, a, b in zip(*columns, *both, strict=True)
    ]


def with_replies(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs that say something: two replies that differ, the chosen one not empty."""
    says = (pairs["chosen"] != pairs["rejected"]) & (pairs["chosen"] != "")
    return pairs[says].reset_index(drop=True)


def _sample(pairs: pd.DataFrame, n: int, seed: list[int]) -> pd.DataFrame:
    """`n` of the pairs in their order; all of them if there are no more."""
    rows = np.random.default_rng(seed).permutation(len(pairs))[:n]
    return pairs.iloc[np.sort(rows)].reset_index(drop=True)
