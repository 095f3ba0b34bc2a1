"""Rules that learn, from the labels that came back, where conflict means a wrong proxy.

Ours: whether conflict points at a wrong proxy differs between regions (a region is where the
policy or the proxy knows alike, such as a topic), and the labels say so as they arrive. A prompt's
outcome is "wrong" when the proxy orders its labelled completions no better than chance. All
labelled prompts count, however they were chosen. Left out: outcomes weighted by how wrong.
"""

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from proxylab.conflict import kendall_table, no_better_than_chance
from proxylab.conflict.arrays import paired_samples, prompt_sd
from proxylab.selection.budget import extreme_rank, ranked, whole_prompts
from proxylab.selection.knowledge import (
    confidence,
    ensemble_disagreement,
    rank_share,
    self_consistency,
)
from proxylab.selection.pool import Pool
from proxylab.selection.selector import Selector


def proxy_wrong(pool: Pool) -> np.ndarray:
    """1 where the proxy orders a prompt's labels no better than chance, 0 where better.

    Kendall's tau-b of labels and of the proxy's reward from before it had learnt from them, over
    the labelled completions, at most 0: shape `(n_prompts,)`, NaN where it is undefined (fewer
    than two labels, or all equal in either).
    """
    if pool.labels is None:
        return np.full(pool.shape[0], np.nan)
    return no_better_than_chance(kendall_table(pool.as_labelled.proxy_reward, pool.labels))


def evenly_over_regions(pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """Prompts by conflict within their region, the regions taking turns: indices `(n_prompts,)`.

    Prompts with nothing left to label take no turn. Without `region` the pool is one region.
    """
    place = np.zeros(pool.shape[0])
    for queue in _queues(pool, rng):
        place[queue] = np.arange(len(queue))
    return ranked(np.where(_eligible(pool), -place, np.nan), rng=rng)


def by_region(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
    """Thompson sampling of regions: the most conflicted prompts where the proxy is found wrong.

    A region's rate of wrong outcomes has a Beta(1 + wrong, 1 + right) posterior. Each prompt is
    taken from the region whose draw is highest, by conflict within it. Before any outcome is
    known the regions take turns. Source: Thompson (1933); the use is ours.
    """
    wrong = proxy_wrong(pool)
    if np.isnan(wrong).all():
        order = evenly_over_regions(pool, rng)
    else:
        rates = _posterior_draws(wrong, _region_index(pool), rng)
        order = _in_turns(_queues(pool, rng), rates, ~_eligible(pool), rng)
    return whole_prompts(order, pool, budget, extreme_rank(pool, rng))


def by_regression(pool: Pool, budget: int, rng: np.random.Generator) -> np.ndarray:
    """Prompts by the probability that the proxy is wrong, from a logistic regression on labels.

    The features are those of `features`, standardised; of a labelled prompt as they were when the
    labels were bought. Until these hold both outcomes there is nothing to fit, and the regions
    take turns by conflict.
    """
    wrong, then = proxy_wrong(pool), pool.as_labelled
    known = ~np.isnan(wrong) & ~np.isnan(then.conflict)
    if len(set(wrong[known])) < 2:
        order = evenly_over_regions(pool, rng)
    else:
        model = _model().fit(features(then)[known], wrong[known])
        probability = model.predict_proba(features(pool))[:, 1]
        order = ranked(np.where(np.isnan(pool.conflict), np.nan, probability), rng=rng)
    return whole_prompts(order, pool, budget, extreme_rank(pool, rng))


def features(pool: Pool) -> np.ndarray:
    """What is known of each prompt without labels: `(n_prompts, n_features)`, NaN if undefined.

    Conflict, Kendall-Tau distance, the within-prompt sd of proxy reward and of log-probability;
    where the pool has what they need, confidence and self-consistency (each also by its rank, times
    conflict), and ensemble disagreement; and one column a region and one for conflict in it.
    """
    reward, logprob = paired_samples(pool.proxy_reward, pool.policy_score)
    columns = [pool.conflict, pool.tau_distance, prompt_sd(reward), prompt_sd(logprob)]
    # Conflict points at a wrong proxy only where the policy knows: a product, not a sum.
    if pool.n_tokens is not None:
        columns += [confidence(pool), rank_share(confidence(pool)) * pool.conflict]
    if pool.responses is not None:
        columns += [self_consistency(pool), rank_share(self_consistency(pool)) * pool.conflict]
    if pool.ensemble_reward is not None:
        columns.append(ensemble_disagreement(pool))
    index = _region_index(pool)
    for i in range(index.max(initial=-1) + 1):
        columns += [(index == i).astype(float), (index == i) * pool.conflict]
    return np.column_stack(columns)


def _model():
    """Logistic regression with sklearn's default penalty; a missing feature counts as average."""
    return make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
    )


def _region_index(pool: Pool) -> np.ndarray:
    """The number of each prompt's region (n_prompts,), in alphabetical order of the regions."""
    if pool.region is None:
        return np.zeros(pool.shape[0], int)
    return np.unique(pool.region.astype(str), return_inverse=True)[1]


def _eligible(pool: Pool) -> np.ndarray:
    """Prompts (n_prompts,) with something left to label and a defined conflict."""
    return pool.available.any(axis=1) & ~np.isnan(pool.conflict)


def _queues(pool: Pool, rng: np.random.Generator) -> list[np.ndarray]:
    """The eligible prompts of each region by falling conflict."""
    index, eligible = _region_index(pool), _eligible(pool)
    order = ranked(pool.conflict, rng=rng)
    order = order[eligible[order]]
    return [order[index[order] == region] for region in range(index.max(initial=-1) + 1)]


def _posterior_draws(wrong: np.ndarray, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One draw of each region's rate for each turn, (n_prompts, n_regions)."""
    n_regions = index.max() + 1
    n_wrong = np.bincount(index[wrong == 1], minlength=n_regions)
    n_right = np.bincount(index[wrong == 0], minlength=n_regions)
    return rng.beta(1 + n_wrong, 1 + n_right, (len(wrong), n_regions))


def _in_turns(
    queues: list[np.ndarray], rates: np.ndarray, rest: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Prompts, each from the queue with the highest rate that is not used up; then the rest."""
    left = np.array([len(queue) for queue in queues])
    order = []
    for turn in range(left.sum()):
        region = int(np.argmax(np.where(left > 0, rates[turn], -1.0)))
        order.append(queues[region][-left[region]])
        left[region] -= 1
    return np.concatenate([np.array(order, int), rng.permutation(np.flatnonzero(rest))])


LEARNED = (
    Selector(
        "learned_by_region",
        "regions where labels found the proxy wrong (Thompson sampling), conflict within",
        by_region,
        needs=("region",),
    ),
    Selector(
        "learned",
        "prompts where a regression on the labels so far expects a wrong proxy",
        by_regression,
    ),
)
