"""PPO's losses and KL control, by hand, and the gradients of the losses in float64."""

import math

import numpy as np
import pytest
import torch
from proxylab.alignment.ppo import PPOSettings
from proxylab.alignment.ppo.kl_control import KLControl
from proxylab.alignment.ppo.losses import approximate_kl, policy_loss, ratio_to_old, value_loss
from proxylab.alignment.ppo.scores import ScoreScale, shaped_scores


def test_policy_loss_by_hand():
    ratio = torch.tensor([1.0, 1.5, 1.5, 0.5, 0.5])
    advantage = torch.tensor([2.0, 1.0, -1.0, 1.0, -1.0])
    # a gain is cut at 1.2; a loss that grew is not; at 0.5 with a loss, 0.8 is the worse
    expected = torch.tensor([-2.0, -1.2, 1.5, -0.5, 0.8])
    assert torch.allclose(policy_loss(ratio, advantage, 0.2), expected)


def test_value_loss_by_hand():
    value, old = torch.tensor([1.0, 1.0, 3.0]), torch.tensor([0.0, 0.9, 0.0])
    returns = torch.tensor([1.0, 0.0, 5.0])
    # 1: plain error 0, but the clipped value 0.2 is 0.8 off; 2: within the clip; 3: 4.8 off
    expected = torch.tensor([0.32, 0.5, 0.5 * 4.8**2])
    assert torch.allclose(value_loss(value, old, returns, 0.2), expected)
    plain = torch.tensor([0.0, 0.5, 2.0])
    assert torch.allclose(value_loss(value, old, returns, None), plain)


def test_ratio_and_its_limit():
    logprob, old = torch.tensor([-1.0, -1.0, 60.0]), torch.tensor([-1.0, -2.0, -60.0])
    ratio = ratio_to_old(logprob, old, log_limit=10.0)
    assert ratio.tolist() == pytest.approx([1.0, math.e, math.exp(10)])
    assert ratio_to_old(logprob, old)[2].isinf()


def test_approximate_kl_is_unbiased_for_samples_of_the_old_policy():
    old, new = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.4, 0.2])
    found = approximate_kl(torch.from_numpy(np.log(new)), torch.from_numpy(np.log(old))).numpy()
    assert (found >= 0).all()
    # its mean over the old policy, summed exactly, is KL(old || new)
    assert old @ found == pytest.approx(np.sum(old * np.log(old / new)))


@pytest.mark.parametrize("value_clip", [0.2, None])
def test_gradients(value_clip):
    rng = torch.Generator().manual_seed(0)
    old, advantage, old_value, returns = torch.randn(4, 12, generator=rng, dtype=torch.float64)
    start = torch.randn(2, 12, generator=rng, dtype=torch.float64, requires_grad=True)

    def loss(x):
        # twelve tokens, some of them beyond each clip and none at a kink
        ratio = ratio_to_old(old + 0.4 * x[0], old)
        policy = policy_loss(ratio, advantage, 0.2)
        return (policy + value_loss(old_value + x[1], old_value, returns, value_clip)).sum()

    assert torch.autograd.gradcheck(loss, start)


def test_no_gradient_flows_where_the_ratio_is_clipped():
    logprob = torch.tensor([0.5, 0.5], requires_grad=True)
    policy_loss(
        ratio_to_old(logprob, torch.zeros(2)), torch.tensor([1.0, -1.0]), 0.2
    ).sum().backward()
    # e^0.5 > 1.2: the gain is cut; the loss is not, and its slope is ratio * -A
    assert logprob.grad.tolist() == pytest.approx([0.0, math.exp(0.5)])


def test_a_fixed_coefficient_stays():
    control = KLControl(0.3)
    control.update(100.0)
    assert control.beta == 0.3


def test_an_adaptive_coefficient_moves_with_the_clipped_error():
    control = KLControl(1.0, target=2.0, gain=0.1)
    control.update(2.2)  # 10 % above: times 1 + 0.1 * 0.1
    assert control.beta == pytest.approx(1.01)
    control.update(50.0)  # far above: the error counts as 0.2
    assert control.beta == pytest.approx(1.01 * 1.02)
    control.update(0.0)
    assert control.beta == pytest.approx(1.01 * 1.02 * 0.98)


def test_scores_are_scaled_limited_and_fined():
    scale = ScoreScale.of(np.array([1.0, 3.0]))  # mean 2, standard deviation 1
    settings = PPOSettings(score_limit=1.5, missing_end_penalty=0.25)
    finished = np.array([True, False, True])
    shaped = shaped_scores(np.array([9.0, 1.0, 2.5]), finished, scale, settings)
    assert shaped.tolist() == [1.5, -1.25, 0.5]
    untouched = shaped_scores(np.array([9.0]), np.array([False]), ScoreScale(), PPOSettings())
    assert untouched.tolist() == [9.0]


def test_equal_scores_have_no_scale():
    with pytest.raises(ValueError, match=r"all 2 scores .* are 4: .* score_scale='none'"):
        ScoreScale.of(np.array([4.0, 4.0]))
