"""What an aligned policy is worth: best-of-n, over-optimisation, win/tie/lose, slopes, smoothing.

Pure arrays and frames; no model is loaded here. Left out: scoring texts (room `rewards`).
"""

from proxylab.evaluate.best_of_n import (
    best_of_n_curve,
    best_of_n_kl,
    best_of_n_kl_bound,
    best_of_n_weights,
)
from proxylab.evaluate.overoptimisation import (
    FORMS,
    Fit,
    fit_overoptimisation,
    fitted_curve,
    peak_distance,
)
from proxylab.evaluate.overoptimisation_seeds import SeedsFit, fit_over_seeds
from proxylab.evaluate.slopes import (
    RankAgreement,
    SeedSlope,
    rank_agreement,
    rank_agreement_by_seed,
    slope_over_seeds,
)
from proxylab.evaluate.smoothing import exponential_moving_average
from proxylab.evaluate.wins import prompt_shares, win_tie_lose, win_tie_lose_table

__all__ = [
    "FORMS",
    "Fit",
    "RankAgreement",
    "SeedSlope",
    "SeedsFit",
    "best_of_n_curve",
    "best_of_n_kl",
    "best_of_n_kl_bound",
    "best_of_n_weights",
    "exponential_moving_average",
    "fit_over_seeds",
    "fit_overoptimisation",
    "fitted_curve",
    "peak_distance",
    "prompt_shares",
    "rank_agreement",
    "rank_agreement_by_seed",
    "slope_over_seeds",
    "win_tie_lose",
    "win_tie_lose_table",
]
