"""The KL coefficient over training: fixed, or steered towards a target KL.

Ziegler et al. 2019 (arXiv 1909.08593), section 2.2: a proportional controller in log space. Left
out: decay with the number of episodes, which their code has in place of a gain a step.
"""

ERROR_LIMIT = 0.2  # of the relative error, Ziegler et al. 2019


class KLControl:
    """Holds `beta`, reward units a nat, for the next step.

    Arguments: `beta` at the start; `target` KL, nats a response, None = keep beta (detail 2);
    `gain` K_beta of the source (detail 3).
    """

    def __init__(self, beta: float, *, target: float | None = None, gain: float = 0.1):
        self.beta = beta
        self._target, self._gain = target, gain

    def update(self, kl: float) -> None:
        """Move beta by the KL of the rollouts that were made with it, nats a response."""
        if self._target is not None:
            error = (kl - self._target) / self._target
            error = min(max(error, -ERROR_LIMIT), ERROR_LIMIT)
            self.beta *= 1 + self._gain * error
