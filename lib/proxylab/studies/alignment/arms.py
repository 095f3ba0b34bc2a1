"""The arms of a run: which policies it makes, and what tells them apart."""

from dataclasses import asdict, dataclass
from itertools import product

from proxylab.names import missing_name
from proxylab.profiles import AlignmentSettings
from proxylab.runs import Align

RAW, RAW_AS_FEW, CLEANED, BY_PROXY = "raw", "raw_as_few", "cleaned", "by_proxy"
LABELS = {
    RAW: "pairs as published, but for those whose replies are the same or that chose nothing",
    RAW_AS_FEW: "as many of these, drawn at random, as the cleaned set has",
    CLEANED: "Same kept, Opposite swapped, the rest dropped",
    BY_PROXY: "replies that nobody has ordered, ordered by a proxy",
}
STANDARD, SMALL = "standard", "small"
SIZES = (STANDARD, SMALL)
UNBIASED = "none"
STRONG = "strong"  # the proxy of noiseless labels, on real text gold's own
FROM_PAIRS, FROM_PROXY = ("sft", "dpo"), ("pro", "ppo", "best_of_n", "reweighting")
CHOOSING = ("best_of_n", "reweighting")


@dataclass(frozen=True)
class Arm:
    """One aligned policy; a field that does not apply to the algorithm is empty, or None."""

    algorithm: str
    size: str = STANDARD
    pairs: str = ""
    proxy: str = ""
    bias: str = ""
    beta: float | None = None

    @property
    def name(self) -> str:
        """A short name, unique within a run."""
        parts = [self.pairs, self.proxy, "" if self.bias == UNBIASED else self.bias]
        parts += ["" if self.beta is None else f"beta {self.beta:g}"]
        parts += ["" if self.size == STANDARD else self.size]
        return ", ".join(part for part in parts if part)

    def columns(self) -> dict[str, str | float]:
        """What identifies the arm's rows in a table; the algorithm is the run's parameter.

        set_beta: the KL coefficient, 0 also where there is none (PPO logs that of a step as beta).
        """
        fields = asdict(self)
        del fields["algorithm"]
        fields["set_beta"] = fields.pop("beta") or 0.0
        return {"arm": self.name, **fields}


def planned_arms(settings: Align, scale: AlignmentSettings) -> list[Arm]:
    """The arms of a run, in order: what it names crossed, the profile's where it names nothing.

    Raises ValueError for labels or a size that do not exist, with the nearest, and for a parameter
    that means nothing to this algorithm.
    """
    for name in settings.sizes:
        if name not in SIZES:
            raise ValueError(missing_name("size", name, SIZES))
    if settings.betas and _default_beta(settings.algorithm, scale) is None:
        raise ValueError(f"{settings.algorithm} has no KL coefficient: `betas` are for dpo and ppo")
    arms = []
    for pairs, proxy in _signals(settings, scale):
        biases = settings.biases if proxy else ("",)
        betas = settings.betas or (_default_beta(settings.algorithm, scale),)
        for size, bias, beta in product(settings.sizes, biases, betas):
            arms.append(Arm(settings.algorithm, size, pairs, proxy, bias, beta))
    return arms


def _signals(settings: Align, scale: AlignmentSettings) -> list[tuple[str, str]]:
    """(pairs, proxy) of every arm, before sizes, biases and betas."""
    proxies = settings.proxies or scale.proxies
    if settings.algorithm in FROM_PROXY:
        if settings.labels:
            raise ValueError(f"{settings.algorithm} follows a proxy: `labels` are for sft and dpo")
        return [("", proxy) for proxy in proxies]
    labels = settings.labels or (RAW, RAW_AS_FEW, CLEANED)
    for name in labels:
        if name not in LABELS:
            raise ValueError(missing_name("labels", name, LABELS))
    if BY_PROXY not in labels and (settings.proxies or settings.biases != (UNBIASED,)):
        raise ValueError(f"{settings.algorithm} uses a proxy only with labels='{BY_PROXY}'")
    signals = [(name, "") for name in labels if name != BY_PROXY]
    return signals + [(BY_PROXY, proxy) for proxy in proxies if BY_PROXY in labels]


def _default_beta(algorithm: str, scale: AlignmentSettings) -> float | None:
    """The profile's KL coefficient of an algorithm; None for those that have none."""
    return getattr(scale.settings_of(algorithm), "beta", None)
