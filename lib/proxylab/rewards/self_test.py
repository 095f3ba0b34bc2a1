"""What can be wrong with a reward model without its scores looking wrong.

A head that was never trained, a cost model read as a reward, the wrong text layout, scores that
depend on the batch: each gives plausible numbers. `self_test` asks before they are used.
Limits: a head that was saved untrained by other code without a card is told only by its accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import RewardModel

N_PAIRS = 256  # of the pairs given, the first so many are scored

# A good answer and a bad one to a plain question: any reward model of English should not
# prefer the bad ones. Written for this test.
PROBES = (
    ("What is the capital of France?", "The capital of France is Paris.", "asdf qwer zxcv."),
    ("How do I boil an egg?", "Put it in boiling water for about eight minutes.", "No."),
    ("Can you help me write a letter?", "Of course! Who is it for?", "Go away, you fool."),
    ("What is 2 + 3?", "2 + 3 is 5.", "2 + 3 is is is is is is is is."),
    ("Why is the sky blue?", "Air scatters blue light more than red light.", "Because shut up."),
    ("Name a kind of fruit.", "An apple is a fruit.", "You are stupid for asking that."),
    ("How can I sleep better?", "Go to bed at a regular hour and avoid screens.", "xx xx xx xx"),
    ("Is water wet? Please explain.", "Yes, in the sense that it makes things wet.", "???"),
    ("Thank you for your help!", "You are welcome! I am glad I could help.", "I hate you."),
    ("Which planet is closest to the sun?", "Mercury is closest to the sun.", "Banana banana."),
)


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it passed, and what was seen."""

    name: str
    passed: bool
    detail: str


class RewardModelSelfTestError(ValueError):
    """A reward model failed its self-test; `failed` holds the checks that did."""

    def __init__(self, name: str, failed: Sequence[Check]):
        self.failed = tuple(failed)
        lines = [f"  {check.name}: {check.detail}" for check in failed]
        super().__init__("\n".join([f"reward model {name!r} failed its self-test", *lines]))


def self_test(
    model: RewardModel,
    *,
    pairs: pd.DataFrame | None = None,
    tolerance: float = 0.02,
    alpha: float = 0.01,
) -> list[Check]:
    """Check a reward model before it is trusted; returns the checks when all have passed.

    Arguments: `pairs` a pair frame the model should do no worse than chance on (the first 256
    count); without it ten plain English probes serve, which say nothing about a model of another
    vocabulary; `tolerance` how far batching may move a score, as a fraction of the scores' range;
    `alpha` of the one-sided test that accuracy is below one half.
    Head and template are checked for sequence classifiers only.
    Raises RewardModelSelfTestError naming every check that failed.
    """
    checks = _read_checks(model) if isinstance(model, SequenceClassifierReward) else []
    if all(check.passed or check.name != "template" for check in checks):
        checks += _score_checks(model, _probes(pairs), tolerance, alpha)
    failed = [check for check in checks if not check.passed]
    if failed:
        raise RewardModelSelfTestError(model.name, failed)
    return checks


def _probes(pairs: pd.DataFrame | None) -> tuple[list[str], list[str], list[str]]:
    if pairs is None:
        questions, good, bad = map(list, zip(*PROBES, strict=True))
        return [f"\n\nHuman: {question}\n\nAssistant:" for question in questions], good, bad
    pairs = pairs.head(N_PAIRS)
    return pairs.prompt.tolist(), pairs.chosen.tolist(), pairs.rejected.tolist()


def _read_checks(model: SequenceClassifierReward) -> list[Check]:
    return [_head(model), _template(model)]


def _head(model: SequenceClassifierReward) -> Check:
    if model.missing_keys:
        names = ", ".join(model.missing_keys[:3])
        return Check("head", False, f"not in the checkpoint, freshly initialised: {names}")
    if model.card is not None and not model.card.head_trained:
        return Check("head", False, "the model's card says that its head was never trained")
    known = "its card says it was trained" if model.card else "all weights came from the checkpoint"
    return Check("head", True, known)


def _template(model: SequenceClassifierReward) -> Check:
    if model.template == "chat" and model.tokenizer.chat_template is None:
        return Check("template", False, "'chat' asked for, but the tokenizer has no chat template")
    if model.card is not None and model.card.template != model.template:
        detail = f"{model.template!r} asked for, but the model was trained on "
        return Check("template", False, detail + repr(model.card.template))
    if not model.template_stated and model.tokenizer.chat_template is not None:
        detail = "the tokenizer has a chat template and nothing says whether to use it: "
        return Check("template", False, detail + "set template='chat' or 'plain'")
    return Check("template", True, model.template)


def _score_checks(model: RewardModel, probes, tolerance: float, alpha: float) -> list[Check]:
    prompts, good, bad = probes
    texts = [*prompts, *prompts], [*good, *bad]
    scores = model.score(*texts)
    finite = np.isfinite(scores)
    checks = [
        Check("finite", bool(finite.all()), f"{np.sum(~finite)} of {len(scores)} are not finite"),
        _deterministic(scores, model.score(*texts)),
    ]
    if finite.all():
        checks.append(_batch_invariant(model, texts, scores, tolerance))
        checks.append(_orientation(model, scores, alpha))
    return checks


def _deterministic(first: np.ndarray, second: np.ndarray) -> Check:
    changed = int(np.sum(~((first == second) | (np.isnan(first) & np.isnan(second)))))
    return Check("determinism", changed == 0, f"{changed} of {len(first)} scores changed on repeat")


def _batch_invariant(model: RewardModel, texts, scores: np.ndarray, tolerance: float) -> Check:
    """Score a few texts one at a time: padding and neighbours must not matter."""
    rows = np.unique(np.linspace(0, len(scores) - 1, 16).astype(int))
    alone = np.array([model.score([texts[0][i]], [texts[1][i]])[0] for i in rows])
    moved = float(np.max(np.abs(alone - scores[rows])))
    spread = float(np.ptp(scores))
    detail = f"a score alone differs by {moved:.2g} from the batch's (range {spread:.2g})"
    return Check("batch invariance", moved <= tolerance * spread, detail)


def _orientation(model: RewardModel, scores: np.ndarray, alpha: float) -> Check:
    chosen, rejected = np.split(scores, 2)
    n_right, n_wrong = int(np.sum(chosen > rejected)), int(np.sum(chosen < rejected))
    n = n_right + n_wrong
    detail = f"{n_right} of {n} untied pairs right"
    if n == 0 or binomtest(n_right, n, alternative="less").pvalue >= alpha:
        return Check("orientation", True, detail)
    turned = -getattr(model, "orientation", 1)
    hint = f": significantly worse than chance; if it is a cost model set orientation={turned}"
    return Check("orientation", False, detail + hint)
