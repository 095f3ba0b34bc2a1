"""Smoothing of training curves: an exponential moving average that starts without bias.

"The Elephant in the Room", figure 5, draws the EMA over the raw values of PPO's loss and reward,
as TensorBoard does. Left out: TensorBoard's thinning of points.
"""

import numpy as np
import pandas as pd


def exponential_moving_average(
    values, *, halflife: float | None = None, alpha: float | None = None
) -> np.ndarray:
    """Debiased exponential moving average, of the same shape; NaN stays NaN and is skipped.

    With v_1, v_2, ... the defined values: m_t = (1 - alpha) m_(t-1) + alpha v_t from m_0 = 0, and
    the result is m_t / (1 - (1 - alpha)^t), the weighted mean of all values so far. TensorBoard's
    slider is 1 - alpha.
    Arguments: `values` `(n_steps,)`; either `halflife`, the number of defined steps after which a
    value weighs half, above 0, so that alpha = 1 - 2^(-1 / halflife), or `alpha` in (0, 1].
    Raises ValueError for another shape, both or neither of the two, and values out of range.
    Source: Kingma and Ba (2015), arXiv 1412.6980, section 3; through pandas.
    """
    values = np.asarray(values, float)
    if values.ndim != 1:
        raise ValueError(f"values must be (n_steps,), got shape {values.shape}")
    if (halflife is None) == (alpha is None):
        raise ValueError("give either halflife (in steps) or alpha (a fraction), and not both")
    if alpha is None:
        if not halflife > 0:
            raise ValueError(f"halflife must be above 0 steps, got {halflife}")
        alpha = -np.expm1(-np.log(2) / halflife)
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}")
    smooth = pd.Series(values).ewm(alpha=alpha, adjust=True, ignore_na=True).mean().to_numpy()
    return np.where(np.isnan(values), np.nan, smooth)
