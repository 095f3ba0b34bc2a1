"""The prompts of a run of the alignment study, to train on and to be measured on.

Of the preference data ("mixed"), or of a task: drawn from the world, or the prompts of real text
that the task's policy and proxy were not taught.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from proxylab.names import missing_name
from proxylab.preferences import Preferences, fingerprint
from proxylab.preferences.facts import first_questions
from proxylab.profiles import Profile
from proxylab.runs import Align
from proxylab.studies.cleaning import Cleaned
from proxylab.studies.data import WORLD
from proxylab.studies.tasks import HELD_OUT, POOL, TEXT_TASKS, WORLD_TASKS, task_models
from proxylab.studies.tasks.world import prompts_of_split
from proxylab.studies.text_models import without_gold
from proxylab.world import World
from proxylab.world.demonstrations import ALL_TOPICS

MIXED = "mixed"  # the prompts of the preference data, all tranches
TRUTH = ("topic", "quadrant", "kind")


def check_task(settings: Align) -> None:
    """Raise ValueError for a task or topics that the run's data does not have, with the nearest."""
    on_world = settings.data == WORLD
    known = (MIXED, *(WORLD_TASKS if on_world else TEXT_TASKS))
    if settings.task not in known:
        raise ValueError(missing_name(f"task of data={settings.data!r}", settings.task, known))
    if settings.leave_out and not on_world:
        raise ValueError(
            f"`leave_out` names topics of the world, and data={settings.data!r} names none"
        )
    for topic in settings.leave_out:
        if topic not in ALL_TOPICS:
            raise ValueError(missing_name("topic", topic, ALL_TOPICS))


def prompts_of(
    everything: Cleaned, settings: Align, profile: Profile
) -> tuple[Cleaned, pd.DataFrame, pd.DataFrame]:
    """The pairs of a run, without those that only gold learns from; training and test prompts."""
    cleaned, scale = everything, profile.alignment
    if everything.data.world is None:
        cleaned = replace(everything, data=without_gold(everything.data, profile))
    if settings.task == MIXED:
        train, test = (of_pairs(cleaned, split) for split in ("train", "test"))
    elif cleaned.data.world is not None:
        train, test = (
            _of_world(cleaned.data.world, settings, split, n, stream)
            for split, n, stream in (
                (POOL, scale.n_train_prompts, 50),
                (HELD_OUT, 2 * scale.n_test_prompts, 51),
            )
        )
    else:
        train, test = _of_text(cleaned, settings, profile)
    return cleaned, *_chosen(train, test, settings, profile)


def _chosen(
    train: pd.DataFrame, test: pd.DataFrame, settings: Align, profile: Profile
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As many of the prompts as the profile says, none of them both trained on and measured on."""
    scale, test = profile.alignment, test.drop_duplicates("prompt")
    train = train[~train["topic"].isin(settings.leave_out)]
    shuffle = np.random.default_rng([settings.seed, 62])
    rng = np.random.default_rng([settings.seed, 52])  # the same test prompts whatever is left out
    # In random order: the first few, which checkpoints are measured on, are of every kind.
    test = test.iloc[rng.permutation(len(test))[: scale.n_test_prompts]]
    train = train[~train["prompt"].isin(test["prompt"])]
    train = train.iloc[shuffle.permutation(len(train))[: scale.n_train_prompts]]
    return train.reset_index(drop=True), test.reset_index(drop=True)


def without_prompts(cleaned: Cleaned, test: pd.DataFrame) -> Cleaned:
    """The same without training pairs about a question of the test prompts; the world as it is.

    In the world, where few questions are asked, prompts alone are kept apart (`Setting.pairs`).
    """
    if cleaned.data.world is not None:
        return cleaned
    train = cleaned.data.train
    asked = first_questions(train.pairs).isin(first_questions(test)).to_numpy()
    kept = train.pairs[~asked].reset_index(drop=True)
    train = Preferences(kept, train.report, train.source, fingerprint(kept))
    return replace(cleaned, data=replace(cleaned.data, train=train))


def of_pairs(cleaned: Cleaned, split: str) -> pd.DataFrame:
    """The prompts of the cleaned pairs, with the reply that people prefer."""
    pairs, categories = cleaned.cleaned(split), cleaned.of(split)
    truth = pd.DataFrame(index=range(len(pairs)), columns=list(TRUTH), data="")
    if cleaned.data.world is not None:
        truth = cleaned.data.truth_of(pairs)[list(TRUTH)]
    category = categories.set_index("pair_id").loc[pairs["pair_id"], "category"].to_numpy()
    return pairs[["prompt", "subset", "chosen"]].assign(category=category, **truth)


def _of_world(world: World, settings: Align, split: str, n: int, stream: int) -> pd.DataFrame:
    """Prompts of the half that feedback may be bought on, or of the other; some more than once."""
    task, rng = WORLD_TASKS[settings.task], np.random.default_rng([settings.seed, stream])
    prompts = prompts_of_split(world, task, split, n, rng, repeats=True)
    rows = [(p.text, task.name, p.topic, p.quadrant, p.kind) for p in prompts]
    return pd.DataFrame(rows, columns=["prompt", "subset", *TRUTH])


def _of_text(
    cleaned: Cleaned, settings: Align, profile: Profile
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The task's prompts that feedback may be bought on, to train; those held out, to measure.

    Of the latter only those of cleaned pairs, for the reply that people prefer. A region is what
    the world calls a topic.
    """
    models = task_models(profile, settings.task, settings.seed, data=settings.data)
    pairs = pd.concat([of_pairs(cleaned, split) for split in ("test", "train")])
    pairs = pairs.drop_duplicates("prompt").drop(columns=list(TRUTH))
    train, test = (
        models.draw(split, n, settings.seed).rename(columns={"region": "topic"}).assign(kind="")
        for split, n in (
            (POOL, profile.alignment.n_train_prompts),
            (HELD_OUT, 2 * profile.alignment.n_test_prompts),
        )
    )
    return train.assign(subset=settings.task), test.merge(pairs, on="prompt")
