"""The same small work on the CPU and on a GPU that is pretended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState
from proxylab.alignment import LanguageModelPolicy
from proxylab.machine import device as device_module
from proxylab.policies import (
    LanguageModelSettings,
    new_language_model,
    save_policy,
    word_tokenizer,
)
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.ranked import fresh_reward_model
from torch.nn.attention import SDPBackend, sdpa_kernel

from .pretend_gpu import pretend_gpu, refusal

WORDS = ("tell", "me", "why", "red", "blue", "green", "north", "south", "yes", "no")
REPLIES = [" ".join(WORDS[i % 7 : i % 7 + 1 + i % 4]) for i in range(24)]
PROMPTS = [f"\n\nHuman: tell me {' '.join(WORDS[i : i + 3])}\n\nAssistant:" for i in range(6)]
PAIRS = pd.DataFrame({"prompt": PROMPTS, "chosen": REPLIES[:6], "rejected": REPLIES[6:12]})
GROUPS = [
    RankedGroup(prompt, tuple(REPLIES[4 * i : 4 * i + 4]), (0.5, 2.0, -1.0, float(i)))
    for i, prompt in enumerate(PROMPTS)
]
MAX_LENGTH = 32
TOKENIZER = word_tokenizer(WORDS, max_length=MAX_LENGTH)


def new_policy(seed: int = 1) -> LanguageModelPolicy:
    """An untrained policy, on the process's device."""
    size = LanguageModelSettings(hidden_size=16, n_layers=2, n_heads=2, max_length=MAX_LENGTH)
    return LanguageModelPolicy(new_language_model(TOKENIZER, size, seed=seed).eval(), TOKENIZER)


def weights(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.cpu().numpy() for name, value in model.state_dict().items()}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """Folder of a language model, made on the CPU."""
    folder = tmp_path_factory.mktemp("models") / "base"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(device_module.DEVICE_VARIABLE, "cpu")
        save_policy(new_policy().model, TOKENIZER, folder)
    return folder


@pytest.fixture
def new_reward(base):
    """Makes a reward model with an untrained head, on the process's device."""
    return lambda: fresh_reward_model(base, TOKENIZER, max_length=MAX_LENGTH, seed=5)


@pytest.fixture
def gpu(monkeypatch) -> Callable:
    """`with gpu():` as `pretend_gpu`, for what asks for no device; another process after it."""
    if reason := refusal():
        pytest.skip(reason)
    for name in (device_module.DEVICE_VARIABLE, device_module.PROCESS_VARIABLE):
        monkeypatch.delenv(name, raising=False)

    @contextmanager
    def enter(n: int = 1, **options) -> Iterator:
        try:
            with pretend_gpu(n, **options) as machine:
                yield machine
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)

    return enter


@pytest.fixture
def alike(gpu, monkeypatch) -> Callable:
    """Asserts that work gives the same bits on the CPU and on the GPU, and the latter's result.

    In float32: what one of them does in bfloat16, the other may do in float32. By the plain form
    of attention: which of its forms is chosen depends on the device.
    """

    def run(work: Callable[[], dict]) -> dict:
        with sdpa_kernel(SDPBackend.MATH), monkeypatch.context() as patch:
            with gpu():
                found = work()
            patch.setenv(device_module.DEVICE_VARIABLE, "cpu")
            patch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
            patch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
            expected = work()
        AcceleratorState._reset_state(reset_partial_state=True)
        assert_equal(found, expected)
        return found

    return run


def assert_equal(found, expected, place: str = "") -> None:
    """Equal bits everywhere in dictionaries of arrays, frames and lists of texts."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_equal(found[key], value, f"{place}/{key}")
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=place)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=place)
