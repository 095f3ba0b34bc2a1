"""Does conflict say where the proxy is wrong? One row a prompt, without a label being bought.

For every prompt: the conflict metrics, estimates of what policy and proxy know, and, from the gold
reward, whether the proxy in fact orders the completions wrongly. Swept over the number of samples,
the sampling temperature, and kinds and doses of bias. Pages turn the rows into areas under the ROC
curve; nothing is averaged here.
"""

import numpy as np
import pandas as pd

from proxylab.bias import (
    AmbiguityFlips,
    LengthBias,
    RefusalBias,
    Saturation,
    ScoreNoise,
    SignFlip,
    SycophancyPrefix,
    UniformFlips,
)
from proxylab.conflict import (
    LOGPROB_NORMALISATIONS,
    kendall_table,
    no_better_than_chance,
    normalised_logprob,
    prompt_conflict,
)
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import groups_of_pairs
from proxylab.rewards.ranked import (
    refine_reward_model,
)
from proxylab.selection import Pool, confidence, ensemble_disagreement, self_consistency
from proxylab.shf_cas import Candidates
from proxylab.studies.prompts_seen import seen_in_training
from proxylab.studies.tasks import (
    HELD_OUT,
    TaskModels,
    WorldTask,
    candidates,
    ensemble_rewards,
    n_misled,
    score_candidates,
)
from proxylab.studies.world_sanity import row_correlation


def detection_table(
    drawn: Candidates, proxy_reward: np.ndarray, *, ensemble_reward: np.ndarray | None = None
) -> pd.DataFrame:
    """One row a prompt: what can be known without labels, and whether the proxy is wrong.

    conflict_<kind>, tau_distance: the conflict metrics, by normalisation of the log-probability.
    uncertainty, consistency, confidence: what the proxy and the policy seem to know.
    tau_proxy_gold, wrong: Kendall's tau-b of proxy and gold; 1 where it is at most 0 (NaN where it
    is undefined). regret: gold of the best completion less gold of the one the proxy prefers.
    policy_gold, proxy_gold, proxy_policy, length_logprob: within-prompt Pearson correlations.
    """
    gold = drawn.gold_reward
    pool = _pool(drawn, proxy_reward, ensemble_reward)
    order = kendall_table(proxy_reward, gold)
    preferred = gold[np.arange(len(gold)), proxy_reward.argmax(axis=1)]
    columns = {
        "prompt": np.arange(len(gold)),
        "topic": drawn.region,
        "quadrant": drawn.quadrant,
        **_conflicts(drawn, proxy_reward),
        "tau_distance": pool.tau_distance,
        "uncertainty": np.nan if ensemble_reward is None else ensemble_disagreement(pool),
        "consistency": self_consistency(pool),
        "confidence": confidence(pool),
        "tau_proxy_gold": order["tau_b"].to_numpy(),
        "wrong": no_better_than_chance(order),
        "regret": gold.max(axis=1) - preferred,
        "policy_gold": row_correlation(drawn.policy_logprob, gold),
        "proxy_gold": row_correlation(proxy_reward, gold),
        "proxy_policy": row_correlation(proxy_reward, drawn.policy_logprob),
        "length_logprob": row_correlation(drawn.n_tokens.astype(float), drawn.policy_logprob),
    }
    return pd.DataFrame(columns)


def _pool(drawn: Candidates, proxy_reward: np.ndarray, ensemble_reward: np.ndarray | None) -> Pool:
    return Pool(
        proxy_reward,
        drawn.policy_logprob,
        n_tokens=drawn.n_tokens,
        responses=drawn.responses,
        region=drawn.region,
        ensemble_reward=ensemble_reward,
    )


def _conflicts(drawn: Candidates, proxy_reward: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"conflict_{kind}": prompt_conflict(
            proxy_reward, normalised_logprob(drawn.policy_logprob, drawn.n_tokens, kind)
        )
        for kind in LOGPROB_NORMALISATIONS
    }


def main_table(models: TaskModels, profile: Profile, seed: int) -> pd.DataFrame:
    """The detection table of the held-out prompts at the profile's own K and temperature.

    In the world also `misled`: of how many asked facts the proxy's labellers were wrong; and
    whether training asked the same (`studies.prompts_seen`).
    """
    drawn, _ = candidates(models, profile, seed, HELD_OUT)
    proxy = SequenceClassifierReward.load(models.proxy)
    ensemble, _ = ensemble_rewards(models, profile, seed, drawn)
    table = detection_table(drawn, score_candidates(proxy, drawn), ensemble_reward=ensemble)
    if not isinstance(models, WorldTask):
        return table
    seen = seen_in_training(models, drawn.prompts, profile, seed)
    return table.assign(misled=n_misled(models, drawn.prompts), **seen)


def sampling_sweep(models: TaskModels, profile: Profile, seed: int) -> pd.DataFrame:
    """Detection tables over K (first completions of the largest K) and over the temperature.

    Over K conflict is that of the first K completions, but whether the proxy is wrong is judged on
    all of them: judged on the same K the truth would move with K, and share their chance with the
    conflict that is to find it. Column judged_on: the completions that `wrong` is judged on.
    """
    settings, proxy = profile.conflict, SequenceClassifierReward.load(models.proxy)
    largest = max(settings.sweep_n_samples)
    drawn, _ = candidates(models, profile, seed, HELD_OUT, n_samples=largest)
    reward = score_candidates(proxy, drawn)
    frames = []
    wrong = detection_table(drawn, reward)["wrong"]
    for n_samples in settings.sweep_n_samples:
        first = slice(n_samples)
        table = detection_table(drawn.take_samples(first), reward[:, first])
        table = table.assign(sweep="samples", k=n_samples, sampled_at=models.sampling.temperature)
        frames.append(table.assign(wrong=wrong, judged_on=largest))
    for temperature in settings.sweep_temperatures:
        drawn, _ = candidates(models, profile, seed, HELD_OUT, temperature=temperature)
        table = detection_table(drawn, score_candidates(proxy, drawn))
        k = models.sampling.n_samples
        table = table.assign(sweep="temperature", k=k, sampled_at=temperature)
        frames.append(table.assign(judged_on=k))
    kept = ["sweep", "k", "sampled_at", "prompt", "quadrant", "conflict_sum", "tau_distance"]
    kept += ["wrong", "judged_on", "policy_gold", "proxy_gold"]
    return pd.concat(frames, ignore_index=True)[kept]


def bias_sweep(models: TaskModels, profile: Profile, seed: int) -> pd.DataFrame:
    """Detection under each kind and dose of bias, injected into this task's proxy.

    A score bias is added to the proxy's rewards, its dose in standard deviations of them within a
    prompt, that of length in standard deviations a word. A data bias is learnt: the proxy is
    trained further on a biased draw of its own pairs, and the row with dose 0 is the same training
    without bias.
    """
    drawn, _ = candidates(models, profile, seed, HELD_OUT)
    proxy = SequenceClassifierReward.load(models.proxy)
    reward = score_candidates(proxy, drawn)
    frames = [
        _biased_rows(drawn, biased, name, dose)
        for name, dose, biased in _score_biased(models, drawn, reward, profile)
    ]
    frames += [
        _biased_rows(drawn, score_candidates(model, drawn), name, dose)
        for name, dose, model in _data_biased(models, proxy, profile, seed)
    ]
    return pd.concat(frames, ignore_index=True)


def _biased_rows(drawn: Candidates, reward: np.ndarray, name: str, dose: float) -> pd.DataFrame:
    order = kendall_table(reward, drawn.gold_reward)
    return pd.DataFrame(
        {
            "bias": name,
            "dose": dose,
            "prompt": np.arange(len(order)),
            "quadrant": drawn.quadrant,
            "conflict_sum": prompt_conflict(reward, drawn.policy_logprob),
            "wrong": no_better_than_chance(order),
            "tau_proxy_gold": order["tau_b"].to_numpy(),
        }
    )


def _score_biased(models: TaskModels, drawn: Candidates, reward: np.ndarray, profile: Profile):
    """Name, dose and biased rewards of each score bias."""
    unit = float(reward.std(axis=1).mean())
    prompts = np.array(drawn.prompts, dtype=object)
    yield "none", 0.0, reward
    for dose in profile.conflict.score_doses:
        biases = {
            "length": LengthBias(dose * unit),
            "refusal": RefusalBias(dose * unit, phrases=models.refusals),
            "noise": ScoreNoise(dose * unit),
        }
        for name, bias in biases.items():
            yield name, dose, bias.apply(reward, drawn.responses, prompts=prompts)
    centred = (reward - reward.mean()) / unit
    for dose in profile.conflict.score_doses:
        yield "saturation", dose, Saturation(dose).apply(centred, drawn.responses, prompts=prompts)
    for dose in profile.conflict.share_doses:
        yield "sign", dose, SignFlip(dose).apply(reward, drawn.responses, prompts=prompts)


def _data_biased(models: TaskModels, proxy: SequenceClassifierReward, profile: Profile, seed: int):
    """Name, dose and further trained proxy of each data bias; "retrained" is the one without."""
    settings = profile.conflict
    rng = np.random.default_rng([seed, 45])
    rows = rng.permutation(len(models.original_pairs))[: settings.n_bias_pairs]
    pairs = models.original_pairs.iloc[rows].reset_index(drop=True)
    biases = [("retrained", 0.0, None)]
    for dose in settings.share_doses:
        biases += [
            ("flips", dose, UniformFlips(dose)),
            ("ambiguity flips", dose, AmbiguityFlips(dose, scale=settings.ambiguity_scale)),
            ("sycophancy", dose, SycophancyPrefix(dose, phrase=models.flattery)),
        ]
    gold = models.gold
    for side in ("chosen", "rejected"):
        pairs[f"gold_{side}"] = gold.score(pairs["prompt"].tolist(), pairs[side].tolist())
    for name, dose, bias in biases:
        biased = pairs if bias is None else bias(pairs, np.random.default_rng([seed, 46]))
        training = settings.bias_training.model_copy(update={"seed": seed})
        model, _ = refine_reward_model(proxy, groups_of_pairs(biased), training, name=name)
        yield name, dose, model
