"""Operations and bytes of training and using a transformer, from its size alone.

Operations: Kaplan et al. (2020, arXiv 2001.08361, section 2.1 and appendix B) and Hoffmann et al.
(2022, arXiv 2203.15556, appendix F): a forward pass takes 2 operations a weight and token, the
backward pass twice that. Attention's own part, which grows with the length, is added as Kaplan's
table 1 has it. Bytes: Korthikanti et al. (2022, arXiv 2205.05198, equation 2), with attention that
keeps no matrix of weights. Left out: recomputed activations, sharded states, quantised weights.
"""

from proxylab.cost.models import ModelSize

FORWARD = 2  # operations a weight and token
TRAINING_PASSES, ADAPTER_PASSES = 3, 2  # the work of a step, in forward passes
# Every trainer here keeps its weights in float32; a released reward model takes half of that.
WEIGHT_BYTES = 4
STATE_BYTES = 4 + 8  # of a trained weight: its gradient, and AdamW's two moments
# Korthikanti et al. count 34 bytes a token, unit of width and layer in 16 bits: 68 in float32.
ACTIVATION_BYTES = 68


def forward_flops(model: ModelSize, n_tokens: float, context: float) -> float:
    """Operations of one forward pass over `n_tokens` tokens in sequences of length `context`.

    2 N a token, N the weights that a token is multiplied by, plus 2 x layers x context x width, in
    which a token sees half of its sequence (Kaplan et al. 2020, table 1).
    """
    attention = FORWARD * model.layers * context * model.hidden
    return n_tokens * (FORWARD * model.multiplied + attention)


def training_flops(
    model: ModelSize,
    n_tokens: float,
    context: float,
    *,
    adapters: bool = False,
    recomputed: bool = False,
) -> float:
    """Operations of forward and backward passes: 6 N a token, or 4 N where adapters are trained.

    With adapters the gradient passes through every layer, but is not taken of its weights.
    Activations that are computed again take one more forward pass (`recomputed`).
    """
    passes = (ADAPTER_PASSES if adapters else TRAINING_PASSES) + recomputed
    return passes * forward_flops(model, n_tokens, context)


def weight_bytes(model: ModelSize) -> float:
    """Bytes of the weights in memory."""
    return WEIGHT_BYTES * model.parameters


def training_state_bytes(
    model: ModelSize, n_trained: float, *, base_bytes: int = WEIGHT_BYTES
) -> float:
    """Bytes of a copy to train: its weights, and gradient and moments of what is trained.

    Arguments: `base_bytes` of a frozen weight, 2 where adapters stand on a base in bfloat16.
    """
    return base_bytes * model.parameters + STATE_BYTES * n_trained


def activation_bytes(model: ModelSize, n_tokens: float, *, recomputed: bool = False) -> float:
    """Bytes that a forward pass over `n_tokens` tokens keeps for its backward pass.

    68 x tokens x width x layers, and two float32 copies of the logits where there are any.
    Recomputed: every layer keeps its input alone, and one layer at a time the rest.
    """
    logits = 2 * WEIGHT_BYTES * n_tokens * model.output
    a_layer = ACTIVATION_BYTES * n_tokens * model.hidden
    if recomputed:
        return a_layer + WEIGHT_BYTES * n_tokens * model.hidden * model.layers + logits
    return a_layer * model.layers + logits


def cache_bytes(model: ModelSize, n_tokens: float) -> float:
    """Bytes of the keys and values of `n_tokens` tokens: 2 x width x layers, float32."""
    return 2 * WEIGHT_BYTES * n_tokens * model.hidden * model.layers
