"""The sections on graded proxies and on biases: a figure, the fits, the statement.

Both read the same curves: over the prompts of the preference pairs, with proxies as they are or
with a bias added to their scores.
"""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import NOTEBOOK, PROXIES
from proxylab.pages.overoptimisation import figures
from proxylab.pages.overoptimisation.curves import curves, endings
from proxylab.pages.overoptimisation.fit_table import fit_table
from proxylab.pages.overoptimisation.fits import fits
from proxylab.pages.overoptimisation.rows import (
    CURVE,
    absent_sentence,
    bias_label,
    gains,
    method_label,
)
from proxylab.pages.overoptimisation.statement import caution, headline, sentences
from proxylab.pages.pooling import seeds_in_words
from proxylab.plots import publish
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import UNBIASED
from proxylab.tables import escaped, number

PROXY_HEIGHT, BIAS_HEIGHT = 1.9, 1.55  # of a panel, inches
# Of a run with a bias, as the command line takes it.
AN_EXAMPLE = {
    "algorithm": "best_of_n",
    "proxies": """'["strong"]'""",
    "biases": """'["none", "length_bias=0.5"]'""",
}
MARKS = "Dotted: the fitted form; triangle: its peak, where it lies inside what was measured."


def proxy_label(name: str) -> str:
    """A proxy as readers see it."""
    return PROXIES.get(name, name)


def proxies_figure(profile: str, *, label: str) -> Markdown:
    """Gold and proxy reward against distance, one line a proxy without added bias."""
    rows = _unbiased(gains(profile))
    chosen = {name: table for name, table in curves(profile).items() if name[2] == UNBIASED}
    return publish(
        label,
        lambda figure: figures.by_proxy(figure, chosen, fits(profile)),
        profile=profile,
        size=figures.panel_size(2, rows["method"].nunique(), height=PROXY_HEIGHT),
        caption="What optimising a proxy gains in gold reward (above) and in the proxy's own "
        "(below), against the distance from the start policy, by how good the proxy is. "
        f"{facts(rows)} {MARKS} Methods have distances of their own: see @sec-over-caution.",
        alt="Panels by method, lines by proxy. " + ends_in_words(endings(profile), chosen),
    )


def proxies_table(profile: str, *, label: str) -> Markdown:
    """The fits of all proxies without added bias."""
    return fit_table(
        _unbiased(gains(profile)),
        _unbiased(endings(profile)),
        fits(profile),
        what="proxy",
        name=lambda proxy, bias: proxy_label(proxy),
        label=label,
        caption="Fitted forms by proxy.",
    )


def proxies_statement(profile: str) -> Markdown:
    """By proxy: whether gold falls while the proxy rises."""
    return _statement(profile, _unbiased(endings(profile)), "proxy", proxy_label)


def biases_figure(profile: str, *, label: str) -> Markdown:
    """Gold and proxy reward against distance for every bias that was added, and for none."""
    rows = with_biases(gains(profile), profile)
    names = set(rows[CURVE].itertuples(index=False, name=None))
    chosen = {name: table for name, table in curves(profile).items() if name in names}
    biased = escaped(proxy_label(rows["proxy"].iloc[0]))
    return publish(
        label,
        lambda figure: figures.by_bias(figure, chosen, fits(profile)),
        profile=profile,
        size=figures.panel_size(
            rows["bias"].nunique(), rows["method"].nunique(), height=BIAS_HEIGHT
        ),
        caption="Gold reward gained (left axes) and proxy reward gained (right axes) under each "
        f"bias of the proxy *{biased}*, one row a bias. The axes of a row "
        f"share their zero, and its largest gains are drawn as high. {facts(rows)} {MARKS}",
        alt="Panels, one row a bias and one column a method. "
        + ends_in_words(endings(profile), chosen),
    )


def biases_table(profile: str, *, label: str) -> Markdown:
    """The fits under every bias."""
    return fit_table(
        with_biases(gains(profile), profile),
        with_biases(endings(profile), profile),
        fits(profile),
        what="bias",
        name=lambda proxy, bias: bias_label(bias),
        label=label,
        caption="Fitted forms by bias of the proxy.",
    )


def biases_statement(profile: str) -> Markdown:
    """By bias: whether gold falls while the proxy rises, and where."""
    return _statement(profile, with_biases(endings(profile), profile), "bias", bias_label)


def with_biases(rows: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Rows of the proxy to which most biases were added (the best such), with and without.

    Raises MissingResults where no bias was run.
    """
    known = gains(profile)
    biases = known[known["bias"] != UNBIASED].groupby("proxy")["bias"].nunique()
    if biases.empty:
        raise MissingResults(NOTEBOOK, profile=profile, where=AN_EXAMPLE)
    rank = [*PROXIES].index
    best = max(biases.index, key=lambda name: (biases[name], name in PROXIES and rank(name)))
    return rows[rows["proxy"] == best]


def facts(rows: pd.DataFrame) -> str:
    """Seeds, prompts by method, and what the intervals are; for captions."""
    tested = rows.dropna(subset="gold")
    counts = tested.groupby(["method", "seed"], sort=False)["prompt"].nunique()
    prompts = ", ".join(
        f"{n:,} ({method_label(method)})"
        for method, n in counts.groupby(level="method", sort=False).max().items()
    )
    return (
        f"{seeds_in_words(rows)}; prompts a seed: {prompts}. 95 % intervals over seeds and prompts."
    )


def ends_in_words(found: pd.DataFrame, names) -> str:
    """Gold gained at the furthest point of each of these curves; for alternative texts."""
    said = "Gold gained at the furthest √KL. "
    ends = found[found["what"] == "end"].to_dict("records")
    return said + " ".join(
        f"{_curve_label(end)}: {number(end['value'])} at {number(end['stop'])}."
        for end in ends
        if (end["method"], end["proxy"], end["bias"]) in names
    )


def _curve_label(end: dict) -> str:
    parts = [method_label(end["method"]), proxy_label(end["proxy"])]
    return ", ".join([*parts, *([] if end["bias"] == UNBIASED else [bias_label(end["bias"])])])


def _statement(profile: str, found: pd.DataFrame, by: str, name) -> Markdown:
    lines = [
        f"- *{escaped(name(value))}*: {sentences(part)}"
        for value, part in found.groupby(by, sort=False)
    ]
    end = caution(gains(profile), len(endings(profile)))
    absent = absent_sentence(profile)
    return Markdown(f"{headline(found)}\n\n" + "\n".join(lines) + f"\n\n{end} {absent}".rstrip())


def _unbiased(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["bias"] == UNBIASED]
