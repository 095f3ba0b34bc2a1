"""Proxy biases that are injected on purpose, each with a dose; dose 0 is no bias at all.

Biases of data act before a proxy is trained, biases of scores on what it then says; each kind
composes, in the order written (`bias.compose` says where order matters).

A bias of your own is one file, or one notebook cell, and then an ordinary name for `make_bias`:

    @register_bias
    @dataclass(frozen=True)
    class Cheerfulness(ScoreBias):
        name: ClassVar[str] = "cheerfulness"
        unit: ClassVar[str] = "reward units an exclamation mark"
        dose: float

        def biased(self, rewards, prompts, responses):
            return rewards + self.dose * np.array([text.count("!") for text in responses])

A DataBias has `biased(self, pairs, draws)` instead, with one uniform draw a pair. Stored scores are
told apart by the fields of a bias, so give it a field `version: int = 1` if its code may change.

Left out: false facts. Only the controlled world knows facts, so a misinformed proxy is made where
its training pairs are drawn, in the study of that world.
"""

from proxylab.bias.compose import (
    BiasedReward,
    ComposedDataBias,
    ComposedScoreBias,
    compose,
    compose_scores,
)
from proxylab.bias.data import (
    FORMATS,
    AmbiguityFlips,
    CoverageGap,
    FormatMarks,
    SycophancyPrefix,
    UniformFlips,
    swap_replies,
)
from proxylab.bias.interface import Bias, DataBias, ScoreBias
from proxylab.bias.registry import BIASES, bias_named, make_bias, named_dose, register_bias
from proxylab.bias.scores import (
    REFUSAL_PHRASES,
    LengthBias,
    RefusalBias,
    Saturation,
    ScoreNoise,
    SignFlip,
    is_refusal,
    uniform_of,
)

__all__ = [
    "BIASES",
    "FORMATS",
    "REFUSAL_PHRASES",
    "AmbiguityFlips",
    "Bias",
    "BiasedReward",
    "ComposedDataBias",
    "ComposedScoreBias",
    "CoverageGap",
    "DataBias",
    "FormatMarks",
    "LengthBias",
    "RefusalBias",
    "Saturation",
    "ScoreBias",
    "ScoreNoise",
    "SignFlip",
    "SycophancyPrefix",
    "UniformFlips",
    "bias_named",
    "compose",
    "compose_scores",
    "is_refusal",
    "make_bias",
    "named_dose",
    "register_bias",
    "swap_replies",
    "uniform_of",
]
