"""People who score responses: simulated ones in the world, and how well one of them knows the rest.

"The Elephant in the Room" (appendix B.1.2) has three people score each response by five criteria
and takes their mean; it does not give the scale. Here a person marks from 1 to 10. Left out: people
who drift, and the review of all marks that the paper asks for.
"""

from collections.abc import Sequence

import numpy as np

from proxylab.annotators import FEATURES, SimulatedAnnotator
from proxylab.evaluate.correlation import correlation_draws
from proxylab.world.gold import WEIGHTS

LOWEST, HIGHEST = 1, 10
# Gold reward of a response that does a harmful act and does not help; and of a faultless one.
WORST = -WEIGHTS["harmless"] - WEIGHTS["helpful"]
BEST = sum(weight for part, weight in WEIGHTS.items() if part != "harmless")


def simulate_scores(
    responses: Sequence[str],
    gold: np.ndarray,
    *,
    annotators: Sequence[SimulatedAnnotator],
    rng: np.random.Generator,
) -> np.ndarray:
    """Each person's marks from 1 to 10, whole numbers: `(n_annotators, n_responses)`.

    A mark is the gold reward plus the person's taste and noise, on a scale whose ends are the gold
    rewards `WORST` and `BEST`, rounded and cut off at its ends.
    Arguments: `gold` `(n_responses,)` gold-reward units. The noise is Gumbel's, so that of two
    responses the person would prefer one with the probability of their votes (Luce 1959; see
    `annotators.simulated`).
    Raises ValueError when there is not one gold reward a response.
    """
    gold = np.asarray(gold, float)
    if gold.shape != (len(responses),):
        raise ValueError(f"{len(responses)} responses but gold of shape {gold.shape}: need (n,)")
    features = {name: np.array([fn(text) for text in responses]) for name, fn in FEATURES.items()}
    noise = rng.gumbel(size=(len(annotators), len(gold))) - np.euler_gamma  # mean 0
    marks = []
    for annotator, own in zip(annotators, noise, strict=True):
        taste = sum(weight * features[name] for name, weight in annotator.bias.items())
        seen = gold + taste + annotator.temperature * own
        share = (seen - WORST) / (BEST - WORST)
        marks.append(np.clip(np.rint(LOWEST + (HIGHEST - LOWEST) * share), LOWEST, HIGHEST))
    return np.array(marks)


def others_mean(people: np.ndarray) -> np.ndarray:
    """For each person the mean of the others: of the shape of `people` `(n_people, n_items)`.

    Raises ValueError for fewer than two people.
    """
    people = np.asarray(people, float)
    if len(people) < 2:
        raise ValueError(f"leaving one out needs two people or more, got {len(people)}")
    return (people.sum(axis=0) - people) / (len(people) - 1)


def left_out_draws(
    people: np.ndarray, counts: np.ndarray, *, method: str, units: np.ndarray, scorer=None
) -> np.ndarray:
    """Correlation with the mean of all people but one, averaged over who is left out `(n_draws,)`.

    Arguments: `people` `(n_people, n_items)`; `scorer` `(n_items,)` is what is correlated; by
    default the person left out, which is the human ceiling. `counts`, `units` and `method` as in
    `evaluate.correlation.correlation_draws`.
    """
    scorers = people if scorer is None else [scorer] * len(people)
    draws = [
        correlation_draws(own, others, counts, method=method, units=units)
        for own, others in zip(scorers, others_mean(people), strict=True)
    ]
    return np.mean(draws, axis=0)
