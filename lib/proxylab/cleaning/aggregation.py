"""Votes into one probability for each outcome of a pair: majority, and four models of who to trust.

Elephant, section 3.1, counts votes. The models learn from the votes alone how far each annotator
can be trusted (one also asks a classifier), and give a posterior in place of a count:

- "dawid_skene": a confusion matrix an annotator (Dawid and Skene 1979), by crowd-kit;
- "mace": each annotator either knows or follows a habit (Hovy et al. 2013), variational and so
  smoothed, by crowd-kit;
- "glad": one ability an annotator, one difficulty a pair (Whitehill et al. 2009), by crowd-kit;
- "crowdlab": votes and a classifier's out-of-fold probability, each weighted by how often it agrees
  with the others (Goh et al. 2022), by cleanlab.

What can go wrong. All start from the majority, and that alone names the outcomes: where most
annotators of most pairs are wrong together, the models are wrong with more confidence. A confusion
matrix has six free numbers and an annotator with a handful of votes cannot fix them; `pool_below`
lets all such annotators share one. And each model holds that every pair has a true outcome: a coin
flip between equal responses is read as news about the annotators. Where `choice` names the recorded
role, the models also learn how often the record is right and lean towards it. Left out: models that
share strength between annotators by a prior of their own.
"""

import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd

from proxylab.annotators.votes import CHOICES
from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError

PROBABILITIES = tuple(f"p_{choice}" for choice in CHOICES)
TIES = ("outcome", "dropped")
POOLED = "pooled"  # the profile that annotators with few votes share
EM_STEPS = 100
Prior = np.ndarray | None  # of a classifier, (n_pairs, 3)
TILT = 1e-9  # of a prediction, towards what comes first in CHOICES
MAX_CELLS = 20_000_000  # of CROWDLAB's dense matrix of pairs by annotators, 160 MB


def aggregate(
    votes: pd.DataFrame,
    *,
    method: str = "majority",
    ties: str = "outcome",
    pair_ids: Sequence[str] | None = None,
    pool_below: int = 0,
    predicted: pd.DataFrame | None = None,
    n_steps: int | None = None,
) -> pd.DataFrame:
    """The probability that each outcome is the true one, for each pair.

    Arguments: `method` is one of METHODS; with `ties` "outcome" a tie is a third outcome, with
    "dropped" it counts as no vote; `pair_ids` the pairs wanted and their order (default: those in
    the votes); annotators with fewer than `pool_below` votes are taken for one and the same;
    `predicted` (CROWDLAB alone) has pair_id, p_chosen, p_rejected, p_tie of a classifier that has
    not seen the pair's votes; `n_steps` of expectation-maximisation (default: EM_STEPS).
    Returns pair_id, n_votes, p_chosen, p_rejected, p_tie, label: the most probable choice, missing
    where two share the top. Missing votes play no part; a pair without a vote has no probability.
    No randomness: the same votes give the same result.
    Raises PreferenceError for an unknown method or treatment of ties, a vote on an unknown pair, or
    a prediction that is missing.
    """
    for kind, name, known in (("method", method, METHODS), ("treatment of ties", ties, TIES)):
        if name not in known:
            raise PreferenceError(missing_name(kind, name, known))
    ids = pd.Index(votes["pair_id"].unique() if pair_ids is None else pair_ids)
    data = _coded(votes, ids, drop_ties=ties == "dropped")
    n_votes = np.bincount(data["task"], minlength=len(ids))
    found = np.full((len(ids), len(CHOICES)), np.nan)
    if len(data):
        fit = METHODS[method]
        data, prior = _pooled(data, pool_below), _prior(predicted, ids, method)
        found[n_votes > 0] = fit(data, prior, n_steps or EM_STEPS)
    return _frame(ids, n_votes, found)


def rare_annotators(votes: pd.DataFrame, fewer_than: int) -> pd.Index:
    """The annotators with fewer than this many votes, missing ones not counted."""
    counts = votes.dropna(subset="choice")["annotator"].value_counts()
    return counts.index[counts < fewer_than]


def _coded(votes: pd.DataFrame, ids: pd.Index, *, drop_ties: bool) -> pd.DataFrame:
    """Valid votes as whole numbers: task (row of `ids`), worker, label (place in CHOICES).

    Sorted, so that the order of the votes does not matter.
    """
    row = ids.get_indexer(votes["pair_id"])
    if (row < 0).any():
        raise PreferenceError(
            f"a vote names the unknown pair {votes['pair_id'][row < 0].iloc[0]!r}"
        )
    counted = votes["choice"].isin(CHOICES[:2] if drop_ties else CHOICES).to_numpy()
    workers = pd.Index(np.sort(votes["annotator"].unique().astype(object)))
    label = votes["choice"].map({name: place for place, name in enumerate(CHOICES)})
    data = {"task": row, "worker": workers.get_indexer(votes["annotator"]), "label": label}
    coded = pd.DataFrame(data)[counted].astype(np.int64)
    return coded.sort_values(["task", "worker"], ignore_index=True)


def _pooled(data: pd.DataFrame, fewer_than: int) -> pd.DataFrame:
    """One number, past all others, for every annotator with fewer votes than that."""
    n_votes = data["worker"].map(data["worker"].value_counts())
    shared = data["worker"].max() + 1
    return data.assign(worker=data["worker"].mask(n_votes < fewer_than, shared))


def _prior(predicted: pd.DataFrame | None, ids: pd.Index, method: str) -> Prior:
    """The classifier's probabilities in the order of the pairs, `(n_pairs, 3)`."""
    if method != "crowdlab":
        return None
    if predicted is None:
        raise PreferenceError(
            "CROWDLAB needs `predicted`: a classifier's out-of-fold probability for each pair"
        )
    table = predicted.set_index("pair_id")[list(PROBABILITIES)].reindex(ids)
    if table.isna().any(axis=None):
        unknown = table.index[table.isna().any(axis=1)][0]
        raise PreferenceError(f"`predicted` has no probability for pair {unknown!r}")
    return table.to_numpy(float)


def _majority(data: pd.DataFrame, *_) -> np.ndarray:
    counts = _tallies(data)
    return counts / counts.sum(axis=1, keepdims=True)


def _dawid_skene(data: pd.DataFrame, _: Prior, n_steps: int) -> np.ndarray:
    """Expectation-maximisation from the majority, a fixed number of steps.

    Thousands of annotators need more of them than a few do: on UKPConvArg1 4 % of the labels still
    change between the 30th step and the 100th.

    crowd-kit 1.4 stops by a bound that counts the prior once a vote instead of once a pair; it
    can fall while the likelihood rises, so the stop is switched off.
    """
    from crowdkit.aggregation import DawidSkene

    return _by_crowd_kit(DawidSkene(n_iter=n_steps, tol=-np.inf), data)


def _mace(data: pd.DataFrame, _: Prior, n_steps: int) -> np.ndarray:
    """Variational; one start, because crowd-kit draws every restart from the same seed."""
    from crowdkit.aggregation import MACE

    return _by_crowd_kit(MACE(n_restarts=1, n_iter=n_steps, random_state=0), data)


def _glad(data: pd.DataFrame, _: Prior, n_steps: int) -> np.ndarray:
    from crowdkit.aggregation import GLAD

    return _by_crowd_kit(GLAD(n_iter=n_steps), data)


def _by_crowd_kit(model, data: pd.DataFrame) -> np.ndarray:
    """Posterior of a crowd-kit model `(n_voted, 3)`; an outcome that nobody chose has none.

    Workers and labels go in numbered by first appearance: its MACE numbers them so and sums in
    sorted order, and mixes them up where the two differ.
    """
    if data["label"].nunique() < 2:  # its models divide by the number of other outcomes
        return _majority(data)
    labels, present = pd.factorize(data["label"])
    workers, _ = pd.factorize(data["worker"])
    with _quiet():
        found = model.fit(data.assign(worker=workers, label=labels)).probas_.sort_index()
    posterior = np.zeros((len(found), len(CHOICES)))
    posterior[:, present] = found[list(range(len(present)))].to_numpy(float)
    return posterior


def _crowdlab(data: pd.DataFrame, predicted: Prior, _: int) -> np.ndarray:
    """CROWDLAB's weighted average, from cleanlab's weights (Goh et al. 2022, section 3).

    Each vote says: the share of votes that agree with the majority for its own outcome, the rest
    spread over the others. cleanlab returns the weights and the average of the best outcome only.
    An average, not a posterior: it does not grow more certain as agreeing votes add up.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    outcomes = np.unique(data["label"])
    voted, matrix = _matrix(data, outcomes)
    # The tilt settles what cleanlab would settle by chance: equal votes, equal predictions.
    prior = predicted[voted][:, outcomes] + TILT * np.arange(len(outcomes))[::-1] + TILT
    prior = prior / prior.sum(axis=1, keepdims=True)
    n_votes = (~np.isnan(matrix)).sum(axis=1)
    if len(outcomes) < 2 or n_votes.max() < 2:  # nobody to agree or disagree with
        return _majority(data)
    options = {"consensus_method": "majority_vote", "return_weights": True, "verbose": False}
    found = get_label_quality_multiannotator(
        matrix, prior, **options, return_detailed_quality=False, return_annotator_stats=False
    )
    agreement = found["label_quality"]["annotator_agreement"].to_numpy()
    trust = float(agreement[n_votes > 1].mean())
    average = _weighted(matrix, prior, found["model_weight"], found["annotator_weight"], trust)
    posterior = np.zeros((len(average), len(CHOICES)))
    posterior[:, outcomes] = average
    return posterior


def _matrix(data: pd.DataFrame, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pairs with a vote, and their votes `(n_voted, n_annotators)`, NaN where none.

    Several votes of the shared profile on one pair take a column each.
    """
    again = data.groupby(["task", "worker"]).cumcount()
    column, _ = pd.factorize(pd.MultiIndex.from_arrays([data["worker"], again]), sort=True)
    voted, row = np.unique(data["task"], return_inverse=True)
    shape = len(voted), column.max() + 1
    if shape[0] * shape[1] > MAX_CELLS:
        raise PreferenceError(
            f"CROWDLAB's matrix would have {shape[0]:,} pairs by {shape[1]:,} annotators: "
            "raise `pool_below`, so that annotators with few votes share a profile"
        )
    matrix = np.full(shape, np.nan)
    matrix[row, column] = np.searchsorted(outcomes, data["label"])
    return voted, matrix


def _weighted(matrix, prior, model_weight, weights, trust: float) -> np.ndarray:
    n_outcomes = prior.shape[1]
    total = model_weight * prior
    for outcome in range(n_outcomes):
        says = np.where(matrix == outcome, trust, (1 - trust) / (n_outcomes - 1))
        total[:, outcome] += np.where(np.isnan(matrix), 0.0, says) @ weights
    return total / total.sum(axis=1, keepdims=True)


def _tallies(data: pd.DataFrame) -> np.ndarray:
    """Votes for each outcome of the pairs that have one, `(n_voted, 3)`."""
    voted, row = np.unique(data["task"], return_inverse=True)
    counts = np.zeros((len(voted), len(CHOICES)))
    np.add.at(counts, (row, data["label"].to_numpy()), 1)
    return counts


def _frame(ids: pd.Index, n_votes: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    filled = np.nan_to_num(found, nan=-1.0)
    top = filled.max(axis=1)
    single = (filled > top[:, None] - 1e-9).sum(axis=1) == 1
    label = np.array(CHOICES, object)[filled.argmax(axis=1)]
    label[~single] = None
    return pd.DataFrame(
        {
            "pair_id": pd.array(ids, dtype="str"),
            "n_votes": n_votes,
            **dict(zip(PROBABILITIES, found.T, strict=True)),
            "label": pd.array(label, dtype="str"),
        }
    )


@contextmanager
def _quiet():
    """Without crowd-kit's warnings about its use of pandas, which a caller cannot change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


METHODS: dict[str, Callable[[pd.DataFrame, Prior, int], np.ndarray]] = {
    "majority": _majority,
    "dawid_skene": _dawid_skene,
    "mace": _mace,
    "glad": _glad,
    "crowdlab": _crowdlab,
}
