"""What aggregating people's votes changes: labels, categories, and what an unseen vote says.

One vote a pair is the record and the others relabel it, as in `cleaning.relabel_one_out` (Elephant,
section 3.2.1, with five votes). No truth is known; a method is judged by how often its label is the
record, a vote that it has not seen. A few draws of the record keep luck out. Pairs that share an
instruction (PandaLM) or a side of a debate (UKPConvArg1, 32 of them) share texts too: intervals
redraw these, not pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.annotators.public import PANDALM_FILE, UKP_FILE
from proxylab.annotators.votes import CHOICES, count_votes
from proxylab.cleaning import (
    aggregate,
    annotator_agreement,
    category_by_posterior,
    category_by_votes,
    confusion,
    draw_records,
    gwet_ac1,
    krippendorff_alpha,
    leave_one_out_agreement,
    pairwise_agreement,
    proxy_ceiling,
    split_half_reliability,
    vote_patterns,
)
from proxylab.cleaning.posterior import THRESHOLD
from proxylab.preferences.lines import read_json_lines
from proxylab.profiles import Profile
from proxylab.runs import AggregateVotes
from proxylab.stats import Interval
from proxylab.studies.aggregation.vote_classifier import predicted_by_style
from proxylab.studies.aggregation.world import COUNT, world_tables
from proxylab.studies.data import WORLD, real_data_folder
from proxylab.studies.public_data import READERS

# File, and the keys of a row: what folds and redraws keep together, the first text, the second.
TEXTS = {
    "pandalm": (PANDALM_FILE, ("instruction", "response1", "response2")),
    "ukpconvarg1": (UKP_FILE, ("topic", "a1", "a2")),
}


@dataclass(frozen=True)
class Relabelling:
    """One draw of the records: the vote taken for the record, and what the others make of it."""

    draw: int
    record: pd.DataFrame
    rest: pd.DataFrame
    posteriors: Mapping[str, pd.DataFrame]


def aggregation_tables(
    settings: AggregateVotes, profile: Profile
) -> tuple[dict[str, pd.DataFrame], str]:
    """Every table of the run by name, and what reading the votes reported."""
    if settings.votes == WORLD:
        return world_tables(settings.seed, profile)
    votes, report = READERS[settings.votes](real_data_folder() / settings.votes)
    texts = people_texts(settings.votes)
    units = units_of(texts)
    rng = np.random.default_rng([settings.seed, 21])
    draws = list(relabellings(votes, texts, profile, rng))
    tables = agreement_tables(votes, units, profile, rng)
    tables["categories"] = pd.concat([categories_of(draw, profile) for draw in draws])
    tables["transitions"] = pd.concat([transitions_of(draw) for draw in draws])
    tables["held_out"] = pd.concat([held_out(draw, units) for draw in draws])
    return tables, report.summary()


def agreement_tables(
    votes: pd.DataFrame, units: pd.Series, profile: Profile, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """How far the annotators agree; nobody is named, for nobody's name is needed.

    Tables agreement and ceiling have n_pairs and n_units, what their intervals redraw.
    """
    options = {"rng": rng, "n_resamples": profile.n_resamples, "units": units}
    found = {
        "alpha": krippendorff_alpha(votes, **options),
        "ac1": gwet_ac1(votes, **options),
        "leave-one-out": leave_one_out_agreement(votes, **options),
        "split-half": split_half_reliability(votes, **options),
    }
    agreement = pd.DataFrame([_row(name, interval) for name, interval in found.items()])
    voted, decided = (n_units(votes, units, among) for among in (CHOICES, CHOICES[:2]))
    ceiling = proxy_ceiling(votes, **options).rename(columns={"n": "n_pairs"})
    return {
        "agreement": agreement.assign(
            n_units=np.where(agreement["statistic"] == "split-half", decided, voted)
        ),
        "patterns": vote_patterns(votes),
        "annotators": annotator_agreement(votes).drop(columns="annotator"),
        "couples": pairwise_agreement(votes).drop(columns=["annotator_a", "annotator_b"]),
        "ceiling": ceiling.assign(n_units=decided),
    }


def people_texts(name: str) -> pd.DataFrame:
    """The texts that people voted on: pair_id as in their votes, group, first, second."""
    file, keys = TEXTS[name]
    path = real_data_folder() / name / file
    rows, _ = read_json_lines(path, lambda row: tuple(row[key] for key in keys), name=file)
    prefix = "pandalm/test" if name == "pandalm" else "ukpconvarg1/all"
    texts = pd.DataFrame([row for _, row in rows], columns=["group", "first", "second"])
    return texts.assign(pair_id=[f"{prefix}/{number:06d}" for number, _ in rows])


def units_of(texts: pd.DataFrame) -> pd.Series:
    """What pairs share, by pair_id: each group of `people_texts` as a number, not as a text."""
    return pd.Series(pd.factorize(texts["group"])[0], index=texts["pair_id"])


def n_units(votes: pd.DataFrame, units: pd.Series, among: Sequence[str]) -> int:
    """How many units have a pair with two votes for one of these choices."""
    n_votes = votes.loc[votes["choice"].isin(among), "pair_id"].value_counts()
    return int(units.loc[n_votes.index[n_votes >= 2]].nunique())


def relabellings(
    votes: pd.DataFrame, texts: pd.DataFrame, profile: Profile, rng: np.random.Generator
) -> Iterator[Relabelling]:
    """Records drawn several times over, and every method's posterior from the other votes."""
    settings = profile.aggregation
    for draw in range(settings.n_record_draws):
        record, rest = draw_records(votes, rng)
        majority = aggregate(rest, pair_ids=record["pair_id"])
        own = texts.set_index("pair_id").loc[majority["pair_id"]].reset_index()
        predicted = predicted_by_style(own, majority["label"], n_folds=settings.folds)
        options = {"pair_ids": record["pair_id"], "pool_below": settings.pool_below}
        options["n_steps"] = settings.em_steps
        posteriors = {
            name: aggregate(rest, method=name, predicted=predicted, **options)
            for name in settings.methods
        }
        yield Relabelling(draw, record, rest, posteriors)


def categories_of(drawn: Relabelling, profile: Profile) -> pd.DataFrame:
    """Pairs by category: the paper's rule on counts, then each method at each threshold."""
    rows = [_category_rows(count_categories(drawn), COUNT, 0.0)]
    for name, posterior in drawn.posteriors.items():
        oriented = seen_from_record(posterior, drawn.record)
        for threshold in profile.aggregation.thresholds:
            found = category_by_posterior(oriented, threshold=threshold)
            rows.append(_category_rows(found, name, threshold))
    return pd.concat(rows, ignore_index=True).assign(draw=drawn.draw)


def transitions_of(drawn: Relabelling) -> pd.DataFrame:
    """Pairs by category on counts and category by posterior, at the usual threshold."""
    frames = []
    for name, posterior in drawn.posteriors.items():
        oriented = seen_from_record(posterior, drawn.record)
        table = confusion(count_categories(drawn), category_by_posterior(oriented))
        table = table.rename_axis("from").reset_index().melt("from", var_name="to", value_name="n")
        frames.append(table[table["n"] > 0].assign(method=name, threshold=THRESHOLD))
    return pd.concat(frames, ignore_index=True).assign(draw=drawn.draw)


def held_out(drawn: Relabelling, units: pd.Series) -> pd.DataFrame:
    """How often each method names the record, and the majority beside it: counts of pairs.

    Columns group (as `units_of` numbers them), right, majority_right (1, 0, or 0.5 for no
    preference), count, method, draw.
    """
    said = drawn.record["choice"].to_numpy(object)
    credit = {name: _credit(found, said) for name, found in drawn.posteriors.items()}
    known = {"group": units.loc[drawn.record["pair_id"]].to_numpy()}
    known["majority_right"] = credit["majority"]
    keys = ["group", "right", "majority_right"]
    frames = [
        pd.DataFrame(known | {"right": right})[keys]
        .value_counts(sort=False)
        .rename("count")
        .reset_index()
        .assign(method=name)
        for name, right in credit.items()
    ]
    return pd.concat(frames, ignore_index=True).assign(draw=drawn.draw)


def count_categories(drawn: Relabelling) -> np.ndarray:
    """Same, Opposite, Vague or Undecided by the paper's rule, as seen from the record."""
    counts = count_votes(drawn.rest, drawn.record["pair_id"])
    flipped = drawn.record["choice"].to_numpy(object) == "rejected"
    sides = counts["n_chosen"].to_numpy(), counts["n_rejected"].to_numpy()
    agree, differ = np.where(flipped, sides[::-1], sides)
    return category_by_votes(counts.assign(n_chosen=agree, n_rejected=differ)).astype(object)


def seen_from_record(posterior: pd.DataFrame, record: pd.DataFrame) -> pd.DataFrame:
    """The posterior with "chosen" the side that the record names, and "rejected" the other."""
    flipped = record["choice"].to_numpy(object) == "rejected"
    sides = posterior["p_chosen"].to_numpy(), posterior["p_rejected"].to_numpy()
    agree, differ = np.where(flipped, sides[::-1], sides)
    return posterior.assign(p_chosen=agree, p_rejected=differ)


def _credit(posterior: pd.DataFrame, said: np.ndarray) -> np.ndarray:
    """1 where the likelier of the two responses is the one said, 0.5 where neither is likelier."""
    lead = (posterior["p_chosen"] - posterior["p_rejected"]).fillna(0).to_numpy()
    lead = np.where(np.abs(lead) < 1e-9, 0.0, np.sign(lead))
    return 0.5 + 0.5 * lead * np.where(said == "chosen", 1.0, -1.0)


def _category_rows(category: np.ndarray, method: str, threshold: float) -> pd.DataFrame:
    counts = pd.Series(category, dtype="object").value_counts().rename_axis("category")
    rows = counts.rename("n").reset_index().sort_values("category")
    return rows.assign(n_pairs=len(category), method=method, threshold=threshold)


def _row(name: str, found: Interval) -> dict:
    limits = {"value": found.estimate, "low": found.low, "high": found.high}
    return {"statistic": name, **limits, "n_pairs": found.n}
