"""The judge study: policies' replies against the data's, by a judge, by people, and by gold.

Table 6 of "The Elephant in the Room" with the policies that best-of-n makes of the proxies: all
share one sample of the start policy, so that they differ by their proxy alone, and nothing is
trained. The simulated judge is asked over HTTP as any other is. Left out: PPO's policies, whose
replies are compared by gold on their own page.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.annotators.simulated import make_annotators, simulate_votes
from proxylab.environment import build_folder
from proxylab.evaluate import win_tie_lose
from proxylab.judge import ORDERS, JudgeSettings, judge_pairs
from proxylab.judge.outcomes import by_order
from proxylab.judge.settings import settings_with
from proxylab.judge.simulated_server import SimulatedJudge, simulated_endpoint
from proxylab.profiles import Profile
from proxylab.rewards.interface import RewardModel
from proxylab.runs import Align, Judge
from proxylab.studies.alignment import prepare as prepare_alignment
from proxylab.studies.alignment.arms import STRONG, UNBIASED
from proxylab.studies.alignment.choosing import (
    candidate_rewards,
    choice_prompts,
    start_completions,
)
from proxylab.studies.alignment.proxies import GOLD
from proxylab.studies.alignment.setting import Setting
from proxylab.studies.data import WORLD

SIMULATED = "simulated"
PEOPLE_STREAM = 70
UNITS = ("policy", "prompt_id")
ORDER_COLUMNS = dict(zip(ORDERS, ("response_first", "opponent_first"), strict=True))

Progress = Callable[[str], None] | None


@dataclass(frozen=True)
class Comparison:
    """What is judged: `pairs` columns pair_id, policy (its proxy), prompt_id, subset, prompt,
    response, opponent (the data's chosen reply); the gold reward, None where there is none."""

    settings: Judge
    profile: Profile
    pairs: pd.DataFrame
    gold: RewardModel | None
    data: str  # fingerprint of the test pairs


def prepare(settings: Judge, profile: Profile) -> Comparison:
    """The pairs of one run: every proxy's best-of-n reply to the same test prompts.

    Raises ValueError for a simulated judge without a world, and an endpoint without a model.
    """
    _check(settings)
    align = Align(
        profile=settings.profile, seed=settings.seed, algorithm="best_of_n", data=settings.data
    )
    setting = prepare_alignment(align, profile)
    of_the_world = () if setting.world is not None else (STRONG, GOLD)
    proxies = [name for name in profile.alignment.proxies if name not in of_the_world]
    n = settings.n_pairs or profile.judging.n_pairs
    pairs = pd.concat([_pairs_of(proxy, n, setting) for proxy in proxies], ignore_index=True)
    data = setting.cleaned.data.test.fingerprint
    # A preference model stands for gold on real text; it is no truth to hold a judge against.
    gold = setting.gold if setting.world is not None else None
    return Comparison(settings, profile, pairs, gold, data)


def judged_tables(comparison: Comparison, *, progress: Progress = None) -> dict[str, pd.DataFrame]:
    """Tables "verdicts" (a row a question), "pairs" (a row a pair) and, in the world, "doses".

    verdicts: policy, prompt_id, subset and the columns of `Judged.verdicts` but the pair's id.
    pairs: policy, prompt_id, subset, gold and people (outcome of the policy's reply; NaN where
    unknown), gap (gold reward of the reply less the data's).
    doses: policy, prompt_id, dose (position bias, gold-reward units), response_first and
    opponent_first (what the judge said in each order, as outcome of the reply), gold.
    Raises ValueError for an endpoint that gave no verdict at all.
    """
    pairs = with_truth(comparison)
    chosen = comparison.settings
    with _judge(comparison, chosen.position_bias) as judge:
        judged = judge_pairs(pairs, judge, cache=_cache(), progress=progress)
    if judged.stopped and not judged.verdicts["outcome"].notna().any():
        raise ValueError(f"no verdict from {chosen.endpoint}: {judged.stopped}; nothing recorded")
    known = pairs.set_index("pair_id")[[*UNITS, "subset"]]
    verdicts = known.loc[judged.verdicts["pair_id"]].reset_index(drop=True)
    found = judged.verdicts.drop(columns="pair_id")
    tables = {
        "verdicts": pd.concat([verdicts, found], axis=1),
        "pairs": pairs[[*UNITS, "subset", "gold", "people", "gap"]],
    }
    if chosen.endpoint == SIMULATED:
        tables["doses"] = _doses(comparison, pairs, progress)
    return tables


def with_truth(comparison: Comparison) -> pd.DataFrame:
    """The pairs with gold (outcome), gap (gold reward) and people (outcome), NaN without a gold."""
    pairs = comparison.pairs
    if comparison.gold is None:
        return pairs.assign(gold=np.nan, gap=np.nan, people=np.nan)
    prompts = pairs["prompt"].tolist()
    own, other = (
        comparison.gold.score(prompts, pairs[side].tolist()) for side in ("response", "opponent")
    )
    people = _people(comparison, own, other)
    return pairs.assign(gold=win_tie_lose(own, other), gap=own - other, people=people)


def _check(settings: Judge) -> None:
    if settings.endpoint == SIMULATED and settings.data != WORLD:
        raise ValueError(
            f"a simulated judge needs the gold reward, which data={settings.data!r} does not have: "
            "name the base_url of an endpoint"
        )
    if settings.endpoint != SIMULATED and not settings.model:
        raise ValueError(f"which model of {settings.endpoint} is to judge? set `model`")


def _pairs_of(proxy: str, n: int, setting: Setting) -> pd.DataFrame:
    """The completion that the proxy scores highest of the first `best_of`, prompt by prompt."""
    asked = choice_prompts(setting).iloc[:n]
    few = slice(setting.profile.judging.best_of)
    reward = candidate_rewards(proxy, UNBIASED, setting)[: len(asked), few]
    offered = start_completions(setting).responses[: len(asked), few]
    return pd.DataFrame(
        {
            "pair_id": [f"{proxy}/{i:06d}" for i in range(len(asked))],
            "policy": proxy,
            "prompt_id": np.arange(len(asked)),
            "subset": asked["subset"].array,
            "prompt": asked["prompt"].array,
            "response": offered[np.arange(len(asked)), reward.argmax(1)],
            "opponent": asked["chosen"].array,
        }
    )


def _people(comparison: Comparison, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What a majority of simulated annotators says, by the rules of the judge: `(n_pairs,)`.

    More votes for one side decide; as many for both is a tie, and so is a tie vote's half.
    """
    scale, cleaning = comparison.profile.judging, comparison.profile.cleaning
    rng = np.random.default_rng([comparison.settings.seed, PEOPLE_STREAM])
    annotators = make_annotators(
        scale.n_people,
        temperature=scale.people_temperature,
        bias_sd=cleaning.annotator_bias_sd,
        missing_rate=cleaning.missing_rate,
        rng=rng,
    )
    votes = simulate_votes(
        comparison.pairs.rename(columns={"response": "chosen", "opponent": "rejected"}),
        gold_chosen=own,
        gold_rejected=other,
        toxic_chosen=np.zeros(len(own), bool),
        annotators=annotators,
        tie_width=scale.tie_width,
        rng=rng,
    )
    value = votes["choice"].map({"chosen": 1.0, "rejected": -1.0, "tie": 0.0})
    total = value.groupby(votes["pair_id"]).agg(lambda row: row.sum(min_count=1))
    return np.sign(total.loc[comparison.pairs["pair_id"]].to_numpy(float))


def _doses(comparison: Comparison, pairs: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """The same pairs judged with each stated position bias, both orders, nothing else changed."""
    frames = []
    for dose in comparison.profile.judging.position_biases:
        with _judge(comparison, dose) as judge:
            both = judge.model_copy(update={"both_orders": True})
            judged = judge_pairs(pairs, both, cache=_cache())
        if progress:
            progress(f"judged with a position bias of {dose:g}")
        wide = by_order(judged.verdicts).loc[pairs["pair_id"]].rename(columns=ORDER_COLUMNS)
        rows = pairs[[*UNITS, "gold"]].assign(dose=float(dose))
        frames.append(rows.assign(**{name: wide[name].to_numpy() for name in wide}))
    return pd.concat(frames, ignore_index=True)


@contextlib.contextmanager
def _judge(comparison: Comparison, position_bias: float) -> Iterator[JudgeSettings]:
    """The judge of this run; a simulated one is served for the length of the block."""
    chosen = comparison.settings
    if chosen.endpoint != SIMULATED:
        yield _settings(chosen, chosen.endpoint, chosen.model)
        return
    scale = comparison.profile.judging
    simulated = SimulatedJudge(
        noise=chosen.noise,
        wobble=scale.wobble,
        position_bias=position_bias,
        tie_width=scale.tie_width,
        garbage_rate=chosen.garbage_rate,
        seed=chosen.seed,
    )
    with simulated_endpoint(comparison.gold, simulated) as endpoint:
        yield _settings(chosen, endpoint.base_url, endpoint.model)


def _settings(chosen: Judge, base_url: str, model: str) -> JudgeSettings:
    return settings_with(
        chosen.options,
        base_url=base_url,
        model=model,
        api_key_env=chosen.api_key_env,
        both_orders=chosen.both_orders,
    )


def _cache() -> Path:
    """Where answers are kept, of all judges and runs."""
    return build_folder() / "cache" / "judge-answers"
