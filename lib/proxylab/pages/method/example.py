"""The worked example: two prompts, four made-up completions each, and what a teacher would say.

The numbers are chosen so that every mean and standard deviation comes out even and the steps can be
checked with pencil and paper. The rewards of the first prompt are those of the short example on the
page of conflict metrics. Left out: what the steps are; the other modules of the page say that.
"""

import numpy as np

from proxylab.pages.conflict_metrics.definitions import COMPLETIONS, EXAMPLE_REWARD

CONFLICT, ACCORD = 0, 1  # rows of every array below
PROMPTS = ("How do I get wine out of a shirt?", "Where does the sun rise?")
SHORT = ("wine", "sun")
TEXTS = (
    ("I'm sorry, I don't understand.", "Try some salt.", "Wash it soon.", "Use cold water."),
    ("In the east.", "Over there somewhere.", "Where it is morning.", "In the west."),
)
# (n_prompts, n_samples): reward units of the proxy, nats of the policy, and people's labels.
REWARD = np.vstack([EXAMPLE_REWARD, [[3.07, 3.01, 2.99, 2.93]]])
LOGPROB = np.array([[-27.0, -19.0, -21.0, -13.0], [-13.0, -21.0, -19.0, -27.0]])
LABELS = np.array([[0.0, 1.0, 1.0, 2.0], [2.0, 1.0, 1.0, 0.0]])
N_SAMPLES = len(COMPLETIONS)


def z_scores(values: np.ndarray) -> np.ndarray:
    """Each value less its prompt's mean, over its prompt's population standard deviation.

    Arguments: `values` `(n_prompts, n_samples)`, not constant within a prompt.
    """
    return (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)


def correlation() -> np.ndarray:
    """Correlation of reward and log-probability within each prompt `(n_prompts,)`."""
    return (z_scores(REWARD) * z_scores(LOGPROB)).mean(axis=1)


def label(prompt: int, completion: int) -> str:
    """'wine A': how the page names a completion."""
    return f"{SHORT[prompt]} {COMPLETIONS[completion]}"
