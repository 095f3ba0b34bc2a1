"""A run's name and place: readable where it differs from the defaults, unique over all parameters.

`results/<profile>/<notebook>/<run_id>/`, or `results/shipped/<notebook>/<run_id>/` where in git.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxylab.environment import project_root
from proxylab.parameters import RunParameters, defaults_of
from proxylab.results.provenance import scrub

Parameters = RunParameters | Mapping[str, Any]

RESULT_FILE = "result.json"
SHIPPED = "shipped"
MAX_TEXT = 80  # characters of a run's readable part: file systems allow 255 for the whole name


class DamagedResult(ValueError):
    """A result file that cannot be read, or that differs from what its run recorded."""


def parameter_values(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters as plain values that JSON can hold, tuples as lists."""
    if isinstance(parameters, RunParameters):
        return parameters.model_dump(mode="json")
    return json.loads(json.dumps(dict(parameters), allow_nan=False))


def run_id(parameters: Parameters, *, defaults: Mapping[str, Any] | None = None) -> str:
    """Return e.g. 'seed=3,algorithm=ppo-1f0c9a2e': what differs from the defaults, a hash of all.

    The seed always shows; the profile never does, it is a folder of its own. `defaults` are the
    model's unless given.
    """
    if defaults is None:
        is_model = isinstance(parameters, RunParameters)
        defaults = defaults_of(type(parameters)) if is_model else {}
    values, usual = parameter_values(parameters), parameter_values(defaults)
    shown = [name for name in values if name == "seed"]
    shown += [n for n in values if n not in ("seed", "profile") and values[n] != usual.get(n)]
    text = ",".join(f"{name}={_short(scrub(values[name]))}" for name in shown) or "defaults"
    return f"{text[:MAX_TEXT]}-{parameters_hash(values)}"


def parameters_hash(values: Mapping[str, Any]) -> str:
    """Return 8 hex digits of the SHA-256 of the parameters, whatever their order."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def results_folder(root: Path | None = None) -> Path:
    """Return the run store's folder under the project `root` (found if not given)."""
    return (root or project_root()) / "results"


def run_folder(
    notebook: str,
    parameters: Parameters,
    *,
    defaults: Mapping[str, Any] | None = None,
    root: Path | None = None,
) -> Path:
    """Return where the result of this run is, or will be."""
    profile = parameter_values(parameters).get("profile", "cpu")
    name = run_id(parameters, defaults=defaults)
    return results_folder(root) / _checked(profile) / _checked(notebook) / name


def result_version_of(record_file: Path) -> int | None:
    """Return the result version recorded in a result.json, None where there is no such file.

    Raises DamagedResult, which names the run, for a file that holds none.
    """
    if not record_file.is_file():
        return None
    try:
        return json.loads(record_file.read_text(encoding="utf-8"))["result_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedResult(
            f"{record_file.name} of run {record_file.parent.name} cannot be read ({error!r}): run "
            "it again with --force"
        ) from None


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(_short(item) for item in value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text)


def _checked(name: str) -> str:
    """A profile's or notebook's name becomes a folder's, so it must not climb out of the store."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == SHIPPED:
        raise ValueError(f"{name!r} cannot name a folder of results: use letters, digits, _ . -")
    return name
