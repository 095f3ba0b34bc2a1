"""The classifier that CROWDLAB asks: out of fold, trained on the majority of the same votes.

In the world it is a linear Bradley-Terry model over words, as in `rewards.linear`; on people's
pairs a logistic regression on differences of ten features of style (length among them), which does
not read what a text says. Both are cheap, and weaker than what a user may pass to
`cleaning.aggregate`. Left out: calibration.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from proxylab.annotators.committee import score_gap
from proxylab.annotators.votes import CHOICES
from proxylab.cleaning.aggregation import PROBABILITIES
from proxylab.preferences.swapping import swap_replies
from proxylab.rewards.linear import TfidfBradleyTerry, style_features

SWAPPED = {"chosen": "rejected", "rejected": "chosen", "tie": "tie"}


def predicted_by_words(
    pairs: pd.DataFrame, labels: Sequence[str | None], *, groups: Sequence[str], n_folds: int
) -> pd.DataFrame:
    """Bradley-Terry probabilities over words, out of fold: pair_id and the three probabilities.

    Arguments: `labels` `(n_pairs,)` the majority's choice, missing where it has none (such pairs
    train nothing, nor do ties); `groups` `(n_pairs,)` keeps equal values in one fold. No ties are
    predicted.
    """
    label = pd.Series(labels, index=pairs.index, dtype="object")
    p_chosen = np.full(len(pairs), 0.5)
    for seen, unseen in _folds(n_folds, groups):
        own = label.iloc[seen].isin(["chosen", "rejected"]).to_numpy()
        train = pairs.iloc[seen[own]]
        model = TfidfBradleyTerry.fit(swap_replies(train, label.loc[train.index] == "rejected"))
        p_chosen[unseen] = expit(score_gap(pairs.iloc[unseen], model))
    return _frame(pairs["pair_id"], np.column_stack([p_chosen, 1 - p_chosen, 0 * p_chosen]))


def predicted_by_style(
    texts: pd.DataFrame, labels: Sequence[str | None], *, n_folds: int
) -> pd.DataFrame:
    """Probabilities from style alone, out of fold: pair_id and the three probabilities.

    Arguments: `texts` has pair_id, group, first, second; `labels` as in `predicted_by_words`, where
    ties train too. Each pair is seen both ways round, so that which comes first cannot matter.
    """
    unique, place = np.unique([*texts["first"], *texts["second"]], return_inverse=True)
    features = StandardScaler().fit_transform(style_features(unique.tolist()))
    difference = features[place[: len(texts)]] - features[place[len(texts) :]]
    label = pd.Series(labels, dtype="object").to_numpy()
    found = np.zeros((len(texts), len(CHOICES)))
    for seen, unseen in _folds(n_folds, texts["group"]):
        seen = seen[pd.notna(label[seen])]
        turned = [SWAPPED[name] for name in label[seen]]
        model = LogisticRegression(C=1.0, max_iter=1000).fit(
            np.vstack([_both(difference[seen]), _both(-difference[seen])]), [*label[seen], *turned]
        )
        columns = [CHOICES.index(name) for name in model.classes_]
        found[np.ix_(unseen, columns)] = model.predict_proba(_both(difference[unseen]))
    return _frame(texts["pair_id"], found)


def _both(difference: np.ndarray) -> np.ndarray:
    """The difference says who wins; its size says how likely a tie is."""
    return np.hstack([difference, np.abs(difference)])


def _folds(n_folds: int, groups: Sequence[str]):
    groups = np.asarray(groups, object)
    return GroupKFold(n_folds, shuffle=True, random_state=0).split(groups, groups=groups)


def _frame(pair_id: pd.Series, found: np.ndarray) -> pd.DataFrame:
    columns = dict(zip(PROBABILITIES, found.T, strict=True))
    return pd.DataFrame({"pair_id": pair_id.array, **columns})
