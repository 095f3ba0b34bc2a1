"""Arrays `(n_prompts, n_samples)` with NaN padding: checked on the way in, averaged by prompt.

What the conflict metrics share. Left out: anything that knows what the numbers mean.
"""

import numpy as np


def as_samples(name: str, values) -> np.ndarray:
    """`values` as a checked float64 array `(n_prompts, n_samples)`, NaN where padded.

    Arguments: `name` is what an error calls it; `values` a numpy array, a nested list, or a torch
    tensor of any dtype and device (detached).
    Raises ValueError for another number of axes, rows of unequal length, or an infinity.
    """
    if hasattr(values, "detach"):  # a tensor is told by its method, so that torch stays unloaded
        values = values.detach().cpu().double().numpy()
    try:
        array = np.asarray(values, dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            f"{name} is no array of numbers (pad short rows with NaN): {error}"
        ) from None
    if array.ndim != 2:
        raise ValueError(f"{name} must be (n_prompts, n_samples), got shape {array.shape}")
    _refuse_infinities(name, array)
    return array


def paired_samples(proxy_reward, policy_logprob) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays, checked, of one shape; a completion undefined in either is NaN in both.

    Raises ValueError as `as_samples` does, and where the shapes differ.
    """
    reward = as_samples("proxy_reward", proxy_reward)
    logprob = as_samples("policy_logprob", policy_logprob)
    check_same_shape("proxy_reward", reward, "policy_logprob", logprob)
    undefined = np.isnan(reward) | np.isnan(logprob)
    return np.where(undefined, np.nan, reward), np.where(undefined, np.nan, logprob)


def check_same_shape(first: str, a: np.ndarray, second: str, b: np.ndarray) -> None:
    """Raise ValueError, naming both arrays, unless their shapes are equal."""
    if a.shape != b.shape:
        raise ValueError(
            f"{first} {a.shape} and {second} {b.shape} must have one shape (n_prompts, n_samples)"
        )


def prompt_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the defined samples of each prompt `(n_prompts,)`; NaN where there is none."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=1)
    totals = np.where(defined, values, 0.0).sum(axis=1)
    return np.divide(totals, counts, out=np.full(len(values), np.nan), where=counts > 0)


def centred(values: np.ndarray) -> np.ndarray:
    """Each value less its prompt's mean, same shape, NaN kept; exactly 0 in a constant prompt."""
    # Measured from the smallest: otherwise a constant prompt far from 0 would show rounding noise.
    lowest = np.fmin.reduce(values, axis=1, keepdims=True, initial=np.inf)
    above = values - lowest
    return above - prompt_mean(above)[:, None]


def prompt_sd(values: np.ndarray) -> np.ndarray:
    """Population standard deviation (ddof 0) by prompt `(n_prompts,)`; NaN without samples."""
    return np.sqrt(prompt_mean(centred(values) ** 2))


def _refuse_infinities(name: str, array: np.ndarray) -> None:
    infinite = np.isinf(array)
    if infinite.any():
        prompt, sample = np.argwhere(infinite)[0]
        raise ValueError(
            f"{name} is {array[prompt, sample]} at prompt {prompt}, sample {sample}: "
            "it must be finite, or NaN where there is no completion"
        )
