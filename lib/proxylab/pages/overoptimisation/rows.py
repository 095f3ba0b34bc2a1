"""What every optimiser gained, prompt by prompt, at every strength at which it was measured.

Gains are over the start policy on the same prompt, and distance is the KL from it, so that
best-of-n, the exact optimum, PPO and DPO come into one form. Left out: means and intervals.
"""

from functools import cache

import numpy as np
import pandas as pd

from proxylab.accuracy import MIXED
from proxylab.pages.alignment_rows import ALGORITHMS, START, align_table, in_proxy_order
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import BY_PROXY, STANDARD, UNBIASED

METHODS = ("best_of_n", "reweighting", "ppo", "dpo")
FORMS = {"best_of_n": "best_of_n", "reweighting": "rl", "ppo": "rl", "dpo": "rl"}
CURVE = ["method", "proxy", "bias"]
VALUES = ("gold", "reward", "kl", "bound")
COLUMNS = [*CURVE, "task", "seed", "prompt", "strength", *VALUES]
ALONE = 1.0  # the best of one completion is the start policy's


@cache
def gains(profile: str, task: str = MIXED) -> pd.DataFrame:
    """One row a curve (method, proxy, bias), seed, prompt and strength; not to be written to.

    Columns: method, proxy, bias, task, seed, prompt; strength, which rises with optimisation
    (n; the mean KL asked for; PPO's step; DPO's 1 / beta), its smallest being the start policy;
    gold and reward (of the proxy) above the start policy's; kl (nats); bound (best-of-n's bound
    of it). Strengths that a curve does not have in all of its seeds are left out.
    Raises MissingResults where no method has been run.
    """
    found, missing = [], []
    for method in METHODS:
        try:
            found.append(_OF_METHOD[method](profile, task))
        except MissingResults as error:
            missing.append(error)
    if not found:
        raise missing[0]
    rows = pd.concat(found, ignore_index=True)
    seeds = rows.groupby(CURVE)["seed"].transform("nunique")
    shared = rows.groupby([*CURVE, "strength"])["seed"].transform("nunique") == seeds
    return in_method_order(rows[shared])


def in_method_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by method as the page has them, proxies from poor to good within one, unbiased first."""
    rank = {name: i for i, name in enumerate(METHODS)}
    rows = in_proxy_order(rows).sort_values("bias", key=lambda b: b != UNBIASED, kind="stable")
    ordered = rows.sort_values("method", key=lambda names: names.map(rank), kind="stable")
    return ordered.reset_index(drop=True)


def methods_of(rows: pd.DataFrame) -> list[str]:
    """The methods among the rows, in order."""
    return [name for name in METHODS if name in set(rows["method"])]


def method_label(name: str) -> str:
    """A method as readers see it."""
    return ALGORITHMS.get(name, name)


def bias_label(text: str) -> str:
    """'length_bias=0.2' as readers see it: 'length bias 0.2'."""
    if text == UNBIASED:
        return "no bias added"
    return text.replace("_", " ").replace("=", " ")


def absent_sentence(profile: str, task: str = MIXED) -> str:
    """Which methods have no finished run, in a sentence; empty where all have."""
    present = methods_of(gains(profile, task))
    names = [method_label(name) for name in METHODS if name not in present]
    return f"Without a finished run here: {', '.join(names)}." if names else ""


def _choices(profile: str, task: str, method: str) -> pd.DataFrame:
    """Best-of-n or the exact optimum: both start from the mean of the same completions."""
    single = _standard(align_table(profile, "choices", "best_of_n", task=task))
    single = single[single["strength"] == ALONE]
    rows = _standard(align_table(profile, "choices", method, task=task))
    if method != "best_of_n":
        rows = pd.concat([single.assign(strength=0.0), rows.assign(kl_bound=np.nan)])
        # Only curves of its own: best-of-n may have had more proxies.
        own = rows.loc[rows["strength"] > 0, ["proxy", "bias", "seed"]].drop_duplicates()
        rows = rows.merge(own, on=["proxy", "bias", "seed"])
    start = rows["strength"] == (ALONE if method == "best_of_n" else 0.0)
    rows = rows.assign(kl=rows["kl"].mask(start, 0.0), bound=rows["kl_bound"].mask(start, 0.0))
    # What the start policy earns by gold is the same whatever the proxy.
    gold = single.drop_duplicates(["seed", "prompt"])[["seed", "prompt", "gold"]]
    rows = _less(rows, gold, ["seed", "prompt"])
    reward = single[["proxy", "bias", "seed", "prompt", "reward"]]
    return _finished(_less(rows, reward, ["proxy", "bias", "seed", "prompt"]), method)


def _checkpoints(profile: str, task: str) -> pd.DataFrame:
    """PPO with its usual KL coefficient, at every checkpoint; the first is the start policy."""
    rows = _standard(align_table(profile, "measured", "ppo", task=task))
    rows = rows[rows["set_beta"] == rows["set_beta"].mode()[0]]
    rows = rows.assign(strength=rows["step"].astype(float), bound=np.nan)
    rows["kl"] = rows["kl"].mask(rows["step"] == 0, 0.0)
    keys = ["proxy", "bias", "seed", "prompt"]
    first = rows.loc[rows["step"] == 0, [*keys, "gold", "reward"]]
    return _finished(_less(rows, first, keys), "ppo")


def _sweep(profile: str, task: str) -> pd.DataFrame:
    """DPO on pairs that a proxy ordered, by its beta; the start policy is beta without end.

    The start policy's test prompts have no reward of a proxy, so that reward is from the
    monitoring prompts, and gold and KL from the test prompts: rows of their own, NaN elsewhere.
    """
    asked = {"task": task, "labels": (BY_PROXY,)}
    tested = _standard(align_table(profile, "evaluation", "dpo", **asked))
    start = tested.loc[tested["algorithm"] == START, ["seed", "prompt", "gold"]]
    tested = _less(tested[tested["algorithm"] != START], start, ["seed", "prompt"])
    tested = tested.assign(reward=np.nan, strength=1 / tested["set_beta"])
    watched = _standard(align_table(profile, "measured", "dpo", **asked))
    keys = ["proxy", "bias", "set_beta", "seed", "prompt"]
    first = watched.loc[watched["step"] == 0, [*keys, "reward"]]
    last = watched[watched["step"] == watched.groupby(keys)["step"].transform("max")]
    last = _less(last, first, keys).assign(gold=np.nan, kl=np.nan)
    last = last.assign(strength=1 / last["set_beta"], prompt=-1 - last["prompt"])
    rows = pd.concat([tested, last], ignore_index=True).assign(bound=np.nan)
    zero = rows.drop_duplicates(["proxy", "bias", "seed", "prompt"]).assign(strength=0.0)
    for name in ("gold", "reward", "kl"):
        zero[name] = zero[name].mask(zero[name].notna(), 0.0)
    return _finished(pd.concat([zero, rows], ignore_index=True), "dpo")


_OF_METHOD = {
    "best_of_n": lambda profile, task: _choices(profile, task, "best_of_n"),
    "reweighting": lambda profile, task: _choices(profile, task, "reweighting"),
    "ppo": _checkpoints,
    "dpo": _sweep,
}


def _standard(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["size"] == STANDARD]


def _less(rows: pd.DataFrame, start: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows with the value of `start` (keys and one or more values) subtracted, NaN without one."""
    values = [name for name in start if name not in keys]
    joined = rows.merge(start, on=keys, how="left", suffixes=("", " at start"))
    for name in values:
        joined[name] = joined[name] - joined.pop(f"{name} at start")
    return joined


def _finished(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    return rows.assign(method=method)[COLUMNS]
