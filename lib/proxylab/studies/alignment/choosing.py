"""Best-of-n and the exact KL-regularised optimum, over one shared sample of the start policy.

Neither trains anything, so that all proxies, biases and strengths are measured on the same N
completions of each prompt: differences between arms are differences between proxies.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.bias import BiasedReward
from proxylab.evaluate import best_of_n_curve, best_of_n_kl, best_of_n_kl_bound
from proxylab.hub_revisions import source_identity
from proxylab.policies.reweighting import beta_for_kl, kl_from_reference, optimal_weights
from proxylab.rewards.interface import RewardModel
from proxylab.studies.alignment.arms import STANDARD, UNBIASED, Arm
from proxylab.studies.alignment.proxies import proxy_named
from proxylab.studies.alignment.setting import CODE, Setting

CHOICE_STREAM = 59
SAMPLE_FILE = "samples.parquet"


def choice_table(arm: Arm, setting: Setting) -> pd.DataFrame:
    """One row a test prompt and strength of optimisation: gold, reward and KL of the choice.

    Columns: prompt, subset, quadrant, strength (n of best-of-n; the mean KL that the optimum
    spends, in nats), gold and reward (expected, of what is chosen), kl (of this prompt, nats;
    repeated completions counted), kl_bound (best-of-n only: log n - (n - 1) / n).
    Raises ValueError where the proxy allows none of the profile's mean KLs.
    """
    known = choice_prompts(setting)
    sample = start_completions(setting, arm.size)
    reward = candidate_rewards(arm.proxy, arm.bias, setting, arm.size)
    scale = setting.profile.alignment
    if arm.algorithm == "best_of_n":
        table = _best_of_n(reward, sample.gold, sample.responses, scale.best_of)
    else:
        table = _optimum(reward, sample.gold, reachable_kls(arm.proxy, reward, scale.kls))
    columns = known[["subset", "quadrant"]]
    return table.merge(columns, left_on="prompt", right_index=True, validate="many_to_one")


def choice_prompts(setting: Setting) -> pd.DataFrame:
    """The test prompts whose completions are chosen among."""
    return setting.test_prompts.iloc[: setting.profile.alignment.n_choice_prompts]


@dataclass(frozen=True)
class Completions:
    """N completions of each prompt, and their gold reward; `(n_prompts, N)`."""

    responses: np.ndarray
    gold: np.ndarray


def start_completions(setting: Setting, size: str = STANDARD) -> Completions:
    """N completions of the start policy for each of the `choice_prompts`, drawn and judged once."""
    start, n = setting.start_folder(size), setting.profile.alignment.n_candidates
    prompts = choice_prompts(setting)["prompt"].tolist()

    def make(folder: Path) -> None:
        drawn = setting.sample(setting.start(size), prompts, stream=CHOICE_STREAM, n_samples=n)
        gold = distinct_scores(setting.gold, prompts, drawn.responses)
        frame = pd.DataFrame({"response": drawn.responses.ravel(), "gold": gold.ravel()})
        frame.to_parquet(folder / SAMPLE_FILE)

    made_from = {
        "policy": start.name,
        "gold": setting.gold_identity,
        "prompts": json.dumps(prompts),
        "n": n,
        "max_new_tokens": setting.max_new_tokens,
        "seed": setting.settings.seed,
    }
    frame = pd.read_parquet(
        cached_artifact("choice-sample", made_from, make, code=CODE) / SAMPLE_FILE
    )
    shape = (len(prompts), n)
    return Completions(
        frame["response"].to_numpy(object).reshape(shape), frame["gold"].to_numpy().reshape(shape)
    )


def candidate_rewards(proxy: str, bias: str, setting: Setting, size: str = STANDARD) -> np.ndarray:
    """The named proxy's rewards of the start policy's completions `(n_prompts, N)`.

    Kept without the bias, which is added to what is kept: biases differ in nothing else.
    """
    prompts = choice_prompts(setting)["prompt"].tolist()
    responses = start_completions(setting, size).responses

    def make(folder: Path) -> None:
        reward = distinct_scores(proxy_named(proxy, UNBIASED, setting), prompts, responses)
        pd.DataFrame({"reward": reward.ravel()}).to_parquet(folder / SAMPLE_FILE)

    model = proxy_named(proxy, bias, setting)
    starts = [setting.start_folder(name).name for name in (size, STANDARD)]
    made_from = {"proxy": [proxy, source_identity(proxy)], "start": starts, **setting.identity()}
    folder = cached_artifact("choice-rewards", made_from, make, code=CODE)
    reward = pd.read_parquet(folder / SAMPLE_FILE)["reward"].to_numpy().reshape(responses.shape)
    if not isinstance(model, BiasedReward):
        return reward
    return model.bias.apply(reward, responses, prompts=np.array(prompts, dtype=object))


def distinct_scores(
    model: RewardModel, prompts: Sequence[str], responses: np.ndarray
) -> np.ndarray:
    """Rewards `(n_prompts, N)`, each distinct completion of a prompt scored once.

    Copies of a text so have the very same reward, and a policy that repeats itself costs less.
    """
    rows = [(i, text) for i, row in enumerate(responses) for text in dict.fromkeys(row)]
    scores = model.score([prompts[i] for i, _ in rows], [text for _, text in rows])
    known = dict(zip(rows, scores, strict=True))
    return np.array([[known[i, text] for text in row] for i, row in enumerate(responses)])


def _best_of_n(reward, gold, responses, sizes: Sequence[int]) -> pd.DataFrame:
    columns = {
        "gold": best_of_n_curve(reward, gold, sizes),
        "reward": best_of_n_curve(reward, reward, sizes),
        "kl": best_of_n_kl(reward, responses, sizes),
        "kl_bound": np.tile(best_of_n_kl_bound(sizes), (len(reward), 1)),
    }
    return _long(columns, sizes)


def reachable_kls(proxy: str, reward: np.ndarray, kls: Sequence[float]) -> list[float]:
    """The mean KLs, nats, that choosing by these rewards `(n_prompts, N)` can spend.

    Raises ValueError where it can spend none of them.
    """
    largest = _largest_kl(reward)
    if reachable := [kl for kl in kls if kl < largest]:
        return reachable
    raise ValueError(
        f"proxy {proxy!r}: choosing by it spends less than {largest:.3g} nats, so none of "
        f"alignment.kls {tuple(kls)}; the more completions it ties, the less there is to spend"
    )


def _optimum(reward, gold, strengths: Sequence[float]) -> pd.DataFrame:
    """Self-normalised importance weights over the N completions, at each mean KL."""
    columns = {name: [] for name in ("gold", "reward", "kl")}
    for kl in strengths:
        weights = optimal_weights(reward, beta_for_kl(reward, kl))
        columns["gold"].append((weights * gold).sum(1))
        columns["reward"].append((weights * reward).sum(1))
        columns["kl"].append(kl_from_reference(weights))
    stacked = {name: np.stack(values, axis=1) for name, values in columns.items()}
    return _long(stacked, strengths)


def _largest_kl(reward: np.ndarray) -> float:
    """The mean KL at which the best completion takes all, nats."""
    best = (reward == reward.max(1, keepdims=True)).sum(1)
    return float(np.log(reward.shape[1] / best).mean())


def _long(columns: dict[str, np.ndarray], strengths: Sequence[float]) -> pd.DataFrame:
    n_prompts = len(columns["reward"])
    return pd.DataFrame(
        {
            "prompt": np.repeat(np.arange(n_prompts), len(strengths)),
            "strength": np.tile(np.asarray(strengths, float), n_prompts),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )
