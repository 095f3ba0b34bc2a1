"""Losses by hand, their algebra, and their gradients in double precision."""

from math import exp, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from proxylab.alignment import (
    default_sft_weight,
    dpo_loss,
    implicit_reward,
    pro_loss,
    pro_total_loss,
    sft_loss,
)

NAN = float("nan")


def double(*values, grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


# Policy log-ratios of +0.5 and -0.5 nats.
PAIR = double(-1.0), double(-2.0), double(-1.5), double(-1.5)


def test_the_implicit_reward_is_beta_times_the_log_ratio():
    assert implicit_reward(double(-1.0, -3.0), double(-1.5, -1.0), 2.0).tolist() == [1.0, -4.0]


@pytest.mark.parametrize(
    ("beta", "options", "expected"),
    [
        (2.0, {}, log(1 + exp(-2))),  # margin 2 (0.5 + 0.5)
        (2.0, {"label_smoothing": 0.1}, 0.9 * log(1 + exp(-2)) + 0.1 * log(1 + exp(2))),
        (2.0, {"form": "hinge"}, 0.0),  # the margin is past 1
        (0.25, {"form": "hinge"}, 0.75),
        (0.25, {"form": "hinge", "label_smoothing": 0.1}, 0.9 * 0.75 + 0.1 * 1.25),
    ],
)
def test_dpo_by_hand(beta, options, expected):
    assert dpo_loss(*PAIR, beta, **options).tolist() == pytest.approx([expected], abs=1e-12)


def test_dpo_at_the_reference_is_log_two():
    same = double(-3.0, -1.0)
    assert dpo_loss(same, same, same, same, 0.1).tolist() == pytest.approx([log(2)] * 2)


def test_sft_sums_or_averages_over_tokens():
    assert sft_loss(double(-6.0, -1.0)).tolist() == [6.0, 1.0]
    assert sft_loss(double(-6.0, -1.0), double(3.0, 2.0)).tolist() == [2.0, 0.5]


def test_plain_pro_by_hand():
    # exp(s) = 1/2, 1/4, 1/4: the first against all 1/2, the second against the last 1/2
    score = double([log(0.5), log(0.25), log(0.25)])
    assert pro_loss(score, temperature=False).item() == pytest.approx(2 * log(2))
    reward = double([3.0, 2.0, -1.0])
    assert pro_loss(score, reward, temperature=False).item() == pytest.approx(2 * log(2))


def test_pro_with_temperatures_by_hand():
    score, reward = double([-1.0, -2.0, -3.0]), double([3.0, 2.0, 0.0])
    # first: a = 3 for itself, 1 and 3 for the others: e^-3 against e^-2 and e^-9
    # second: a = 2 for both: e^-4 against e^-6
    expected = log(1 + exp(1) + exp(-6)) + log(1 + exp(-2))
    assert pro_loss(score, reward, temperature=True).item() == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(-5, 0), min_size=2, max_size=2), st.floats(0.1, 4))
def test_pro_of_two_is_bradley_terry_on_mean_logprobs(scores, gap):
    score = double(scores)
    first, second = score.T
    plain = pro_loss(score, temperature=False)
    # -log e^a / (e^a + e^b) = -log sigmoid(a - b): DPO with beta 1 and no reference
    none = torch.zeros(1, dtype=torch.float64)
    assert plain.item() == pytest.approx(dpo_loss(first, second, none, none, 1.0).item())
    tempered = pro_loss(score, double([gap, 0.0]), temperature=True)
    # both are divided by the same temperature, 1 / gap
    assert tempered.item() == pytest.approx(dpo_loss(first, second, none, none, gap).item())


@given(
    st.lists(st.tuples(st.floats(-5, 0), st.integers(0, 3)), min_size=2, max_size=5),
    st.booleans(),
    st.randoms(),
)
@settings(max_examples=50)
def test_pro_does_not_depend_on_the_order_of_candidates_nor_on_padding(pairs, temperature, random):
    shuffled = random.sample(pairs, len(pairs))

    def loss(pairs, padding=0):
        score, reward = zip(*pairs, *[(NAN, NAN)] * padding, strict=True)
        return pro_loss(double(score), double(reward), temperature=temperature).item()

    assert loss(shuffled) == pytest.approx(loss(pairs), abs=1e-9)
    assert loss(pairs, padding=2) == pytest.approx(loss(pairs), abs=1e-12)


@pytest.mark.parametrize("temperature", [False, True])
def test_equal_rewards_are_not_compared(temperature):
    score = double([-1.0, -2.0, -4.0])
    assert pro_loss(score, double([1.0, 1.0, 1.0]), temperature=temperature).item() == 0
    # two at the top: each only against the last, at a gap of 1 in both forms
    expected = log(1 + exp(-3)) + log(1 + exp(-2))
    found = pro_loss(score, double([1.0, 1.0, 0.0]), temperature=temperature).item()
    assert found == pytest.approx(expected, abs=1e-12)


def test_temperatures_need_rewards():
    with pytest.raises(ValueError, match="gaps between rewards: give `reward`"):
        pro_loss(double([-1.0, -2.0]), temperature=True)


def test_the_sft_weight_grows_with_the_square_of_the_candidates():
    assert default_sft_weight(torch.tensor([1, 2, 3, 5])).tolist() == pytest.approx(
        [0, 0.05, 0.2, 0.8]
    )


def test_the_total_is_ranking_and_likelihood_of_the_best():
    logprob = double([-4.0, -2.0, -9.0], [-1.0, -3.0, NAN])
    n_tokens = double([2.0, 2.0, 3.0], [1.0, 1.0, NAN])
    reward = double([0.0, 5.0, -5.0], [1.0, 0.0, NAN])
    ranking = pro_loss(double([-1.0, -2.0, -3.0], [-1.0, -3.0, NAN]), temperature=False)

    def total(**options):
        return pro_total_loss(logprob, n_tokens, reward, temperature=False, **options) - ranking

    # the best candidates cost 2 and 1 nats; 0.05 (3 - 1)^2 = 0.2 and 0.05 (2 - 1)^2 = 0.05
    assert total().tolist() == pytest.approx([0.4, 0.05])
    assert total(sft_weight=1.0).tolist() == pytest.approx([2.0, 1.0])
    assert total(sft_weight=1.0, sft_per_token=True).tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("form", ["sigmoid", "hinge"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_gradients_of_dpo(form, label_smoothing):
    inputs = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {"form": form, "label_smoothing": label_smoothing}
    inputs.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: dpo_loss(*x, 0.7, **options), inputs)


@pytest.mark.parametrize("temperature", [False, True])
def test_gradients_of_pro_with_ties_and_padding(temperature):
    known = double([-1.0, -2.0, -0.5, -3.0], [-1.0, -2.5, -0.7, -1.5], grad=True)
    reward = double([1.0, 3.0, 1.0, 0.0], [2.0, 0.5, 1.0, NAN])
    padding = torch.isnan(reward)

    def losses(logprob):
        logprob = logprob.masked_fill(padding, NAN)
        lengths = torch.full_like(logprob, 2.0)
        return pro_total_loss(logprob, lengths, reward, temperature=temperature)

    assert torch.autograd.gradcheck(losses, known)
    losses(known).sum().backward()
    assert known.grad.isfinite().all()
    assert known.grad[1, 3] == 0
    assert (known.grad[0] != 0).all()


def test_gradients_of_sft():
    logprob = double(-1.0, -2.0, grad=True)
    assert torch.autograd.gradcheck(lambda x: sft_loss(x, double(3.0, 2.0)), logprob)
