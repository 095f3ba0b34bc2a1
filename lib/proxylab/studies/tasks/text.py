"""The tasks of real text: harmless and helpful prompts, each with a proxy that has a coverage gap.

Policy and proxy are taught about different regions of the prompts (`coverage`), both without the
pairs that gold has learnt from. Where the training data is divided into subsets, a task keeps to
its own.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.bias.scores import REFUSAL_PHRASES
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import RewardModel
from proxylab.studies.data import StudyData, study_data
from proxylab.studies.reward_models import backbone
from proxylab.studies.tasks.coverage import Coverage, by_region, by_topic, names_topics
from proxylab.studies.tasks.interface import POOL, PROMPT_COLUMNS, Sampling, TaskModels
from proxylab.studies.text_models import (
    of_task,
    ranked_reward_model,
    text_gold,
    text_policy,
    without_gold,
)

FLATTERY = "You are right."
SAFER = "harmless"


@dataclass(frozen=True)
class TextTask(TaskModels):
    """A task of real text, and who learnt from what."""

    coverage: Coverage

    def draw(self, split: str, n: int, seed: int) -> pd.DataFrame:
        """Prompts that nobody was trained on; which are of the pool does not depend on the seed."""
        prompts = self.coverage.prompts
        rows = prompts[prompts["drawn_for"] == split]
        rng = np.random.default_rng([seed, 40 if split == POOL else 41])
        chosen = np.sort(rng.permutation(len(rows))[:n])
        return rows.iloc[chosen][list(PROMPT_COLUMNS)].reset_index(drop=True)


def text_task(profile: Profile, name: str, seed: int, *, data: str) -> TextTask:
    """The models of one task of real text, trained or found trained.

    Raises ValueError where policy or proxy would have nothing to learn from, and for a task that
    the data's labels are not about.
    """
    everything = study_data(data, profile, seed)
    coverage = _coverage(everything, profile, name, seed)
    base = backbone(profile, everything, seed)
    settings, gold = profile.text_reward_model, text_gold(profile, everything, name)
    proxy_pairs = _drawn(coverage.proxy_pairs, settings.n_proxy_pairs, seed)
    proxy = ranked_reward_model(
        base,
        proxy_pairs,
        settings.proxy_training,
        max_length=settings.training.max_length,
        seed=seed,
    )
    sampling = profile.text_policy
    return TextTask(
        name=name,
        base=base,
        policy=text_policy(profile, everything, seed, coverage.policy_pairs),
        proxy=proxy,
        original_pairs=proxy_pairs,
        gold=gold.model,
        gold_identity=gold.identity,
        sampling=Sampling(sampling.n_samples, sampling.temperature, sampling.max_new_tokens),
        refusals=REFUSAL_PHRASES,
        flattery=FLATTERY,
        coverage=coverage,
    )


def _drawn(pairs: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """`n` of the pairs in their order, other ones for another seed; all if there are no more."""
    rows = np.random.default_rng([seed, 69]).permutation(len(pairs))[:n]
    return pairs.iloc[np.sort(rows)].reset_index(drop=True)


def _coverage(everything: StudyData, profile: Profile, name: str, seed: int) -> Coverage:
    rest = without_gold(everything, profile)
    if not names_topics(rest.train.pairs):
        return by_region(rest, everything, profile, lambda pairs: of_task(pairs, name), seed)
    if name != SAFER:
        raise ValueError(
            f"the pairs of {everything.name} are labelled by which reply is safer: their task is "
            f"{SAFER!r}, not {name!r}"
        )
    return by_topic(rest, profile, seed)


def label_table(task: TextTask, n: int, seed: int) -> pd.DataFrame:
    """Gold and proxy against the published labels: one row a test pair of the task, at most `n`.

    Columns: subset, region, quadrant; gold_right and proxy_right (1 where the chosen reply scores
    higher, a tie is wrong, NaN without a score); agree (1 where gold and proxy prefer the same
    reply, NaN where either has no score).
    """
    rows = np.random.default_rng([seed, 64]).permutation(len(task.coverage.test))[:n]
    pairs = task.coverage.test.iloc[np.sort(rows)].reset_index(drop=True)
    proxy = SequenceClassifierReward.load(task.proxy)
    margins = {"gold": _margin(task.gold, pairs), "proxy": _margin(proxy, pairs)}
    table = pairs[["subset", "region", "quadrant"]].copy()
    for name, margin in margins.items():
        table[f"{name}_right"] = np.where(np.isnan(margin), np.nan, margin > 0)
    signs = np.sign([margins["gold"], margins["proxy"]])
    table["agree"] = np.where(np.isnan(signs).any(axis=0), np.nan, signs[0] == signs[1])
    return table


def _margin(model: RewardModel, pairs: pd.DataFrame) -> np.ndarray:
    scores = score_pairs(model, pairs)
    return (scores["score_chosen"] - scores["score_rejected"]).to_numpy()
