"""Do proxies agree with real people: rulers and a small reward model on pairs that people judged.

PandaLM's items (three votes each) and UKPConvArg1's arguments (five). A scorer's gap between the
two responses is correlated with the mean vote, in [-1, 1]. What was trained here was trained on
HH-RLHF, which is other text by other writers: its numbers say how far that carries, not how good
it is at home. Left out: proxies trained on these votes, and the judge that PandaLM is.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.evaluate.correlation import METHODS, correlation_draws, redraw_counts
from proxylab.profiles import Profile
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.nulls import LongestReward, RandomReward
from proxylab.runs import Clean, MeasureCorrelation, TrainRewardModel
from proxylab.stats.intervals import percentile_interval
from proxylab.studies.cleaning import COMMITTEE, clean
from proxylab.studies.correlation.people import left_out_draws
from proxylab.studies.data import HH_RLHF
from proxylab.studies.public_data import JudgedPairs, judged_pairs
from proxylab.studies.reward_models import rulers, trained_reward_model

PERSON, TRAINED, TOGETHER = "one of the people", "reward model", "committee"
ALL_OTHERS, LEFT_OUT, UNANIMOUS = "mean vote", "mean of the others", "unanimous pairs"
MEMBERS = ("tfidf-word", "tfidf-char", "style")  # of the committee, and TRAINED


def correlation_with_people(
    settings: MeasureCorrelation, profile: Profile
) -> dict[str, pd.DataFrame]:
    """Tables "people" (a scorer and measure a row) and "judged" (one row: what the pairs are)."""
    judged = judged_pairs(settings.data)
    models = scorers(settings, profile)
    gaps = score_gaps(models, judged.pairs)
    rng = np.random.default_rng([settings.seed, 67])
    table = people_table(gaps, judged, rng=rng, n_resamples=profile.n_resamples)
    return {"people": table, "judged": pd.DataFrame([facts(judged)])}


def scorers(settings: MeasureCorrelation, profile: Profile) -> dict[str, RewardModel]:
    """Who scores the pairs: for arguments a coin and their length, for replies also what was
    trained on HH-RLHF."""
    if settings.data == "ukpconvarg1":
        return {"random": RandomReward(settings.seed), "longest": LongestReward()}
    chosen = {"profile": settings.profile, "data": HH_RLHF, "annotators": COMMITTEE}
    cleaned = clean(Clean(**chosen, seed=0), profile)
    known = rulers(cleaned.data, seed=settings.seed)
    trained = TrainRewardModel(**chosen, seed=settings.seed)
    known[TRAINED] = trained_reward_model(trained, profile, cleaned)[0]
    return {name: known[name] for name in ("random", "longest", *MEMBERS, TRAINED)}


def score_gaps(models: Mapping[str, RewardModel], pairs: pd.DataFrame) -> dict[str, np.ndarray]:
    """The first response's score less the second's `(n_pairs,)` by scorer.

    TOGETHER, if its members are there, is the mean of their gaps, each over its root mean square.
    """
    gaps = {}
    for name, model in models.items():
        scores = score_pairs(model, pairs)
        gaps[name] = (scores["score_chosen"] - scores["score_rejected"]).to_numpy(float)
    members = [gaps[name] for name in (*MEMBERS, TRAINED) if name in gaps]
    if len(members) > 1:
        gaps[TOGETHER] = np.mean([own / np.sqrt((own**2).mean()) for own in members], axis=0)
    return gaps


def people_table(
    gaps: Mapping[str, np.ndarray], judged: JudgedPairs, *, rng, n_resamples: int
) -> pd.DataFrame:
    """Correlation with votes and accuracy, prompts redrawn: scorer, target, measure, value, low,
    high, n_pairs, n_prompts, n_tied, n_undefined (redraws).

    target ALL_OTHERS: the mean of all votes; LEFT_OUT: the mean of all but one, averaged over who
    is left out, whose own vote is the scorer PERSON, the human ceiling; UNANIMOUS, measure
    "accuracy": the share of pairs on which all voted for one response and the scorer's gap agrees
    (n_tied: its gap is 0, which counts as wrong).
    """
    codes, prompts = pd.factorize(judged.pairs["prompt"])
    counts = redraw_counts(len(prompts), n_resamples, rng)
    mean, votes = judged.votes.mean(axis=0), judged.votes
    rows = []
    for name, gap in gaps.items():
        for method in METHODS:
            all_votes = correlation_draws(gap, mean, counts, method=method, units=codes)
            rows.append(_row(name, ALL_OTHERS, method, all_votes, codes))
            others = left_out_draws(votes, counts, method=method, units=codes, scorer=gap)
            rows.append(_row(name, LEFT_OUT, method, others, codes))
        rows.append(_accuracy_row(name, gap, votes, codes, counts))
    for method in METHODS:
        ceiling = left_out_draws(votes, counts, method=method, units=codes)
        rows.append(_row(PERSON, LEFT_OUT, method, ceiling, codes))
    return pd.DataFrame(rows)


def _accuracy_row(name: str, gap, votes, codes, counts) -> dict[str, object]:
    one_side = np.abs(votes.mean(axis=0)) == 1
    right = np.where(one_side, np.sign(gap) == votes[0], np.nan)
    n_prompts = counts.shape[1]
    sums = np.bincount(codes[one_side], right[one_side], minlength=n_prompts)
    sizes = np.bincount(codes[one_side], minlength=n_prompts)
    taken = counts @ sizes
    draws = np.divide(counts @ sums, taken, out=np.full(len(counts), np.nan), where=taken > 0)
    tied = int((gap[one_side] == 0).sum())
    return _row(name, UNANIMOUS, "accuracy", draws, codes[one_side], n_tied=tied)


def _row(name, target, measure, draws, codes, *, n_tied: int = 0) -> dict[str, object]:
    n_prompts = len(np.unique(codes))
    found = percentile_interval(draws[0], draws[1:], n_prompts, 0.95)
    return {
        "scorer": name,
        "target": target,
        "measure": measure,
        "value": found.estimate,
        "low": found.low,
        "high": found.high,
        "n_pairs": len(codes),
        "n_prompts": n_prompts,
        "n_tied": n_tied,
        "n_undefined": int(np.isnan(draws[1:]).sum()),
    }


def facts(judged: JudgedPairs) -> dict[str, float | int]:
    """n_pairs, n_prompts, n_votes (a pair), unanimous and tied (mean vote 0): shares of pairs."""
    votes = judged.votes
    return {
        "n_pairs": votes.shape[1],
        "n_prompts": judged.pairs["prompt"].nunique(),
        "n_votes": len(votes),
        "unanimous": float((votes == votes[0]).all(axis=0).mean()),
        "tied": float((votes.mean(axis=0) == 0).mean()),
    }
