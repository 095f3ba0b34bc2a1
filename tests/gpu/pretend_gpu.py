"""A GPU that is not there: torch's "cuda" over tensors that a CPU holds, strict about devices.

Within `pretend_gpu()` a tensor on "cuda" is a wrapper around a CPU tensor. What is done with it is
done on the CPU, after the checks that CUDA makes: operands on one device, a generator of the same,
no numpy array of what lies there. torch itself believes in the device: `x.device` and `x.is_cuda`,
autocast, fused optimisers, gradients and the choices of transformers and accelerate are those of a
GPU. So what runs here runs the code that a GPU would run, and gives a CPU's numbers.
TF32 is imitated: where it is allowed, factors of products are rounded to its 10 bits of mantissa.
Left out: CUDA's own kernels (their speed, their rounding, which of them exist), memory, streams,
several processes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from .believed import believed, refusal

aten = torch.ops.aten
CPU = torch.device("cpu")
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
INDEXED |= {aten._index_put_impl_.default}  # an index may stay on the CPU
# A number in a CPU tensor without dimensions goes anywhere in these, and where sizes broadcast.
TAKE_NUMBERS = INDEXED | {aten.masked_fill.Tensor, aten.masked_fill_.Tensor, aten.fill_.Tensor}
PRODUCTS = {aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default}


class Machine:
    """What the pretended machine has, and where its random numbers stand."""

    def __init__(self, n_gpus: int, bfloat16: bool, tf32: bool):
        self.n_gpus, self.bfloat16, self.tf32, self.current = n_gpus, bfloat16, tf32, 0
        self.random = [torch.Generator().manual_seed(97 + i) for i in range(n_gpus)]

    def device(self, named: Any = None) -> torch.device:
        if isinstance(named, int) or named is None:
            named = torch.device("cuda", self.current if named is None else named)
        named = torch.device(named)
        if named.type == "cuda" and named.index is None:
            named = torch.device("cuda", self.current)
        if named.type == "cuda" and named.index >= self.n_gpus:
            raise RuntimeError(f"CUDA error: invalid device ordinal: {named}")
        return named

    def go_to(self, named: Any) -> int:
        before, self.current = self.current, self.device(named).index
        return before

    def generator(self, named: Any = None) -> torch.Generator:
        return self.random[self.device(None if named == "cuda" else named).index]

    def cuda(self) -> dict[str, Any]:
        """Stand-ins of what is asked of `torch.cuda`."""
        back = lambda index: self.go_to(index if index >= 0 else None)  # noqa: E731
        return {
            "is_available": lambda: True,
            "device_count": lambda: self.n_gpus,
            "current_device": lambda: self.current,
            "set_device": self.go_to,
            "_exchange_device": back,
            "_maybe_exchange_device": back,
            "_lazy_init": lambda: None,
            "_is_in_bad_fork": lambda: False,
            "get_device_name": lambda device=None: "pretended",
            "synchronize": lambda device=None: None,
            "is_bf16_supported": lambda including_emulation=True: (
                self.bfloat16 or including_emulation
            ),
            "max_memory_allocated": lambda device=None: 2**20,
            "manual_seed": lambda seed: self.generator().manual_seed(int(seed)),
            "manual_seed_all": lambda seed: [g.manual_seed(int(seed)) for g in self.random],
            "get_rng_state": lambda device="cuda": self.generator(device).get_state(),
            "set_rng_state": lambda state, device="cuda": self.generator(device).set_state(state),
        }


class GpuTensor(torch.Tensor):
    """A tensor of the pretended GPU; `held` is the CPU tensor with its numbers."""

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: torch.device):
        shape = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, **shape, dtype=held.dtype, device=device
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return done(function, args, kwargs or {})

    def __deepcopy__(self, memo: dict):
        if id(self) not in memo:
            made = GpuTensor(self.held.clone(), self.device).requires_grad_(self.requires_grad)
            made.__dict__.update({k: v for k, v in self.__dict__.items() if k != "held"})
            memo[id(self)] = made
        return memo[id(self)]

    def __repr__(self, **_):
        return f"{self.held!r} on {self.device}"

    def numpy(self, *, force: bool = False):
        if not force:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy")
        return self.held.numpy(force=True)

    def tolist(self):
        return self.held.tolist()

    def untyped_storage(self):
        return self.held.untyped_storage()  # by which saving tells which weights are tied

    def new_tensor(self, data, **options):
        return torch.tensor(data, **{"dtype": self.dtype, "device": self.device} | options)

    @property
    def data(self):
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, value):
        torch.Tensor.data.__set__(self, value)
        self.held = value.held


class Dispatch(TorchDispatchMode):
    """Sees what makes tensors on a device, too, whose arguments are no tensors."""

    machine: Machine

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return done(function, args, kwargs or {})


def done(function, args: tuple, kwargs: dict):
    """What the operation gives, computed on the CPU and put where it belongs."""
    machine, asked = Dispatch.machine, kwargs.get("device")
    ours = [x for x in tree_leaves((args, kwargs)) if isinstance(x, GpuTensor)]
    if not ours and (asked is None or torch.device(asked).type != "cuda"):
        return function(*args, **kwargs)
    if torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd"):
        with Dispatch():  # in inference mode what is made of other operations arrives whole
            return function.decompose(*args, **kwargs)
    if function not in (aten.copy_.default, aten._to_copy.default):
        check(function, args, kwargs)
    target = machine.device(asked) if asked is not None else ours[0].device
    inner = tree_map(held, kwargs) | ({} if asked is None else {"device": CPU})
    named = {argument.name for argument in function._schema.arguments}
    if "generator" in named and target.type == "cuda":
        inner["generator"] = machine.generator(target)
    plain = tree_map(held, args)
    if function in PRODUCTS and machine.tf32:
        plain = (*plain[:-2], *map(as_tf32, plain[-2:]))
    written = {id(held(x)): x for x in outputs(function, args, kwargs)}
    result = function(*plain, **inner)
    return tree_map(lambda x: written[id(x)] if id(x) in written else put(x, target), result)


def check(function, args: tuple, kwargs: dict) -> None:
    """Raise RuntimeError where CUDA would: tensors, or a generator, on different devices."""
    seen = (args[0], *args[2:]) if function in INDEXED and isinstance(args[0], GpuTensor) else args
    tensors = [x for x in tree_leaves((seen, kwargs)) if isinstance(x, torch.Tensor)]
    if torch.Tag.pointwise in function.tags or function in TAKE_NUMBERS:
        fixed = {id(x) for x in outputs(function, args, kwargs)}
        tensors = [x for x in tensors if x.is_cuda or x.ndim or id(x) in fixed]
    devices = sorted({str(x.device) for x in tensors})
    if len(devices) > 1:
        raise RuntimeError(f"Expected all tensors on the same device, found {devices}: {function}")
    if kwargs.get("generator") is not None:
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")


def outputs(function, args: tuple, kwargs: dict) -> list[torch.Tensor]:
    """The arguments that an operation writes to."""
    given = dict(zip((a.name for a in function._schema.arguments), args, strict=False)) | kwargs
    written = [a for a in function._schema.arguments if a.alias_info and a.alias_info.is_write]
    leaves = tree_leaves([given[a.name] for a in written if a.name in given])
    return [x for x in leaves if isinstance(x, torch.Tensor)]


def held(x: Any) -> Any:
    return x.held if isinstance(x, GpuTensor) else x


def put(x: Any, device: torch.device) -> Any:
    return GpuTensor(x, device) if isinstance(x, torch.Tensor) and device.type == "cuda" else x


def as_tf32(x: torch.Tensor) -> torch.Tensor:
    """Each number as the nearest one that TF32 has."""
    if x.dtype != torch.float32:
        return x
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


@contextmanager
def pretend_gpu(n: int = 1, *, bfloat16: bool = False, tf32: bool = False) -> Iterator[Machine]:
    """`n` GPUs within the block, one process's; RuntimeError where `refusal` says why not."""
    if reason := refusal():
        raise RuntimeError(reason)
    Dispatch.machine = machine = Machine(n, bfloat16, tf32)
    lifted = torch._C._only_lift_cpu_tensors()
    swapped, to = torch.__future__.get_swap_module_params_on_conversion(), torch.Tensor.to

    def to_current(self, *given, **options):  # the guard above knows of the first GPU alone
        known = [machine.device(x) if isinstance(x, str | torch.device) else x for x in given]
        if options.get("device") is not None:
            options["device"] = machine.device(options["device"])
        return to(self, *known, **options)

    replaced = [(torch.cuda, name, value) for name, value in machine.cuda().items()]
    replaced += [(torch.Tensor, "to", to_current)]
    # TF32 is the machine's here; asked for in earnest, this process's CPU might round ever after.
    replaced += [(torch, "set_float32_matmul_precision", lambda precision: None)]
    precision = "high" if tf32 else "highest"
    replaced += [(torch, "get_float32_matmul_precision", lambda: precision)]
    with ExitStack() as stack:
        stack.enter_context(believed())
        for place, name, value in replaced:
            stack.enter_context(mock.patch.object(place, name, value))
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        torch._C._set_only_lift_cpu_tensors(True)
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            with Dispatch():
                yield machine
        finally:
            torch._C._set_only_lift_cpu_tensors(lifted)
            torch.__future__.set_swap_module_params_on_conversion(swapped)
