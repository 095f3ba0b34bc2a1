"""Proximal policy optimisation from a proxy's scores, near a reference policy.

`train_ppo` is the whole of it; `details.DETAILS` lists what decides whether it works, numbered as
in the comments. By module: `rollouts` (answers and scores), `scores` and `advantages` (what is
learnt from them), `losses`, `kl_control`, `value` (policy and value function as one module),
`experience` and `learner` (one step of learning), `trainer` (the loop).
"""

from proxylab.alignment.ppo.settings import PPOSettings
from proxylab.alignment.ppo.trainer import train_ppo

__all__ = ["PPOSettings", "train_ppo"]
