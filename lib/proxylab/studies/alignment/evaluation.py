"""What an aligned policy is worth on test prompts: gold, reward, KL, wins over the data's reply.

Every policy answers the same test prompts as often as the start policy did, at temperature 1.
"""

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.alignment.interface import LanguageModelPolicy, Policy
from proxylab.alignment.monitor import divergence_and_entropy
from proxylab.conflict import kendall_table, share_ordered_rightly
from proxylab.evaluate import win_tie_lose
from proxylab.policies.generation import Samples
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked import score_groups
from proxylab.studies.alignment.choosing import (
    candidate_rewards,
    choice_prompts,
    start_completions,
)
from proxylab.studies.alignment.perturbations import PERTURBATIONS, perturb, words_of
from proxylab.studies.alignment.prompts import TRUTH
from proxylab.studies.alignment.proxies import proxy_named
from proxylab.studies.alignment.setting import Setting

TEST_STREAM, PERTURBED_STREAM, PREFERENCE_STREAM, GOLD_STREAM = 55, 56, 63, 68
COMPARED = 8  # of the start policy's completions of a prompt, to see how a proxy orders them
AS_ASKED = "as asked"


def evaluation_tables(
    policy: Policy, start: LanguageModelPolicy, proxy: RewardModel | None, setting: Setting
) -> dict[str, pd.DataFrame]:
    """Tables "evaluation" and "wins" of one policy on the test prompts.

    evaluation: one row a prompt, values are means over the policy's completions of it. Columns
    prompt (its index), subset, topic, quadrant, kind, shifted (its topic was left out of the
    training), gold, reward (of the arm's proxy), kl (nats a reply from the start policy),
    n_tokens, share_finished; NaN where a thing does not exist.
    wins: one row a completion: prompt, subset, outcome (+1, 0, -1: its gold reward is above, at,
    below that of the data's chosen reply). Empty where there is no such reply.
    """
    test = setting.test_prompts
    prompts, n_samples = test["prompt"].tolist(), setting.profile.alignment.n_samples
    samples = setting.sample(policy, prompts, stream=TEST_STREAM, n_samples=n_samples)
    divergence = np.full(samples.n_tokens.shape, np.nan)
    if isinstance(policy, LanguageModelPolicy):
        divergence, _ = divergence_and_entropy(policy.model, start.model, samples)
    gold = _scores(setting.gold, samples)
    evaluation = pd.DataFrame(
        {
            "prompt": np.arange(len(test)),
            **{name: test[name].array for name in ("subset", *TRUTH)},
            "shifted": test["topic"].isin(setting.settings.leave_out).array,
            "gold": gold.mean(1),
            "reward": _scores(proxy, samples).mean(1),
            "kl": divergence.mean(1),
            "n_tokens": samples.n_tokens.mean(1),
            "share_finished": samples.finished.mean(1),
        }
    )
    return {"evaluation": evaluation, "wins": _against_chosen(gold, setting)}


def perturbed_table(policy: Policy, setting: Setting) -> pd.DataFrame:
    """Gold reward of replies to test prompts as asked, and asked otherwise (see `perturb`).

    One row a prompt and wording: prompt, wording, subset, gold.
    """
    words = words_of(setting.world)
    scale = setting.profile.alignment
    test = setting.test_prompts.iloc[: scale.n_perturbed]
    frames = []
    for wording in (AS_ASKED, *PERTURBATIONS):
        rng = np.random.default_rng([setting.settings.seed, PERTURBED_STREAM])
        asked = test["prompt"].tolist()
        prompts = asked if wording == AS_ASKED else [perturb(p, wording, rng, words) for p in asked]
        drawn = setting.sample(policy, prompts, stream=PERTURBED_STREAM, n_samples=scale.n_samples)
        # Judged by what was asked, in the plain wording.
        gold = score_groups(setting.gold, asked, drawn.responses).mean(1)
        rows = {"prompt": np.arange(len(test)), "wording": wording, "gold": gold}
        frames.append(pd.DataFrame({**rows, "subset": test["subset"].array}))
    return pd.concat(frames, ignore_index=True)


def preference_table(policy: LanguageModelPolicy, start, setting: Setting) -> pd.DataFrame:
    """How the policy orders held-out pairs, noise included: a row a raw test pair, all tranches.

    Columns: subset, category; margin, by how much more the policy than the start policy favours
    the reply published as chosen (nats: the implicit reward of DPO without its beta).
    """
    pairs = setting.cleaned.pairs("test")
    if setting.text_task is not None:
        pairs = setting.pairs("test", cleaned=False)
    # Drawn, for the file is in the order of its tranches; the same pairs for every policy.
    rng = np.random.default_rng([setting.settings.seed, PREFERENCE_STREAM])
    pairs = pairs.iloc[rng.permutation(len(pairs))[: setting.profile.alignment.n_preference_pairs]]
    prompts = pairs["prompt"].tolist()
    margin = np.zeros(len(pairs))
    for side, sign in (("chosen", 1), ("rejected", -1)):
        replies = pairs[side].tolist()
        margin += sign * (policy.logprob(prompts, replies) - start.logprob(prompts, replies))
    categories = setting.cleaned.of("test").set_index("pair_id")["category"]
    return pd.DataFrame(
        {
            "subset": pairs["subset"].array,
            "category": categories.loc[pairs["pair_id"]].array,
            "margin": margin,
        }
    )


def proxy_tables(name: str, bias: str, setting: Setting) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How good a proxy is, before any policy follows it.

    First, a row a cleaned test pair: subset, right (equation 2; NaN without a score). Second, a
    row a test prompt: subset, right, the share of comparisons among the start policy's own
    completions of different gold that the proxy orders as gold does.
    """
    pairs = setting.pairs("test", cleaned=True)
    right = _right(proxy_named(name, bias, setting), pairs)
    on_pairs = pd.DataFrame({"subset": pairs["subset"].array, "right": right})
    few = slice(COMPARED)
    gold = start_completions(setting).gold[:, few]
    right = share_ordered_rightly(
        kendall_table(candidate_rewards(name, bias, setting)[:, few], gold)
    )
    subset = choice_prompts(setting)["subset"].array
    return on_pairs, pd.DataFrame({"subset": subset, "right": right})


def gold_table(setting: Setting) -> pd.DataFrame:
    """How far people agree with gold: a row a test pair, at most the profile's `n_test_pairs`.

    Columns subset, gold_right (the published choice scores higher; NaN without a score).
    """
    pairs = setting.pairs("test", cleaned=False)
    rng = np.random.default_rng([setting.settings.seed, GOLD_STREAM])
    rows = rng.permutation(len(pairs))[: setting.profile.text_gold.n_test_pairs]
    pairs = pairs.iloc[np.sort(rows)].reset_index(drop=True)
    return pairs[["subset"]].assign(gold_right=_right(setting.gold, pairs))


def _right(model: RewardModel, pairs: pd.DataFrame) -> np.ndarray:
    """Equation 2 by pair `(n_pairs,)`: 1 where the chosen reply scores higher; NaN unscored."""
    scores = score_pairs(model, pairs)
    margin = (scores["score_chosen"] - scores["score_rejected"]).to_numpy(float)
    return np.where(np.isnan(margin), np.nan, margin > 0)


def _scores(judge: RewardModel | None, samples: Samples) -> np.ndarray:
    """Scores `(n_prompts, n_samples)`, NaN without a judge."""
    if judge is None:
        return np.full(samples.n_tokens.shape, np.nan)
    return score_groups(judge, samples.prompts, samples.responses)


def _against_chosen(gold: np.ndarray, setting: Setting) -> pd.DataFrame:
    test = setting.test_prompts
    if "chosen" not in test:
        return pd.DataFrame({"prompt": [], "subset": [], "outcome": []})
    chosen = setting.gold.score(test["prompt"].tolist(), test["chosen"].tolist())
    n_samples = gold.shape[1]
    return pd.DataFrame(
        {
            "prompt": np.repeat(np.arange(len(test)), n_samples),
            "subset": np.repeat(test["subset"].to_numpy(object), n_samples),
            "outcome": win_tie_lose(gold, chosen).ravel(),
        }
    )
