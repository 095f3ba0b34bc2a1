"""What a round's reward model is worth: gold reward of the policy it leads to, and its accuracy.

Targeting Misalignment measures alignment by the gold reward and by the disagreement (mean |PACS|,
Kendall tau) of the re-optimised policy with it. The policy here is the exact KL-regularised
optimum over held-out completions, at one mean KL for all reward models, so that no trainer's luck
is compared. Left out: completions that the base policy did not sample.
"""

import numpy as np
import pandas as pd

from proxylab.conflict import (
    kendall_table,
    kendall_tau_distance,
    no_better_than_chance,
    normalised_logprob,
    prompt_conflict,
    share_ordered_rightly,
)
from proxylab.conflict.arrays import paired_samples, prompt_mean
from proxylab.policies.reweighting import (
    beta_for_kl,
    kl_from_reference,
    optimal_weights,
    reweighted_logprob,
)
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.ranked import score_groups
from proxylab.selection import expected_regret
from proxylab.shf_cas.candidates import Candidates
from proxylab.shf_cas.faults import (
    TRAINING_SET_ACCURACY,
    evaluation_candidates,
    optimised_model,
    optimised_reward,
)
from proxylab.shf_cas.loop import Round
from proxylab.shf_cas.settings import LoopSettings


def evaluate(
    reward: np.ndarray,
    held_out: Candidates,
    *,
    kl: float,
    optimisation_reward: np.ndarray | None = None,
    logprob_kind: str = "sum",
) -> pd.DataFrame:
    """One row a held-out prompt: the policy that a reward model leads to, and the model itself.

    Columns: region, quadrant; gold (expected gold reward of the optimum at a mean KL of `kl` nats
    over all prompts), base_gold (of the base policy), kl (nats spent on this prompt); accuracy
    (share of completions' comparisons of different gold that the model orders rightly, a tie is
    wrong), tau_gold (tau-b with gold); conflict_proxy (mean |PACS| of the model and the base
    policy), conflict_gold and kt_gold (mean |PACS| and Kendall-Tau distance of gold and the
    optimised policy's log-probability: what the paper reports). NaN where undefined.
    That log-probability is log pi + r / beta with pi at temperature 1, as conflict takes it, and
    the policy optimised has the sampled completions' own distribution as its reference: where they
    were sampled at another temperature, gold and kl are of the tempered policy, the other is not.
    Arguments: `reward` `(n_prompts, n_samples)`, NaN = padding; `optimisation_reward` what the
    policy is optimised for, where that is another; `logprob_kind` of conflict.
    Raises ValueError without gold rewards, for another shape, and for a `kl` that rewards over so
    few completions cannot spend.
    """
    if held_out.gold_reward is None:
        raise ValueError("the held-out candidates have no gold_reward to be evaluated by")
    reward, gold = paired_samples(reward, held_out.gold_reward)
    target = reward if optimisation_reward is None else optimisation_reward
    target = paired_samples(target, gold)[0]
    beta = beta_for_kl(target, kl)
    weights = optimal_weights(target, beta)
    logprob = normalised_logprob(held_out.policy_logprob, held_out.n_tokens, logprob_kind)
    optimised = normalised_logprob(
        reweighted_logprob(held_out.policy_logprob, target, beta), held_out.n_tokens, logprob_kind
    )
    order = kendall_table(reward, gold)
    return pd.DataFrame(
        {
            "region": held_out.region,
            "quadrant": held_out.quadrant,
            "gold": _expectation(weights, gold),
            "base_gold": prompt_mean(gold),
            "kl": kl_from_reference(weights),
            "accuracy": share_ordered_rightly(order),
            "tau_gold": order["tau_b"].to_numpy(),
            "conflict_proxy": prompt_conflict(reward, logprob),
            "conflict_gold": prompt_conflict(gold, optimised),
            "kt_gold": kendall_tau_distance(gold, optimised),
        }
    )


def evaluate_round(
    state: Round, held_out: Candidates, *, start: Round, pool: Candidates, settings: LoopSettings
) -> pd.DataFrame:
    """`evaluate` a round's reward model, with those of the settings' faults that act here.

    Arguments: `start`, the loop's round 0, and `pool`, which the faults need. Under
    "training_set_accuracy" every row holds the one accuracy on what the model was trained on.
    Errors: as for `evaluate`.
    """
    faults = settings.faults
    judged = evaluation_candidates(held_out, pool, faults)
    reward = judged.scored_by(state.reward_model)
    target, model = reward, optimised_model(state.reward_model, start.reward_model, faults)
    if model is not state.reward_model:
        target = judged.scored_by(model)
    table = evaluate(
        reward,
        judged,
        kl=settings.kl,
        optimisation_reward=optimised_reward(target, faults),
        logprob_kind=settings.logprob_kind,
    )
    if TRAINING_SET_ACCURACY in faults:
        table["accuracy"] = training_accuracy(state)
    return table


def training_accuracy(state: Round) -> float:
    """Mean accuracy of a round's reward model over the groups that it was trained on.

    NaN without a group that holds a comparison.
    """
    texts, labels = _grid(state.trained_on)
    reward = score_groups(state.reward_model, [group.prompt for group in state.trained_on], texts)
    accuracy = share_ordered_rightly(kendall_table(reward, labels))
    return float(np.nanmean(accuracy)) if not np.isnan(accuracy).all() else np.nan


def selected_prompts(
    chosen: np.ndarray, proxy_reward: np.ndarray, gold_reward: np.ndarray
) -> pd.DataFrame:
    """How wrong the proxy was at each prompt where labels were bought; index: the prompt's number.

    Columns: n_chosen (completions bought), tau_b of proxy and gold over all completions of the
    prompt, wrong (1 where tau_b is 0 or below: no better than chance; NaN where undefined), regret
    (gold reward lost by trusting the proxy, see `selection.expected_regret`).
    Arguments: mask and rewards `(n_prompts, n_samples)`; the proxy's as they were before labels.
    """
    n_chosen = np.asarray(chosen, bool).sum(axis=1)
    order = kendall_table(proxy_reward, gold_reward)
    table = pd.DataFrame(
        {
            "n_chosen": n_chosen,
            "tau_b": order["tau_b"].to_numpy(),
            "wrong": no_better_than_chance(order),
            "regret": expected_regret(proxy_reward, gold_reward),
        }
    )
    return table[table["n_chosen"] > 0]


def share_wrong(chosen: np.ndarray, proxy_reward: np.ndarray, gold_reward: np.ndarray) -> float:
    """Share of the selected prompts where the proxy orders no better than chance.

    Prompts where that is undefined (see `selected_prompts`) are left out; NaN if all are.
    Arguments: as for `selected_prompts`.
    """
    return float(selected_prompts(chosen, proxy_reward, gold_reward)["wrong"].mean())


def mean_regret(chosen: np.ndarray, proxy_reward: np.ndarray, gold_reward: np.ndarray) -> float:
    """Mean gold reward lost by trusting the proxy at the selected prompts, gold reward units.

    Arguments: as for `selected_prompts`.
    """
    return float(selected_prompts(chosen, proxy_reward, gold_reward)["regret"].mean())


def _expectation(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of the values under the weights `(n_prompts,)`, NaN without a completion."""
    empty = np.isnan(weights).all(axis=1)
    return np.where(empty, np.nan, np.nansum(weights * values, axis=1))


def _grid(groups: list[RankedGroup]) -> tuple[np.ndarray, np.ndarray]:
    """Texts and labels of the groups `(n_groups, largest)`, padded with None and NaN."""
    shape = len(groups), max((len(group.responses) for group in groups), default=0)
    texts, labels = np.full(shape, None, dtype=object), np.full(shape, np.nan)
    for i, group in enumerate(groups):
        texts[i, : len(group.responses)] = group.responses
        labels[i, : len(group.label)] = group.label
    return texts, labels
