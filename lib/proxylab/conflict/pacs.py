"""PACS, the local proxy-policy conflict, and its mean over a prompt and over a corpus.

"Targeting Misalignment" (arXiv 2512.09212); the formula is the released code's, the printed one
is unconfirmed. Left out: how log-probabilities are normalised (`logprob.py`) and what counts as a
large conflict (`thresholds.py`).
"""

from dataclasses import dataclass

import numpy as np

from proxylab.conflict.arrays import centred, paired_samples, prompt_mean

MIN_SD = 1e-6  # the released code's bound: a spread below it defines no z-score


@dataclass(frozen=True)
class CorpusConflict:
    """Mean |PACS| over all defined completions, and how many prompts had none.

    `mean` is NaN and `share_undefined` too where there is nothing to average over.
    """

    mean: float
    n_completions: int
    n_prompts: int
    n_undefined: int
    share_undefined: float


def pacs(proxy_reward, policy_logprob) -> np.ndarray:
    """Signed proxy-policy conflict of every completion `(n_prompts, n_samples)`.

        PACS_i = (r_i - mean r) / sd r  -  (l_i - mean l) / sd l      (within the prompt, ddof 0)

    Positive: the proxy over-values what the policy would not say. It sums to 0 over a prompt, and
    its mean square is 2 (1 - rho), rho the prompt's correlation of reward and log-probability.

    Arguments: `proxy_reward` `(n_prompts, n_samples)`, higher is better; `policy_logprob` the same
    shape, nats summed over response tokens (or a choice of `normalised_logprob`). numpy arrays or
    torch tensors; a completion counts where both are defined (not NaN).
    A prompt with fewer than 2 such completions, or a sd below 1e-6, is undefined: NaN throughout.
    The released code divides by sd + 1e-8 and scores such prompts 0; we divide by sd, which
    differs by less than 1e-8 / sd of the score (one part in 1e8 at a sd of 1).
    Raises ValueError for shapes that differ or are not two-dimensional, and for an infinity,
    naming the first (prompt, sample).
    Source: released code of arXiv 2512.09212.
    """
    reward, logprob = paired_samples(proxy_reward, policy_logprob)
    return _z_scores(reward) - _z_scores(logprob)


def prompt_conflict(proxy_reward, policy_logprob) -> np.ndarray:
    """Mean |PACS| of each prompt `(n_prompts,)`, in 0 to 2; NaN where undefined.

    Arguments and errors: as for `pacs`. It is at most sqrt(2 (1 - rho)), rho the correlation
    within the prompt. Source: released code of arXiv 2512.09212.
    """
    return prompt_mean(np.abs(pacs(proxy_reward, policy_logprob)))


def corpus_conflict(proxy_reward, policy_logprob) -> CorpusConflict:
    """Mean |PACS| over all defined completions, with the share of prompts that are undefined.

    Arguments and errors: as for `pacs`. The released code averages an undefined prompt in as 0;
    here it is left out and counted. Source: released code of arXiv 2512.09212.
    """
    scores = pacs(proxy_reward, policy_logprob)
    defined = ~np.isnan(scores)
    n_completions, n_prompts = int(defined.sum()), len(scores)
    n_undefined = int(np.sum(~defined.any(axis=1)))
    return CorpusConflict(
        mean=float(np.abs(scores[defined]).mean()) if n_completions else np.nan,
        n_completions=n_completions,
        n_prompts=n_prompts,
        n_undefined=n_undefined,
        share_undefined=n_undefined / n_prompts if n_prompts else np.nan,
    )


def _z_scores(values: np.ndarray) -> np.ndarray:
    """Within-prompt z-scores, same shape; a prompt whose sd is below MIN_SD is NaN throughout."""
    offsets = centred(values)
    sd = np.sqrt(prompt_mean(offsets**2))[:, None]
    return np.divide(offsets, sd, out=np.full(values.shape, np.nan), where=sd >= MIN_SD)
