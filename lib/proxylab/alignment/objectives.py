"""Objectives of preference optimisation as pure functions of log-probabilities.

DPO (arXiv 2305.18290, equation 7; equation 1 of *Elephant in the Room*, arXiv 2409.19024), the
hinge form of RSO (arXiv 2309.06657, section 3.2), and PRO (arXiv 2306.17492) plain, as equation 3
of *Elephant in the Room*, and with temperatures. Every loss is one value a unit (pair, group,
response); what is averaged over, and how, is the trainer's business.
"""

from typing import Literal

import torch
from torch.nn.functional import relu, softplus

Form = Literal["sigmoid", "hinge"]
_PENALTIES = {"sigmoid": lambda margin: softplus(-margin), "hinge": lambda margin: relu(1 - margin)}


def implicit_reward(
    logprob: torch.Tensor, reference_logprob: torch.Tensor, beta: float
) -> torch.Tensor:
    """Reward that a policy stands for, beta log(pi / pi_ref), up to a constant a prompt.

    Arguments: summed log-probabilities of responses, nats, of equal shape; `beta` reward units a
    nat. Source: DPO (arXiv 2305.18290), equation 5.
    """
    return beta * (logprob - reference_logprob)


def dpo_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float,
    *,
    label_smoothing: float = 0.0,
    form: Form = "sigmoid",
) -> torch.Tensor:
    """DPO's loss of each pair `(n,)`, a function of the margin between two implicit rewards.

    Arguments: summed log-probabilities `(n,)` of both responses under the policy and under the
    reference, nats; `beta` reward units a nat (RSO's gamma in the hinge form);
    `label_smoothing` e, the share of labels taken to be wrong: (1 - e) f(margin) + e f(-margin)
    (conservative DPO, Mitchell 2023, "A note on DPO with noisy preferences");
    `form`: f is -log sigmoid(margin), or max(0, 1 - margin).
    """
    margin = implicit_reward(chosen, reference_chosen, beta)
    margin = margin - implicit_reward(rejected, reference_rejected, beta)
    penalty = _PENALTIES[form]
    return (1 - label_smoothing) * penalty(margin) + label_smoothing * penalty(-margin)


def sft_loss(logprob: torch.Tensor, n_tokens: torch.Tensor | None = None) -> torch.Tensor:
    """Negative log-likelihood of each response `(n,)`, summed over its tokens, nats.

    Arguments: `logprob` `(n,)` summed over response tokens; `n_tokens` `(n,)`: then nats a token.
    """
    return -logprob if n_tokens is None else -logprob / n_tokens


def pro_loss(
    mean_logprob: torch.Tensor, reward: torch.Tensor | None = None, *, temperature: bool
) -> torch.Tensor:
    """PRO's ranking loss of each group `(n,)`: each candidate against all that are worse.

    Arguments: `mean_logprob` s `(n, K)`, log-probability a token of each candidate, NaN = no
    candidate; `reward` r `(n, K)` of any order, NaN = no candidate, and without it candidates are
    ranked as given, best first; `temperature`: with the temperatures of PRO, which need rewards.
    Summed over k, the loss is -log of

        exp(s_k a_kk) / (exp(s_k a_kk) + sum over worse i of exp(s_i a_ki)),

    a = 1 in the plain form (equation 3 of arXiv 2409.19024), and 1/T in the other
    (arXiv 2306.17492, section 3.3): a_ki = r_k - r_i, a_kk the largest of them.
    Equal rewards carry no order: neither stands in the other's sum, so that the loss does not
    depend on the order of the candidates. (Read to the letter, 1/T = 0 leaves a constant
    exp(0) in the sum of whichever of the two was written first.)
    Raises ValueError for temperatures without rewards.
    """
    if reward is None:
        if temperature:
            raise ValueError("the temperatures of PRO are gaps between rewards: give `reward`")
        ranks = torch.arange(mean_logprob.shape[1], device=mean_logprob.device)
        reward = -ranks.to(mean_logprob.dtype).expand_as(mean_logprob)
    worse, gap = _gaps(reward, ~mean_logprob.isnan())
    scale = gap if temperature else torch.ones_like(gap)
    score = mean_logprob.nan_to_num()
    own = score * scale.masked_fill(~worse, 0.0).amax(2)
    against = (score[:, None, :] * scale).masked_fill(~worse, -torch.inf)
    return (torch.cat([own[..., None], against], 2).logsumexp(2) - own).sum(1)


def default_sft_weight(n_candidates: torch.Tensor) -> torch.Tensor:
    """PRO's weight of the SFT term for groups of n candidates, 0.05 (n - 1)^2, `(n,)`."""
    return 0.05 * (n_candidates - 1.0) ** 2


def pro_total_loss(
    logprob: torch.Tensor,
    n_tokens: torch.Tensor,
    reward: torch.Tensor,
    *,
    temperature: bool,
    sft_weight: float | None = None,
    sft_per_token: bool = False,
) -> torch.Tensor:
    """L_PRO + weight L_SFT of each group `(n,)`, SFT on its best candidate.

    Arguments: `logprob` `(n, K)` summed over the `n_tokens` `(n, K)` of each candidate, NaN = no
    candidate; `reward` `(n, K)`; `sft_weight`, by default 0.05 (K - 1)^2 of the group's own K;
    `sft_per_token`: mean over the tokens in place of PRO's sum. Of several best candidates the
    first is taken. Source: arXiv 2306.17492, equation 9.
    """
    ranking = pro_loss(logprob / n_tokens, reward, temperature=temperature)
    defined = ~(logprob.isnan() | reward.isnan())
    best = reward.masked_fill(~defined, -torch.inf).argmax(1, keepdim=True)
    # Padding is NaN, and the gradient of a NaN is one even where nothing of it is used.
    logprob, n_tokens = logprob.nan_to_num().gather(1, best), n_tokens.gather(1, best)
    likelihood = sft_loss(logprob[:, 0], n_tokens[:, 0] if sft_per_token else None)
    weight = default_sft_weight(defined.sum(1)) if sft_weight is None else sft_weight
    return ranking + weight * likelihood


def _gaps(reward: torch.Tensor, defined: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether i is worse than k, and by how much, both `(n, K, K)` with k before i."""
    defined = defined & ~reward.isnan()
    reward = reward.nan_to_num()
    gap = reward[:, :, None] - reward[:, None, :]
    return (gap > 0) & defined[:, :, None] & defined[:, None, :], gap
