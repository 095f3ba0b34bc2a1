"""The alignment study: what good and bad proxies make of a policy, by every algorithm.

One run is one algorithm and seed; its arms differ in whose labels or which proxy they follow, how
that proxy is biased, the size of the model, or the KL coefficient. All arms start from the same
policy, see the same prompts and are measured on the same ones.
"""

from proxylab.studies.alignment.arms import Arm, planned_arms
from proxylab.studies.alignment.running import cost, run_arms
from proxylab.studies.alignment.setting import Setting, prepare

__all__ = ["Arm", "Setting", "cost", "planned_arms", "prepare", "run_arms"]
