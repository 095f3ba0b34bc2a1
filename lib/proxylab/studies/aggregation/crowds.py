"""Crowds of the controlled world: who votes on its pairs, and what is known of them.

Equal annotators; annotators whose noise differs ninefold; one in four (at least one) who flips
coins; one in four who says the opposite of what they think. The pairs, the gold reward and the
noise are those of the cleaning study (Elephant, section 3). Left out: crowds that change while they
vote.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from proxylab.annotators import make_annotators, simulate_votes
from proxylab.annotators.simulated import SimulatedAnnotator
from proxylab.parameters import defaults_of
from proxylab.profiles import Profile
from proxylab.runs import Clean
from proxylab.studies.data import StudyData

EQUAL, UNEQUAL, SPAMMER, ADVERSARY = "equal", "unequal", "spammer", "adversary"
CROWDS = (EQUAL, UNEQUAL, SPAMMER, ADVERSARY)
HONEST = "honest"
NOISE = defaults_of(Clean)["annotator_temperature"]  # of an ordinary annotator, gold-reward units
UNEQUAL_NOISE = (NOISE / 3, NOISE * 3)  # of the calmest and of the noisiest annotator
SHARE_OF_BAD = 4  # one in so many


@dataclass(frozen=True)
class Setting:
    """Some training pairs of a world with their truth, and the votes of one crowd on them."""

    crowd: str
    pairs: pd.DataFrame
    truth: pd.DataFrame
    votes: pd.DataFrame
    kinds: dict[str, str]  # by annotator

    @property
    def gap(self) -> np.ndarray:
        """Gold reward of the chosen less that of the rejected response, `(n_pairs,)`."""
        return (self.truth["gold_chosen"] - self.truth["gold_rejected"]).to_numpy()


def draw_pairs(data: StudyData, profile: Profile, seed: int) -> pd.DataFrame:
    """Some of the training pairs, the same for every crowd."""
    pairs = data.train.pairs
    order = np.random.default_rng([seed, 22]).permutation(len(pairs))
    return pairs.iloc[np.sort(order[: profile.aggregation.n_pairs])].reset_index(drop=True)


def draw_setting(
    data: StudyData, profile: Profile, crowd: str, n_annotators: int, seed: int
) -> Setting:
    """A crowd's votes on the pairs; the random draws are the same for all crowds of one size."""
    pairs = draw_pairs(data, profile, seed)
    truth = data.truth_of(pairs)
    rng = np.random.default_rng([seed, 23, n_annotators])
    annotators = _annotators(crowd, n_annotators, profile, rng)
    votes = simulate_votes(
        pairs,
        gold_chosen=truth["gold_chosen"].to_numpy(),
        gold_rejected=truth["gold_rejected"].to_numpy(),
        toxic_chosen=truth["toxic_chosen"].to_numpy(),
        annotators=annotators,
        rng=rng,
    )
    n_bad = -(-n_annotators // SHARE_OF_BAD) if crowd in (SPAMMER, ADVERSARY) else 0
    bad = [annotator.name for annotator in annotators[:n_bad]]
    kinds = {one.name: crowd if one.name in bad else HONEST for one in annotators}
    return Setting(crowd, pairs, truth, spoilt(votes, bad, crowd, rng), kinds)


def _annotators(
    crowd: str, n: int, profile: Profile, rng: np.random.Generator
) -> list[SimulatedAnnotator]:
    settings = profile.cleaning
    made = make_annotators(
        n,
        temperature=NOISE,
        bias_sd=settings.annotator_bias_sd,
        missing_rate=settings.missing_rate,
        toxic_miss_rate=settings.toxic_miss_rate,
        toxic_false_alarm_rate=settings.toxic_false_alarm_rate,
        rng=rng,
    )
    if crowd != UNEQUAL:
        return made
    noise = np.geomspace(*UNEQUAL_NOISE, n)
    return [replace(one, temperature=float(own)) for one, own in zip(made, noise, strict=True)]


def spoilt(votes: pd.DataFrame, bad: list[str], how: str, rng: np.random.Generator) -> pd.DataFrame:
    """The votes with those of `bad` annotators replaced by coin flips, or turned round.

    Their flags of toxicity stay as they are: whom to believe on that is another question.
    """
    own = votes["annotator"].isin(bad) & votes["choice"].notna()
    turned = votes["choice"].replace({"chosen": "rejected", "rejected": "chosen"})
    coins = np.where(rng.random(len(votes)) < 0.5, "chosen", "rejected")
    spoiled = coins if how == SPAMMER else turned
    return votes.assign(choice=votes["choice"].mask(own, spoiled))


def votes_asked(setting: Setting) -> pd.DataFrame:
    """The votes on pairs whose texts alone do not decide."""
    pairs = setting.pairs
    empty = (pairs["chosen"].str.strip() == "") | (pairs["rejected"].str.strip() == "")
    open_pairs = pairs["pair_id"][~empty & (pairs["chosen"] != pairs["rejected"])]
    return setting.votes[setting.votes["pair_id"].isin(open_pairs)].reset_index(drop=True)
