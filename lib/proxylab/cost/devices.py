"""How long work takes: on a device whose peak is known at an assumed share of it, or as measured.

Assumed: seconds = operations / (peak x utilisation), with the peak of bfloat16, or of TF32 where
products are in float32 (`machine.device` lets them be TF32 on a GPU), and for generation, which
reads all weights for every token, not less than bytes / bandwidth (Pope et al. 2022, arXiv
2211.05102, section 2), plus a fixed time a layer and pass. Measured: seconds = a x passes +
operations / b, with a and b fitted to timed steps of each kind of work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from proxylab.cost.formulas import weight_bytes
from proxylab.cost.work import Work
from proxylab.environment import project_root
from proxylab.names import missing_name

UTILISATION = 0.3  # of the peak: below the 0.44 to 0.46 of MT-NLG and PaLM (2204.02311, table 3)
LAYER_SECONDS = {"train": 1.5e-3, "generate": 5e-4, "score": 5e-4}  # assumed, eager kernels
# To make a token of text, on one thread: measured for our own tokenizers on a slow core of today.
ENCODING_SECONDS = 2e-6


@dataclass(frozen=True)
class Device:
    """An accelerator: peak operations a second in bfloat16 and in TF32, bytes a second, bytes of
    memory."""

    name: str
    what: str
    flops: float
    tf32_flops: float
    bandwidth: float
    memory: float


@dataclass(frozen=True)
class Machine:
    """What turns work into seconds.

    rates: operations a second by kind of work; full_rate: in float32, where that is another.
    fixed: seconds of a pass, or of a pass and layer with `per_layer`; bandwidth: bytes a second,
    inf where it never binds; memory: bytes.
    """

    name: str
    rates: Mapping[str, float]
    fixed: Mapping[str, float]
    full_rate: float | None = None
    per_layer: bool = False
    bandwidth: float = float("inf")
    memory: float = float("inf")

    def seconds(self, work: Work) -> float:
        """How long this work takes here."""
        in_full = self.full_rate is not None and not work.half
        arithmetic = work.flops / (self.full_rate if in_full else self.rates[work.kind])
        if work.kind == "generate":
            arithmetic = max(arithmetic, work.n_passes * weight_bytes(work.model) / self.bandwidth)
        layers = work.model.layers if self.per_layer else 1
        return arithmetic + work.n_passes * layers * self.fixed[work.kind]


def devices(*, root: Path | None = None) -> dict[str, Device]:
    """The accelerators of data/cost/devices.csv by name."""
    table = pd.read_csv((root or project_root()) / "data" / "cost" / "devices.csv")
    return {
        row.name: Device(
            row.name,
            row.what,
            row.peak_tflops * 1e12,
            row.tf32_tflops * 1e12,
            row.bandwidth_gb_s * 1e9,
            row.memory_gib * 2**30,
        )
        for row in table.itertuples(index=False)
    }


def assumed_machine(name: str, *, utilisation: float = UTILISATION) -> Machine:
    """A device at an assumed share of its peak. Raises ValueError for an unknown device."""
    known = devices()
    if name not in known:
        raise ValueError(missing_name("device", name, known))
    device = known[name]
    return Machine(
        device.what,
        dict.fromkeys(LAYER_SECONDS, utilisation * device.flops),
        LAYER_SECONDS,
        full_rate=utilisation * device.tf32_flops,
        per_layer=True,
        bandwidth=device.bandwidth,
        memory=device.memory,
    )


def measured_machine(steps: pd.DataFrame, name: str) -> Machine:
    """A machine from timed steps: least squares with both parts kept from being negative.

    Arguments: `steps` has columns kind, flops and passes of a timed piece of work, and seconds.
    Relative errors are what is made small, so that short steps count as much as long ones.
    Raises ValueError for a kind with fewer than two rows: one cannot tell the parts apart.
    """
    rates, fixed = {}, {}
    for kind, rows in steps.groupby("kind"):
        if len(rows) < 2:
            raise ValueError(f"{len(rows)} timed step of kind {kind!r}: two sizes are needed")
        parts = rows[["passes", "flops"]].to_numpy(float) / rows[["seconds"]].to_numpy(float)
        (fixed[kind], each), _ = nnls(parts, np.ones(len(rows)))
        rates[kind] = 1 / each if each > 0 else float("inf")
    return Machine(name, rates, fixed)
