"""Which runs a page is about: those with the study's parameters, of whatever seed.

Whoever tries a run notebook with other values (fewer steps, more people) records runs beside the
study's, and a page that took them too would show another study's numbers unannounced. What the
study's parameters are is said by the profile's batch, and by the defaults where it plans no run.
"""

from functools import partial
from operator import contains
from typing import Any

import pandas as pd

from proxylab.parameters import defaults_of, model_for
from proxylab.profiles import ProfileError
from proxylab.results.identity import parameter_values
from proxylab.results.missing import Planned, planned

FREE = ("profile", "seed")


def usual(notebook: str, profile: str, **fixed: Any) -> dict[str, Any]:
    """Conditions for `load_runs`: parameters as `fixed`, else as the batch has them or by default.

    Arguments: `fixed` parameters narrow the batch's runs first, so that `data="world"` takes the
    others from the batch's runs in the world.
    """
    known = parameter_values(defaults_of(model_for(notebook)))
    own = [run.parameters for run in _batch(profile) if run.fits(notebook, fixed)] or [known]
    others = [name for name in known if name not in (*FREE, *fixed)]
    return fixed | {name: _condition([run[name] for run in own], known[name]) for name in others}


def _condition(values: list, default: Any) -> Any:
    """As the default, a function: the command shown for a missing run need not repeat it."""
    same = values[0] != default and all(value == values[0] for value in values)
    return values[0] if same else partial(contains, values)


def first_seed(rows: pd.DataFrame, *, of: str) -> pd.DataFrame:
    """The rows of the first seed of each value of column `of`, in their order.

    For recorded votes and scores, of which another seed only resamples anew.
    """
    return rows[rows["seed"] == rows.groupby(of)["seed"].transform("min")].reset_index(drop=True)


def _batch(profile: str) -> tuple[Planned, ...]:
    """The runs that a profile plans, on real data too; none where there is no such profile."""
    try:
        return planned(profile, with_data=True)
    except ProfileError:
        return ()
