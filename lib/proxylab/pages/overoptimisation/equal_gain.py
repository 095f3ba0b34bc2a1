"""Why methods are not compared at equal KL: what each spends for the same gain in gold.

Gao, Schulman and Hilton (2023), arXiv 2210.10760: RL goes much further from where it starts than
best-of-n for the same effect, so KL measures an amount of optimisation only within a method.
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import GOOD
from proxylab.pages.overoptimisation.curves import redrawn
from proxylab.pages.overoptimisation.rows import gains, method_label
from proxylab.pages.overoptimisation.sections import proxy_label
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.redraws import limits
from proxylab.studies.alignment.arms import UNBIASED
from proxylab.tables import number, show_table, with_interval

SHARE = 0.5  # of the smallest of the methods' largest gains: all of them reach it


def kl_at_gain(kl: np.ndarray, gain: np.ndarray, target: float) -> np.ndarray:
    """KL at which a curve first reaches a gain, between points by straight lines `(n_draws,)`.

    Arguments: `kl` and `gain` `(n_draws, n_strengths)`, in order of optimisation. NaN where the
    gain is never reached.
    """
    reached = gain >= target
    first = reached.argmax(axis=1)
    rows, before = np.arange(len(kl)), np.maximum(first - 1, 0)
    rise = gain[rows, first] - gain[rows, before]
    part = np.divide(target - gain[rows, before], rise, out=np.ones(len(kl)), where=rise > 0)
    found = kl[rows, before] + part * (kl[rows, first] - kl[rows, before])
    return np.where(reached.any(axis=1), found, np.nan)


def spent(profile: str) -> tuple[str, float, pd.DataFrame]:
    """Proxy, gain, and one row a method: value, low, high (nats), never (share of redraws).

    Of the good proxy, or else the first, with no bias added.
    """
    rows = gains(profile)
    rows = rows[rows["bias"] == UNBIASED]
    proxy = GOOD if GOOD in set(rows["proxy"]) else rows["proxy"].iloc[0]
    parts = rows[rows["proxy"] == proxy].groupby("method", sort=False)
    draws = {method: redrawn(part) for method, part in parts}
    target = SHARE * min(np.nanmax(own["gold"][0], initial=0.0) for own in draws.values())
    found = []
    for method, own in draws.items():
        kl = kl_at_gain(own["kl"], own["gold"], target)
        found.append({"method": method, **limits(kl), "never": float(np.isnan(kl[1:]).mean())})
    return proxy, float(target), pd.DataFrame(found)


def equal_gain_table(profile: str, *, label: str) -> Markdown:
    """KL that each method spends for the same gain in gold; a sentence where there is no gain."""
    proxy, target, found = spent(profile)
    if not target > 0:
        return Markdown(
            f"With the proxy *{proxy_label(proxy)}* a method gains no gold at all: there is no "
            "common gain at which to compare what they spend."
        )
    table = pd.DataFrame(
        {
            "method": [method_label(name) for name in found["method"]],
            "kl": [with_interval(row.value, row.low, row.high) for row in found.itertuples()],
            "never": [number(100 * share, 0) for share in found["never"]],
        }
    )
    return show_table(
        table,
        label=label,
        names={"kl": "KL spent (nats)", "never": "redraws that never reach it (%)"},
        text=("method",),
        caption=f"KL at which each method has gained {number(target)} in gold with the proxy "
        f"*{proxy_label(proxy)}*, half of what all of them reach, read off between measured points "
        f"by straight lines; {seeds_in_words(gains(profile))}, [95 % interval over seeds and "
        "prompts].",
    )
