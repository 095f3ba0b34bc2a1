"""Asking the models of a setting: replies, their log-probabilities, what proxy and gold say.

In which arithmetic: replies are drawn in bfloat16 (`sampling_arithmetic`), and all else that models
are asked is in float32, but for what a trainer asks of a policy under its own autocast. Reward
models score in float32 whatever they were trained in, as `rewards.ranked` puts back; released ones
in the 16 bits that they are stored in.
"""

from math import inf
from typing import Any

from proxylab.cost.models import ModelSize
from proxylab.cost.setting import Setting
from proxylab.cost.work import Work, generate, score

BOTH = 2  # models whose logits a pass holds where one policy is held against another


def replies(
    what: str,
    n: float,
    setting: Setting,
    *,
    half: bool = False,
    at_once: float = inf,
    **options: Any,
) -> list[Work]:
    """`n` replies, and their log-probabilities, which sampling always takes as well.

    Arguments: `half` whether the latter are asked for under autocast; `at_once` replies a call.
    """
    length = setting.reads(setting.policy_length, replies=True)
    sampled = generate(
        f"{what}: sampled", setting.policy, n, length, setting.new, at_once=at_once, **options
    )
    asked = {"half": half, "at_once": at_once, **options}
    return [sampled, by_policy(f"{what}: log-probabilities", n, setting, **asked)]


def by_policy(
    what: str, n: float, setting: Setting, *, of_pairs: bool = False, **options: Any
) -> Work:
    """A pass of the policy over `n` texts, with sampled replies unless `of_pairs`."""
    length = setting.reads(setting.policy_length, replies=not of_pairs)
    if of_pairs:  # its own replies are tokens already
        options["n_encoded"] = n
    return score(what, setting.policy, n, length, **options)


def divergence(what: str, n: float, setting: Setting, **options: Any) -> Work:
    """How far the policy's `n` replies are from another policy's: a pass of each."""
    return by_policy(f"{what}: divergence", BOTH * n, setting, n_held=BOTH, **options)


def by_proxy(
    what: str,
    n: float,
    setting: Setting,
    model: ModelSize | None = None,
    *,
    of_pairs: bool = False,
    **options: Any,
) -> Work:
    """Scores of `n` texts, with sampled replies unless `of_pairs`.

    Arguments: `model` a released one in place of the setting's own proxy.
    """
    released = model is not None and model != setting.reward
    length = setting.reads(setting.reward_length, replies=not of_pairs)
    half = released and model.download_gb > 0
    return score(what, model or setting.reward, n, length, half=half, n_encoded=n, **options)


def by_gold(
    what: str,
    n: float,
    setting: Setting,
    *,
    of_pairs: bool = False,
    **options: Any,
) -> list[Work]:
    """Scores by the model that stands for gold; a gold that is a function costs nothing here."""
    if setting.gold is None:
        return []
    length = setting.reads(setting.gold_length, replies=not of_pairs)
    options |= {"half": setting.gold_half, "n_encoded": n}
    return [score(f"{what}: gold", setting.gold, n, length, **options)]
