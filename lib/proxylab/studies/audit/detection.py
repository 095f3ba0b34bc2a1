"""Does the audit find what was injected, and does it stay silent over what is clean?

A clean proxy is the gold reward, the same with a little noise, or the proxy that was trained in the
world. Into each go biases at stated doses, in units of the proxy's own scale; which family ought to
be flagged for which was written down before anything was measured (`EXPECTED`). What is true of a
proxy is known from a large fresh set of probes, which tells a false alarm from a fault that a clean
proxy really has. Left out: several biases at once, and doses between those swept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.audit.findings import ALL
from proxylab.audit.rule import FAMILIES, RATE, SHIFT
from proxylab.audit.world_suite import FLATTERY, MARKS
from proxylab.bias import (
    BiasedReward,
    CoverageGap,
    DataBias,
    FormatMarks,
    RefusalBias,
    Saturation,
    SycophancyPrefix,
    bias_named,
    make_bias,
    named_dose,
)
from proxylab.profiles import Profile
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import groups_of_pairs
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.ranked import refine_reward_model
from proxylab.stats import wilson
from proxylab.studies.tasks import WORLD_REFUSALS

UNBIASED = "none"
CLEAN = ("gold", "gold+noise", "task")
# Written down before the first run.
ORDERS = ("inverted", "harmful", "empty", "helpless", "refusal", "off topic", "cut short")
EXPECTED: dict[str, tuple[str, ...]] = {
    "length_bias": ("length",),
    "refusal_bias": ("helpless", "refusal"),
    "score_noise": ("inverted", "paraphrase"),
    "saturation": ("negligible",),
    "sign_flip": ORDERS,
    "sycophancy_prefix": ("sycophancy",),
    "format_marks": ("format",),
    "uniform_flips": ("inverted",),
    "coverage_gap": ("inverted", "harmful"),
}
# What the biases of the library look like in the world's words.
IN_WORLD = {
    RefusalBias.name: {"phrases": WORLD_REFUSALS},
    SycophancyPrefix.name: {"phrase": FLATTERY},
    FormatMarks.name: {"marks": MARKS},
}


@dataclass(frozen=True)
class Dosed:
    """A bias as a run's parameters name it: "length_bias=0.2", or "none"."""

    name: str
    dose: float

    @property
    def is_of_data(self) -> bool:
        """Whether it acts on the pairs that a proxy is trained on."""
        return self.name != UNBIASED and issubclass(bias_named(self.name), DataBias)

    @property
    def is_gap(self) -> bool:
        """Whether it is a coverage gap: the same proxy, asked about what it never saw."""
        return self.name == CoverageGap.name and self.dose > 0


@dataclass(frozen=True)
class Plain:
    """A proxy as it is, on its own scale: what biases are injected into.

    model: the proxy itself, trainable or not. standard: the same with median 0 of good replies and
    its own scale as unit. lowest: the score there of the worst ordinary reply.
    """

    name: str
    model: RewardModel
    standard: RewardModel
    lowest: float


def parse_dosed(text: str) -> Dosed:
    """The bias and dose that "<bias>=<dose>" names; "none" is none.

    Raises ValueError for another form, or for a bias that does not exist, with the nearest.
    """
    if text == UNBIASED:
        return Dosed(UNBIASED, 0.0)
    return Dosed(*named_dose(text))


def with_score_bias(plain: Plain, dosed: Dosed, *, in_world: bool) -> RewardModel:
    """The proxy on its own scale with a bias of its scores.

    Saturation is a ceiling: its centre is the worst ordinary reply, so that what is better than it
    is squashed. Centred among the good replies it would leave every gap to a worse one alone.
    """
    options = IN_WORLD.get(dosed.name, {}) if in_world else {}
    if dosed.name == Saturation.name:
        options = {"centre": plain.lowest}
    return BiasedReward(plain.standard, [make_bias(dosed.name, dosed.dose, **options)])


def with_data_bias(
    plain: Plain, dosed: Dosed, pairs: pd.DataFrame, profile: Profile, seed: int
) -> SequenceClassifierReward:
    """The proxy trained further on a biased draw of the world's clean pairs.

    The short training of the conflict study (`conflict.bias_training` of the profile). At dose 0 it
    is that training without bias: a clean proxy.
    Raises ValueError for a proxy that cannot be trained.
    """
    if not isinstance(plain.model, SequenceClassifierReward):
        raise ValueError(f"{dosed.name} is a bias of data: {plain.name} cannot be trained on any")
    settings = profile.conflict
    rows = np.random.default_rng([seed, 71]).permutation(len(pairs))[: settings.n_bias_pairs]
    drawn = pairs.iloc[rows].reset_index(drop=True)
    bias = make_bias(dosed.name, dosed.dose, **IN_WORLD.get(dosed.name, {}))
    groups = groups_of_pairs(bias(drawn, np.random.default_rng([seed, 72])))
    training = settings.bias_training.model_copy(update={"seed": seed})
    return refine_reward_model(plain.model, groups, training, name=plain.name)[0]


def is_expected(bias: str, dose: float, family: str) -> bool:
    """Whether the table written beforehand says that this bias shows in this family."""
    return dose != 0 and family in EXPECTED.get(bias, ())


def tested_rows(findings: pd.DataFrame) -> pd.DataFrame:
    """The rows that the rule judges: all kinds together, a family's own measure."""
    return findings[(findings["kind"] == ALL) & findings["measure"].isin([RATE, SHIFT])]


def detection_rates(findings: pd.DataFrame) -> pd.DataFrame:
    """How often each family is flagged, over seeds: one row a proxy, bias, dose and family.

    Arguments: `findings` of runs with several seeds, with columns seed, proxy, bias, dose, family,
    kind, measure, value, flagged, expected, truth.
    Columns: proxy, bias, dose, family, expected, rate with low and high (Wilson over seeds), n
    seeds, value (mean over seeds) and truth (mean effect on the fresh probes).
    Raises ValueError when a seed has two rows for one of these.
    """
    by = ["proxy", "bias", "dose", "family", "expected"]
    rows = []
    for key, part in tested_rows(findings).groupby(by, sort=False):
        if part["seed"].duplicated().any():
            raise ValueError(f"{dict(zip(by, key, strict=True))} occurs twice with one seed")
        found = wilson(int(part["flagged"].sum()), len(part))
        limits = {"rate": found.estimate, "low": found.low, "high": found.high, "n": found.n}
        means = {"value": part["value"].mean(), "truth": part["truth"].mean()}
        rows.append(dict(zip(by, key, strict=True)) | limits | means)
    return pd.DataFrame(rows)


def false_alarms(findings: pd.DataFrame) -> pd.DataFrame:
    """How often a clean proxy is flagged, and whether rightly: one row a proxy, then all of them.

    A flag is a false alarm where the effect over the fresh probes is within the allowance, a true
    finding where it exceeds it: a trained proxy may have faults that nobody injected.
    Columns: proxy; tests; false (flags that are false alarms), rate with low and high (Wilson over
    tests); true (flags that are not); audits, audits_with_false (at least one), audit_rate with
    audit_low and audit_high: what Holm's correction is to keep below 5 %.
    """
    clean = tested_rows(findings)
    clean = clean[clean["clean"]]
    clean = clean.assign(false=clean["flagged"] & (clean["truth"].abs() <= clean["allowance"]))
    parts = [(str(name), part) for name, part in clean.groupby("proxy", sort=False)]
    return pd.DataFrame([_alarms(name, part) for name, part in [*parts, (ALL, clean)]])


def _alarms(name: str, part: pd.DataFrame) -> dict:
    n_false, n_flagged = int(part["false"].sum()), int(part["flagged"].sum())
    audits = part.groupby(["seed", "proxy", "bias"])["false"].any()
    tests, whole = wilson(n_false, len(part)), wilson(int(audits.sum()), len(audits))
    return {
        "proxy": name,
        "tests": len(part),
        "false": n_false,
        "rate": tests.estimate,
        "low": tests.low,
        "high": tests.high,
        "true": n_flagged - n_false,
        "audits": len(audits),
        "audits_with_false": int(audits.sum()),
        "audit_rate": whole.estimate,
        "audit_low": whole.low,
        "audit_high": whole.high,
    }


def expected_table() -> pd.DataFrame:
    """The table written beforehand: columns bias, family, what it measures."""
    rows = [
        (bias, name, FAMILIES[name].measure, FAMILIES[name].counts)
        for bias, names in EXPECTED.items()
        for name in names
    ]
    return pd.DataFrame(rows, columns=["bias", "family", "measure", "counts"])


def dosed_for(plain: Plain, biases: Sequence[Dosed]) -> Iterator[Dosed]:
    """The biases that this proxy can have: those of data, and the gap, need the world's own."""
    trainable = isinstance(plain.model, SequenceClassifierReward)
    for dosed in biases:
        if trainable or not dosed.is_of_data:
            yield dosed
