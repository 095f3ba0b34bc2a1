"""Questions out of a pool of completions, a pair frame, or single responses.

What a selector chose under a budget (Targeting Misalignment, section 3) are completions; people
compare two at a time, so someone must say which pairs. All pairs of k completions cost k(k-1)/2
questions; a ring costs k and compares each with two others. Left out: choosing pairs by what
earlier answers said.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from proxylab.names import did_you_mean
from proxylab.people.tasks import FIRST, PAIR, SCORE, Batch, Record, Task, in_order, task_of
from proxylab.preferences.schema import PreferenceError
from proxylab.shf_cas.annotators import checked_choice

ALL, RING = "all", "ring"
PLANS: dict[str, Callable[[int], int]] = {  # how far apart on the ring a pair may be
    ALL: lambda n: n // 2,
    RING: lambda n: min(1, n // 2),
}


def pool_batch(
    prompts: Sequence[str],
    responses: np.ndarray,
    chosen: np.ndarray,
    *,
    plan: str = RING,
    max_per_prompt: int | None = None,
    n_tasks: int | None = None,
    seed: int = 0,
    **about: Any,
) -> Batch:
    """Comparisons of the chosen completions of each prompt.

    Arguments: `responses` texts and the mask `chosen`, `(n_prompts, n_samples)`; `plan` "all" or
    "ring"; at most `max_per_prompt` comparisons a prompt and `n_tasks` in all, spread evenly over
    the prompts; `about` is overlap, round, selector or warning of the batch. Copies of a text are
    one. The first few comparisons of a prompt touch as many of its completions as they can.
    Raises ValueError for an unknown plan, shapes that do not fit, or nothing to compare.
    """
    if plan not in PLANS:
        raise ValueError(f"no plan `{plan}`{did_you_mean(plan, PLANS)}")
    chosen = checked_choice(prompts, responses, chosen)
    queues = []
    for prompt, row, mask in zip(prompts, responses, chosen, strict=True):
        texts = list(dict.fromkeys(row[mask].tolist()))
        pairs = _pairs(texts, PLANS[plan](len(texts)), seed)[:max_per_prompt]
        queues.append([task_of(prompt, pair, seed=seed) for pair in pairs])
    tasks = _spread(queues, n_tasks, seed)
    if not tasks:
        raise ValueError("no prompt has two different chosen completions: nothing to compare")
    return Batch(PAIR, in_order(tasks, seed), seed=seed, **about)


def pairs_batch(pairs: pd.DataFrame, *, seed: int = 0, **about: Any) -> Batch:
    """One comparison for each pair of a pair frame, blind to which reply was recorded as chosen.

    Arguments: `about` as for `pool_batch`. Pairs of equal texts are asked once; a pair of two
    equal replies cannot be asked and is named in `left_out`.
    """
    tasks, left_out = [], []
    for row in pairs.itertuples(index=False):
        if row.chosen == row.rejected:
            left_out.append(row.pair_id)
            continue
        record = Record(row.pair_id, FIRST)
        tasks.append(task_of(row.prompt, (row.chosen, row.rejected), seed=seed, record=record))
    return Batch(PAIR, in_order(tasks, seed), seed=seed, left_out=tuple(left_out), **about)


def scores_batch(
    names: Sequence[str],
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    seed: int = 0,
    **about: Any,
) -> Batch:
    """One question for each response, to be scored by five criteria; all arguments `(n,)`.

    Arguments: `names` of the responses, to find them by; `about` as for `pool_batch`.
    """
    rows = zip(names, prompts, responses, strict=True)
    tasks = [task_of(p, (text,), seed=seed, record=Record(name)) for name, p, text in rows]
    return Batch(SCORE, in_order(tasks, seed), seed=seed, **about)


def with_attention(batch: Batch, items: pd.DataFrame) -> Batch:
    """The batch with attention items mixed in: comparisons that anyone who reads gets right.

    Arguments: `items` with columns prompt, chosen (the better reply) and rejected.
    Raises PreferenceError for an item that the batch asks already.
    """
    extra = []
    for row in items.itertuples(index=False):
        record = Record("attention", FIRST)
        texts = (row.chosen, row.rejected)
        task = task_of(row.prompt, texts, seed=batch.seed, record=record)
        if task.task_id in batch.by_id:
            raise PreferenceError(f"question {task.task_id} is in the batch already")
        extra.append(replace(task, records=(), expected=task.records[0].chosen))
    return replace(batch, tasks=in_order([*batch.tasks, *extra], batch.seed))


def assign(batch: Batch, annotators: Sequence[str]) -> dict[str, tuple[Task, ...]]:
    """Who answers what: each question goes to `overlap` people, loads differ by one at most.

    Attention items go to everyone. Raises ValueError for fewer people than the overlap, or a name
    that occurs twice.
    """
    if len(set(annotators)) < len(annotators):
        raise ValueError("an annotator is named twice")
    if len(annotators) < batch.overlap:
        raise ValueError(f"{batch.overlap} answers each need as many people, not {len(annotators)}")
    rng = np.random.default_rng(batch.seed)
    people = rng.permutation(np.array(annotators, object))
    given: dict[str, set[str]] = {name: set() for name in annotators}
    for number, task in enumerate(batch.asked):
        for place in range(batch.overlap):
            given[people[(number * batch.overlap + place) % len(people)]].add(task.task_id)
    return {
        name: tuple(t for t in batch.tasks if t.expected is not None or t.task_id in ids)
        for name, ids in given.items()
    }


def _pairs(texts: list[str], reach: int, seed: int) -> list[tuple[str, str]]:
    """Pairs on a ring in random order: all neighbours first, then those two apart, and so on."""
    content = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng([seed, *content[:8]])
    n, order = len(texts), rng.permutation(len(texts))
    seen: dict[frozenset[int], tuple[str, str]] = {}
    for distance in range(1, reach + 1):
        for i in range(n):
            a, b = int(order[i]), int(order[(i + distance) % n])
            seen.setdefault(frozenset((a, b)), (texts[a], texts[b]))
    return list(seen.values())


def _spread(queues: Iterable[list[Task]], limit: int | None, seed: int) -> list[Task]:
    """The first of every prompt, then the second of each, up to the limit; prompts at random."""
    queues = list(queues)
    order = np.random.default_rng(seed).permutation(len(queues))
    levels = zip_longest(*(queues[i] for i in order))
    once = {task.task_id: task for level in levels for task in level if task is not None}
    return list(once.values())[:limit]
