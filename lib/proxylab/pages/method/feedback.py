"""From conflict to labels to a refitted proxy: selection under a budget, the pairs, a few steps.

The refit is the library's own loss on a proxy with one free score a completion, so that it can be
followed by hand. A real reward model shares its weights between texts, which is why labels can
teach it about prompts that nobody labelled, and why what they teach must be measured.
"""

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

from proxylab.conflict import kendall_table, prompt_conflict, share_ordered_rightly
from proxylab.pages.conflict_metrics.definitions import COMPLETIONS
from proxylab.pages.method.example import (
    ACCORD,
    CONFLICT,
    LABELS,
    LOGPROB,
    N_SAMPLES,
    PROMPTS,
    REWARD,
    SHORT,
    TEXTS,
)
from proxylab.rewards.groups import RankedGroup, n_comparisons
from proxylab.rewards.ranked import ranking_loss
from proxylab.selection import Pool, select
from proxylab.tables import number, show_table

BUDGET = N_SAMPLES  # one prompt's worth
HALF = BUDGET // 2
STEP = 1.0  # reward units a step and unit of slope
SHOWN_STEPS = (0, 1, 10)
SEED = 0


def chosen(name: str = "conflict", budget: int = BUDGET) -> np.ndarray:
    """What a selector buys of the example, a mask `(n_prompts, n_samples)`."""
    pool = Pool(proxy_reward=REWARD, policy_logprob=LOGPROB)
    return select(name, pool, budget, rng=np.random.default_rng(SEED))


def selection_sentence() -> Markdown:
    """What the budget buys by conflict, by less of it, and at random."""
    bought = SHORT[int(np.argmax(chosen().sum(axis=1)))]
    some = [COMPLETIONS[k] for k in np.flatnonzero(chosen(budget=HALF)[CONFLICT])]
    return Markdown(
        f"A budget counts labelled completions. With {BUDGET}, one prompt's worth, selection by "
        f"conflict buys *{bought}* whole; with {HALF} it would buy {' and '.join(some)} of it, the "
        f"largest and the smallest PACS. Selection at random buys either prompt with equal "
        f"chance, and is the rule to beat: same pool, same budget."
    )


def labels_table() -> Markdown:
    """What the annotator says of the bought prompt, beside what both sides thought."""
    rows = pd.DataFrame(
        {
            "completion": COMPLETIONS,
            "text": TEXTS[CONFLICT],
            "reward": [number(x, 1) for x in REWARD[CONFLICT]],
            "logprob": [number(x, 0) for x in LOGPROB[CONFLICT]],
            "label": [number(x, 0) for x in LABELS[CONFLICT]],
        }
    )
    return show_table(
        rows,
        label="method-labels",
        caption=f"The labels of *{SHORT[CONFLICT]}* (higher is better; made up), beside the "
        "proxy's rewards and the policy's log-probabilities.",
        names={"reward": "proxy reward", "logprob": "log-probability"},
        text=("completion", "text"),
    )


def ordered_pairs() -> list[tuple[int, int]]:
    """The comparisons that the bought labels make: (better, worse), equal labels left out."""
    labels = LABELS[CONFLICT]
    return [(i, j) for i, j in np.ndindex(N_SAMPLES, N_SAMPLES) if labels[i] > labels[j]]


def pairs_sentence() -> Markdown:
    """The ordered pairs, and how many of them each side had right."""
    group = RankedGroup(PROMPTS[CONFLICT], TEXTS[CONFLICT], tuple(LABELS[CONFLICT]))
    n = n_comparisons([group])
    pairs = ", ".join(f"{COMPLETIONS[i]} > {COMPLETIONS[j]}" for i, j in ordered_pairs())
    by_proxy, by_policy = (_right(values) for values in (REWARD, LOGPROB))
    return Markdown(
        f"{BUDGET} labels make {n} comparisons: {pairs}; equal labels make none. The proxy has "
        f"{round(by_proxy[CONFLICT] * n)} of the {n} right and the policy "
        f"{round(by_policy[CONFLICT] * n)}, so on this prompt conflict has found a wrong proxy, "
        f"and no shared ignorance: the policy knew. Had the budget gone to *{SHORT[ACCORD]}*, the "
        f"proxy would have been found right on {number(100 * by_proxy[ACCORD], 0)} % of the "
        "comparisons, and the labels would have taught it little."
    )


def _right(values: np.ndarray) -> np.ndarray:
    """Share of comparisons that `values` order as the labels do `(n_prompts,)`."""
    return share_ordered_rightly(kendall_table(values, LABELS))


def slopes(scores: np.ndarray) -> np.ndarray:
    """Slope of the library's loss on the bought labels at each score `(n_samples,)`."""
    free = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    group = torch.zeros(len(scores), dtype=torch.long)
    ranking_loss(free, torch.tensor(LABELS[CONFLICT]), group).backward()
    return free.grad.numpy()


def refitted(n_steps: int) -> np.ndarray:
    """Scores of the bought prompt after so many steps down the slope of the loss."""
    scores = REWARD[CONFLICT].copy()
    for _ in range(n_steps):
        scores = scores - STEP * slopes(scores)
    return scores


def first_step_sentence() -> Markdown:
    """The first step, pair by pair."""
    scores = REWARD[CONFLICT]
    pairs = ordered_pairs()
    said = []
    for better, worse in pairs:
        push = 1 / (1 + np.exp(scores[better] - scores[worse]))
        said.append(f"{COMPLETIONS[better]} > {COMPLETIONS[worse]} {number(push)}")
    up, down = COMPLETIONS[slopes(scores).argmin()], COMPLETIONS[slopes(scores).argmax()]
    move = STEP * np.abs(slopes(scores)).max()
    return Markdown(
        f"The pushes 1 − σ(r better − r worse) at the start: {', '.join(said)}. Each raises its "
        f"better side and lowers its worse one. Averaged over the {len(pairs)} pairs, a step of "
        f"size {STEP:g} moves {up} up and {down} down by {number(move)}."
    )


def refit_table() -> Markdown:
    """Scores, accuracy on the bought labels, and conflict, as the refit goes on."""
    rows = []
    for n in SHOWN_STEPS:
        scores = refitted(n)
        row = {"steps": str(n)}
        row |= {f"r({c})": number(x) for c, x in zip(COMPLETIONS, scores, strict=True)}
        found = kendall_table([scores], LOGPROB[[CONFLICT]])["distance"].iloc[0]
        right = share_ordered_rightly(kendall_table([scores], LABELS[[CONFLICT]]))[0]
        row["right (%)"] = number(100 * right, 0)
        row["conflict"] = number(prompt_conflict([scores], LOGPROB[[CONFLICT]])[0])
        row["distance"] = number(found)
        rows.append(row)
    return show_table(
        pd.DataFrame(rows),
        label="method-refit",
        caption="The proxy's rewards as it learns from the labels: share of the labelled "
        "comparisons that it orders rightly, and its conflict and Kendall-Tau distance with the "
        "policy, which learns nothing here.",
        names={"distance": "K-T distance"},
    )


def refit_sentence() -> Markdown:
    """How conflict moves on the way, which need not be downhill at every step."""
    states = [refitted(n) for n in SHOWN_STEPS]
    conflict = [prompt_conflict([scores], LOGPROB[[CONFLICT]])[0] for scores in states]
    after = ", ".join(
        f"{number(value)} after {n}" for n, value in zip(SHOWN_STEPS, conflict, strict=True)
    )
    path = "falls" if conflict[1] <= conflict[0] else "rises before it falls"
    return Markdown(
        "The policy was right here, so as the proxy learns from the labels it comes to agree with "
        f"the policy in the end. On the way conflict {path} ({after} steps): while the order is "
        "still the old one, a step can make the proportions of the two less alike."
    )
