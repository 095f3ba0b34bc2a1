"""Rows of the PPO page: one arm a proxy, and one number a seed and arm of everything compared.

Proxies come from the poorest to the strongest; the gold reward itself is the ceiling: it is shown,
and takes no part in slopes and ranks, which are about proxies.
"""

from functools import cache

import numpy as np
import pandas as pd

from proxylab.accuracy import MIXED
from proxylab.pages.alignment_rows import (
    NOTEBOOK,
    PROXIES,
    START,
    align_table,
    in_proxy_order,
)
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import STANDARD, UNBIASED

CEILING = "gold"
START_NAME = "start policy"
PAIRS, COMPLETIONS = "pairs", "completions"
SETS = ("harmless-base", "helpful-base", MIXED)
LAST = 0.1  # share of the steps that counts as the end of training


@cache
def ppo_rows(profile: str, table: str) -> pd.DataFrame:
    """A table of the arms without bias at the profile's KL coefficient, poorest proxy first.

    Rows of the start policy, where there are any, come before and have the proxy "".
    Raises MissingResults where no such arm has been run.
    """
    rows = align_table(profile, table, "ppo", betas=none_named)
    usual = rows["bias"].isin(["", UNBIASED]) & (rows["size"] == STANDARD)
    own = rows[usual]
    started = own["algorithm"] == START
    if started.all():
        raise MissingResults(NOTEBOOK, profile=profile, where={"algorithm": "ppo"})
    found = pd.concat([own[started], in_proxy_order(own[~started])], ignore_index=True)
    return found.assign(name=[policy_name(proxy) for proxy in found["proxy"]])


def none_named(betas) -> bool:
    """Whether a run names no KL coefficients, and so takes the profile's."""
    return not betas


def policy_name(proxy: str) -> str:
    """How readers see a policy: by the proxy that it followed."""
    return PROXIES.get(proxy, proxy) if proxy else START_NAME


def accuracy_rows(profile: str, judged: str) -> pd.DataFrame:
    """How often each proxy is right, with `prompt` numbering the units of a seed.

    Arguments: `judged` on PAIRS (a row a cleaned test pair) or COMPLETIONS (a row a test prompt).
    """
    rows = ppo_rows(profile, "proxies")
    rows = rows[rows["judged"] == judged]
    # Every proxy of a seed is judged on the same units, in one order.
    return rows.assign(prompt=rows.groupby(["seed", "proxy"]).cumcount())


def last_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """The last tenth of each arm's steps, one step at least."""
    last = steps.groupby(["seed", "proxy"])["step"].transform("max")
    return steps[steps["step"] > last - np.ceil(LAST * last)]


@cache
def arms_by_seed(profile: str) -> pd.DataFrame:
    """One row a seed and proxy: seed, proxy, name, and the means that are compared.

    accuracy (on cleaned test pairs), ordering (on the start policy's completions), gold and kl
    (final policy, all test prompts), training_reward and training_loss (last tenth of training);
    NaN where a thing was not measured.
    """
    keys = ["seed", "proxy", "name"]
    ended = last_steps(ppo_rows(profile, "steps")).groupby(keys, sort=False)
    measured = ppo_rows(profile, "evaluation").query("proxy != ''").groupby(keys, sort=False)
    parts = [
        accuracy_rows(profile, PAIRS).groupby(keys, sort=False)["right"].mean().rename("accuracy"),
        accuracy_rows(profile, COMPLETIONS)
        .groupby(keys, sort=False)["right"]
        .mean()
        .rename("ordering"),
        measured[["gold", "kl"]].mean(),
        ended[["reward", "loss"]].mean().add_prefix("training_"),
    ]
    joint = pd.concat(parts, axis=1).reset_index()
    return in_proxy_order(joint).reset_index(drop=True)


def proxies_only(arms: pd.DataFrame) -> pd.DataFrame:
    """Rows of arms without the ceiling."""
    return arms[arms["proxy"] != CEILING]
