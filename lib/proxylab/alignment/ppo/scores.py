"""What becomes of the proxy's scores before they are a reward: scale, limit, missing-end penalty.

Stiennon et al. 2020 (arXiv 2009.01325) and Huang et al. 2024 (arXiv 2403.17031), details 5 and 6
of the table in `proxylab.alignment.ppo.details`.
"""

from dataclasses import dataclass

import numpy as np

from proxylab.alignment.ppo.settings import PPOSettings


@dataclass(frozen=True)
class ScoreScale:
    """Scores become (score - shift) / scale."""

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, score: np.ndarray) -> "ScoreScale":
        """The scale by which these scores have mean 0 and standard deviation 1.

        Raises ValueError when they are all equal.
        """
        if not score.std() > 0:
            raise ValueError(
                f"all {len(score)} scores of the reference's rollouts are {score[0]:.4g}: they "
                "have no scale; use score_scale='none'"
            )
        return cls(float(score.mean()), float(score.std()))


def shaped_scores(
    score: np.ndarray, finished: np.ndarray, scale: ScoreScale, settings: PPOSettings
) -> np.ndarray:
    """Scores `(n,)` as they enter the reward: scaled, limited, less what a missing end costs."""
    shaped = (score - scale.shift) / scale.scale
    if settings.score_limit is not None:
        shaped = shaped.clip(-settings.score_limit, settings.score_limit)
    return shaped - settings.missing_end_penalty * ~finished
