"""SHF-CAS, the loop of Targeting Misalignment: conflict, selection, labels, a refitted proxy.

    for state in run_loop(proxy, pool, annotator=..., settings=..., original_pairs=...):
        table = evaluate_round(state, held_out, start=start, pool=pool, settings=settings)

An annotator of your own is any object with a name, `n_asked` and `label` (see `Annotator`).
"""

from proxylab.shf_cas.annotators import (
    Annotator,
    NoisyAnnotator,
    PreferenceAnnotator,
    RewardAnnotator,
    win_shares,
)
from proxylab.shf_cas.candidates import Candidates
from proxylab.shf_cas.completion_votes import VotesAnnotator, read_completion_votes
from proxylab.shf_cas.evaluate import (
    evaluate,
    evaluate_round,
    mean_regret,
    selected_prompts,
    share_wrong,
    training_accuracy,
)
from proxylab.shf_cas.faults import FAULTS, unmasked_logprobs
from proxylab.shf_cas.loop import Round, run_loop
from proxylab.shf_cas.settings import LoopSettings

__all__ = [
    "FAULTS",
    "Annotator",
    "Candidates",
    "LoopSettings",
    "NoisyAnnotator",
    "PreferenceAnnotator",
    "RewardAnnotator",
    "Round",
    "VotesAnnotator",
    "evaluate",
    "evaluate_round",
    "mean_regret",
    "read_completion_votes",
    "run_loop",
    "selected_prompts",
    "share_wrong",
    "training_accuracy",
    "unmasked_logprobs",
    "win_shares",
]
