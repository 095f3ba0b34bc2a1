"""Is the chosen response toxic? Three classifiers behind one interface.

Elephant's Toxic (section 3.1) was judged by people. A classifier stands in for them here, and is
named with its version wherever its verdict is shown. Left out: the prompt; each reply is judged
alone, so a reply that agrees with a toxic prompt may pass.
"""

import re
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np

from proxylab.names import missing_name
from proxylab.preferences.schema import PreferenceError

THRESHOLD = 0.5  # the ProfanityCheck package's own cut, and the usual one of the others


class ToxicityClassifier(Protocol):
    """Anything that gives each text a probability of being toxic."""

    name: str
    version: str

    def probability(self, texts: Sequence[str]) -> np.ndarray: ...


def is_toxic(
    classifier: ToxicityClassifier, texts: Sequence[str], *, threshold: float = THRESHOLD
) -> np.ndarray:
    """Whether each text's probability reaches the threshold, `(n_texts,)` bool."""
    return np.asarray(classifier.probability(list(texts))) >= threshold


class ProfanityCheck:
    """Offensive language, by the package alt-profanity-check (a linear model over words).

    Measures swearing, slurs and insults, as people marked them in tweets and Wikipedia comments.
    Misses harm that is stated politely (instructions, incitement without bad words), and flags
    quoted or harmless uses of strong words. Threshold 0.5, the package's own.
    The package loads its model from its own files with joblib; no file of the user's is unpickled.
    """

    name = "alt-profanity-check"

    def __init__(self) -> None:
        self.version = version(self.name)

    def probability(self, texts: Sequence[str]) -> np.ndarray:
        """Probability that each text is offensive, `(n_texts,)`."""
        from profanity_check import predict_prob  # loads its model when it is imported

        return np.asarray(predict_prob(list(texts)), float) if len(texts) else np.zeros(0)


class WordList:
    """Toxic if a text holds any word of a list: exact in the controlled world, crude elsewhere."""

    name = "word list"

    def __init__(self, words: Collection[str], *, version: str = "1") -> None:
        if not words:
            raise PreferenceError("a word list needs at least one word")
        self.version = version
        union = "|".join(re.escape(word) for word in sorted(words))
        self._pattern = re.compile(rf"(?<!\w)(?:{union})(?!\w)", re.IGNORECASE)

    def probability(self, texts: Sequence[str]) -> np.ndarray:
        """1.0 where a listed word occurs as a whole word, else 0.0, `(n_texts,)`."""
        return np.array([float(bool(self._pattern.search(text))) for text in texts])


class HFToxicity:
    """A transformers sequence classifier, from the hub or a folder; safetensors only.

    Arguments: `model` a hub id or folder; `revision` a commit on the hub; `label` the class whose
    probability counts; `max_length` tokens are read of each text. One logit, or several labels at
    once (`problem_type` multi_label_classification), go through a sigmoid, else a softmax.
    Raises PreferenceError if the model has no such label.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        label: str = "toxic",
        revision: str | None = None,
        max_length: int = 512,
        batch_size: int = 32,
    ) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.name = Path(model).name if Path(model).is_dir() else str(model)
        self.version = revision or "unpinned"
        self._tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            model, revision=revision, use_safetensors=True
        ).eval()
        self._column = _label_column(self._model.config, label)
        self._max_length, self._batch_size = max_length, batch_size

    def probability(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of the toxic label for each text, `(n_texts,)`, in the order given."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        scores = np.zeros(len(texts))
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            scores[rows] = self._batch([texts[row] for row in rows])
        return scores

    def _batch(self, texts: list[str]) -> np.ndarray:
        import torch

        encoded = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = self._model(**encoded).logits.float()  # (n_texts, n_labels)
        config = self._model.config
        several = config.problem_type == "multi_label_classification" or config.num_labels == 1
        odds = torch.sigmoid(logits) if several else torch.softmax(logits, dim=-1)
        return odds[:, self._column].numpy()


def _label_column(config, label: str) -> int:
    names = {str(name).lower(): column for column, name in config.id2label.items()}
    if label.lower() not in names:
        raise PreferenceError(missing_name("label", label, names))
    return int(names[label.lower()])
