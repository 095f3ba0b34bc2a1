"""Which held-out prompts of the world also occur in what its policy and its proxy learnt from.

The world asks few enough things for a prompt to be drawn twice. Held-out prompts are apart from the
pool that labels are bought on; demonstrations and the proxy's pairs may ask the same, in topics
that were taught, with replies drawn for them. Left out: real text, whose questions are set aside.
"""

from collections.abc import Sequence

import numpy as np

from proxylab.profiles import Profile
from proxylab.studies.tasks import WorldTask
from proxylab.world import lexicon
from proxylab.world.demonstrations import draw_prompts


def seen_in_training(
    models: WorldTask, prompts: Sequence[str], profile: Profile, seed: int
) -> dict[str, np.ndarray]:
    """Bool `(n_prompts,)` each: in_demonstrations of the policy, in_proxy_pairs of the proxy."""
    in_pairs = set(models.original_pairs["prompt"])
    in_demonstrations = demonstrated_prompts(models, profile, seed)
    return {
        "in_demonstrations": np.array([text in in_demonstrations for text in prompts], bool),
        "in_proxy_pairs": np.array([text in in_pairs for text in prompts], bool),
    }


def demonstrated_prompts(models: WorldTask, profile: Profile, seed: int) -> set[str]:
    """The prompts of the policy's demonstrations: they are drawn before the replies, and first."""
    rng = np.random.default_rng([seed, 3])  # as studies.world_models fine-tunes
    n = profile.policy.n_demonstrations
    return {prompt.text for prompt in draw_prompts(models.world, n, lexicon.POLICY_TOPICS, rng)}
