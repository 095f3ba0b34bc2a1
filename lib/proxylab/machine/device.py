"""Which device models run on, in which arithmetic, and what a seed decides there.

One place for it, so that a GPU needs no line of code changed: models are moved to what
`usable_device` says, and tensors follow their model.

Products are in bfloat16 where a trainer or `sampling_arithmetic` says so, else in float32, which on
an NVIDIA GPU means TF32: factors keep 10 bits of mantissa (bfloat16: 7, float32: 23), sums stay
float32. That is 8 times as fast on an A100 (156 to 19.5 x 10^12 operations a second) and 7 times on
a Hopper (495 to 67, by their data sheets), and torch leaves it off until told.
Nothing here needs more. A factor is rounded by at most 2^-11 of it, an eighth of bfloat16's
rounding; so rounded on a CPU, a model of ours was off by 0.007 nats (one s.d.; bfloat16: 0.06) in a
log-probability summed over a hundred tokens, where replies that are compared differ by nats. Both
sides of a KL or a ratio are rounded alike, and statistics are taken on the CPU in float64. A CPU is
left alone: its results are bit for bit what they were.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

DEVICE_VARIABLE = "PROXYLAB_DEVICE"
PROCESS_VARIABLE = "LOCAL_RANK"  # as torchrun and accelerate number the processes of a machine
AUTO = "auto"


def usable_device(device: str = AUTO) -> str:
    """The device named, or for "auto" the one of PROXYLAB_DEVICE, else a GPU where there is one.

    Of several processes on a machine, each has the GPU of its number. On an NVIDIA GPU products of
    float32 are TF32 from then on (see above).
    Raises ValueError for a device that torch does not know or has not got here, saying whether
    the variable named it.
    """
    named = _named_device(device)
    if torch.device(named).type == "cuda":
        _take_tf32()
    return named


def _named_device(device: str) -> str:
    from_variable = device == AUTO
    named = os.environ.get(DEVICE_VARIABLE, "") or AUTO if from_variable else device
    if named == AUTO:
        return _own_gpu() if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=named)
    except (RuntimeError, AssertionError) as error:
        source = f"{DEVICE_VARIABLE}={named!r}" if from_variable else f"device {named!r}"
        raise ValueError(
            f"{source} cannot be used here ({str(error).splitlines()[0]}): say 'cpu', 'cuda' "
            "where there is a GPU, or 'auto' to let the machine decide"
        ) from None
    return named


def _take_tf32() -> None:
    """Let the process take float32 products in TF32.

    The older of torch's two ways: after the newer (`torch.backends.cuda.matmul.fp32_precision`)
    whatever still reads the older flag raises an error. It speaks to CPUs too, some of which then
    give other bits: only a process that uses a GPU may call it.
    """
    torch.set_float32_matmul_precision("high")


def _own_gpu() -> str:
    process = os.environ.get(PROCESS_VARIABLE, "")
    return f"cuda:{process}" if process else "cuda"


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are in this device's hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def bfloat16_products(device: torch.device, *, enabled: bool) -> AbstractContextManager:
    """The context in which matrix products are taken in bfloat16; not enabled, it does nothing."""
    return torch.autocast(device.type, torch.bfloat16) if enabled else nullcontext()


def sampling_arithmetic(device: torch.device) -> AbstractContextManager:
    """The context in which completions are drawn: bfloat16 on a GPU that has it.

    On a CPU it changes nothing. Log-probabilities are taken outside it: over a hundred tokens the
    rounding of bfloat16 logits would add up to tenths of a nat (that of TF32 to hundredths).
    """
    return bfloat16_products(device, enabled=device.type == "cuda" and fast_bfloat16(device))


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draws within depend on `seed` alone, and those after are as if there had been none.

    Arguments: `device` on which is drawn, None = the CPU.
    """
    gpus = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        # Not torch.manual_seed: it would set every GPU, and only this one is put back.
        torch.default_generator.manual_seed(int(seed))
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield
