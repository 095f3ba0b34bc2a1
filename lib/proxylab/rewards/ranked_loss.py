"""The loss of ranked groups, and the batches of whole groups that it is taken over."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

POOL = 32  # batches' worth of shuffled groups that are sorted by length together


def ranking_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    group: torch.Tensor,
    *,
    n_comparisons: int | None = None,
) -> torch.Tensor:
    """Mean of -log sigmoid(s_i - s_j) over all comparisons label_i > label_j within a group.

    Arguments: `scores` `(n,)` reward units; `labels` `(n,)`, NaN = none; `group` `(n,)` int, which
    completions belong together; `n_comparisons` of the batch that these are a part of: then the
    part's share of its mean. Without any comparison: 0, with a gradient of 0.
    Source: the pairwise loss of both papers, over groups as in Ouyang et al. (2022), equation 1.
    """
    better = (group[:, None] == group[None, :]) & (labels[:, None] > labels[None, :])
    winner, loser = torch.nonzero(better, as_tuple=True)
    losses = torch.nn.functional.softplus(scores[loser] - scores[winner])
    return losses.sum() / max(1, len(losses) if n_comparisons is None else n_comparisons)


def epoch_batches(tokens: list, batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """One epoch: groups of like length, at most `batch_size` completions unless one has more.

    Arguments: `tokens` token ids `[group][text]`.
    """
    sizes = np.array([len(group) for group in tokens])
    length = np.array([np.mean([len(text) for text in group]) for group in tokens])
    order = rng.permutation(len(tokens))
    pool = np.cumsum(sizes[order]) // (POOL * batch_size)
    order = order[np.lexsort((length[order], pool))]
    batches = filled(order.tolist(), sizes, batch_size)
    return [batches[i] for i in rng.permutation(len(batches))]


def filled(
    groups: Sequence[int], sizes: Sequence[int] | Mapping[int, int], room: int | None
) -> list[list[int]]:
    """Groups in their order in parts of at most `room` completions, unless one alone has more.

    Arguments: `groups` keys of `sizes`, the completions of each; `room` None = one part.
    """
    if room is None:
        return [list(groups)]
    parts, left = [], 0
    for i in groups:
        if not parts or sizes[i] > left:
            parts.append([])
            left = room
        parts[-1].append(i)
        left -= sizes[i]
    return parts


def n_ordered(label: Sequence[float]) -> int:
    """Comparisons in a group of these labels."""
    found = np.asarray(label)
    return int((found[:, None] > found[None, :]).sum())


def flat_labels(labels: list, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of groups one after another `(n,)`, and which group each belongs to `(n,)`."""
    group = np.repeat(np.arange(len(labels)), [len(label) for label in labels])
    flat = torch.tensor(np.concatenate(labels), device=device)
    return flat, torch.from_numpy(group).to(device)
