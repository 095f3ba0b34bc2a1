"""Proxy Lab: when do human proxies (preference data and reward models) deserve trust?

The runtime environment is set here, before any room imports torch, so that a notebook run by plain
papermill, by `proxylab run` or by hand computes the same numbers.
"""

from proxylab.environment import set_runtime_environment

__version__ = "0.1.0"

set_runtime_environment()
