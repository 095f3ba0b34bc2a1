"""Relabelling and cleaning, from votes to the cleaned set (Elephant, section 3).

Who votes is the run's choice: simulated annotators (where the gold reward is known), a committee
of models that have not seen what they judge, or a votes file from people. Toxicity follows the
annotators where they are asked for it, else a named classifier.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.annotators import (
    committee_votes,
    cross_fit_votes,
    make_annotators,
    read_votes,
    simulate_votes,
)
from proxylab.annotators.committee import Scorer
from proxylab.artifacts import cached_artifact
from proxylab.cleaning import (
    ProfanityCheck,
    ToxicityClassifier,
    WordList,
    categorise,
    cleaned_set,
    is_toxic,
)
from proxylab.names import did_you_mean
from proxylab.preferences import write_pairs
from proxylab.profiles import Profile
from proxylab.rewards.linear import TfidfBradleyTerry
from proxylab.runs import Clean, MeasureRulers, TrainRewardModel
from proxylab.studies.data import WORLD, StudyData, study_data
from proxylab.world import lexicon

SIMULATED, COMMITTEE = "simulated", "committee"
CATEGORY_FILE, VOTES_FILE, FACTS_FILE = "categories.parquet", "votes.parquet", "facts.json"


@dataclass(frozen=True)
class Cleaned:
    """Both splits of a data set with the category of every pair.

    `votes` and `categories` cover train and test; `toxicity` names who judged toxicity; `folder`
    holds the cleaned pairs in the hub's layout, with a category column.
    """

    data: StudyData
    votes: pd.DataFrame
    categories: pd.DataFrame
    toxicity: str
    folder: Path

    def pairs(self, split: str) -> pd.DataFrame:
        """The raw pairs of "train" or "test"."""
        return (self.data.train if split == "train" else self.data.test).pairs

    def of(self, split: str) -> pd.DataFrame:
        """The categories of "train" or "test", in the order of its pairs."""
        ids = self.pairs(split)["pair_id"]
        return self.categories.set_index("pair_id").loc[ids].reset_index()

    def cleaned(self, split: str) -> pd.DataFrame:
        """The cleaned pairs of "train" or "test": Same kept, Opposite swapped, the rest dropped."""
        return cleaned_set(self.pairs(split), self.of(split))


def cleaning_of(settings: TrainRewardModel | MeasureRulers) -> Clean:
    """The relabelling that a run's cleaned labels come from.

    In the world it has the run's seed, as the data has. On real text the labels are part of the
    data: seed 0 relabels for all, so that every seed is measured on the same labels.
    """
    seed = settings.seed if settings.data == WORLD else 0
    kept = settings.model_dump(include={"profile", "data", "annotators"})
    return Clean(**kept, seed=seed)


def clean(settings: Clean, profile: Profile) -> Cleaned:
    """Vote on both splits, sort into categories and write the cleaned set, or find it made.

    Raises ValueError for annotators that this data cannot have (simulated ones need the world), or
    that are neither a known kind nor a votes file.
    """
    _check_annotators(settings.annotators)
    data = study_data(settings.data, profile, settings.seed)
    if settings.annotators == SIMULATED and data.world is None:
        raise ValueError(
            f"annotators='simulated' need a gold reward, which data={settings.data!r} has not: "
            "use annotators='committee' or name a votes file"
        )
    folder = cached_artifact(
        "cleaned",
        _made_from(settings, profile, data),
        lambda folder: _make(settings, profile, data, folder),
        code=(
            "annotators",
            "cleaning",
            "preferences",
            "world",
            "rewards/linear",
            "studies/cleaning",
        ),
    )
    return Cleaned(
        data=data,
        votes=pd.read_parquet(folder / VOTES_FILE),
        categories=pd.read_parquet(folder / CATEGORY_FILE),
        toxicity=json.loads((folder / FACTS_FILE).read_text())["toxicity"],
        folder=folder,
    )


def _check_annotators(annotators: str) -> None:
    known = (SIMULATED, COMMITTEE)
    if annotators not in known and not Path(annotators).is_file():
        raise ValueError(
            f"annotators={annotators!r} is neither a kind of annotator nor a votes file"
            f"{did_you_mean(annotators, known)}"
        )


def _made_from(settings: Clean, profile: Profile, data: StudyData) -> dict:
    """What the result depends on; the profile's name and the data's place do not matter.

    That the data is the world's own does: who judges toxicity and the committee's folds follow it.
    """
    made_from = settings.model_dump(exclude={"profile", "data"})
    made_from |= {"train": data.train.fingerprint, "test": data.test.fingerprint}
    if settings.annotators not in (SIMULATED, COMMITTEE):
        made_from["votes"] = hashlib.sha256(Path(settings.annotators).read_bytes()).hexdigest()
    made_from["in_world"] = data.world is not None
    return made_from | {"cleaning": profile.cleaning, "world": profile.world}


def _make(settings: Clean, profile: Profile, data: StudyData, folder: Path) -> None:
    votes = draw_votes(settings, profile, data)
    categories, toxicity = [], "annotators"
    for pairs in (data.train.pairs, data.test.pairs):
        toxic = None
        if settings.annotators == COMMITTEE:  # models vote on quality; toxicity is another question
            classifier = toxicity_classifier(data)
            toxic = is_toxic(classifier, pairs["chosen"].tolist())
            toxicity = f"{classifier.name} {classifier.version}"
        own = votes[votes["pair_id"].isin(pairs["pair_id"])]
        found = categorise(pairs, own, rule=settings.rule, toxic=toxic)
        write_pairs(cleaned_set(pairs, found), folder, category=found)
        categories.append(found)
    votes.to_parquet(folder / VOTES_FILE)
    pd.concat(categories, ignore_index=True).to_parquet(folder / CATEGORY_FILE)
    (folder / FACTS_FILE).write_text(json.dumps({"toxicity": toxicity}))


def draw_votes(settings: Clean, profile: Profile, data: StudyData) -> pd.DataFrame:
    """One votes frame over both splits."""
    both = pd.concat([data.train.pairs, data.test.pairs], ignore_index=True)
    if settings.annotators == SIMULATED:
        return simulated_votes(
            both,
            data.truth_of(both),
            profile,
            n_annotators=settings.n_annotators,
            temperature=settings.annotator_temperature,
            rng=np.random.default_rng([settings.seed, 7]),
        )
    if settings.annotators == COMMITTEE:
        return _committee(data, profile, settings.seed)
    votes, report = read_votes(settings.annotators, pair_ids=both["pair_id"])
    print(f"votes: {report.summary()}")
    return votes


def simulated_votes(
    pairs: pd.DataFrame,
    truth: pd.DataFrame,
    profile: Profile,
    *,
    n_annotators: int,
    temperature: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Votes of people who see the gold reward through Bradley-Terry noise and their own taste.

    Arguments: `truth` has the rows of `pairs`, with gold_chosen, gold_rejected, toxic_chosen;
    `temperature` in gold-reward units.
    """
    settings = profile.cleaning
    annotators = make_annotators(
        n_annotators,
        temperature=temperature,
        bias_sd=settings.annotator_bias_sd,
        missing_rate=settings.missing_rate,
        toxic_miss_rate=settings.toxic_miss_rate,
        toxic_false_alarm_rate=settings.toxic_false_alarm_rate,
        rng=rng,
    )
    return simulate_votes(
        pairs,
        gold_chosen=truth["gold_chosen"].to_numpy(),
        gold_rejected=truth["gold_rejected"].to_numpy(),
        toxic_chosen=truth["toxic_chosen"].to_numpy(),
        annotators=annotators,
        rng=rng,
    )


def committee_members(seed: int) -> Mapping[str, Callable[[pd.DataFrame], Scorer]]:
    """Four cheap members: words and characters, each fitted on its own half of the pairs."""

    def member(variant: str, half: int) -> Callable[[pd.DataFrame], Scorer]:
        def fit(pairs: pd.DataFrame) -> Scorer:
            order = np.random.default_rng([seed, 8]).permutation(len(pairs))
            return TfidfBradleyTerry.fit(pairs.iloc[np.sort(order[half::2])], variant=variant)

        return fit

    variants = [(name, half) for name in ("word", "char") for half in (0, 1)]
    return {f"{name}-{half + 1}": member(name, half) for name, half in variants}


def _committee(data: StudyData, profile: Profile, seed: int) -> pd.DataFrame:
    """Out-of-fold votes on train; on test, votes of members fitted on all of train."""
    fit = committee_members(seed)
    own = cross_fit_votes(
        data.train.pairs,
        fit,
        n_folds=profile.cleaning.committee_folds,
        groups=_groups(data),
        seed=seed,
    )
    fitted = {name: train(data.train.pairs) for name, train in fit.items()}
    return pd.concat([own, committee_votes(data.test.pairs, fitted)], ignore_index=True)


def _groups(data: StudyData) -> list[str] | None:
    """In the world thousands of pairs share a prompt by design: whole prompts are the groups."""
    return data.train.pairs["prompt"].tolist() if data.world else None


def toxicity_classifier(data: StudyData) -> ToxicityClassifier:
    """Offensive language on real text; in the world, where insults are two words, those words."""
    return ProfanityCheck() if data.world is None else WordList(lexicon.INSULTS)
