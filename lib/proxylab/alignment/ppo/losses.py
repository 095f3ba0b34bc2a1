"""PPO's losses, one value a response token, so that whoever sums them decides what a mean is.

Schulman et al. 2017 (arXiv 1707.06347), equations 7 and 9; the clipped value loss as in OpenAI's
baselines (Huang et al. 2022, number 9 of their core implementation). All arguments are `(n,)`.
"""

import torch


def ratio_to_old(
    logprob: torch.Tensor, old_logprob: torch.Tensor, *, log_limit: float | None = None
) -> torch.Tensor:
    """pi / pi_old of the tokens taken, from log-probabilities in nats.

    `log_limit`: the log-ratio is cut to this size, so that one token cannot explode (detail 17).
    """
    log_ratio = logprob - old_logprob
    return (log_ratio if log_limit is None else log_ratio.clamp(-log_limit, log_limit)).exp()


def policy_loss(ratio: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
    """-min(ratio A, clip(ratio, 1 - clip, 1 + clip) A). Detail 11."""
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def value_loss(
    value: torch.Tensor, old_value: torch.Tensor, returns: torch.Tensor, clip: float | None
) -> torch.Tensor:
    """Half the squared error, the larger of the plain one and that of the clipped value.

    The value is clipped to `clip` (reward units) around what it was at the rollout; None = plain
    error. Detail 12.
    """
    error = (value - returns).square()
    if clip is not None:
        clipped = old_value + (value - old_value).clamp(-clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * error


def approximate_kl(logprob: torch.Tensor, old_logprob: torch.Tensor) -> torch.Tensor:
    """(ratio - 1) - log ratio: in the mean over old samples, KL(pi_old || pi); never negative.

    Source: J. Schulman, *Approximating KL divergence* (2020), estimator k3.
    """
    log_ratio = logprob - old_logprob
    return log_ratio.expm1() - log_ratio
