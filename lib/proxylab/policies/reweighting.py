"""The exact KL-regularised optimum over the completions of each prompt, without training a policy.

The policy that maximises E[r] - beta KL(pi || pi_ref) is pi_ref(y|x) exp(r(x, y) / beta) / Z(x),
the target of RLHF with PPO and of RSO (arXiv 2309.06657). Over K samples drawn from pi_ref it is
estimated by self-normalised importance weights, softmax(r / beta); over an enumerated candidate
set whose probabilities are known it is exact, softmax(log pi_ref + r / beta). Left out: what a
trained policy would do on texts that are not among the candidates.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import entr, logsumexp

from proxylab.conflict.arrays import as_samples, check_same_shape, paired_samples

STEP = 4.0  # factor between trial betas while a KL is being bracketed
ROUNDING = 1e-9  # nats; a KL this near the largest is reached by no float


def optimal_weights(reward, beta: float, *, reference_logprob=None) -> np.ndarray:
    """Probabilities of the KL-regularised optimum over each prompt's completions.

    Arguments: `reward` `(n_prompts, n_samples)`, NaN where there is no completion; `beta` in
    reward units a nat: towards 0 the best completion takes all, at infinity nothing changes;
    `reference_logprob` `(n_prompts, n_samples)`, nats, of a candidate set with known probabilities
    (those need not sum to 1 over the set); without it the completions are samples from the
    reference, and weigh the same each.
    Returns the same shape; defined completions sum to 1 in every prompt that has any, others NaN.
    Raises ValueError for a beta that is not positive, shapes that differ, and infinities.
    Source: RSO (arXiv 2309.06657), section 2; arXiv 2305.18290, equation 4.
    """
    _check_beta(beta)
    reward, log_reference = _with_reference("reward", reward, reference_logprob)
    with np.errstate(over="ignore"):  # however small beta is, the best completion stays at 0
        tilt = (reward - _largest(reward)) / beta
    return np.exp(_log_normalised(log_reference + tilt))


def kl_from_reference(weights, *, reference_logprob=None) -> np.ndarray:
    """KL(weights || reference) of each prompt `(n_prompts,)`, nats; NaN without a completion.

    Arguments: `weights` `(n_prompts, n_samples)` probabilities, NaN where there is no completion;
    `reference_logprob` as in `optimal_weights` (none: each completion weighs the same).
    Raises ValueError for shapes that differ and infinities.
    """
    weights, log_reference = _with_reference("weights", weights, reference_logprob)
    kl = np.nansum(-entr(weights) - weights * log_reference, axis=1)
    return np.where(np.isnan(weights).all(axis=1), np.nan, np.maximum(kl, 0.0))  # not -1e-17


def beta_for_kl(reward, kl: float, *, reference_logprob=None) -> float:
    """The beta whose optimum is `kl` nats from the reference, as a mean over prompts.

    Prompts without a completion do not count. Arguments: `reward` and `reference_logprob` as in
    `optimal_weights`; `kl` nats, and 0 gives infinity.
    Raises ValueError when `kl` is negative, or so large that no beta reaches it: when the best
    completion takes all, KL is log(K / number of best ones) over K samples. The message names the
    largest value.
    """
    reward, log_reference = _with_reference("reward", reward, reference_logprob)
    largest = _largest_kl(reward, log_reference)
    if kl != 0 and not 0 < kl < largest - ROUNDING:
        raise ValueError(
            f"no beta gives a mean KL of {kl} nats: it must be 0 or more, and below {largest:.4g}, "
            f"where the best of {reward.shape[1]} completions takes all"
        )
    if kl == 0:
        return np.inf

    def excess(log_beta: float) -> float:
        weights = optimal_weights(reward, np.exp(log_beta), reference_logprob=reference_logprob)
        spent = kl_from_reference(weights, reference_logprob=reference_logprob)
        return float(np.nanmean(spent)) - kl

    return float(np.exp(brentq(excess, *_bracket(excess, reward), xtol=1e-12)))


def weights_at_kl(reward, kl: float, *, reference_logprob=None) -> np.ndarray:
    """The optimum `(n_prompts, n_samples)` that is `kl` nats from the reference on average.

    One beta for all prompts. Arguments and errors: as for `beta_for_kl`.
    """
    beta = beta_for_kl(reward, kl, reference_logprob=reference_logprob)
    return optimal_weights(reward, beta, reference_logprob=reference_logprob)


def reweighted_logprob(policy_logprob, reward, beta: float) -> np.ndarray:
    """Log-probability under the optimum, up to a constant a prompt: log pi + r / beta.

    Arguments: both `(n_prompts, n_samples)`, NaN = padding, in nats and reward units; `beta` in
    reward units a nat. Comparisons within a prompt (PACS, Kendall-Tau) do not see the constant.
    Raises ValueError for a beta that is not positive, shapes that differ, and infinities.
    """
    _check_beta(beta)
    reward, logprob = paired_samples(reward, policy_logprob)
    return logprob + reward / beta


def _check_beta(beta: float) -> None:
    if not beta > 0:
        raise ValueError(f"beta must be positive, in reward units a nat, got {beta}")


def _with_reference(name: str, values, reference_logprob) -> tuple[np.ndarray, np.ndarray]:
    """Checked values, and the reference's log-probabilities among the defined completions."""
    values = as_samples(name, values)
    if reference_logprob is None:
        return values, _log_normalised(np.where(np.isnan(values), np.nan, 0.0))
    logprob = as_samples("reference_logprob", reference_logprob)
    check_same_shape(name, values, "reference_logprob", logprob)
    undefined = np.isnan(values) | np.isnan(logprob)
    return np.where(undefined, np.nan, values), _log_normalised(
        np.where(undefined, np.nan, logprob)
    )


def _log_normalised(logits: np.ndarray) -> np.ndarray:
    """Log-softmax over the defined completions of each prompt, NaN elsewhere."""
    logits = logits - _largest(logits)
    with np.errstate(divide="ignore"):  # a prompt without completions, NaN throughout
        return logits - np.log(np.nansum(np.exp(logits), axis=1, keepdims=True))


def _largest(values: np.ndarray) -> np.ndarray:
    """Largest defined value of each prompt `(n_prompts, 1)`, 0 without any."""
    largest = np.fmax.reduce(values, axis=1, keepdims=True, initial=-np.inf)
    return np.where(np.isinf(largest), 0.0, largest)


def _largest_kl(reward: np.ndarray, log_reference: np.ndarray) -> float:
    """Mean KL in nats when the best completions of each prompt take all; 0 without a prompt."""
    best = np.where(reward == _largest(reward), log_reference, -np.inf)
    surprise = -logsumexp(best[~np.isnan(reward).all(axis=1)], axis=1)
    return float(surprise.mean()) if len(surprise) else 0.0


def _bracket(excess: Callable[[float], float], reward: np.ndarray) -> tuple[float, float]:
    """Logarithms of two betas, the smaller of which spends too much and the larger too little."""
    low = high = np.log(np.nanmax(_largest(reward) - reward))  # the largest spread within a prompt
    while excess(low) <= 0:
        low -= np.log(STEP)
    while excess(high) >= 0:
        high += np.log(STEP)
    return low, high
