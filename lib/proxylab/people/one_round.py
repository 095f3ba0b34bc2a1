"""One round of SHF-CAS with labels that are already there: what they did to the proxy.

Targeting Misalignment refits a reward model on labelled completions. Here the completions were
chosen before and labelled by people, so the loop neither selects nor waits. Left out: more rounds;
choose again from the refitted model, and ask anew.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.selection import Selector
from proxylab.shf_cas import Annotator, Candidates, LoopSettings, Round, evaluate_round, run_loop
from proxylab.stats import bootstrap_mean, paired_difference

BEFORE = "before"


def refit_table(
    proxy: SequenceClassifierReward,
    pool: Candidates,
    held_out: Candidates,
    chosen: np.ndarray,
    annotators: Mapping[str, Annotator],
    *,
    settings: LoopSettings,
    original_pairs: pd.DataFrame,
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> pd.DataFrame:
    """The proxy before, and refitted on what each annotator says of the same completions.

    Columns: labels, whose; labelled, completions that have one; accuracy, within-prompt accuracy
    against gold on held-out prompts; gained, the same less that before, paired by prompt; gold, of
    the optimal policy at the settings' KL; gold_gained.
    Arguments: mask `chosen` `(n_prompts, n_samples)`; `settings` of the loop, whose selector,
    budget and rounds give way to `chosen`; `rng` of the bootstraps over prompts.
    """
    draws = {"rng": rng, "n_resamples": n_resamples}
    given = Selector("given", "what was labelled", lambda pool, budget, rng: chosen)
    settings = settings.model_copy(update={"budget": int(chosen.sum()), "rounds": 1})
    rows: list[dict[str, Any]] = []
    for name, annotator in annotators.items():
        loop = {"annotator": annotator, "settings": settings, "original_pairs": original_pairs}
        states = list(run_loop(proxy, pool, selector=given, **loop))
        before, after = (
            evaluate_round(state, held_out, start=states[0], pool=pool, settings=settings)
            for state in states
        )
        if not rows:
            rows.append(_row(BEFORE, states[0], before, before, draws))
        rows.append(_row(name, states[1], after, before, draws))
    return pd.DataFrame(rows)


def _row(
    name: str, state: Round, now: pd.DataFrame, before: pd.DataFrame, draws: dict[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {"labels": name, "labelled": state.n_labels}
    for measure, gained in (("accuracy", "gained"), ("gold", "gold_gained")):
        values, start = now[measure].to_numpy(), before[measure].to_numpy()
        row[measure] = bootstrap_mean(values, **draws)
        row[gained] = paired_difference(values, start, **draws)
    return row
