"""What PACS and the Kendall-Tau distance are: what is known of them, and an example by hand.

The other parts of the page: `simulation` (thresholds), `scores` and `cells` (do they find wrong
proxies?), `outcomes` (ignorance or strength?), `lengths` and `text` (what normalisation does).
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.conflict import MIN_SD, kendall_table, pacs, prompt_conflict
from proxylab.paper_values import GRADES
from proxylab.tables import number, show_table

# What is defined, by whom it is known, and what is done here: aspect, there, here, grade.
KNOWN = (
    ("conflict", "often signals shared ignorance of policy and proxy", "measured below", "P"),
    ("PACS", "difference of two z-scores within the prompt", "the same", "T"),
    ("its z-scores", "population standard deviation, plus a tiny constant", "no constant", "C"),
    ("its sign", "positive: the proxy over-values what the policy would not say", "the same", "C"),
    ("a prompt's conflict", "mean absolute PACS; the printed formula is unconfirmed", "same", "C"),
    ("log-probability", "summed over the response, at temperature 1", "same, by default", "C"),
    (
        "a constant reward or log-probability",
        "conflict 0: never selected",
        f"undefined (standard deviation below {MIN_SD:g}), and counted",
        "C",
    ),
    (
        "Kendall-Tau distance",
        "named as the global metric, its definition not known",
        "computed",
        "P",
    ),
    (
        "Kendall-Tau, as computed",
        "tau-b correlation, 0 where it is undefined",
        "share of discordant pairs; ties and undefined prompts counted",
        "C",
    ),
)
# One prompt with four completions: our own numbers, so that a reader can follow by hand.
COMPLETIONS = ("A", "B", "C", "D")
EXAMPLE_REWARD = np.array([[1.7, 1.1, 0.9, 0.3]])
EXAMPLE_LOGPROB = np.array([[-21.0, -19.0, -13.0, -27.0]])
SHRINK = 1000  # the example's rewards divided by this have the same PACS


def known_table() -> Markdown:
    """What is known of the two metrics, how well, and what is done here."""
    rows = pd.DataFrame(KNOWN, columns=["what", "there", "here", "grade"])
    grades = ", ".join(f"{letter} {GRADES[letter]}" for letter in dict.fromkeys(rows["grade"]))
    return show_table(
        rows,
        label="conflict-known",
        caption="The two metrics: what is known of the paper's, what is done here, and who says "
        f"so ({grades}).",
        names={"there": "in the paper or its code"},
        text=tuple(rows.columns),
    )


def example_table() -> Markdown:
    """The worked example: four completions, their z-scores and PACS."""
    table = pd.DataFrame(
        {
            "completion": COMPLETIONS,
            "reward": _each(EXAMPLE_REWARD, 1),
            "z_reward": _each(_z(EXAMPLE_REWARD)),
            "logprob": _each(EXAMPLE_LOGPROB, 0),
            "z_logprob": _each(_z(EXAMPLE_LOGPROB)),
            "pacs": _each(pacs(EXAMPLE_REWARD, EXAMPLE_LOGPROB)),
        }
    )
    return show_table(
        table,
        label="conflict-example",
        caption="One prompt, four completions (made-up numbers): z-scores are taken within the "
        "prompt, and PACS is their difference.",
        names={
            "reward": "proxy reward",
            "z_reward": "its z",
            "logprob": "log-probability (nats)",
            "z_logprob": "its z ",
            "pacs": "PACS",
        },
        text=("completion",),
    )


def example_sentence() -> Markdown:
    """What the example's numbers say, worked out by the library."""
    scores = pacs(EXAMPLE_REWARD, EXAMPLE_LOGPROB)[0]
    counts = kendall_table(EXAMPLE_REWARD, EXAMPLE_LOGPROB).iloc[0]
    rho = float(np.mean(_z(EXAMPLE_REWARD) * _z(EXAMPLE_LOGPROB)))
    shrunk = prompt_conflict(EXAMPLE_REWARD / SHRINK, EXAMPLE_LOGPROB)[0]
    over, under = COMPLETIONS[scores.argmax()], COMPLETIONS[scores.argmin()]
    return Markdown(
        f"The proxy over-values {over}, which the policy would rather not say, and under-values "
        f"{under}. PACS sums to {number(scores.sum(), 0)}, as on every prompt; the prompt's "
        f"conflict, mean |PACS|, is {number(np.abs(scores).mean())}. Proxy and policy order "
        f"{counts['discordant']:.0f} of the {counts['n_pairs']:.0f} pairs of completions "
        f"differently: Kendall-Tau distance {number(counts['distance'])}. Their correlation within "
        f"the prompt is ρ = {number(rho)}, and mean PACS² = {number(np.mean(scores**2))} = "
        f"2 (1 − ρ), an identity [D]: a prompt's mean |PACS| is a blurred correlation, and at most "
        f"√(2 (1 − ρ)). With all rewards divided by {SHRINK:,} it is {number(shrunk)} still: "
        "PACS cannot see whether completions differ by much or by next to nothing, so where "
        "nothing separates them it reports the order of noise."
    )


def _z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def _each(values: np.ndarray, digits: int = 1) -> list[str]:
    return [number(value, digits) for value in values[0]]
