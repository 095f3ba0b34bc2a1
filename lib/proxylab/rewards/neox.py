"""GPT-NeoX (Pythia, and the models made here) on token trees: the last layer only where it is read.

The same arithmetic as transformers' own layer, for models in evaluation mode. A classifier's head
reads the hidden state at the end of each text and nothing else, so the last layer's queries and
feed-forward block are computed there alone. `shared_prefix.shares_prefixes` holds the result
against the model's own before it is used. Left out: dropout and caching.
"""

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer, GPTNeoXModel

Rotary = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def hidden_at_ends(
    base: GPTNeoXModel,
    token: torch.Tensor,
    depth: torch.Tensor,
    last: torch.Tensor,
    mask: torch.Tensor,
) -> torch.Tensor:
    """Final hidden states `(n_rows, n_slots, width)` at the nodes where texts end.

    Arguments: `token` and `depth` (the position of each) `(n_rows, n_nodes)`; `last`
    `(n_rows, n_slots)` node indices; `mask` additive, `(n_rows, 1, n_nodes, n_nodes)`.
    """
    hidden = base.embed_in(token)
    rotary = _rotary(base, hidden, depth)
    for layer in base.layers[:-1]:
        hidden = _layer(layer, hidden, mask, rotary)
    return base.final_layer_norm(_layer(base.layers[-1], hidden, mask, rotary, last))


def _rotary(base: GPTNeoXModel, hidden: torch.Tensor, depth: torch.Tensor) -> Rotary:
    """Cosines and sines `(n_rows, n_nodes, 1, head_size)`, and the matrix that turns by 90 degrees.

    Whole heads and a product take a twelfth less of a step than cutting each head in its parts.
    """
    cos, sin = base.rotary_emb(hidden, position_ids=depth)
    size, turned = base.layers[0].attention.head_size, cos.shape[-1]
    eye = torch.eye(turned // 2, dtype=hidden.dtype, device=hidden.device)
    turn = torch.zeros(size, size, dtype=hidden.dtype, device=hidden.device)
    turn[: turned // 2, turned // 2 : turned], turn[turned // 2 : turned, : turned // 2] = eye, -eye
    rest = (0, size - turned)  # the part of a head that knows no position
    return pad(cos, rest, value=1.0)[:, :, None], pad(sin, rest)[:, :, None], turn


def _layer(
    layer: GPTNeoXLayer,
    hidden: torch.Tensor,
    mask: torch.Tensor,
    rotary: Rotary,
    last: torch.Tensor | None = None,
) -> torch.Tensor:
    """What GPTNeoXLayer computes; with `last` `(n_rows, n_slots)`, for those nodes only."""
    attention, (cos, sin, turn) = layer.attention, rotary
    heads = attention.query_key_value(layer.input_layernorm(hidden))
    query, key, value = heads.unflatten(-1, (-1, 3, attention.head_size)).unbind(dim=3)
    key = torch.addcmul(key * cos, key @ turn, sin)
    if last is not None:
        node = last[:, :, None]
        hidden, mask = hidden.take_along_dim(node, 1), mask.take_along_dim(node[:, None], 2)
        query, cos, sin = (x.take_along_dim(node[..., None], 1) for x in (query, cos, sin))
    query = torch.addcmul(query * cos, query @ turn, sin)
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    seen = scaled_dot_product_attention(query, key, value, mask, scale=attention.scaling)
    seen = attention.dense(seen.transpose(1, 2).flatten(2))
    if layer.use_parallel_residual:
        return hidden + seen + layer.mlp(layer.post_attention_layernorm(hidden))
    hidden = hidden + seen
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))
