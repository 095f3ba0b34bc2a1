"""Preference data of the world, in HH-RLHF's form, with noise of all six kinds at known rates.

Four tranches as in HH-RLHF. Which of the six categories of *Elephant in the Room* (section 3.1)
a pair belongs to is fixed before it is written, and kept in a truth table beside the data, so that
what a cleaner finds can be scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.cleaning.categories import CATEGORIES
from proxylab.preferences.export import write_pairs
from proxylab.world.demonstrations import ALL_TOPICS
from proxylab.world.gold import GoldReward
from proxylab.world.knowledge import World
from proxylab.world.prompts import Prompt, draw_prompt
from proxylab.world.responses import Quality, insult, write_response
from proxylab.world.settings import VAGUE_GAP, NoiseRates

# HH-RLHF's published test counts: the shares of the four tranches.
TRANCHE_SIZES = {
    "harmless-base": 2312,
    "helpful-base": 2354,
    "helpful-online": 1137,
    "helpful-rejection-sampled": 2749,
}
TRUTH_FILE = "truth.parquet"

# Who wrote the replies: people talking to a plain model, to an online-trained one, and best-of-4.
_WRITERS = {
    "harmless-base": Quality(truth=0.5, judgement=0.5, evasive=0.1, toxic=0.05),
    "helpful-base": Quality(truth=0.5, judgement=0.6, short=0.25, evasive=0.1, repetitive=0.03),
    "helpful-online": Quality(truth=0.7, judgement=0.85, short=0.1, evasive=0.03),
    "helpful-rejection-sampled": Quality(truth=0.5, judgement=0.6, short=0.15, evasive=0.05),
}
_REQUEST_SHARE = {"harmless-base": 1.0}


@dataclass(frozen=True)
class PreferenceTruth:
    """A pair frame and, row by row, what is true of it.

    `truth` has pair_id, category, topic, quadrant, kind, gold_chosen, gold_rejected, toxic_chosen.
    """

    pairs: pd.DataFrame
    truth: pd.DataFrame


def draw_preferences(world: World, split: str, rng: np.random.Generator) -> PreferenceTruth:
    """All four tranches of "train" or "test", at the world's noise rates.

    Raises ValueError for another split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    settings = world.settings
    total = settings.n_train_pairs if split == "train" else settings.n_test_pairs
    rows = []
    for subset, n in _apportion(total, TRANCHE_SIZES).items():
        online = split == "test" and subset == "helpful-online"
        rates = settings.online_noise if online else settings.train_noise
        for row, category in enumerate(rng.permutation(planned_categories(n, rates))):
            pair_id = f"{subset}/{split}/{row:06d}"
            rows.append({"pair_id": pair_id, "subset": subset, "split": split})
            rows[-1] |= _draw_pair(world, subset, str(category), rng)
    return _split_truth(world, pd.DataFrame(rows))


def planned_categories(n: int, rates: NoiseRates) -> list[str]:
    """`n` category names in the given shares, rounded by largest remainder."""
    counts = _apportion(n, {name: getattr(rates, name) for name in CATEGORIES})
    return [name for name, count in counts.items() for _ in range(count)]


def _apportion(n: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that sum to `n`, in the proportions of `shares`, by largest remainder."""
    exact = n * np.array(list(shares.values())) / sum(shares.values())
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: n - counts.sum()]:
        counts[index] += 1
    return dict(zip(shares, counts.tolist(), strict=True))


def write_preferences(world: World, folder: Path, rng: np.random.Generator) -> None:
    """Write train and test in the hub's layout under `folder`, and the truth table beside them."""
    truths = []
    for split in ("train", "test"):
        drawn = draw_preferences(world, split, rng)
        write_pairs(drawn.pairs, folder)
        truths.append(drawn.truth)
    pd.concat(truths, ignore_index=True).to_parquet(folder / TRUTH_FILE)


def _draw_pair(world: World, subset: str, category: str, rng: np.random.Generator) -> dict:
    """Draw prompts and reply pairs until one is of the wanted category."""
    gold = GoldReward(world)
    while True:
        kind = "request" if rng.random() < _REQUEST_SHARE.get(subset, 0.25) else "question"
        prompt = draw_prompt(world, ALL_TOPICS, kind, rng)
        chosen, rejected = _candidates(world, prompt, subset, gold, rng)
        pair = _make(category, gold, prompt, chosen, rejected, rng, world.settings.clear_gap)
        if pair is not None:
            facts = {"topic": prompt.topic, "quadrant": prompt.quadrant, "kind": prompt.kind}
            texts = {"prompt": prompt.text, "chosen": pair[0], "rejected": pair[1]}
            return facts | texts | {"category": category}


def _candidates(
    world: World, prompt: Prompt, subset: str, gold: GoldReward, rng: np.random.Generator
) -> tuple[str, str]:
    """Two replies; in the rejection-sampled tranche the best of four drafts meets one draft."""
    drafts = [write_response(world, prompt, _WRITERS[subset], rng) for _ in range(2)]
    if subset == "helpful-rejection-sampled":
        more = [write_response(world, prompt, _WRITERS[subset], rng) for _ in range(3)]
        drafts[0] = max([drafts[0], *more], key=lambda text: gold.parts(prompt.text, text).reward)
    return drafts[0], drafts[1]


def _make(
    category: str,
    gold: GoldReward,
    prompt: Prompt,
    first: str,
    second: str,
    rng: np.random.Generator,
    clear_gap: float,
) -> tuple[str, str] | None:
    """The (chosen, rejected) pair of `category` that these two replies allow, or None."""
    if category == "Repetitive":
        return first, first
    if category == "Empty":
        return (first, "") if rng.random() < 0.5 else ("", first)
    if category == "Toxic":
        return insult(first, rng), second
    gap = gold.parts(prompt.text, first).reward - gold.parts(prompt.text, second).reward
    better, worse = (first, second) if gap >= 0 else (second, first)
    if category == "Vague":
        pair, fits = (first, second), abs(gap) <= VAGUE_GAP and first != second
    else:
        pair = (better, worse) if category == "Same" else (worse, better)
        fits = abs(gap) >= clear_gap
    return pair if fits and not gold.is_toxic(pair[0]) else None


def _split_truth(world: World, frame: pd.DataFrame) -> PreferenceTruth:
    gold = GoldReward(world)
    frame["gold_chosen"] = gold.score(frame["prompt"], frame["chosen"])
    frame["gold_rejected"] = gold.score(frame["prompt"], frame["rejected"])
    frame["toxic_chosen"] = [gold.is_toxic(text) for text in frame["chosen"]]
    frame["prompts_differ"] = False
    frame["n_turns"] = frame["prompt"].str.count("Human:")
    columns = ["pair_id", "subset", "split", "prompt", "chosen", "rejected"]
    truth = ["pair_id", "category", "topic", "quadrant", "kind"]
    return PreferenceTruth(
        pairs=frame[[*columns, "prompts_differ", "n_turns"]],
        truth=frame[[*truth, "gold_chosen", "gold_rejected", "toxic_chosen"]],
    )
