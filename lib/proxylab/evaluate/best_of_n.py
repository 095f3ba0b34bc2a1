"""Best-of-n: what it earns and how far it goes from the base policy, from N scored samples.

The value curve is the unbiased estimator that over-optimisation studies use (Nakano et al. 2021,
arXiv 2112.09332; Gao et al. 2023, arXiv 2210.10760). KL is the usual log n - (n-1)/n
and, because samples repeat, the measured one below it (Beirami et al. 2024, arXiv 2401.01879).
Ties in the proxy are broken uniformly at random, in expectation and so without a generator.
Left out: intervals (the curves are by prompt: see `stats`), and a correction of the KL's bias.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import rel_entr

from proxylab.conflict.arrays import as_samples, check_same_shape

ROUNDING = 1e-6  # by which probabilities may miss a sum of 1
SAME_SCORE = 1e-4  # copies of a text may differ by this, absolute and relative: batching rounds


def best_of_n_curve(proxy_reward, values, n: int | Sequence[int]) -> np.ndarray:
    """Unbiased estimate of the expected value of the best of n by proxy `(n_prompts, len(n))`.

    The sum over ranks i = n..N of C(i-1, n-1) / C(N, n) v_(i), v_(i) being the value of the
    completion with the i-th lowest proxy reward; among completions that tie in proxy reward, their
    mean value. That is the mean over all subsets of n, so n = 1 gives the mean of all.
    Arguments: `proxy_reward` and `values` (any units: gold reward, length) `(n_prompts, N)`, NaN
    where there is no completion; one undefined in either is left out of both.
    Raises ValueError for an n below 1 or above a prompt's completions, shapes that differ and
    infinities.
    """
    proxy, values = _defined_in_both("values", proxy_reward, values)
    sizes, counts = _sizes(n), _counts(proxy)
    _check_enough(counts, sizes)
    order = np.argsort(proxy, axis=1, kind="stable")  # NaN last
    proxy, values = (np.take_along_axis(a, order, axis=1) for a in (proxy, values))
    values = _tie_means(proxy, values)
    curve = np.empty((len(proxy), len(sizes)))
    for count in np.unique(counts):
        rows = counts == count
        curve[rows] = values[rows, :count] @ _rank_weights(count, sizes).T
    return curve


def best_of_n_kl_bound(n: int | Sequence[int]) -> np.ndarray:
    """log n - (n-1)/n nats `(len(n),)`: the KL of best-of-n if no two samples were ever the same.

    With repeats or ties it is an upper bound. The maximum of n uniform ranks against one uniform
    rank has exactly this KL, and the response is a function of the rank, which can only lose.
    Raises ValueError for an n below 1. Source: Beirami et al. (2024).
    """
    sizes = _sizes(n)
    return np.log(sizes) - (sizes - 1) / sizes


def best_of_n_kl(proxy_reward, responses, n: int | Sequence[int]) -> np.ndarray:
    """KL(best-of-n || base policy) with repeats counted, nats `(n_prompts, len(n))`, estimated.

    The plug-in: `best_of_n_weights` over a prompt's distinct responses, each with the share of the
    samples that it makes up as its probability; so never above log N nor `best_of_n_kl_bound`.
    It is biased by an order of 1/N, and mostly low: responses that were not seen are lost. It is
    high where n is so large that the KL nears -log of the best response's share, which is convex.
    If no response repeats, as under a continuous policy, it lies below the truth by about
    ((n-1)/N)^2 n / (24 (n-2)) nats for n > 2. Take N several times the largest n.
    Arguments: `proxy_reward` `(n_prompts, N)`, NaN where there is no completion; `responses` the
    texts, or any ids that tell them apart (tuples of token ids), as N a prompt; ids at a NaN are
    ignored. Texts that differ only where the proxy cannot see are told apart here.
    Raises ValueError for an n below 1 or above a prompt's completions, for responses of another
    shape, and where copies of one response have different proxy rewards.
    """
    proxy = as_samples("proxy_reward", proxy_reward)
    sizes = _sizes(n)
    _check_enough(_counts(proxy), sizes)
    _check_responses(proxy, responses)
    reward, probability = _distinct(proxy, responses)
    columns = [_kl(best_of_n_weights(reward, probability, size), probability) for size in sizes]
    return np.stack(columns, axis=1)


def best_of_n_weights(reward, probability, n: int) -> np.ndarray:
    """Probability of each candidate under best-of-n, exactly `(n_prompts, n_candidates)`.

    With F the base policy's probability of a reward as high or lower, and F- of a lower one:
    p (F^n - F-^n) / (F - F-). Candidates that tie share their group's F^n - F-^n by p: the n
    samples are exchangeable, so a fair draw among those that tie for best is a draw from p among
    them. For the KL it is then the same whether tied candidates are merged or told apart.
    Arguments: `reward` and `probability` under the base policy `(n_prompts, n_candidates)`, NaN
    where there is no candidate; probabilities sum to 1 in every prompt.
    Raises ValueError for an n below 1, shapes that differ, infinities and no probabilities.
    """
    reward, probability = _defined_in_both("probability", reward, probability)
    _check_probability(probability)
    (size,) = _sizes(n)
    order = np.argsort(reward, axis=1, kind="stable")
    ordered = np.take_along_axis(reward, order, axis=1)
    mass = np.nan_to_num(np.take_along_axis(probability, order, axis=1))
    weights = np.empty_like(probability)
    np.put_along_axis(weights, order, mass * _tilt(ordered, mass, size), axis=1)
    return np.where(np.isnan(probability), np.nan, weights)


def _tilt(reward: np.ndarray, mass: np.ndarray, n: int) -> np.ndarray:
    """(F^n - F-^n) / (F - F-) of candidates in ascending order, without cancellation."""
    block = _tied_blocks(reward)
    group = np.bincount(block.ravel(), mass.ravel())[block]
    last = np.append(block[:, 1:] != block[:, :-1], np.ones((len(block), 1), bool), axis=1)
    # F is the running sum at the last of the tied: the smallest running sum from here on that is.
    upto = np.where(last, mass.cumsum(axis=1), np.inf)[:, ::-1]
    upto = np.minimum.accumulate(upto, axis=1)[:, ::-1]
    # Of a group without mass nothing is asked; 1 keeps it from dividing 0 by 0.
    group, upto = (np.where(group > 0, array, 1.0) for array in (group, upto))
    with np.errstate(divide="ignore"):  # the lowest group: nothing lies below, log 0
        below = np.log1p(-np.minimum(group / upto, 1.0))
    return upto**n * -np.expm1(n * below) / group


def _kl(weights: np.ndarray, probability: np.ndarray) -> np.ndarray:
    # At n = 1 rounding leaves a sum such as -1e-17.
    return np.maximum(np.nansum(rel_entr(weights, probability), axis=1), 0.0)


def _rank_weights(count: int, sizes: np.ndarray) -> np.ndarray:
    """C(i-1, n-1) / C(count, n) for ranks i = 1..count `(len(sizes), count)`.

    From the top down: the highest rank has n / count, and rank i has (i-n+1) / i of rank i+1's.
    Every factor is at most 1, so nothing overflows, and below rank n the weight is 0 exactly.
    """
    ranks = np.arange(count - 1, 0, -1)
    factors = np.maximum(ranks - sizes[:, None] + 1, 0) / ranks
    first = sizes[:, None] / count
    return np.cumprod(np.hstack([first, factors]), axis=1)[:, ::-1]


def _tied_blocks(ordered: np.ndarray) -> np.ndarray:
    """A number for each run of equal values in a row, the same shape; NaN is equal to nothing."""
    fresh = np.ones(ordered.shape, bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return fresh.ravel().cumsum().reshape(ordered.shape) - 1


def _tie_means(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each value replaced by the mean of those that tie with it."""
    block = _tied_blocks(ordered)
    totals, counts = np.bincount(block.ravel(), values.ravel()), np.bincount(block.ravel())
    return (totals / counts)[block]


def _distinct(proxy: np.ndarray, responses) -> tuple[np.ndarray, np.ndarray]:
    """Proxy reward and share of the samples of each distinct response, padded with NaN."""
    reward, probability = np.full_like(proxy, np.nan), np.full_like(proxy, np.nan)
    for prompt, (scores, row) in enumerate(zip(proxy, responses, strict=True)):
        defined, code = ~np.isnan(scores), {}
        codes = [code.setdefault(r, len(code)) for r, d in zip(row, defined, strict=True) if d]
        counts, first = np.bincount(codes), np.unique(codes, return_index=True)[1]
        # The first copy's score and not their mean, which would round ties with others apart.
        scores = scores[defined]
        _check_same_score(prompt, scores, scores[first][codes])
        reward[prompt, : len(counts)] = scores[first]
        probability[prompt, : len(counts)] = counts / counts.sum()
    return reward, probability


def _defined_in_both(name: str, reward, other) -> tuple[np.ndarray, np.ndarray]:
    reward, other = as_samples("proxy_reward", reward), as_samples(name, other)
    check_same_shape("proxy_reward", reward, name, other)
    undefined = np.isnan(reward) | np.isnan(other)
    return np.where(undefined, np.nan, reward), np.where(undefined, np.nan, other)


def _sizes(n) -> np.ndarray:
    sizes = np.atleast_1d(np.asarray(n))
    if sizes.ndim != 1 or not np.issubdtype(sizes.dtype, np.integer) or (sizes < 1).any():
        raise ValueError(f"n must be whole numbers of 1 or more, got {n}")
    return sizes


def _counts(samples: np.ndarray) -> np.ndarray:
    return np.sum(~np.isnan(samples), axis=1)


def _check_enough(counts: np.ndarray, sizes: np.ndarray) -> None:
    largest = sizes.max(initial=0)
    if (short := np.flatnonzero(counts < largest)).size:
        raise ValueError(
            f"best of {largest} needs at least {largest} completions a prompt, prompt {short[0]} "
            f"has {counts[short[0]]} ({len(short)} such prompts): lower n or draw more"
        )


def _check_responses(proxy: np.ndarray, responses) -> None:
    found = [len(row) for row in responses]
    if found != [proxy.shape[1]] * len(proxy):
        raise ValueError(
            f"responses must have one entry a proxy reward, {proxy.shape[0]} prompts of "
            f"{proxy.shape[1]}; got {len(found)} prompts of {sorted(set(found))}"
        )


def _check_same_score(prompt: int, scores: np.ndarray, first: np.ndarray) -> None:
    if not np.allclose(scores, first, rtol=SAME_SCORE, atol=SAME_SCORE):
        raise ValueError(
            f"prompt {prompt}: copies of one response have different proxy rewards, "
            f"{np.abs(scores - first).max():.3g} apart; score each text once (`CachedReward`)"
        )


def _check_probability(probability: np.ndarray) -> None:
    totals = np.nansum(probability, axis=1)
    wrong = (np.abs(totals - 1) > ROUNDING) | (probability < 0).any(axis=1)
    if wrong.any():
        prompt = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"prompt {prompt}: probabilities must be 0 or more and sum to 1, they sum to "
            f"{totals[prompt]:.6g}, the smallest is {np.nanmin(probability[prompt], initial=1):.3g}"
        )
