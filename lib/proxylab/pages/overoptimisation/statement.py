"""Where gold falls while the proxy rises, in words that follow from the judged endings."""

import numpy as np
import pandas as pd

from proxylab.pages.alignment_rows import seeds_caution
from proxylab.pages.overoptimisation.curves import END, FALL, RISE, is_overoptimised
from proxylab.pages.overoptimisation.rows import CURVE, method_label
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM, ONE_SEED, UNDEFINED
from proxylab.tables import number, with_interval

OVER, HIGHEST = "over-optimised", "highest at the end"
OUTCOMES = {
    OVER: "**gold falls while the proxy rises**",
    LOWER: "**gold falls**, the proxy does not clearly rise",
    NOT_AFTER_HOLM: "a change that is clear alone but not after correction",
    NOISE: "no fall that can be told from noise",
    HIGHER: "gold rises, if anything, past its best elsewhere",
    HIGHEST: "gold is nowhere higher than at the furthest point",
    ONE_SEED: "gold from its best to the end, not judged",
    UNDEFINED: "undefined",
}


def headline(found: pd.DataFrame) -> str:
    """In how many curves gold falls and the proxy rises; the rest by what they are."""
    curves = [part for _, part in found.groupby(CURVE, sort=False)]
    over = sum(map(is_overoptimised, curves))
    fallen = sum(_verdict(part, FALL) == LOWER for part in curves)
    lost = sum(_verdict(part, END) == LOWER for part in curves)
    single = sum(_verdict(part, FALL) == ONE_SEED for part in curves)
    if single == len(curves):
        return f"Every curve rests on one seed, so none of {single} is judged."
    said = (
        f"Over {len(curves)} curves, gold falls from its best to the end while the proxy's reward "
        f"rises in {over}; gold falls in {fallen}, and in {lost} it ends below the start policy."
    )
    return f"{said} {single} rest on one seed and are not judged." if single else said


def sentences(found: pd.DataFrame) -> str:
    """What becomes of gold in the curves that share a proxy and a bias: methods by outcome."""
    curves = {
        method: part.set_index("what") for method, part in found.groupby("method", sort=False)
    }
    outcomes = {method: outcome(rows) for method, rows in curves.items()}
    said = []
    for kind in OUTCOMES:
        names = [method for method, found in outcomes.items() if found == kind]
        details = [f"{method_label(name)}{_detail(kind, curves[name])}" for name in names]
        if details:
            said.append(f"{OUTCOMES[kind]}: {', '.join(details)}")
    lost = [method_label(m) for m, rows in curves.items() if rows.loc[END, "verdict"] == LOWER]
    if lost:
        said.append(f"at the end below the start policy: {', '.join(lost)}")
    return "; ".join(said) + "."


def outcome(rows: pd.DataFrame) -> str:
    """What becomes of one curve's gold from its best to the end, one of OUTCOMES.

    Arguments: `rows` of `endings` by what they are of.
    """
    fall = rows.loc[FALL]
    if fall["verdict"] == ONE_SEED or np.isnan(fall["value"]):
        return ONE_SEED if fall["n"] else UNDEFINED
    if fall["value"] == fall["low"] == fall["high"] == 0:
        return HIGHEST
    if fall["verdict"] == LOWER:
        return OVER if rows.loc[RISE, "verdict"] == HIGHER else LOWER
    return fall["verdict"]


def caution(rows: pd.DataFrame, n_family: int) -> str:
    """How far the judgements go: seeds, and the family that they were corrected over."""
    said = seeds_caution(rows)
    if len(set(rows["seed"])) == 1:
        return said
    return f"Holm's correction is over {n_family} judgements, three a curve. {said}".strip()


def _verdict(part: pd.DataFrame, what: str) -> str:
    return part.set_index("what")["verdict"][what]


def _detail(kind: str, rows: pd.DataFrame) -> str:
    """The change of gold, where, in how many seeds, and the proxy's where gold falls."""
    if kind in (HIGHEST, UNDEFINED):
        return ""
    fall = rows.loc[FALL]
    said = [
        with_interval(fall["value"], fall["low"], fall["high"]),
        f"√KL {number(fall['start'])} to {number(fall['stop'])}",
    ]
    if kind != ONE_SEED:
        said.append(f"below 0 in {fall['n_below']} of {fall['n_seeds']} seeds")
    if kind in (OVER, LOWER):
        rise = rows.loc[RISE]
        said.append(f"proxy {with_interval(rise['value'], rise['low'], rise['high'])}")
    return f" ({'; '.join(said)})"
