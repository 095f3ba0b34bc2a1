"""Named normalisations of the policy's log-probability, before conflict is computed on it.

The paper uses the sum over response tokens. Length and turn of phrase can dominate that sum, so
that conflict computed on it says little about content; the other two take length out, and
comparing the three shows how much of a conflict is length. Left out: corrections for phrasing
(semantic entropy and the like).
"""

import numpy as np

from proxylab.conflict.arrays import as_samples, centred, check_same_shape, prompt_mean, prompt_sd
from proxylab.conflict.pacs import MIN_SD
from proxylab.names import did_you_mean

LOGPROB_NORMALISATIONS = ("sum", "per_token", "length_residual")


def normalised_logprob(policy_logprob, n_tokens=None, kind: str = "sum") -> np.ndarray:
    """Log-probabilities `(n_prompts, n_samples)` with length taken out as `kind` says.

    Arguments: `policy_logprob` `(n_prompts, n_samples)`, nats summed over the response's tokens,
    NaN where there is no completion; `n_tokens` the same shape, tokens of each response (those
    that were summed), needed by all kinds but "sum"; `kind` one of LOGPROB_NORMALISATIONS:
    "sum" (the paper's) as it is; "per_token" nats per token; "length_residual" what a prompt's
    own least-squares line on n_tokens leaves, in nats (less its mean only, where the length does
    not vary). Two completions of different lengths leave no residual: all 0, PACS undefined.
    Raises ValueError for an unknown kind, naming the nearest; for shapes that differ; and for
    n_tokens missing or below 1 where there is a completion, naming the first (prompt, sample).
    Source: "sum" arXiv 2512.09212 (released code); "per_token" PRO (arXiv 2306.17492).
    """
    if kind not in LOGPROB_NORMALISATIONS:
        hint = did_you_mean(kind, LOGPROB_NORMALISATIONS)
        raise ValueError(f"unknown normalisation of the log-probability: `{kind}`{hint}")
    logprob = as_samples("policy_logprob", policy_logprob)
    if kind == "sum":
        return logprob.copy()
    lengths = _lengths(logprob, n_tokens, kind)
    return logprob / lengths if kind == "per_token" else _length_residual(logprob, lengths)


def _lengths(logprob: np.ndarray, n_tokens, kind: str) -> np.ndarray:
    """`n_tokens` checked, NaN where there is no completion."""
    if n_tokens is None:
        raise ValueError(f"`{kind}` needs n_tokens, the number of tokens of each response")
    lengths = as_samples("n_tokens", n_tokens)
    check_same_shape("policy_logprob", logprob, "n_tokens", lengths)
    bad = ~np.isnan(logprob) & ~(lengths >= 1)
    if bad.any():
        prompt, sample = np.argwhere(bad)[0]
        raise ValueError(
            f"n_tokens is {lengths[prompt, sample]} at prompt {prompt}, sample {sample}, which has "
            "a log-probability: it must be 1 or more (an end-of-text token counts)"
        )
    return np.where(np.isnan(logprob), np.nan, lengths)


def _length_residual(logprob: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    y, x = centred(logprob), centred(lengths)
    covariance, variance = prompt_mean(x * y), prompt_mean(x * x)
    slope = np.divide(covariance, variance, out=np.zeros(len(x)), where=variance > 0)
    residual = y - slope[:, None] * x
    # What a perfect line leaves is rounding, which a rank statistic would take for an order.
    perfect = (prompt_sd(residual) < MIN_SD)[:, None] & ~np.isnan(residual)
    return np.where(perfect, 0.0, residual)
