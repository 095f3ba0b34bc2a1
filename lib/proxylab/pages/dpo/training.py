"""How DPO got there: gold reward and KL over training, and what each policy was trained on."""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages import alignment_curves
from proxylab.pages.dpo.policies import START_NAME, policy_rows, size_names
from proxylab.pages.pooling import seeds_in_words
from proxylab.tables import number, show_table


def curve_figure(profile: str, *, label: str) -> Markdown:
    """Gold reward and KL over optimiser steps, a row of panels a size."""
    rows = policy_rows(profile, "measured")
    rows = rows.assign(
        labels=rows["policy"].str.removeprefix("DPO on "), line=rows["size"] + " size"
    )
    return alignment_curves.curve_figure(
        profile,
        rows,
        by="labels",
        lines="line",
        label=label,
        caption="DPO on three sets of labels, over optimiser steps. A smaller set ends sooner.",
    )


def cost_table(profile: str, *, label: str) -> Markdown:
    """Pairs, optimiser steps and seconds of every policy, means over seeds."""
    rows = policy_rows(profile, "arms", with_sft=True)
    rows = rows[rows["policy"] != START_NAME]
    units = rows.reindex(columns=["n_pairs", "n_dialogues"]).astype(float)
    rows = rows.assign(units=np.nansum(units, axis=1))
    means = rows.groupby(["size", "policy"], sort=False)[["units", "n_steps", "seconds"]].mean()
    shown = pd.DataFrame(
        {name: [number(value, 0) for value in means[name]] for name in means}, index=means.index
    )
    return show_table(
        shown.reset_index(),
        label=label,
        caption=f"What each policy learnt from, means over {seeds_in_words(rows)}: pairs (of SFT: "
        f"replies), optimiser steps, seconds. Sizes: {'; '.join(size_names(profile).values())}.",
        names={"units": "pairs", "n_steps": "steps"},
        text=("size", "policy"),
    )
