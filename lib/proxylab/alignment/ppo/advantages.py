"""From scores to advantages: token rewards, generalised advantage estimation, whitening.

Schulman et al. 2016 (arXiv 1506.02438) for the estimator; Ziegler et al. 2019 (arXiv 1909.08593),
equation 2, for the reward. Everything is `(N, T)` with `is_response` marking the response tokens,
which are consecutive in each row; what stands elsewhere never counts and comes back as 0. The
numbers in the comments are those of the table in `proxylab.alignment.ppo.details`.
"""

import torch

EPSILON = 1e-8  # under the root of a variance


def token_rewards(
    log_ratio: torch.Tensor, score: torch.Tensor, is_response: torch.Tensor, beta: float
) -> torch.Tensor:
    """Reward of each response token `(N, T)`: -beta log-ratio, and the score at the last one.

    Arguments: `log_ratio` log pi - log pi_ref of the tokens taken, nats `(N, T)`; `score` `(N,)`;
    `beta` reward units a nat. Details 1 and 4.
    """
    rewards = (-beta * log_ratio).masked_fill(~is_response, 0.0)
    last = is_response.cumsum(1).argmax(1)  # the first place of the largest count is the last token
    rewards[torch.arange(len(rewards), device=last.device), last] += score
    return rewards


def advantages_and_returns(
    rewards: torch.Tensor,
    values: torch.Tensor,
    is_response: torch.Tensor,
    *,
    discount: float,
    trace: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generalised advantage estimates and the returns that the value function learns, `(N, T)`.

    Arguments: `values` before each token `(N, T)`; `discount` gamma; `trace` lambda. Nothing
    follows a response's last token, whether it is the end token or the length ran out. Detail 8.
    """
    mask = is_response.to(values.dtype)
    rewards, values = rewards * mask, values * mask
    advantages = torch.zeros_like(values)
    following, next_value = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + discount * next_value - values[:, t]
        following = (delta + discount * trace * following) * mask[:, t]
        advantages[:, t], next_value = following, values[:, t]
    return advantages, advantages + values


def whiten(x: torch.Tensor, is_response: torch.Tensor, *, keep_mean: bool = False) -> torch.Tensor:
    """Scale to variance 1, and to mean 0 unless `keep_mean`, over all response tokens `(N, T)`.

    Details 9 (advantages) and 10 (rewards, whose mean is kept).
    """
    variance, mean = torch.var_mean(x[is_response], correction=0)
    whitened = (x - mean) * torch.rsqrt(variance + EPSILON)
    return (whitened + mean if keep_mean else whitened).masked_fill(~is_response, 0.0)


def explained_variance(values: torch.Tensor, returns: torch.Tensor) -> float:
    """1 - Var(returns - values) / Var(returns) over response tokens `(n,)`; NaN if none varies."""
    variance = returns.var(correction=0)
    if variance == 0:
        return float("nan")
    return float(1 - (returns - values).var(correction=0) / variance)
