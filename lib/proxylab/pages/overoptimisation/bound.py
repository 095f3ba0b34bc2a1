"""How far the usual KL of best-of-n, a bound, lies above the KL measured where samples repeat.

log n - (n - 1) / n is the KL if no two samples are alike; else it is an upper bound (Beirami et al.
2024, arXiv 2401.01879). What it does to the fitted form is shown beside it.
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import GOOD, NOTEBOOK
from proxylab.pages.overoptimisation.curves import curves
from proxylab.pages.overoptimisation.figures import DISTANCE, GOLD, proxy_order
from proxylab.pages.overoptimisation.fits import CurveFit, fit_curve, peak_place, peak_text
from proxylab.pages.overoptimisation.rows import gains
from proxylab.pages.overoptimisation.sections import facts, proxy_label
from proxylab.pages.pooling import seeds_in_words
from proxylab.plots import publish
from proxylab.plots.charts import MARKERS
from proxylab.plots.style import COLOURS, GREY
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import UNBIASED
from proxylab.tables import joined, number, show_table

METHOD = "best_of_n"
BOUND = "the bound"


def best_of_n_curves(profile: str) -> dict[str, pd.DataFrame]:
    """Curves of best-of-n by proxy, no bias added.

    Raises MissingResults where there are none.
    """
    found = {
        proxy: table
        for (method, proxy, bias), table in curves(profile).items()
        if method == METHOD and bias == UNBIASED
    }
    if not found:
        raise MissingResults(NOTEBOOK, profile=profile, where={"algorithm": METHOD})
    return found


def shown_proxy(profile: str) -> str:
    """The proxy whose gold is drawn against both distances: the good one, if it was run."""
    names = list(best_of_n_curves(profile))
    return GOOD if GOOD in names else names[-1]


def bound_figure(profile: str, *, label: str) -> Markdown:
    """Left: measured KL and bound against n. Right: gold against the root of either."""
    found, shown = best_of_n_curves(profile), shown_proxy(profile)
    rows = gains(profile)
    rows = rows[(rows["method"] == METHOD) & (rows["bias"] == UNBIASED)]

    def draw(figure) -> None:
        left, right = figure.subplots(1, 2)
        _kl_against_n(left, found)
        colour = COLOURS[proxy_order(found).index(shown) % len(COLOURS)]
        _gold_against_both(right, found[shown], colour)
        figure.legend(loc="outside upper center", ncols=3)

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.4, 3.6),
        caption="Left: KL of best-of-n, measured with repeated completions counted, and its bound. "
        f"Right: gold reward gained with the proxy *{proxy_label(shown)}* against the root of "
        f"either (full line: measured; dashed: bound). {facts(rows)}",
        alt="Measured KL and its bound against n, and gold against the root of either. "
        + " ".join(_gap_in_words(proxy, table) for proxy, table in found.items()).replace("*", ""),
    )


def _kl_against_n(ax, found: dict[str, pd.DataFrame]) -> None:
    first = next(iter(found.values()))
    ax.plot(first["strength"], first["bound"], color=GREY, ls=(0, (4, 2)), lw=1.5, label=BOUND)
    for i, proxy in enumerate(proxy_order(found)):
        table, colour = found[proxy], COLOURS[i % len(COLOURS)]
        style = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "ms": 4, "lw": 1.4}
        ax.plot(table["strength"], table["kl"], label=proxy_label(proxy), **style)
        ax.fill_between(
            table["strength"], table["kl_low"], table["kl_high"], color=colour, alpha=0.16, lw=0
        )
    ax.set_xscale("log", base=2)
    ax.set_xticks(first["strength"], [f"{n:g}" for n in first["strength"]])
    ax.minorticks_off()
    ax.set_xlabel("n")
    ax.set_ylabel("KL (nats)")


def _gold_against_both(ax, table: pd.DataFrame, colour: str) -> None:
    for distance, style, ink in (
        (table["distance"], "-", colour),
        (np.sqrt(table["bound"]), (0, (4, 2)), GREY),
    ):
        ax.plot(distance, table["gold"], color=ink, ls=style, marker="o", ms=4, lw=1.5)
    ax.set_xlabel(DISTANCE)
    ax.set_ylabel(GOLD)


def bound_table(profile: str, *, label: str) -> Markdown:
    """The bound and every proxy's measured KL by n."""
    found = best_of_n_curves(profile)
    first = next(iter(found.values()))
    table = pd.DataFrame({"n": first["strength"].astype(int), BOUND: first["bound"].map(number)})
    for proxy, curve in found.items():
        texts = joined(curve, value="kl", low="kl_low", high="kl_high", stacked=True)
        table[proxy_label(proxy)] = pd.Series(texts, curve["strength"]).reindex(table["n"]).array
    return show_table(
        table,
        label=label,
        caption="KL of best-of-n from the start policy, nats: the bound, and measured by proxy; "
        f"{seeds_in_words(gains(profile))}, [95 % interval over seeds and prompts].",
    )


def bound_sentence(profile: str) -> Markdown:
    """How far off the bound is at the largest n, and what it does to the fitted peak."""
    found = best_of_n_curves(profile)
    said = [_gap_in_words(proxy, table) for proxy, table in found.items()]
    proxy, rows = shown_proxy(profile), gains(profile)
    part = rows[(rows["method"] == METHOD) & (rows["proxy"] == proxy) & (rows["bias"] == UNBIASED)]
    fits = {name: fit_curve(part, METHOD, kl=name) for name in ("kl", "bound")}
    if all(fits.values()):
        said.append(
            f"Fitted with *{proxy_label(proxy)}*, against the measured KL: "
            f"{_fit_in_words(fits['kl'])}; against the bound: {_fit_in_words(fits['bound'])}."
        )
    return Markdown(" ".join(said))


def _gap_in_words(proxy: str, table: pd.DataFrame) -> str:
    last = table.iloc[-1]
    return (
        f"*{proxy_label(proxy).capitalize()}*, n = {last['strength']:g}: measured "
        f"{number(last['kl'])} [{number(last['kl_low'])}, {number(last['kl_high'])}] nats, "
        f"{number(100 * last['kl'] / last['bound'], 0)} % of the bound {number(last['bound'])}."
    )


def _fit_in_words(fit: CurveFit) -> str:
    one = fit.found.fit
    peak = "" if one.no_peak else f" ({peak_place(fit)} what was measured)"
    return f"α = {number(one.alpha)}, β = {number(one.beta)}, peak {peak_text(fit)}{peak}"
