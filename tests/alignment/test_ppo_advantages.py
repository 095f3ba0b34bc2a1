"""Token rewards, advantage estimation and whitening, by hand and by a slow reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.alignment.ppo.advantages import (
    advantages_and_returns,
    explained_variance,
    token_rewards,
    whiten,
)

# Two responses, after prompts of other lengths: tokens 1-3 of the first, 0-1 of the second.
MASK = torch.tensor([[0, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)


def test_the_score_stands_at_the_last_token_and_the_kl_at_each():
    log_ratio = torch.tensor([[9.0, 1.0, 2.0, -1.0], [0.5, 0.0, 9.0, 9.0]])
    rewards = token_rewards(log_ratio, torch.tensor([10.0, 20.0]), MASK, 0.5)
    # -0.5 times the log-ratio, and the score added at the last token; 9s are no response's
    expected = [[0.0, -0.5, -1.0, 0.5 + 10], [-0.25, 20.0, 0.0, 0.0]]
    assert rewards.tolist() == expected


def test_advantages_by_hand():
    rewards = torch.tensor([[7.0, 0.0, 0.0, 8.0], [1.0, 2.0, 7.0, 7.0]])
    values = torch.tensor([[7.0, 4.0, 2.0, 6.0], [3.0, 1.0, 7.0, 7.0]])
    advantages, returns = advantages_and_returns(rewards, values, MASK, discount=1.0, trace=0.5)
    # first: deltas 2 - 4 = -2, 6 - 2 = 4, 8 - 6 = 2; backwards 2, 4 + 1 = 5, -2 + 2.5 = 0.5
    # second: deltas 1 + 1 - 3 = -1, 2 - 1 = 1; backwards 1, -1 + 0.5 = -0.5
    assert advantages.tolist() == [[0.0, 0.5, 5.0, 2.0], [-0.5, 1.0, 0.0, 0.0]]
    assert returns.tolist() == [[0.0, 4.5, 7.0, 8.0], [2.5, 2.0, 0.0, 0.0]]


def slow_advantages(rewards, values, discount, trace):
    """The definition: sum over l of (discount * trace)^l delta_{t + l}, in plain Python."""
    after = [*values[1:], 0.0]
    deltas = [r + discount * v1 - v0 for r, v0, v1 in zip(rewards, values, after, strict=True)]
    return [
        sum((discount * trace) ** (k - t) * deltas[k] for k in range(t, len(deltas)))
        for t in range(len(deltas))
    ]


@settings(max_examples=60, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=4),
    discount=st.floats(0.5, 1.0),
    trace=st.floats(0.0, 1.0),
    seed=st.integers(0, 10**6),
)
def test_advantages_are_those_of_the_definition(spans, discount, trace, seed):
    width = max(start + length for start, length in spans)
    mask = torch.zeros(len(spans), width, dtype=torch.bool)
    for row, (start, length) in enumerate(spans):
        mask[row, start : start + length] = True
    rng = np.random.default_rng(seed)
    rewards, values = torch.from_numpy(rng.normal(size=(2, *mask.shape)))
    found, returns = advantages_and_returns(rewards, values, mask, discount=discount, trace=trace)
    for row, (start, length) in enumerate(spans):
        own = slice(start, start + length)
        expected = slow_advantages(
            rewards[row, own].tolist(), values[row, own].tolist(), discount, trace
        )
        assert found[row, own].tolist() == pytest.approx(expected, abs=1e-9)
        assert returns[row, own].tolist() == pytest.approx(
            (np.array(expected) + values[row, own].numpy()).tolist(), abs=1e-9
        )
    assert (found[~mask] == 0).all()


def test_with_a_full_trace_returns_are_the_rewards_to_come():
    rewards = torch.tensor([[0.0, 1.0, -2.0, 4.0], [3.0, 5.0, 0.0, 0.0]])
    _, returns = advantages_and_returns(
        rewards, torch.randn(2, 4, generator=torch.manual_seed(0)), MASK, discount=1.0, trace=1.0
    )
    expected = torch.tensor([[0.0, 3.0, 2.0, 4.0], [8.0, 5.0, 0.0, 0.0]])
    assert torch.allclose(returns, expected, atol=1e-6)  # whatever the values were


def test_whitening_is_over_response_tokens_only():
    x = torch.tensor([[99.0, 1.0, 2.0, 3.0], [4.0, 5.0, 99.0, 99.0]])
    # mean 3, variance (4 + 1 + 0 + 1 + 4) / 5 = 2
    expected = torch.tensor([[0.0, -2.0, -1.0, 0.0], [1.0, 2.0, 0.0, 0.0]]) / 2**0.5
    assert torch.allclose(whiten(x, MASK), expected)
    kept = whiten(x, MASK, keep_mean=True)
    assert torch.allclose(kept[MASK], expected[MASK] + 3)
    assert (kept[~MASK] == 0).all()


def test_equal_values_are_whitened_to_zero():
    assert (whiten(torch.full((2, 4), 7.0), MASK) == 0).all()


def test_explained_variance():
    returns = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert explained_variance(returns + 5, returns) == 1  # a shift explains all that varies
    assert explained_variance(torch.zeros(4), returns) == 0
    # residuals 1, 1, 1, 2: variance 3/16; of the returns 5/4
    values = torch.tensor([0.0, 1.0, 2.0, 2.0])
    assert explained_variance(values, returns) == pytest.approx(1 - (3 / 16) / (5 / 4))
    assert np.isnan(explained_variance(returns, torch.ones(4)))
