"""The policies of the page on PRO, by the proxy that ranked their candidates; and those proxies.

Who ranks: the arm's proxy scores both replies of a pair that is in nobody's training data, and
nobody else does. Left out: biased proxies, and KL coefficients, of which PRO has none.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.accuracy import MIXED
from proxylab.pages.alignment_rows import (
    PROXIES,
    START,
    align_table,
    cells,
    estimates,
    in_proxy_order,
    mixed_first,
    short_subset,
    subsets_of,
    with_mixed,
)
from proxylab.pages.alignment_settings import recorded_settings, settings_table
from proxylab.pages.pooling import seeds_in_words
from proxylab.paper_values import paper_table
from proxylab.studies.alignment.arms import STANDARD, UNBIASED
from proxylab.tables import escaped, joined, number, show_table

START_NAME = "start policy"
JUDGED = {"pairs": "cleaned test pairs", "completions": "the start policy's own completions"}


@cache
def policy_rows(profile: str, table: str, algorithm: str = "pro") -> pd.DataFrame:
    """A table's rows with the column `policy`: the proxy's name, or the start policy's.

    Start policy first, then from the poorest proxy to the ceiling; the standard size, unbiased
    proxies, the profile's own KL coefficient. Not to be written to.
    """
    rows = align_table(profile, table, algorithm, betas=())
    rows = rows[(rows["size"] == STANDARD) & rows["bias"].isin(["", UNBIASED])]
    names = rows["proxy"].map(lambda name: PROXIES.get(name, name))
    rows = rows.assign(policy=names.mask(rows["algorithm"] == START, START_NAME))
    started = rows["algorithm"] == START
    ordered = pd.concat([rows[started], in_proxy_order(rows[~started])])
    return ordered.reset_index(drop=True)


@cache
def proxy_accuracy(profile: str, algorithm: str = "pro") -> pd.DataFrame:
    """How often each proxy is right: judged, policy, subset, value, low, high, n, n_seeds."""
    rows = with_mixed(policy_rows(profile, "proxies", algorithm))
    rows = rows.assign(prompt=rows.groupby(["judged", "proxy", "seed", "subset"]).cumcount())
    frames = []
    for (judged, subset), part in rows.groupby(["judged", "subset"], sort=False):
        found = estimates(cells(part, "right", "policy")).rename(columns={"name": "policy"})
        frames.append(found.assign(judged=judged, subset=subset))
    return pd.concat(frames, ignore_index=True)


def proxy_table(profile: str, *, label: str) -> Markdown:
    """Who ranked the candidates: each proxy's accuracy by test set, and on the policy's replies."""
    rows, found = policy_rows(profile, "proxies"), proxy_accuracy(profile)
    found = found.assign(text=joined(found, digits=1, percent=True, stacked=True))
    pairs = found[found["judged"] == "pairs"]
    names = list(dict.fromkeys(rows["policy"]))
    wide = pairs.pivot(index="policy", columns="subset", values="text")
    wide = wide.reindex(names)[mixed_first(pairs)].rename(columns=short_subset)
    own = found[(found["judged"] == "completions") & (found["subset"] == MIXED)]
    wide.insert(0, "own", own.set_index("policy")["text"].reindex(names))
    return show_table(
        wide.fillna("").reset_index(),
        label=label,
        caption="The reward models that ranked the candidates, and how often they are right, in "
        "%: on cleaned test pairs (equation 2) by test set; *own*: on comparisons among the start "
        f"policy's own completions of a prompt. {seeds_in_words(rows)}, [95 % interval over seeds "
        "and pairs, or prompts].",
        names={"policy": "ranked by"},
        text=("policy",),
    )


def settings(profile: str, *, label: str) -> Markdown:
    """What the paper states of PRO's training beside ours, with the candidates of a group."""
    arms = policy_rows(profile, "arms")
    own = {"ranking length": float((arms["n_candidates"] / arms["n_groups"]).mean())}
    return settings_table(profile, "pro", own, label=label)


def ranking_sentence(profile: str) -> Markdown:
    """Who ranked, how many candidates, how many groups were used: from the runs' records."""
    settings, arms = recorded_settings(profile, "pro"), policy_rows(profile, "arms")
    length = (arms["n_candidates"] / arms["n_groups"]).mean()
    weight = settings["sft_weight"]
    given = f"{weight:g}" if weight is not None else "0.05 (n − 1)² for n candidates"
    form = "the plain form" if settings["form"] == "plain" else "the form with temperatures"
    per = "mean over its tokens" if settings["sft_per_token"] else "sum over its tokens"
    return Markdown(
        f"Here: {form}, {number(length, 0)} candidates a group, SFT weight {given} ({per}). The "
        "candidates are two replies by the writers of the preference data, in pairs drawn anew; "
        "**the reward model named in the table ranks them, by its score alone**. A pair that it "
        f"scores the same is left out: {arms['n_groups_left_out'].mean():,.1f} of "
        f"{(arms['n_groups_left_out'] + arms['n_groups']).mean():,.0f} on average."
    )


def paper_models_table(*, label: str) -> Markdown:
    """The paper's two reward models: their role in figure 6 and their accuracy in table 4."""
    figure = paper_table("elephant", "figure 6")
    roles = figure[figure["column"] == "role"].set_index("row")["value"]
    table = paper_table("elephant", "4")
    table = table[table["row"].isin(roles.index)]
    wide = table.pivot(index="row", columns="column", values="value")
    wide = wide.loc[list(roles.index), subsets_of(table.rename(columns={"column": "subset"}))]
    shown = wide.rename(columns=short_subset).map(lambda value: number(value, 2))
    shown.insert(0, "role", roles)
    return show_table(
        shown.reset_index(),
        label=label,
        caption="The paper's two reward models for PRO, with their accuracy from its table 4 (%, "
        "no intervals given).",
        names={"row": "model"},
        text=("row", "role"),
    )


def paper_claim() -> str:
    """The outcome that the paper states of figure 6, in its own words."""
    figure = paper_table("elephant", "figure 6")
    row = figure[figure["column"] == "outcome"].iloc[0]
    return f"{escaped(row['row'])} “{escaped(row['value'])}”"
