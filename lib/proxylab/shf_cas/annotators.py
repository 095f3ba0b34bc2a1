"""Who labels: a gold reward, a noisy one, or a judge who compares two completions at a time.

In the released code of Targeting Misalignment a gold model scores all completions of a prompt; the
paper also speaks of GPT-4o. An annotator is asked again for everything that was chosen so far,
answers a repeated question from memory, and counts only what was new. So a label depends on the
set of completions that were chosen, not on the rounds in which they were: win shares of one prompt
always come from the same comparisons. Left out: votes of people, which come in a file
(`completion_votes`), and what an answer costs.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Protocol

import numpy as np

from proxylab.bias.compose import BiasedReward
from proxylab.bias.scores import ScoreNoise
from proxylab.rewards.interface import RewardModel

SEEDS = 2**63  # of which a generator draws one


class Annotator(Protocol):
    """Anything that labels completions.

    `n_asked`: judgements that were needed so far, completions rated or pairs of them compared.
    """

    name: str
    n_asked: int

    def label(
        self, prompts: Sequence[str], responses: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """Labels `(n_prompts, n_samples)`, higher is better; NaN where not asked or not answered.

        Arguments: `responses` texts and the mask `chosen`, `(n_prompts, n_samples)`: everything
        that the annotator is to have labelled, what it labelled before included.
        """


class RewardAnnotator:
    """Labels with the rewards of a reward model: the gold one, or any.

    Arguments: `model`, asked once for each text.
    """

    def __init__(self, model: RewardModel):
        self.model, self.name = model, model.name
        self._reward: dict[tuple[str, str], float] = {}

    @property
    def n_asked(self) -> int:
        """Different completions rated so far."""
        return len(self._reward)

    def label(
        self, prompts: Sequence[str], responses: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """Rewards of the chosen completions, reward units, NaN elsewhere."""
        chosen = checked_choice(prompts, responses, chosen)
        cells = [(prompts[i], responses[i, k]) for i, k in np.argwhere(chosen)]
        new = [text for text in dict.fromkeys(cells) if text not in self._reward]
        if new:
            rewards = self.model.score([p for p, _ in new], [r for _, r in new])
            self._reward.update(zip(new, rewards.tolist(), strict=True))
        labels = np.full(chosen.shape, np.nan)
        labels[chosen] = [self._reward[text] for text in cells]
        return labels


class NoisyAnnotator(RewardAnnotator):
    """Labels with rewards plus Gaussian noise of its own on each text.

    Arguments: `sd` of the noise, reward units; `rng` draws who this annotator is. The noise is
    then a function of prompt and response: the same text gets the same label in any round, and
    whichever selector asks.
    """

    def __init__(self, model: RewardModel, *, sd: float, rng: np.random.Generator):
        super().__init__(BiasedReward(model, [ScoreNoise(dose=sd, seed=int(rng.integers(SEEDS)))]))


class PreferenceAnnotator:
    """Labels with the share of comparisons won, as a judge of two completions at a time sees them.

    All pairs of different texts among a prompt's chosen completions are compared, once each, the
    earlier sample shown first (samples are exchangeable, so that no text is favoured).
    Arguments: `prefer(prompt, first, second)` gives 1 when the first is better, 0.5 for a tie, 0
    when the second is, or a share of votes between; NaN is no answer.
    """

    def __init__(self, prefer: Callable[[str, str, str], float], *, name: str = "judge"):
        self.prefer, self.name = prefer, name
        self._won: dict[tuple[str, str, str], float] = {}

    @property
    def n_asked(self) -> int:
        """Different pairs of completions compared so far."""
        return len(self._won)

    def label(
        self, prompts: Sequence[str], responses: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """Shares won by the chosen completions, 0 to 1; NaN elsewhere and without an answer.

        Raises ValueError for an answer outside 0 to 1, naming the prompt.
        """
        chosen = checked_choice(prompts, responses, chosen)
        labels = np.full(chosen.shape, np.nan)
        for i in np.flatnonzero(chosen.sum(axis=1) >= 2):
            texts = responses[i, chosen[i]].tolist()
            different = dict.fromkeys(texts)
            won = {pair: self._share(prompts[i], *pair) for pair in combinations(different, 2)}
            labels[i, chosen[i]] = win_shares(texts, won)
        return labels

    def _share(self, prompt: str, first: str, second: str) -> float:
        if (prompt, second, first) in self._won:
            return 1 - self._won[prompt, second, first]
        if (prompt, first, second) not in self._won:
            self._won[prompt, first, second] = self._answer(prompt, first, second)
        return self._won[prompt, first, second]

    def _answer(self, prompt: str, first: str, second: str) -> float:
        share = float(self.prefer(prompt, first, second))
        if share < 0 or share > 1:
            raise ValueError(
                f"{self.name} answered {share} for the prompt {prompt[:60]!r}: 1 when the first is "
                "better, 0.5 for a tie, 0 when the second is, NaN for no answer"
            )
        return share


def win_shares(texts: Sequence[str], won: Mapping[tuple[str, str], float]) -> np.ndarray:
    """Share of its answered comparisons that each text won `(n,)`, ties a half; NaN without one.

    Copies of a text share its label and are one opponent to the others.
    Arguments: `won[first, second]`, the share of that comparison that the first took, each pair in
    one order; every pair counts the same, and one that is missing or NaN not at all.
    """
    different = list(dict.fromkeys(texts))
    shares = np.full((len(different), len(different)), np.nan)
    for i, k in permutations(range(len(different)), 2):
        if (different[i], different[k]) in won:
            shares[i, k] = won[different[i], different[k]]
            shares[k, i] = 1 - shares[i, k]
    n_answered = (~np.isnan(shares)).sum(axis=1)
    blank = np.full(len(different), np.nan)
    label = np.divide(np.nansum(shares, axis=1), n_answered, out=blank, where=n_answered > 0)
    return label[[different.index(text) for text in texts]]


def checked_choice(prompts: Sequence[str], responses: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """`chosen` as a bool mask.

    Raises ValueError unless `responses` and `chosen` are `(n_prompts, n_samples)`, and where no
    response stands in a chosen cell.
    """
    chosen = np.asarray(chosen, bool)
    if responses.ndim != 2 or len(responses) != len(prompts) or chosen.shape != responses.shape:
        raise ValueError(
            f"responses {responses.shape} and chosen {chosen.shape} must both be "
            f"({len(prompts)}, n_samples), one row a prompt"
        )
    without = chosen & (responses == None)  # noqa: E711 (elementwise)
    if without.any():
        prompt, sample = np.argwhere(without)[0]
        raise ValueError(f"prompt {prompt}, sample {sample} is chosen but has no response")
    return chosen
