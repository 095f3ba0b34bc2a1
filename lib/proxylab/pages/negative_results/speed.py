"""The family of comparisons on speed: how many times our time another way takes.

Left out: how cost grows and where a batch's time goes, which compare nothing with ours.
"""

import numpy as np
import pandas as pd

from proxylab.pages.negative_results.family import OPEN, UP, tidy
from proxylab.pages.speed.comparisons import FASTER, OURS, SLOWER, ratios
from proxylab.pages.verdicts import HIGHER, LOWER

SAID = {FASTER: HIGHER, SLOWER: LOWER}  # of the ratio: above 1 ours is faster


def times_ours(profile: str) -> pd.DataFrame:
    """Ways of others should take longer; of two ways of ours nothing is expected."""
    table = ratios(profile)
    table = table.assign(verdict=table["verdict"].replace(SAID))
    expected = np.where(table["way"].str.startswith(OURS), OPEN, UP)
    return tidy(table, table["comparison"] + ": " + table["way"], expected)
