"""The pretended GPU refuses what a GPU refuses, and believes itself to be one."""

import pytest
import torch


@pytest.mark.parametrize(
    "mistake",
    [
        lambda there, here: there + here,
        lambda there, here: torch.cat([there, here]),
        lambda there, here: here[there.long()],
        lambda there, here: there.masked_fill(here > 0, 0.0),
        lambda there, here: there.index_put((there.long(),), here),
        lambda there, here: here.sum().add_(there.sum()),  # its result would be on the GPU
        lambda there, here: torch.stack([there.sum(), here.sum()]),
    ],
)
def test_tensors_of_two_devices_do_not_meet(gpu, mistake):
    with gpu(), pytest.raises(RuntimeError, match="same device"):
        mistake(torch.ones(2, device="cuda"), torch.ones(2))


def test_neither_do_those_of_two_gpus(gpu):
    with gpu(2), pytest.raises(RuntimeError, match="'cuda:0', 'cuda:1'"):
        torch.ones(2, device="cuda:0") * torch.ones(2, device="cuda:1")
    with gpu(), pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.ones(2, device="cuda:1")


def test_what_lies_on_it_is_no_array_and_draws_with_no_generator_of_the_cpu(gpu):
    with gpu(), pytest.raises(TypeError, match="can't convert cuda:0"):
        torch.ones(2, device="cuda").numpy()
    with gpu(), pytest.raises(RuntimeError, match="'cuda' device type for generator"):
        torch.empty(2, device="cuda").exponential_(generator=torch.Generator())


def test_numbers_and_indices_may_stay_behind(gpu):
    with gpu():
        there = torch.tensor([1.0, 2.0, 3.0], device="cuda")
        assert (there * torch.tensor(2.0)).tolist() == [2.0, 4.0, 6.0]
        assert there[torch.tensor([2, 0])].tolist() == [3.0, 1.0]
        assert there.is_cuda
        assert there.cpu().numpy().tolist() == [1.0, 2.0, 3.0]


def test_gradients_and_autocast_are_those_of_a_gpu(gpu):
    with gpu(bfloat16=True):
        layer = torch.nn.Linear(3, 1).to("cuda")
        with torch.autocast("cuda", torch.bfloat16):
            out = layer(torch.ones((2, 3), device="cuda"))
        assert out.dtype == torch.bfloat16
        out.float().sum().backward()
        assert layer.weight.grad.device == torch.device("cuda:0")
        assert layer.weight.grad.tolist() == [[2.0, 2.0, 2.0]]


def test_it_is_gone_afterwards(gpu):
    with gpu():
        assert torch.cuda.is_available()
    assert not torch.cuda.is_available()
    with pytest.raises((RuntimeError, AssertionError)):
        torch.ones(2, device="cuda")
    weight = torch.ones(2, requires_grad=True)
    weight.sum().backward()
    assert weight.grad.tolist() == [1.0, 1.0]
