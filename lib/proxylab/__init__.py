"""Proxy Lab: when do human proxies (preference data and reward models) deserve trust?

The runtime environment is set here, before any room imports torch, so that a notebook run by plain
papermill, by `proxylab run` or by hand computes the same numbers. The conflict metrics can be
imported from here (`from proxylab import pacs`); they load when they are first asked for.
"""

import importlib

from proxylab.environment import set_runtime_environment

__version__ = "0.1.0"

__all__ = ["independence_threshold", "kendall_tau_distance", "pacs", "prompt_conflict"]

set_runtime_environment()


def __getattr__(name: str):
    """Load a public name from its room (PEP 562), so that importing proxylab stays instant."""
    if name in __all__:
        return getattr(importlib.import_module("proxylab.conflict"), name)
    raise AttributeError(f"module 'proxylab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
