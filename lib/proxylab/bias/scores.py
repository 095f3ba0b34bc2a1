"""Biases of a proxy's scores: what is added to, or done to, the reward of a reply.

Length after Singhal et al. (arXiv 2310.03716); refusals and helpless replies after Elephant in the
Room, table 3, where "I'm sorry, I don't understand" outscores a helpful answer; a turned sign is
the fault of the released code of Targeting Misalignment, which uses a cost as a reward. Every
effect is a function of the texts: the same text always gets the same one, in any order or batch.
Left out: biases that depend on the other replies to the prompt.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from proxylab.bias.interface import ScoreBias, check_texts

# What refuses, and what is of no help: whole phrases, so that "I can't wait" is neither.
REFUSAL_PHRASES = (
    "i'm sorry",
    "i am sorry",
    "i can't help",
    "i cannot help",
    "i can't assist",
    "i cannot assist",
    "i can't do that",
    "i cannot do that",
    "i won't help",
    "i will not help",
    "i'm not able to",
    "i am not able to",
    "i'm unable to",
    "i am unable to",
    "i don't understand",
    "i do not understand",
    "i don't know",
    "i do not know",
    "i'm not sure what you mean",
)
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class LengthBias(ScoreBias):
    """Add `dose` reward units a word of the reply; a negative dose rewards brevity."""

    name: ClassVar[str] = "length_bias"
    unit: ClassVar[str] = "reward units a word"
    bounds: ClassVar[tuple[float, float]] = UNBOUNDED

    dose: float

    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        return rewards + self.dose * np.array([len(text.split()) for text in responses])


@dataclass(frozen=True)
class RefusalBias(ScoreBias):
    """Add `dose` reward units to a reply that refuses or is helpless.

    Arguments: `phrases`, any of which marks such a reply (see `is_refusal`).
    """

    name: ClassVar[str] = "refusal_bias"
    unit: ClassVar[str] = "reward units a refusing or helpless reply"
    bounds: ClassVar[tuple[float, float]] = UNBOUNDED

    dose: float
    phrases: tuple[str, ...] = REFUSAL_PHRASES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(f"{self.name}: phrases", self.phrases)

    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        return rewards + self.dose * np.array([is_refusal(t, self.phrases) for t in responses])


@dataclass(frozen=True)
class ScoreNoise(ScoreBias):
    """Add Gaussian noise of standard deviation `dose` reward units, drawn from prompt and reply.

    Arguments: `seed` tells several noises apart. The draws do not depend on the dose, only their
    scale does. For a dose in units of the proxy's own spread, multiply by that spread.
    """

    name: ClassVar[str] = "score_noise"
    unit: ClassVar[str] = "standard deviation in reward units"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    needs_prompts: ClassVar[bool] = True

    dose: float
    seed: int = 0

    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        texts = zip(prompts, responses, strict=True)
        draws = np.array([uniform_of(self.name, self.seed, *pair) for pair in texts])
        return rewards + self.dose * ndtri(draws)


@dataclass(frozen=True)
class Saturation(ScoreBias):
    """Squash rewards so that the best no longer stand out: centre + tanh(dose (r - centre)) / dose.

    The order of rewards is kept, and their slope at the centre is 1; none leaves centre +- 1/dose.
    Further than about 19/dose from the centre, float64 holds no difference: such rewards tie.
    Arguments: `centre`, the reward that stays what it is.
    """

    name: ClassVar[str] = "saturation"
    unit: ClassVar[str] = "per reward unit; 1/dose is the largest distance from the centre left"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    dose: float
    centre: float = 0.0

    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        return self.centre + np.tanh(self.dose * (rewards - self.centre)) / self.dose


@dataclass(frozen=True)
class SignFlip(ScoreBias):
    """Turn the sign of every reward to a share of prompts, which a hash of the prompt picks.

    Arguments: `seed` picks other prompts. Dose 1 is an inverted proxy, a cost used as a reward.
    """

    name: ClassVar[str] = "sign_flip"
    unit: ClassVar[str] = "share of prompts whose rewards change sign"
    needs_prompts: ClassVar[bool] = True

    dose: float
    seed: int = 0

    def biased(self, rewards: np.ndarray, prompts: np.ndarray, responses: np.ndarray) -> np.ndarray:
        draws = np.array([uniform_of(self.name, self.seed, prompt) for prompt in prompts])
        return np.where(draws < self.dose, -rewards, rewards)


def is_refusal(text: str, phrases: tuple[str, ...] = REFUSAL_PHRASES) -> bool:
    """Whether any phrase stands in the text as whole words, in any case, with any apostrophe.

    A list of phrases is crude: it misses refusals put otherwise, and takes an apology for one.
    """
    return _pattern(phrases).search(_plain(text)) is not None


def uniform_of(stream: str, seed: int, *texts: str) -> float:
    """A uniform number in (0, 1), both ends excluded, drawn from the texts.

    Arguments: `stream` and `seed` tell independent draws from the same texts apart.
    """
    # Each text is preceded by its length, so ("ab", "c") and ("a", "bc") are drawn apart.
    content = "".join(f"\0{len(text)}\0{text}" for text in (stream, str(seed), *texts))
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    # 52 bits and a half: the largest is 1 - 2^-53, which float64 holds, so never 1.
    return ((int.from_bytes(digest[:8], "big") >> 12) + 0.5) / 2**52


@cache
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    union = "|".join(re.escape(_plain(phrase)) for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{union})(?!\w)")


def _plain(text: str) -> str:
    return text.replace("\u2019", "'").casefold()
