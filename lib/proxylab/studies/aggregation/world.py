"""Aggregation where the truth is known: crowds of the controlled world, equal and unequal.

The pairs, the gold reward and the noise are those of the cleaning study (Elephant, section 3). What
varies is how many vote and who (`studies.aggregation.crowds`). Votes on pairs whose texts alone
decide the category (Empty, Repetitive) are not asked for.
"""

import numpy as np
import pandas as pd

from proxylab.cleaning import (
    aggregate,
    categorise,
    cleaned_set,
    disattenuated,
    expected_accuracy,
    precision_recall,
    proxy_ceiling,
    recategorise,
)
from proxylab.cleaning.ceiling import BETA, LIMIT
from proxylab.cleaning.posterior import THRESHOLD
from proxylab.profiles import Profile
from proxylab.rewards.linear import TfidfBradleyTerry
from proxylab.studies.aggregation.crowds import (
    CROWDS,
    Setting,
    draw_pairs,
    draw_setting,
    votes_asked,
)
from proxylab.studies.aggregation.vote_classifier import predicted_by_words
from proxylab.studies.data import WORLD, StudyData, study_data
from proxylab.world.settings import VAGUE_GAP

N_WHO_CLEAN = 4  # annotators, as in the paper, whose cleaned sets train reward models
MIN_KEPT = 20  # pairs below which there is nothing to train on
COUNT, RAW, TRUTH = "count", "raw", "truth"


def world_tables(seed: int, profile: Profile) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables by name over crowds and numbers of annotators, and a line on what they are about."""
    data = study_data(WORLD, profile, seed)
    parts: dict[str, list[pd.DataFrame]] = {}
    for n_annotators in profile.aggregation.n_annotators:
        for crowd in CROWDS:
            setting = draw_setting(data, profile, crowd, n_annotators, seed)
            for name, table in setting_tables(setting, data, profile).items():
                where = {"crowd": crowd, "n_annotators": n_annotators}
                parts.setdefault(name, []).append(table.assign(**where))
    n = len(draw_pairs(data, profile, seed))
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    return tables, f"{n} training pairs of the world of seed {seed}"


def setting_tables(setting: Setting, data: StudyData, profile: Profile) -> dict[str, pd.DataFrame]:
    """One crowd's tables by name; reward models are trained for four annotators only."""
    asked = votes_asked(setting)
    ids = asked["pair_id"].unique()
    majority = aggregate(asked, pair_ids=ids)
    own = setting.pairs.set_index("pair_id").loc[ids].reset_index()
    options = {"groups": own["prompt"], "n_folds": profile.aggregation.folds}
    predicted = predicted_by_words(own, majority["label"], **options)
    posteriors = {
        name: aggregate(
            asked,
            method=name,
            pair_ids=ids,
            predicted=predicted,
            n_steps=profile.aggregation.em_steps,
        )
        for name in profile.aggregation.methods
    }
    found = categories_by(setting, posteriors, profile)
    tables = {
        "labels": label_table(setting, posteriors),
        "recovery": recovery_table(setting, found),
        "annotators": annotator_table(setting, asked, posteriors),
        "ceiling": ceiling_table(setting, asked, predicted, profile),
    }
    if len(setting.kinds) == N_WHO_CLEAN:
        tables["trained"] = trained_table(setting, found, data)
    return tables


def categories_by(
    setting: Setting, posteriors: dict[str, pd.DataFrame], profile: Profile
) -> dict[tuple[str, float], pd.DataFrame]:
    """Categories by method and threshold; the paper's rule on counts is (COUNT, 0)."""
    counted = categorise(setting.pairs, setting.votes)
    found = {(COUNT, 0.0): counted}
    for name, posterior in posteriors.items():
        for threshold in sorted({*profile.aggregation.thresholds, THRESHOLD}):
            found[name, threshold] = recategorise(counted, posterior, threshold=threshold)
    return found


def label_table(setting: Setting, posteriors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How often each method names the better response, beside the majority: counts of clear pairs.

    Clear: gold rewards differ by more than a Vague pair's. Columns as in `held_out` of
    `studies.aggregation`.
    """
    gap = pd.Series(setting.gap, index=setting.pairs["pair_id"])
    base = _right(posteriors["majority"], gap)
    frames = [
        side_by_side(_right(found, gap), base).assign(method=name)
        for name, found in posteriors.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _right(posterior: pd.DataFrame, gap: pd.Series) -> np.ndarray:
    own = gap.loc[posterior["pair_id"]].to_numpy()
    better = np.where(own > 0, "chosen", "rejected")
    label = posterior["label"].astype(object).to_numpy()
    credit = np.where(pd.isna(label), 0.5, label == better).astype(float)
    return credit[np.abs(own) > VAGUE_GAP]


def side_by_side(right: np.ndarray, majority_right: np.ndarray) -> pd.DataFrame:
    """Pairs counted by what a method and the majority score on them: a table of a few rows."""
    table = pd.DataFrame({"right": right, "majority_right": majority_right})
    return table.value_counts(sort=False).rename("count").reset_index()


def recovery_table(setting: Setting, found: dict[tuple[str, float], pd.DataFrame]) -> pd.DataFrame:
    """True, found and rightly found pairs of each category, by method and threshold."""
    columns = ["category", "n_true", "n_found", "n_both"]
    frames = [
        precision_recall(setting.truth["category"], own["category"])[columns].assign(
            method=name, threshold=threshold
        )
        for (name, threshold), own in found.items()
    ]
    return pd.concat(frames, ignore_index=True)


def annotator_table(
    setting: Setting, asked: pd.DataFrame, posteriors: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """How often each annotator is right on clear pairs, and how often each method thinks so."""
    gap = pd.Series(setting.gap, index=setting.pairs["pair_id"]).loc[asked["pair_id"]].to_numpy()
    clear = (np.abs(gap) > VAGUE_GAP) & asked["choice"].notna().to_numpy()
    right = (asked["choice"] == np.where(gap > 0, "chosen", "rejected"))[clear]
    accuracy = right.groupby(asked["annotator"][clear]).mean()
    frames = [
        expected_accuracy(asked, posterior).assign(method=name)
        for name, posterior in posteriors.items()
    ]
    table = pd.concat(frames, ignore_index=True).rename(columns={"n": "n_votes"})
    kinds = table["annotator"].map(setting.kinds)
    return table.assign(kind=kinds, accuracy=table["annotator"].map(accuracy).to_numpy())


def ceiling_table(
    setting: Setting, asked: pd.DataFrame, predicted: pd.DataFrame, profile: Profile
) -> pd.DataFrame:
    """The ceiling as votes alone give it, gold's own accuracy against votes, and a proxy's.

    The proxy is the classifier over words: its accuracy against single votes ("proxy, votes"),
    against gold ("proxy, gold"), and the first corrected for noise by each of two estimates.
    """
    gap = pd.Series(setting.gap, index=setting.pairs["pair_id"])
    asked = asked[asked["choice"].notna() & (gap.loc[asked["pair_id"]] != 0).to_numpy()]
    table = proxy_ceiling(
        asked, rng=np.random.default_rng(0), n_resamples=profile.n_resamples
    ).rename(columns={"n": "n_pairs"})
    own = gap.loc[asked["pair_id"]].to_numpy()
    p = predicted.set_index("pair_id")["p_chosen"]
    chosen = (asked["choice"] == "chosen").to_numpy()
    by_proxy = p.loc[asked["pair_id"]].to_numpy() > 0.5
    observed = float(np.mean(by_proxy == chosen))
    known = gap.loc[asked["pair_id"].unique()]
    exact = {
        "gold, votes": float(np.mean((own > 0) == chosen)),
        "proxy, votes": observed,
        "proxy, gold": float(np.mean((p.loc[known.index] > 0.5) == (known > 0))),
    }
    values = table.set_index("statistic")["value"]
    exact |= {
        f"proxy, corrected by {name}": _corrected(observed, values[name]) for name in (BETA, LIMIT)
    }
    rows = [
        {"statistic": name, "value": value, "n_pairs": len(known)} for name, value in exact.items()
    ]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)


def _corrected(observed: float, vote_accuracy: float) -> float:
    return disattenuated(observed, vote_accuracy) if vote_accuracy > 0.5 else np.nan


def trained_table(
    setting: Setting, found: dict[tuple[str, float], pd.DataFrame], data: StudyData
) -> pd.DataFrame:
    """Gold accuracy on clear test pairs of TF-IDF reward models trained on each cleaned set.

    Columns method, threshold, n_kept, n_kept_right (the better response is now the chosen one),
    right, majority_right (here: of the model trained on the paper's rule), count. RAW has no
    cleaning, TRUTH the true categories. Sets with fewer than MIN_KEPT pairs have no row.
    Raises ValueError where the paper's rule, which all are compared with, keeps so few.
    """
    sets = {(RAW, 0.0): setting.pairs, (TRUTH, 0.0): cleaned_set(setting.pairs, setting.truth)}
    sets |= {
        key: cleaned_set(setting.pairs, own)
        for key, own in found.items()
        if key[1] in (0.0, THRESHOLD)
    }
    if (n_kept := len(sets[COUNT, 0.0])) < MIN_KEPT:
        raise ValueError(
            f"the paper's rule keeps {n_kept} of {len(setting.pairs)} pairs, and {MIN_KEPT} are "
            "needed to train on: raise aggregation.n_pairs"
        )
    sets = {key: kept for key, kept in sets.items() if len(kept) >= MIN_KEPT}
    right = {key: _gold_accuracy(kept, data) for key, kept in sets.items()}
    frames = []
    for (name, threshold), kept in sets.items():
        facts = {"method": name, "threshold": threshold, **_kept(setting, kept)}
        frames.append(side_by_side(right[name, threshold], right[COUNT, 0.0]).assign(**facts))
    return pd.concat(frames, ignore_index=True)


def _kept(setting: Setting, kept: pd.DataFrame) -> dict[str, int]:
    """How many pairs a cleaned set keeps, and in how many the better response is the chosen one."""
    raw = setting.pairs.set_index("pair_id")["chosen"].loc[kept["pair_id"]].to_numpy()
    gap = pd.Series(setting.gap, index=setting.pairs["pair_id"]).loc[kept["pair_id"]].to_numpy()
    turned = np.where(raw == kept["chosen"].to_numpy(), gap, -gap)
    return {"n_kept": len(kept), "n_kept_right": int((turned > 0).sum())}


def _gold_accuracy(kept: pd.DataFrame, data: StudyData) -> np.ndarray:
    """1 where the model trained on these pairs puts the better response first, `(n_clear,)`."""
    model = TfidfBradleyTerry.fit(kept)
    pairs = data.test.pairs
    truth = data.truth_of(pairs)
    gap = (truth["gold_chosen"] - truth["gold_rejected"]).to_numpy()
    clear = np.abs(gap) > VAGUE_GAP
    prompts = pairs["prompt"].tolist()
    scores = [model.score(prompts, pairs[name].tolist()) for name in ("chosen", "rejected")]
    lead = np.sign(scores[0] - scores[1])
    return (0.5 + 0.5 * lead * np.sign(gap))[clear]
