"""Is sigmoid(gap) the probability that it claims to be? Curves and numbers, by kind of prompt."""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.audit.calibration import ALL
from proxylab.audit.probes import HARMLESS, HELPFUL
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.report_cards.rows import ORDER, RULERS, WORLD, name_of, recorded
from proxylab.plots import publish
from proxylab.plots.charts import MARKERS
from proxylab.plots.style import COLOURS, GREY
from proxylab.stats import wilson
from proxylab.tables import DASH, escaped, number, show_table, with_interval

KINDS = (HELPFUL, HARMLESS)
GOLD, MODEST = "gold", "too modest"
MEASURES = ("accuracy", "ece", "brier", "temperature", "brier calibrated")
MEASURE_NAMES = {"ece": "ECE", "brier": "Brier", "brier calibrated": "Brier, repaired"}
N_ENOUGH = 5  # fewer pairs in a bin of all seeds are not drawn


@cache
def curve_rows(profile: str, data: str = WORLD) -> pd.DataFrame:
    """Reliability over all seeds: proxy, kind, bin_low, confidence, right, low, high (Wilson), n.

    The pairs of all seeds are taken together, bin by bin.
    """
    found = recorded(profile, "reliability", data)
    rows = []
    keys = ["proxy", "kind", "bin_low"]
    for names, part in found.groupby(keys, sort=False):
        n = int(part["n"].sum())
        right = wilson(round(float((part["right"] * part["n"]).sum())), n)
        confidence = float(np.average(part["confidence"], weights=part["n"]))
        limits = {"right": right.estimate, "low": right.low, "high": right.high, "n": n}
        rows.append(dict(zip(keys, names, strict=True)) | {"confidence": confidence} | limits)
    return pd.DataFrame(rows).sort_values("bin_low", kind="stable")


def shown_proxies(profile: str, data: str = WORLD) -> list[str]:
    """The proxies whose curves are drawn: of the rulers only the two that score words or length."""
    kept = ("longest", "tfidf-word")
    present = set(recorded(profile, "reliability", data)["proxy"])
    return [name for name in ORDER if name in present and (name not in RULERS or name in kept)]


def reliability_figure(profile: str, data: str = WORLD, *, label: str) -> Markdown:
    """One panel a proxy: share right over confidence, helpful and harmless apart."""
    rows, names = curve_rows(profile, data), shown_proxies(profile, data)
    rows = rows[rows["kind"].isin(KINDS) & (rows["n"] >= N_ENOUGH)]
    n_columns = 2 if len(names) == 4 else 3
    shape = (-(-len(names) // n_columns), n_columns)
    pairs = rows.groupby("proxy")["n"].sum()
    return publish(
        label,
        lambda figure: _draw(figure, rows, names, shape),
        profile=profile,
        size=(8.2, 0.8 + 2.4 * shape[0]),
        caption="Reliability of the Bradley-Terry probability on labelled pairs that nothing was "
        "trained on: of the pairs that a proxy decides with some confidence, how many it decides "
        "rightly. Below the diagonal it is too sure, above it too modest. Pairs of "
        f"{seeds_in_words(recorded(profile, 'reliability', data))} together "
        f"({number(pairs.min(), 0)} to {number(pairs.max(), 0)} a proxy), bars: Wilson's 95 % "
        f"interval; bins of fewer than {N_ENOUGH} pairs are left out.",
        alt=f"Small panels, share right over confidence. {_in_words(profile, data, names)}",
    )


def _draw(figure: Figure, rows: pd.DataFrame, names: list[str], shape: tuple[int, int]) -> None:
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=False):
        _panel(ax, rows[rows["proxy"] == name])
        ax.set_title(name_of(name))
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    for ax in axes[max(0, len(names) - shape[1]) : len(names)]:
        ax.set_xlabel("confidence")
        ax.tick_params(labelbottom=True)
    for ax in axes[:: shape[1]]:
        ax.set_ylabel("share right")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _panel(ax: Axes, own: pd.DataFrame) -> None:
    ax.plot([0.5, 1], [0.5, 1], color=GREY, lw=1, ls=(0, (4, 3)), label="calibrated")
    for i, kind in enumerate(KINDS):
        part = own[own["kind"] == kind]
        spread = np.vstack([part["right"] - part["low"], part["high"] - part["right"]])
        style = {"marker": MARKERS[i], "color": COLOURS[i], "ms": 4, "lw": 1.2, "capsize": 2}
        values = (part["confidence"], part["right"])
        ax.errorbar(*values, yerr=np.abs(spread), label=kind, elinewidth=0.9, **style)
    ax.set_xlim(0.48, 1.02)
    ax.set_ylim(-0.03, 1.03)


def calibration_rows(profile: str, data: str = WORLD) -> pd.DataFrame:
    """Each number over seeds: proxy, kind, measure, value, lowest, highest, low, high, null, n.

    value: the seeds' mean, of temperatures their median. low and high: the interval over pairs
    where there is one seed, else NaN; the range of the seeds says what they differ by.
    """
    found = recorded(profile, "calibration", data)
    rows = []
    keys = ["proxy", "kind", "measure"]
    for names, part in found.groupby(keys, sort=False):
        alone = part.iloc[0] if len(part) == 1 else {"low": np.nan, "high": np.nan}
        values = part["value"]
        # A mean of temperatures would be infinite with one that is.
        middle = values.median() if names[-1] == "temperature" else values.mean()
        row = {"value": middle, "lowest": values.min(), "highest": values.max()}
        row |= {"low": alone["low"], "high": alone["high"], "null": part["null"].mean()}
        row |= {"n": int(part["n"].sum()), "n_seeds": len(part)}
        rows.append(dict(zip(keys, names, strict=True)) | row)
    return pd.DataFrame(rows)


def calibration_table(profile: str, data: str = WORLD, *, label: str) -> Markdown:
    """Accuracy, ECE, Brier and temperature by proxy and kind."""
    rows = calibration_rows(profile, data)
    several = int(rows["n_seeds"].max()) > 1
    kinds = {kind: i for i, kind in enumerate((ALL, *KINDS))}
    shown = []
    for (proxy, kind), part in rows.groupby(["proxy", "kind"], sort=False):
        own = part.set_index("measure")
        cells = {name: _cell(own.loc[name], name, several=several) for name in MEASURES}
        cells["ECE by chance"] = number(own.loc["ece", "null"], 3)
        n = int(own["n"].max())
        shown.append({"proxy": name_of(proxy), "kind": kind, **cells, "n": n})
    table = pd.DataFrame(shown)
    table = table.sort_values("kind", key=lambda names: names.map(kinds), kind="stable")
    order = {name: i for i, name in enumerate(dict.fromkeys(table["proxy"]))}
    table = table.sort_values("proxy", key=lambda names: names.map(order), kind="stable")
    limits = "[lowest, highest seed]" if several else "[95 % interval over pairs]"
    return show_table(
        table,
        label=label,
        caption="Calibration on labelled pairs, "
        f"{seeds_in_words(recorded(profile, 'calibration', data))}, mean over seeds (of "
        f"temperatures the median) {limits}; n pairs in all seeds. ECE: mean distance of "
        "confidence and share right, beside what a calibrated proxy of the same confidences shows "
        "by chance. Brier: 0.25 knows nothing. Temperature: what the "
        "gaps must be divided by; above 1 it is too sure, infinite (∞) if no division helps, near "
        "0 if it is never wrong. Repaired: after that division.",
        names=MEASURE_NAMES,
        text=("proxy", "kind"),
    )


def _cell(row: pd.Series, measure: str, *, several: bool) -> str:
    ends = ("lowest", "highest") if several else ("low", "high")
    values = [row["value"], *(row[end] for end in ends)]
    if measure == "accuracy":
        return with_interval(*(100 * x for x in values), 0).replace(" [", " %<br>[")
    texts = [
        "∞" if np.isposinf(x) else number(x, 2 if measure == "temperature" else 3) for x in values
    ]
    limits = "" if DASH in texts[1:] else f"<br>[{texts[1]}, {texts[2]}]"
    return f"{texts[0]}{limits}"


def calibration_sentence(profile: str, data: str = WORLD) -> Markdown:
    """Which trained proxies are too sure or too modest, of what kind, in every seed."""
    found = recorded(profile, "calibration", data)
    found = found[~found["proxy"].isin(RULERS) & (found["measure"] == "temperature")]
    parts = []
    for proxy, own in found.groupby("proxy", sort=False):
        kinds = [kind for kind in KINDS if kind in set(own["kind"])] or [ALL]
        said = [f"{kind} {verdict_on(own[own['kind'] == kind])}" for kind in kinds]
        parts.append(f"*{escaped(name_of(proxy))}*: {', '.join(said)}")
    return Markdown(
        f"By the interval of the temperature in each seed: {'; '.join(parts)}. {_of_gold(found)}"
        "Where a probability "
        "matters (a margin, a committee, a threshold), fit the temperature first."
        if data == WORLD
        else f"By the interval of the temperature: {'; '.join(parts)}."
    )


def _of_gold(found: pd.DataFrame) -> str:
    """A remark on gold where it is too modest in every seed: right, and not calibrated."""
    own = found[(found["proxy"] == GOLD) & (found["kind"] == ALL)]
    if not len(own) or verdict_on(own) != MODEST:
        return ""
    return (
        "Accuracy and calibration are two things: gold orders every pair as the labels do, and "
        "its gaps, read as log-odds, are too modest, because nobody fitted them to choices. "
    )


def verdict_on(part: pd.DataFrame) -> str:
    """What the temperatures of some seeds say: rows with low and high."""
    n, sure = len(part), int((part["low"] > 1).sum())
    modest = int((part["high"] < 1).sum())
    if sure == n:
        return "too sure"
    if modest == n:
        return MODEST
    if sure + modest == 0:
        return "not to be told from calibrated"
    counted = [(sure, "too sure"), (modest, "too modest")]
    return " and ".join(f"{word} in {k} of {n} seeds" for k, word in counted if k)


def _in_words(profile: str, data: str, names: list[str]) -> str:
    rows = calibration_rows(profile, data)
    own = rows[(rows["measure"] == "ece") & rows["kind"].isin(KINDS) & rows["proxy"].isin(names)]
    return " ".join(
        f"{name_of(row.proxy)}, {row.kind}: calibration error {number(row.value, 2)}."
        for row in own.itertuples()
    )
