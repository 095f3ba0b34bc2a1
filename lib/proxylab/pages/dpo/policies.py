"""The policies of the page on DPO: what each learnt from, and their rows under readers' names.

Left out: DPO on pairs that a proxy labelled, which the page on over-optimisation shows.
"""

from contextlib import suppress
from functools import cache

import numpy as np
import pandas as pd

from proxylab.pages.alignment_rows import START, align_table
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import CLEANED, RAW, RAW_AS_FEW, SIZES

LABELS = {RAW: "raw", RAW_AS_FEW: "as few raw", CLEANED: "cleaned"}
DPO = {pairs: f"DPO on {name}" for pairs, name in LABELS.items()}
SFT = {pairs: f"SFT on {LABELS[pairs]}" for pairs in (RAW, CLEANED)}
START_NAME = "start policy"
ORDER = (START_NAME, *SFT.values(), *DPO.values())
# Named before any result was seen: does cleaning help, at equal numbers, and what do numbers do.
HELPS, EQUAL, FEWER = "cleaned − raw", "cleaned − as few raw", "as few raw − raw"
COMPARISONS = {
    HELPS: (DPO[CLEANED], DPO[RAW]),
    EQUAL: (DPO[CLEANED], DPO[RAW_AS_FEW]),
    FEWER: (DPO[RAW_AS_FEW], DPO[RAW]),
}


@cache
def policy_rows(
    profile: str, table: str, *, with_sft: bool = False, left_out: bool = False
) -> pd.DataFrame:
    """A table of the runs of DPO, with the column `policy`, in the page's order; not to be
    written to.

    Arguments: `with_sft`: the runs of SFT too, where there are any. Only the profile's own KL
    coefficient. Raises MissingResults where DPO has not been run.
    """
    frames = [align_table(profile, table, "dpo", left_out=left_out, betas=())]
    if with_sft:
        with suppress(MissingResults):
            frames.append(align_table(profile, table, "sft", left_out=left_out))
    rows = pd.concat(frames, ignore_index=True)
    learnt_from = zip(rows["algorithm"], rows["pairs"], strict=True)
    rows = rows.assign(policy=[_name(*row) for row in learnt_from])
    rows = rows.dropna(subset="policy")
    # Both algorithms' runs have the start policy, the same one.
    keys = ["policy", "size", "seed", "topics_left_out"]
    rows = rows[rows["run_id"] == rows.groupby(keys)["run_id"].transform("min")]
    rank = 10 * rows["size"].map(SIZES.index) + rows["policy"].map(ORDER.index)
    return rows.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)


def _name(algorithm: str, pairs: str) -> str | None:
    if algorithm == START:
        return START_NAME
    return {"dpo": DPO, "sft": SFT}[algorithm].get(pairs)


def sizes_of(rows: pd.DataFrame) -> list[str]:
    """The sizes that were run, the standard one first."""
    return [size for size in SIZES if size in set(rows["size"])]


def sizes(profile: str) -> list[str]:
    """The sizes that DPO was run at: a page shows most tables once for each."""
    return sizes_of(policy_rows(profile, "evaluation"))


def size_names(profile: str) -> dict[str, str]:
    """Each size with its number of parameters, from what the runs recorded."""
    arms = policy_rows(profile, "arms")
    counts = arms.groupby("size")["n_trained_parameters"].max()
    return {size: f"{size} ({counts[size]:,.0f} parameters)" for size in sizes_of(arms)}
