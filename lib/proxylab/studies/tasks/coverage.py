"""Who learns from which pairs of real text, and which prompts are asked of them.

Where the data names topics (PKU-SafeRLHF) they are the regions, with the coverage table of
*Targeting Misalignment*: as many questions of each topic are set aside, and a pair is taught to
whoever knows any of its topics. Elsewhere regions are found (`regions`) and prompts come from the
test split. Nobody is trained on a question that is asked later.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.preferences.facts import first_questions, unit_hash
from proxylab.preferences.topics import (
    in_topics,
    set_questions_aside,
    topic_coverage,
    topic_pool,
)
from proxylab.profiles import Profile
from proxylab.studies.data import StudyData
from proxylab.studies.tasks.interface import HELD_OUT, POOL, PROMPT_COLUMNS
from proxylab.studies.tasks.regions import KNOWN_TO_POLICY, KNOWN_TO_PROXY, Regions


@dataclass(frozen=True)
class Coverage:
    """Pairs for the policy and for the proxy, prompts to ask, and test pairs to be held against.

    `prompts` has columns prompt, region, quadrant and drawn_for (POOL or HELD_OUT); `test` is a
    pair frame with region and quadrant.
    """

    policy_pairs: pd.DataFrame
    proxy_pairs: pd.DataFrame
    prompts: pd.DataFrame
    test: pd.DataFrame


def names_topics(pairs: pd.DataFrame) -> bool:
    """Whether the pairs say themselves what they are about."""
    return "topics" in pairs


def by_region(
    data: StudyData, everything: StudyData, profile: Profile, of_task: Callable, seed: int
) -> Coverage:
    """Regions fitted on all training questions; the quadrants of this seed.

    Arguments: `data` without gold's pairs, `everything` with them; `of_task` keeps the pairs of
    the task. Raises ValueError where a quadrant leaves the policy or the proxy nothing.
    """
    regions = Regions(profile.text_regions, tuple(first_questions(everything.train.pairs)))
    quadrants = regions.quadrants(seed)
    taught = _located(of_task(data.train.pairs), regions, quadrants)
    test = _located(of_task(data.test.pairs), regions, quadrants)
    # Pairs about one question are all of the pool or all held out.
    in_pool = unit_hash(first_questions(test), "pool") < 0.5
    prompts = test.assign(drawn_for=np.where(in_pool, POOL, HELD_OUT)).drop_duplicates("prompt")
    return Coverage(
        policy_pairs=_known(taught, KNOWN_TO_POLICY, "policy"),
        proxy_pairs=_known(taught, KNOWN_TO_PROXY, "proxy"),
        prompts=prompts[[*PROMPT_COLUMNS, "drawn_for"]].reset_index(drop=True),
        test=test,
    )


def _located(pairs: pd.DataFrame, regions: Regions, quadrants: dict[str, str]) -> pd.DataFrame:
    region = regions.of(pairs)
    return pairs.assign(region=region, quadrant=[quadrants[name] for name in region])


def _known(taught: pd.DataFrame, known: tuple[str, ...], who: str) -> pd.DataFrame:
    kept = taught[taught["quadrant"].isin(known)].reset_index(drop=True)
    if kept.empty:
        raise ValueError(
            f"none of {len(taught)} training pairs is in a region that the {who} is taught about: "
            "take fewer regions (text_regions.n_regions) or more pairs"
        )
    return kept


def by_topic(data: StudyData, profile: Profile, seed: int) -> Coverage:
    """The paper's ten topics and quadrants; questions set aside are the same for every seed."""
    table, scale = topic_coverage(), profile.conflict
    topics, quadrants = table["topic"].tolist(), table.set_index("topic")["quadrant"].to_dict()
    wanted = scale.n_pool + scale.n_held_out
    n = -(-wanted // len(topics))
    asked, rest = set_questions_aside(data.train.pairs, topics, n=n, rng=np.random.default_rng(0))
    in_pool = unit_hash(asked["prompt"], "pool") < scale.n_pool / wanted
    prompts = asked.rename(columns={"topic": "region"}).assign(
        quadrant=asked["topic"].map(quadrants), drawn_for=np.where(in_pool, POOL, HELD_OUT)
    )
    rng, at_most = np.random.default_rng([seed, 65]), profile.text_reward_model.n_proxy_pairs
    pools = {
        side: topic_pool(rest, table["topic"][table[side]].tolist(), at_most=at_most, rng=rng)
        for side in ("policy", "proxy")
    }
    return Coverage(
        pools["policy"], pools["proxy"], prompts, _of_topics(data.test.pairs, topics, quadrants)
    )


def _of_topics(pairs: pd.DataFrame, topics: list[str], quadrants: dict[str, str]) -> pd.DataFrame:
    """The pairs of any of the topics; one of several counts for the first in the table's order."""
    member = np.stack([in_topics(pairs, [topic]) for topic in topics], axis=1)
    rows = np.flatnonzero(member.any(axis=1))
    region = np.array(topics, dtype=object)[member[rows].argmax(axis=1)]
    kept = pairs.iloc[rows].reset_index(drop=True)
    return kept.assign(region=region, quadrant=[quadrants[name] for name in region])
