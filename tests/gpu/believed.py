"""How a torch without CUDA is brought to believe that it has a device of it.

Python's side of torch can be patched; C++'s must be told in two places, or no gradient comes past a
tensor on "cuda": a guard of the current device, and the answers to whether there is CUDA at all.
Both are reached through ctypes, and put back. Left out: any torch but its own build for x86-64
without a GPU, and one whose answers stand elsewhere than in 2.13: `refusal` says so.
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

KNOWN = "2.13."
# Of the functions that answer: isBuilt, isAvailable, hasPrimaryContext, hasCUDA.
N_SLOTS, TOLD_YES = 47, (2, 3, 4, 16)
RETURNS_NO = bytes.fromhex("31c0c3")  # xor eax, eax; ret


def refusal() -> str | None:
    """Why this torch cannot be told that there is a GPU; None where it can."""
    if torch.version.cuda or torch.version.hip or platform.machine() != "x86_64":
        return "a GPU is pretended to torch's own build for x86-64 without one"
    if not torch.__version__.startswith(KNOWN):
        return f"torch {torch.__version__}: look up where its hooks stand, known of {KNOWN}x"
    slots = (ctypes.c_void_p * N_SLOTS).from_address(_hooks().value)
    code = {bytes((ctypes.c_ubyte * 3).from_address(slots[i])) for i in TOLD_YES if i != 4}
    return None if code == {RETURNS_NO} else "this torch's hooks are laid out otherwise"


def _hooks() -> ctypes.c_void_p:
    """Where torch's object for questions about CUDA keeps the address of its functions."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    found = library._ZN2at6detail12getCUDAHooksEv
    found.restype = ctypes.c_void_p
    return ctypes.c_void_p.from_address(found())


@cache  # C++ keeps their addresses
def _believers() -> tuple[Any, Any]:
    """A guard of CUDA's current device, and a function that answers yes."""

    class Guard(torch._C._acc.DeviceGuard):
        def type_(self):
            return torch._C._autograd.DeviceType.CUDA

    return Guard(), ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)(lambda _: True)


@contextmanager
def believed() -> Iterator[None]:
    """torch's C++ side holds that it has CUDA devices; needed for gradients."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    name = "_ZN3c104impl26device_guard_impl_registryE"  # guards by number of the device type
    guards, hooks = (ctypes.c_void_p * 21).in_dll(library, name), _hooks()
    functions = (ctypes.c_void_p * N_SLOTS)(*(ctypes.c_void_p * N_SLOTS).from_address(hooks.value))
    guard, yes = _believers()
    for i in TOLD_YES:
        functions[i] = ctypes.cast(yes, ctypes.c_void_p).value
    # Python can register a guard for PrivateUse1 (20) alone; from there it is carried to CUDA (1).
    torch._C._acc.register_python_privateuseone_device_guard(guard)
    before, (guards[1], guards[20]) = hooks.value, (guards[20], None)
    hooks.value = ctypes.addressof(functions)
    try:
        yield
    finally:
        hooks.value, guards[1] = before, None
