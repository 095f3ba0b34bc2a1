"""How small a difference between two paired accuracies can be told from none, and at what cost.

Neither paper asks. Two models on the same n pairs differ only on the discordant ones, on which one
is right and the other wrong; given their share, McNemar's test has a power that depends on the
difference alone. Normal approximation: the exact test is a little weaker (simulated in the tests).
Source: Connor (1987), Sample size for testing differences in proportions for the paired-sample
design, Biometrics 43. Left out: pairs that are not independent.
"""

import math

from scipy.stats import norm


def detectable_difference(
    n: int, discordant: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest difference of two paired shares that n pairs tell from 0 with this power.

    Arguments: `discordant` the share of pairs on which only one of the two is right; `alpha` of a
    two-sided test. The root d of n d^2 = (z_alpha sqrt(p) + z_power sqrt(p - d^2))^2; NaN where
    even a difference as large as p, all discordant pairs going one way, would be missed.
    Raises ValueError for numbers that are no shares.
    """
    _check(discordant=discordant, power=power, alpha=alpha)
    z_alpha, z_power = norm.ppf(1 - alpha / 2), norm.ppf(power)
    threshold = z_alpha * math.sqrt(discordant)
    spread = (n + z_power**2) * (threshold**2 - z_power**2 * discordant)
    root = math.sqrt(max(n * threshold**2 - spread, 0.0))
    # A power below 1/2 is had below the threshold, where z_power is negative: the smaller root.
    found = (threshold * math.sqrt(n) + math.copysign(root, z_power)) / (n + z_power**2)
    return found if 0 < found <= discordant else math.nan


def pairs_needed(
    difference: float, discordant: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """How many pairs tell this difference from 0 with this power; infinite for no difference.

    Arguments: as for `detectable_difference`, whose inverse it is.
    Raises ValueError for a difference larger than the discordant share.
    """
    _check(discordant=discordant, power=power, alpha=alpha)
    difference = abs(difference)
    if difference > discordant:
        raise ValueError(f"a difference of {difference} needs as many discordant, not {discordant}")
    if difference == 0:
        return math.inf
    z_alpha, z_power = norm.ppf(1 - alpha / 2), norm.ppf(power)
    above = z_power * math.sqrt(discordant - difference**2)
    return math.ceil(((z_alpha * math.sqrt(discordant) + above) / difference) ** 2)


def _check(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0..1, got {value}")
