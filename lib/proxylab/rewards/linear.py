"""Linear Bradley-Terry reward models: seconds to fit, and hard to beat on noisy preferences.

P(chosen beats rejected) = sigmoid(w . (f(chosen) - f(rejected))): a logistic regression without
intercept on differences of features of the reply. Neither paper has them; as null rulers they say
how much of an accuracy is in the choice of words, or in length alone. They ignore the prompt.
"""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from proxylab.rewards.interface import check_aligned

# Both signs of each pair are rows, so chance order of the texts has no say.
SOLVER = {"fit_intercept": False, "solver": "lbfgs", "max_iter": 1000, "tol": 1e-6}

VARIANTS = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


class LinearReward:
    """A fitted linear reward `w . f(response)`, from `TfidfBradleyTerry` or `StyleBradleyTerry`."""

    def __init__(self, name: str, features: Callable, weights: np.ndarray, state: str):
        self.name, self.weights = name, weights
        self._features = features
        self.fingerprint = hashlib.sha256(state.encode() + weights.tobytes()).hexdigest()

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Log-odds `(n,)` up to a constant; texts without a known feature score 0."""
        check_aligned(prompts, responses)
        if not len(responses):
            return np.zeros(0)
        return np.asarray(self._features(list(responses)) @ self.weights, dtype=np.float64)


class TfidfBradleyTerry:
    """Fits rewards that are linear in the TF-IDF n-grams of the reply."""

    @staticmethod
    def fit(
        pairs: pd.DataFrame, *, c: float = 0.3, variant: str = "word", min_df: int = 2
    ) -> LinearReward:
        """Fit on a pair frame; the result scores by the reply alone.

        Arguments: `c` inverse strength of the L2 penalty; `variant` "word" (1-2 grams) or "char"
        (2-5 grams within words); `min_df` replies an n-gram must occur in.
        Raises ValueError for an unknown variant or when no n-gram is frequent enough.
        """
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {sorted(VARIANTS)}, got {variant!r}")
        vectorizer = TfidfVectorizer(
            min_df=min_df, sublinear_tf=True, lowercase=True, **VARIANTS[variant]
        )
        vectorizer.fit([*pairs.chosen, *pairs.rejected])
        weights = _fit(vectorizer.transform, pairs, c)
        state = "\n".join(vectorizer.get_feature_names_out()) + vectorizer.idf_.tobytes().hex()
        return LinearReward(f"tfidf-{variant}", vectorizer.transform, weights, variant + state)


class StyleBradleyTerry:
    """Fits rewards that are linear in length and nine other features of style."""

    @staticmethod
    def fit(pairs: pd.DataFrame, *, c: float = 1.0) -> LinearReward:
        """Fit on a pair frame; features are scaled by their spread over the replies.

        Arguments: `c` inverse strength of the L2 penalty.
        """
        spread = style_features([*pairs.chosen, *pairs.rejected]).std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)

        def scaled(responses: Sequence[str]) -> np.ndarray:
            return style_features(responses) / scale

        weights = _fit(scaled, pairs, c)
        return LinearReward("style", scaled, weights, "style/1" + scale.tobytes().hex())


STYLE_FEATURES = (
    "words",
    "log_words",
    "letters_per_word",
    "distinct_word_share",
    "question_marks",
    "exclamation_marks",
    "line_breaks",
    "list_items",
    "first_person",
    "capital_share",
)


def style_features(responses: Sequence[str]) -> np.ndarray:
    """Features of style `(n, 10)`, in the order of `STYLE_FEATURES`."""
    return np.array([_style(response) for response in responses]).reshape(-1, len(STYLE_FEATURES))


def _style(response: str) -> list[float]:
    words = re.findall(r"\w+", response)
    n = max(len(words), 1)
    return [
        len(words),
        np.log1p(len(words)),
        sum(map(len, words)) / n,
        len({word.lower() for word in words}) / n,
        response.count("?"),
        response.count("!"),
        response.count("\n"),
        len(re.findall(r"(?m)^\s*(?:[-*]|\d+[.)])\s", response)),
        sum(word.lower() in {"i", "me", "my", "we", "our"} for word in words) / n,
        sum(letter.isupper() for letter in response) / max(len(response), 1),
    ]


def _fit(features: Callable, pairs: pd.DataFrame, c: float) -> np.ndarray:
    difference = features(pairs.chosen.tolist()) - features(pairs.rejected.tolist())
    stack = sp.vstack if sp.issparse(difference) else np.vstack
    rows = stack([difference, -difference])
    labels = np.repeat([1, 0], len(pairs))
    return LogisticRegression(C=c, **SOLVER).fit(rows, labels).coef_[0]
