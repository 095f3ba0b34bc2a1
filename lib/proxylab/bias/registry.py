"""Biases by name, so that a run's parameters can say which it injects and how much.

A bias of one's own is known once its cell or file has run; a file in this folder is found.
Left out: discovery of files elsewhere.
"""

import importlib
import pkgutil
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from proxylab.bias.data import (
    AmbiguityFlips,
    CoverageGap,
    FormatMarks,
    SycophancyPrefix,
    UniformFlips,
)
from proxylab.bias.interface import Bias, DataBias, ScoreBias
from proxylab.bias.scores import LengthBias, RefusalBias, Saturation, ScoreNoise, SignFlip
from proxylab.names import missing_name

BIASES: dict[str, type[DataBias] | type[ScoreBias]] = {
    bias.name: bias
    for bias in (
        CoverageGap,
        UniformFlips,
        AmbiguityFlips,
        SycophancyPrefix,
        FormatMarks,
        LengthBias,
        RefusalBias,
        ScoreNoise,
        Saturation,
        SignFlip,
    )
}


def register_bias(bias: type[Bias]) -> type[Bias]:
    """Make a class known to `make_bias` by its `name`; a decorator, and returns the class.

    A class of the same module and name is replaced, as when a notebook's cell runs again.
    Raises ValueError if it is no frozen dataclass of a DataBias or ScoreBias with `name` and
    `unit`, or if another class has its name.
    """
    frozen = is_dataclass(bias) and bias.__dataclass_params__.frozen
    if not (frozen and issubclass(bias, DataBias | ScoreBias)):
        raise ValueError(f"{bias.__name__} must be a frozen dataclass of DataBias or ScoreBias")
    for attribute in ("name", "unit"):
        if not isinstance(getattr(bias, attribute, None), str):
            raise ValueError(f"{bias.__name__} needs a ClassVar[str] `{attribute}`")
    known = BIASES.get(bias.name)
    if known is not None and _place(known) != _place(bias):
        raise ValueError(f"the name {bias.name!r} of {bias.__name__} is {known.__name__}'s already")
    BIASES[bias.name] = bias
    return bias


def make_bias(name: str, dose: float, **options: Any) -> DataBias | ScoreBias:
    """The bias of that name and dose; a list among the options counts as a tuple.

    Raises ValueError for a name or an option that is not known, with the nearest one that is, and
    for an option that is needed and not given.
    """
    known = {field.name: field for field in fields(bias_named(name)) if field.name != "dose"}
    for option in options:
        if option not in known:
            raise ValueError(f"bias {name!r}: {missing_name('option', option, known)}")
    for option, field in known.items():
        if option not in options and field.default is field.default_factory is MISSING:
            raise ValueError(f"bias {name!r} needs the option {option!r}")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    return BIASES[name](dose=dose, **values)


def named_dose(text: str) -> tuple[str, float]:
    """The name and the dose of "<bias>=<dose>".

    Raises ValueError for another form, or for a bias that does not exist, with the nearest.
    """
    name, _, dose = text.partition("=")
    bias_named(name)
    try:
        return name, float(dose)
    except ValueError:
        raise ValueError(f"bias {text!r} is not of the form length_bias=0.2") from None


def bias_named(name: str) -> type[DataBias] | type[ScoreBias]:
    """The class of that name, looked for in the files beside this one too.

    Raises ValueError for a name that is not known, with the nearest that is.
    """
    if name not in BIASES:
        _import_folder()
    if name not in BIASES:
        raise ValueError(missing_name("bias", name, BIASES))
    return BIASES[name]


def _import_folder() -> None:
    """Run every file beside this one, some of which may register a bias of the reader's own."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"proxylab.bias.{found.name}")


def _place(bias: type[Bias]) -> tuple[str, str]:
    return bias.__module__, bias.__qualname__
