"""From rewards and log-probabilities to z-scores, PACS, a prompt's conflict and its distance.

Every number comes from `proxylab.conflict`; the sums that a reader would write down are written
out beside it.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.conflict import (
    RELEASED_SAMPLES,
    RELEASED_THRESHOLDS,
    independence_level,
    independence_threshold,
    kendall_table,
    pacs,
    prompt_conflict,
)
from proxylab.pages.conflict_metrics.definitions import (
    COMPLETIONS,
    EXAMPLE_LOGPROB,
    EXAMPLE_REWARD,
    SHRINK,
)
from proxylab.pages.method.example import (
    ACCORD,
    CONFLICT,
    LOGPROB,
    N_SAMPLES,
    PROMPTS,
    REWARD,
    SHORT,
    TEXTS,
    correlation,
    label,
    z_scores,
)
from proxylab.tables import number, show_table

LEVEL = 0.05
RELEASED = min(RELEASED_THRESHOLDS.values())


def completions_table() -> Markdown:
    """What the method starts from: texts, proxy rewards and log-probabilities."""
    rows = [
        {
            "completion": label(i, k),
            "text": TEXTS[i][k],
            "reward": number(REWARD[i, k]),
            "logprob": number(LOGPROB[i, k], 0),
        }
        for i, k in np.ndindex(REWARD.shape)
    ]
    asked = "; ".join(f"*{name}*: {text}" for name, text in zip(SHORT, PROMPTS, strict=True))
    return show_table(
        pd.DataFrame(rows),
        label="method-completions",
        caption=f"Two prompts ({asked}) with four completions each, made up: the proxy's reward, "
        "and the policy's log-probability in nats, summed over the reply.",
        names={"reward": "reward r", "logprob": "log-prob. ℓ"},
        text=("completion", "text"),
    )


def means_sentence() -> Markdown:
    """Mean and standard deviation of each column of each prompt, written out."""
    lines = []
    for i, name in enumerate(SHORT):
        for what, values, digits in (("r", REWARD[i], 2), ("ℓ", LOGPROB[i], 0)):
            squares = ", ".join(_plain(x) for x in (values - values.mean()) ** 2)
            lines.append(
                f"- *{name}*, {what}: the mean of {_listed(values, digits)} is "
                f"{number(values.mean(), digits)}; the squared distances from it are {squares}, "
                f"their mean is {_plain(values.var())}, and its root is the standard deviation, "
                f"{_plain(values.std())}."
            )
    return Markdown("\n".join(lines))


def z_table() -> Markdown:
    """Both z-scores of every completion, and their difference."""
    z_reward, z_logprob, scores = z_scores(REWARD), z_scores(LOGPROB), pacs(REWARD, LOGPROB)
    rows = [
        {
            "completion": label(i, k),
            "z of r": number(z_reward[i, k], 1),
            "z of ℓ": number(z_logprob[i, k], 1),
            "PACS": number(scores[i, k], 1),
            "who rates it": _in_words(scores[i, k]),
        }
        for i, k in np.ndindex(REWARD.shape)
    ]
    return show_table(
        pd.DataFrame(rows),
        label="method-z",
        caption="z-scores within each prompt, and their difference, PACS.",
        text=("completion", "who rates it"),
    )


def _in_words(score: float) -> str:
    if abs(score) < 1e-9:
        return "alike"
    return "proxy higher" if score > 0 else "policy higher"


def conflict_table() -> Markdown:
    """Conflict of both prompts, and the identities that hold on any prompt."""
    conflict, scores, rho = prompt_conflict(REWARD, LOGPROB), pacs(REWARD, LOGPROB), correlation()
    rows = [
        {
            "prompt": name,
            "sum": number(scores[i].sum(), 0),
            "conflict": number(conflict[i]),
            "rho": number(rho[i]),
            "square": number(np.mean(scores[i] ** 2)),
            "identity": number(2 * (1 - rho[i])),
            "bound": number(np.sqrt(2 * (1 - rho[i]))),
        }
        for i, name in enumerate(SHORT)
    ]
    return show_table(
        pd.DataFrame(rows),
        label="method-conflict",
        caption="A prompt's conflict, mean |PACS|, and what holds on every prompt: PACS sums to 0, "
        "its mean square is 2 (1 − ρ), and conflict is at most the root of that, the bound.",
        names={
            "conflict": "mean |PACS|",
            "rho": "ρ",
            "square": "mean PACS²",
            "identity": "2 (1 − ρ)",
        },
        text=("prompt",),
    )


def conflict_sentence() -> Markdown:
    """Which prompt is in conflict, and that the sizes of rewards play no part."""
    conflict = prompt_conflict(REWARD, LOGPROB)
    third = prompt_conflict(EXAMPLE_REWARD, EXAMPLE_LOGPROB)[0]
    spans = np.ptp(REWARD, axis=1)
    shrunk = prompt_conflict(REWARD / SHRINK, LOGPROB)
    return Markdown(
        f"On *{SHORT[CONFLICT]}* proxy and policy contradict one another "
        f"({number(conflict[CONFLICT])} of at most 2), on *{SHORT[ACCORD]}* they nearly agree "
        f"({number(conflict[ACCORD])}); the example of "
        f"[conflict metrics](conflict_metrics.ipynb) lies between ({number(third)}). The rewards "
        f"of *{SHORT[CONFLICT]}* span {number(spans[CONFLICT])} units and those of "
        f"*{SHORT[ACCORD]}* {number(spans[ACCORD])}, yet both have the same z-scores. Divide all "
        f"rewards by {SHRINK:,} and conflict is {number(shrunk[CONFLICT])} and "
        f"{number(shrunk[ACCORD])} as before: PACS sees order and proportion, never size."
    )


def pairs_table() -> Markdown:
    """Every pair of completions: which of the two each side prefers."""
    rows = []
    for first, second in combinations(range(N_SAMPLES), 2):
        row = {"pair": f"{COMPLETIONS[first]}, {COMPLETIONS[second]}"}
        for i, name in enumerate(SHORT):
            by_proxy, by_policy = (
                COMPLETIONS[first if values[i, first] > values[i, second] else second]
                for values in (REWARD, LOGPROB)
            )
            row[f"{name}, r"], row[f"{name}, ℓ"] = by_proxy, by_policy
            row[f"{name} differs"] = "no" if by_proxy == by_policy else "**yes**"
        rows.append(row)
    table = pd.DataFrame(rows)
    return show_table(
        table,
        label="method-pairs",
        caption="Which completion of each pair the proxy (r) and the policy (ℓ) prefer. A pair on "
        "which they differ is discordant.",
        names={f"{name} differs": "differ" for name in SHORT},
    )


def distance_sentence() -> Markdown:
    """Counts of pairs, and the distances that they give."""
    table = kendall_table(REWARD, LOGPROB)
    said = [
        f"of the {row.n_pairs} pairs of *{name}* {row.discordant} discordant, a distance of "
        f"{number(row.distance)} (τ = {number(row.tau_b)}, and (1 − τ)/2 is the same)"
        for name, row in zip(SHORT, table.itertuples(), strict=True)
    ]
    return Markdown(f"Counted: {'; '.join(said)}.")


def threshold_sentence() -> Markdown:
    """Which prompts exceed the released threshold, and how often unrelated scores would."""
    conflict = prompt_conflict(REWARD, LOGPROB)
    above = [name for name, value in zip(SHORT, conflict, strict=True) if value > RELEASED]
    parts = []
    for n in (N_SAMPLES, RELEASED_SAMPLES):
        share = 100 * independence_level(RELEASED, n)
        level = number(independence_threshold(n, LEVEL))
        parts.append(
            f"with {n} completions {number(share, 0)} % of such prompts exceed {RELEASED:g}, and "
            f"the {100 * LEVEL:g} % with the most conflict lie above {level}"
        )
    return Markdown(
        f"The released code takes prompts whose conflict exceeds {RELEASED:g} [C]: here "
        f"*{' and '.join(above)}*. Suppose the two scores were Gaussian and had nothing to do with "
        f"one another: {'; '.join(parts)} [D]. A threshold means little without that, and another "
        "thing for every number of completions; a budget needs none."
    )


def _listed(values: np.ndarray, digits: int) -> str:
    return ", ".join(number(value, digits) for value in values)


def _plain(value: float) -> str:
    """A number with as many decimals as it has, up to four."""
    text = number(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text else text
