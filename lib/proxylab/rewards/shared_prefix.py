"""Scoring the completions of one prompt in one pass: what their texts share is computed once.

The texts of a group make a tree of tokens: the prompt is its trunk, and completions that begin
alike part later. A causal model reads the tree as one sequence in depth-first order, where a token
sees its ancestors alone and its position is its depth; so each text gets the score it has by
itself, with gradients, up to rounding. Several trees share a row. On groups of eight replies this
halves the tokens or better.
Left out: models that cannot be told which token sees which (`shares_prefixes`), and dropout.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature

import numpy as np
import torch
from transformers import GPTNeoXForSequenceClassification, PreTrainedModel

from proxylab.rewards.classifier import pad_right
from proxylab.rewards.neox import hidden_at_ends

Tokens = Sequence[int]
N_TRIED = 4  # groups on which the shared pass is held against the plain one
ATTENTION = ("sdpa", "eager")  # the implementations that take a mask of any form
WINDOWS = ("sliding_window", "attention_chunk_size")  # a mask given whole would undo these


@dataclass(frozen=True)
class TokenTree:
    """A group of texts as a tree; nodes in depth-first order, each array `(n_nodes,)`.

    token, depth (0 = first token), end: one past the last node of the subtree below a node.
    last: `(n_texts,)`, the node at which each text ends.
    """

    token: np.ndarray
    depth: np.ndarray
    end: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.token)


@dataclass(frozen=True)
class Layout:
    """Trees laid out in rows. token, depth, end: `(n_rows, n_nodes)`, as in the trees.

    last: `(n_rows, n_slots)`, the nodes of a row at which texts end, filled up with node 0.
    row, slot: `(n_texts,)`, where in `last` each text is.
    """

    token: torch.Tensor
    depth: torch.Tensor
    end: torch.Tensor
    last: torch.Tensor
    row: torch.Tensor
    slot: torch.Tensor


def token_tree(texts: Sequence[Tokens], *, pad_token_id: int | None = None) -> TokenTree:
    """The tree of texts given as token ids; equal texts end at the same node.

    Arguments: `pad_token_id` is dropped from the end of every text: the classification head looks
    for the last other token, which matters where the end-of-text token pads.
    """
    texts = [_without_padding(list(text), pad_token_id) for text in texts]
    token, depth, end, path = [], [], [], []
    last = np.empty(len(texts), dtype=np.int64)
    previous: Tokens = ()
    # In sorted order each text shares with the one before all that it shares with any before.
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        text = texts[index]
        shared = _n_shared(previous, text)
        for node in path[shared:]:
            end[node] = len(token)
        path[shared:] = range(len(token), len(token) + len(text) - shared)
        token += text[shared:]
        depth += range(shared, len(text))
        end += [0] * (len(text) - shared)
        last[index] = path[-1]
        previous = text
    for node in path:
        end[node] = len(token)
    return TokenTree(*(np.array(column, dtype=np.int64) for column in (token, depth, end)), last)


def _without_padding(text: list[int], pad_token_id: int | None) -> list[int]:
    while len(text) > 1 and text[-1] == pad_token_id:
        text.pop()
    if not text:
        raise ValueError("a text without tokens has no score: append an end token (append_eos)")
    return text


def _n_shared(first: Tokens, second: Tokens) -> int:
    n = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        n += 1
    return n


def group_scorer(
    model: PreTrainedModel, groups: Sequence[Sequence[Tokens]], *, pad_token_id: int
) -> Callable[[Sequence[int]], torch.Tensor]:
    """A function from indices of `groups` to the logits `(n_texts,)` of their texts in order.

    Arguments: `model` a classifier in evaluation mode; `groups` token ids `[group][text]`.
    Prefixes are shared where the model `shares_prefixes` and a group's tree costs less than its
    texts one by one, else each text is read by itself.
    """
    padding = {"pad_token_id": pad_token_id}
    if not shares_prefixes(model, groups[:N_TRIED], **padding):
        return lambda batch: plain_scores(model, [groups[i] for i in batch], **padding)
    width = model.config.get_text_config().hidden_size
    trees = [_cheapest(group, width, pad_token_id) for group in groups]
    return lambda batch: tree_scores(model, [t for i in batch for t in trees[i]], **padding)


def _cheapest(texts: Sequence[Tokens], width: int, pad_token_id: int) -> list[TokenTree]:
    """One tree of all texts, or a tree each: all of a row's nodes attend to one another.

    A layer's products take 12 width^2 multiplications a node. Attention was measured to take as
    long as 3 width ones for each other node of the row, at widths 64 and 256 on one CPU thread.
    """
    texts = [_without_padding(list(text), pad_token_id) for text in texts]
    together = token_tree(texts)

    def cost(n_nodes: int) -> int:
        return n_nodes * (12 * width + 3 * n_nodes)

    if cost(len(together)) <= sum(cost(len(text)) for text in texts):
        return [together]
    return [token_tree([text]) for text in texts]


def shares_prefixes(
    model: PreTrainedModel, groups: Sequence[Sequence[Tokens]], *, pad_token_id: int
) -> bool:
    """Whether `tree_scores` gives this model's own scores, tried on `groups` (a few suffice).

    False for a head or attention of another kind, for attention within a window, and wherever the
    scores differ by more than the square root of the precision, relatively.
    """
    config = model.config.get_text_config()
    if (
        not isinstance(getattr(model, "score", None), torch.nn.Linear)
        or config._attn_implementation not in ATTENTION
        or any(getattr(config, window, None) for window in WINDOWS)
        or "position_ids" not in signature(model.base_model.forward).parameters
    ):
        return False
    trees = [token_tree(group, pad_token_id=pad_token_id) for group in groups]
    with torch.no_grad():
        own = plain_scores(model, groups, pad_token_id=pad_token_id)
        shared = tree_scores(model, trees, pad_token_id=pad_token_id)
    tolerance = _rounding(own) ** 0.5
    return torch.allclose(own, shared, rtol=tolerance, atol=tolerance)


def _rounding(scores: torch.Tensor) -> float:
    """Relative rounding of the products that gave these scores, on a GPU perhaps TF32's."""
    full = torch.get_float32_matmul_precision() == "highest"
    if scores.is_cuda and scores.dtype == torch.float32 and not full:
        return 2.0**-10  # held to that of float32, no model on a GPU would share its prefixes
    return torch.finfo(scores.dtype).eps


def plain_scores(
    model: PreTrainedModel, groups: Sequence[Sequence[Tokens]], *, pad_token_id: int
) -> torch.Tensor:
    """Logits `(n_texts,)` of all groups' texts in order, each text by itself, with gradient."""
    token, mask = pad_right([text for group in groups for text in group], pad_token_id)
    return model(token.to(model.device), attention_mask=mask.to(model.device)).logits[:, 0]


def tree_scores(
    model: PreTrainedModel, trees: Sequence[TokenTree], *, pad_token_id: int
) -> torch.Tensor:
    """Logits `(n_texts,)` of all trees' texts in order, with gradient; see `shares_prefixes`."""
    layout = _layout(trees, pad_token_id, model.device)
    mask = _attention(layout.end, model.dtype)
    if isinstance(model, GPTNeoXForSequenceClassification):
        hidden = hidden_at_ends(model.gpt_neox, layout.token, layout.depth, layout.last, mask)
    else:
        output = model.base_model(
            layout.token, attention_mask=mask, position_ids=layout.depth, use_cache=False
        )
        hidden = output.last_hidden_state.take_along_dim(layout.last[:, :, None], dim=1)
    return model.score(hidden)[layout.row, layout.slot, 0]


def _layout(trees: Sequence[TokenTree], pad_token_id: int, device: torch.device) -> Layout:
    row, start = _pack([len(tree) for tree in trees])
    shape = row.max() + 1, max(map(len, trees))
    token, depth = np.full(shape, pad_token_id), np.zeros(shape, dtype=np.int64)
    end = np.tile(np.arange(1, shape[1] + 1), (shape[0], 1))  # padding sees itself alone
    ends: list[list[int]] = [[] for _ in range(shape[0])]
    slots: list[int] = []
    for tree, i, first in zip(trees, row, start, strict=True):
        place = i, slice(first, first + len(tree))
        token[place], depth[place], end[place] = tree.token, tree.depth, tree.end + first
        slots += range(len(ends[i]), len(ends[i]) + len(tree.last))
        ends[i] += (tree.last + first).tolist()
    last = pad_right(ends, 0)[0].numpy()
    text_row = np.repeat(row, [len(tree.last) for tree in trees])
    arrays = token, depth, end, last, text_row, np.array(slots)
    return Layout(*(torch.from_numpy(array).to(device) for array in arrays))


def _pack(sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Row and first node of each tree: first fit, largest first, rows as long as the largest."""
    row, start = np.zeros((2, len(sizes)), dtype=np.int64)
    filled: list[int] = []
    longest = max(sizes)
    for i in np.argsort(-np.asarray(sizes), kind="stable").tolist():
        free = (r for r, used in enumerate(filled) if used + sizes[i] <= longest)
        row[i] = next(free, len(filled))
        if row[i] == len(filled):
            filled.append(0)
        start[i] = filled[row[i]]
        filled[row[i]] += sizes[i]
    return row, start


def _attention(end: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive mask `(n_rows, 1, n_nodes, n_nodes)`: a node sees those whose subtree it is in."""
    node = torch.arange(end.shape[1], device=end.device)
    visible = (node[None, :] <= node[:, None]) & (node[:, None] < end[:, None, :])
    mask = torch.zeros(visible.shape, dtype=dtype, device=end.device)
    return mask.masked_fill_(~visible, torch.finfo(dtype).min)[:, None]
