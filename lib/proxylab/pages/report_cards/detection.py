"""Does the audit find what was injected: how often each bias is flagged, by dose, over seeds."""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.audit.rule import FAMILIES, RATE
from proxylab.bias import bias_named
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.report_cards.rows import name_of, recorded
from proxylab.plots import publish
from proxylab.plots.charts import MARKERS
from proxylab.plots.style import COLOURS, GREY
from proxylab.stats import wilson
from proxylab.studies.audit.detection import EXPECTED, UNBIASED, detection_rates, tested_rows
from proxylab.tables import escaped, number, show_table


@cache
def rates(profile: str) -> pd.DataFrame:
    """`studies.audit.detection_rates` of the biases that were injected, dose 0 included."""
    found = detection_rates(recorded(profile, "findings"))
    return found[found["bias"] != UNBIASED].reset_index(drop=True)


@cache
def found_rows(profile: str) -> pd.DataFrame:
    """Is a bias found, that is flagged in a family that was expected of it: audits over seeds.

    A family counts only where the audit of the same proxy and seed without the bias does not flag
    it: a proxy may have the fault already.
    Columns proxy, bias, dose, value (share of the seeds), low, high (Wilson), n (seeds), already
    (seeds in which an expected family is flagged without the bias).
    """
    rows = tested_rows(recorded(profile, "findings"))
    before = _flagged_before(rows)
    rows = rows.assign(already=before, new=rows["flagged"].astype(bool) & ~before)
    rows = rows[rows["bias"] != UNBIASED]
    named = [family in EXPECTED[bias] for bias, family in rows[["bias", "family"]].to_numpy()]
    audits = rows[named].groupby(["proxy", "bias", "dose", "seed"], sort=False)
    table = []
    for (proxy, bias, dose), hits in (
        audits[["new", "already"]].any().groupby(level=[0, 1, 2], sort=False)
    ):
        found = wilson(int(hits["new"].sum()), len(hits))
        limits = {"value": found.estimate, "low": found.low, "high": found.high, "n": found.n}
        already = {"already": int(hits["already"].sum())}
        table.append({"proxy": proxy, "bias": bias, "dose": dose, **limits, **already})
    return pd.DataFrame(table)


def _flagged_before(rows: pd.DataFrame) -> np.ndarray:
    """Whether the row's family is flagged in the same proxy and seed without the row's bias.

    Without: the proxy as it is, or after the training that a bias of data is learnt in (dose 0).
    """
    clean = rows[rows["flagged"].astype(bool) & (rows["dose"] == 0)]
    flagged = set(clean[["proxy", "seed", "family", "bias"]].itertuples(index=False, name=None))
    return np.array(
        [
            (row.proxy, row.seed, row.family, UNBIASED) in flagged
            or (row.dose > 0 and (row.proxy, row.seed, row.family, row.bias) in flagged)
            for row in rows.itertuples()
        ],
        bool,
    )


def at_largest_dose(profile: str) -> pd.DataFrame:
    """`found_rows` of each bias at the largest dose tried."""
    rows = found_rows(profile)
    largest = rows.groupby("bias")["dose"].transform("max")
    return rows[(rows["dose"] > 0) & (rows["dose"] == largest)]


def n_found(rows: pd.DataFrame) -> int:
    """The audits of `found_rows` in which the bias is found."""
    return round(float((rows["value"] * rows["n"]).sum()))


def detection_figure(profile: str, *, label: str) -> Markdown:
    """Share of seeds in which a bias is found, over its dose, one panel a bias."""
    rows = found_rows(profile)
    biases = list(dict.fromkeys(rows["bias"]))
    n_rows = -(-len(biases) // 3)
    return publish(
        label,
        lambda figure: _draw(figure, rows, biases, n_rows),
        profile=profile,
        size=(8.2, 0.7 + 1.85 * n_rows),
        caption="How often an injected bias is found (flagged in at least one family that was "
        "expected of it beforehand, and that the same proxy and seed is not flagged for without "
        "the bias) over its dose: biases of scores in units of the proxy's own "
        f"scale, biases of data as shares of the pairs; {_seeds(profile)}, bars: Wilson's 95 % "
        f"interval over {rows['n'].max()} seeds, wide because they are few. What was trained on "
        "data with dose 0 is what training further alone does.",
        alt=f"One panel a bias, share of seeds found over dose. {_in_words(rows)}",
    )


def _draw(figure: Figure, rows: pd.DataFrame, biases: list[str], n_rows: int) -> None:
    axes = figure.subplots(n_rows, 3, sharey=True, squeeze=False).ravel()
    proxies = list(dict.fromkeys(rows["proxy"]))
    for ax, bias in zip(axes, biases, strict=False):
        _panel(ax, rows[rows["bias"] == bias], proxies)
        ax.set_title(bias.replace("_", " "))
    for ax in axes[len(biases) :]:
        ax.set_visible(False)
    for ax in axes[::3]:
        ax.set_ylabel("found (% of seeds)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _panel(ax: Axes, own: pd.DataFrame, proxies: list[str]) -> None:
    doses = sorted(own["dose"].unique())
    here = [name for name in proxies if name in set(own["proxy"])]
    for place, proxy in enumerate(here):
        part, i = own[own["proxy"] == proxy].sort_values("dose"), proxies.index(proxy)
        # Evenly spaced doses, and proxies beside each other: equal shares would hide one another.
        beside = 0.16 * (place - (len(here) - 1) / 2)
        x = np.array([doses.index(dose) for dose in part["dose"]]) + beside
        spread = 100 * np.vstack([part["value"] - part["low"], part["high"] - part["value"]])
        style = {"marker": MARKERS[i], "color": COLOURS[i], "ms": 5, "lw": 1.2, "capsize": 2}
        bars = {**style, "ls": ":", "elinewidth": 1}
        ax.errorbar(x, 100 * part["value"], yerr=np.abs(spread), label=name_of(proxy), **bars)
    ax.set_xticks(range(len(doses)), [f"{dose:g}" for dose in doses])
    ax.set_xlim(-0.5, len(doses) - 0.5)
    ax.set_ylim(-6, 106)
    ax.axhline(0, color=GREY, lw=0.6, zorder=0)


def detection_table(profile: str, *, label: str) -> Markdown:
    """Bias, dose and expected family: seeds flagged by proxy, and the mean effect."""
    table = rates(profile)
    own = [row.family in EXPECTED[row.bias] for row in table.itertuples()]
    keys = ["bias", "dose", "family"]
    plain = detection_rates(recorded(profile, "findings"))
    plain = plain[plain["bias"] == UNBIASED].set_index(["proxy", "family"])
    own = table[own].assign(text=lambda rows: _counts(rows, plain["rate"] * plain["n"]))
    wide = own.pivot(index=keys, columns="proxy", values="text").fillna("–")
    order = dict.fromkeys(own[keys].itertuples(index=False, name=None))
    wide = wide.loc[list(order), list(dict.fromkeys(own["proxy"]))].reset_index()
    wide["dose"] = [f"{dose:g}" for dose in wide["dose"]]
    wide["unit"] = [bias_named(name).unit for name in wide["bias"]]
    wide["unit"] = wide["unit"].str.replace("reward unit", "unit of the scale")
    wide["unit"] = wide["unit"].str.replace("unit of the scales", "units of the scale")
    return show_table(
        wide[["bias", "unit", *keys[1:], *wide.columns.drop([*keys, "unit"])]],
        label=label,
        caption="The families that were expected of each bias before anything was measured: seeds "
        "in which the family is flagged, of those run, and (in brackets) the mean value found, "
        "rates in %, shifts in units of the scale; then the seeds in which the proxy is flagged "
        f"for it without any bias, if there are any. {_seeds(profile)}. A dash: a proxy that this "
        "bias does not apply to (biases of data need one that can be trained).",
        names={name: name_of(name) for name in wide.columns} | {"family": "expected family"},
        text=("bias", "unit", "family"),
    )


def _counts(table: pd.DataFrame, plain: pd.Series) -> list[str]:
    """'3 of 3 (0.40); 1 without': seeds flagged, mean value, seeds flagged without any bias."""
    said = []
    for row in table.itertuples():
        value = _amount(row.family, row.value)
        without = round(plain.get((row.proxy, row.family), 0.0))
        after = f"; {without} without" if without else ""
        said.append(f"{round(row.rate * row.n)} of {row.n} ({value}){after}")
    return said


def _amount(family: str, value: float) -> str:
    is_rate = FAMILIES[family].measure == RATE
    return f"{number(100 * value, 0)} %" if is_rate else number(value)


def _seeds(profile: str) -> str:
    rows = recorded(profile, "findings")
    return seeds_in_words(rows[rows["bias"] != UNBIASED])


def _in_words(rows: pd.DataFrame) -> str:
    return " ".join(
        f"{row.bias} {row.dose:g}, {name_of(row.proxy)}: {number(100 * row.value, 0)} %."
        for row in rows.itertuples()
    )


def detection_sentence(profile: str) -> Markdown:
    """From which dose on each bias is always found in every proxy, and which never is."""
    rows = found_rows(profile)
    rows = rows[rows["dose"] > 0]
    always, rest = [], []
    for bias, own in rows.groupby("bias", sort=False):
        dose = dose_always_found(own)
        if dose is None:
            top = own[own["dose"] == own["dose"].max()]
            said = "; ".join(
                f"{name_of(row.proxy)} {round(row.value * row.n)} of {row.n}"
                for row in top.itertuples()
            )
            rest.append(f"{escaped(bias)} (at {top['dose'].iloc[0]:g}: {said})")
        else:
            always.append(f"{escaped(bias)} {dose:g}")
    parts = [f"Found in every seed and proxy, from this dose on: {', '.join(always)}."]
    if rest:
        parts.append(f"Not in all of them at any dose tried: {'; '.join(rest)}.")
    largest = at_largest_dose(profile)
    if largest["already"].any():
        parts.append(
            f"In {largest['already'].sum()} of the {largest['n'].sum()} audits at the largest "
            "dose the proxy is flagged in an expected family without the bias as well; such a "
            "family does not count as a find."
        )
    at = wilson(int(rows["n"].max()), int(rows["n"].max()))
    parts.append(
        f"Every seed of {at.n} means a detection rate of {number(100 * at.low, 0)} % or more, with "
        "95 % confidence. A small dose goes unseen by design: below the allowance it is tolerated."
    )
    return Markdown(" ".join(parts if always else parts[1:]))


def dose_always_found(own: pd.DataFrame) -> float | None:
    """The least dose from which on every proxy has the bias found in every seed, if there is one.

    Arguments: rows of one bias, with dose and value (share of the seeds).
    """
    by_dose = own.groupby("dose")["value"].min().sort_index(ascending=False)
    held = by_dose[(by_dose == 1).cummin()]
    return float(held.index[-1]) if len(held) else None


def side_effects_table(profile: str, *, label: str) -> Markdown:
    """Families that a bias sets off though nobody expected it, where the plain proxy is silent."""
    table = rates(profile)
    plain = detection_rates(recorded(profile, "findings"))
    plain = plain[plain["bias"] == UNBIASED].set_index(["proxy", "family"])["rate"]
    named = [row.family in EXPECTED[row.bias] for row in table.itertuples()]
    other = table[~np.array(named, bool) & (table["rate"] == 1)]
    new = [plain.get((row.proxy, row.family), 0.0) == 0 for row in other.itertuples()]
    rows = []
    for (bias, dose, family), part in other[new].groupby(["bias", "dose", "family"], sort=False):
        names = ", ".join(name_of(name) for name in part["proxy"])
        values = {name: _amount(family, part[name].mean()) for name in ("value", "truth")}
        rows.append({"bias": bias, "dose": f"{dose:g}", "family": family, "in": names, **values})
    shown = pd.DataFrame(rows, columns=["bias", "dose", "family", "in", "value", "truth"])
    return show_table(
        shown,
        label=label,
        caption="What else a bias does: families that nobody expected of it, flagged in every seed "
        f"({_seeds(profile)}) where the proxy without it never is. Truth: the effect over a large "
        "fresh set of probes, so that a true side effect is told from a false alarm.",
        text=("bias", "family", "in"),
    )
