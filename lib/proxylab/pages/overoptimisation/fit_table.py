"""Tables of the fitted forms: where each peaks and gold ends, and, folded, the parameters."""

from collections.abc import Callable, Mapping

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.overoptimisation.curves import END
from proxylab.pages.overoptimisation.fits import (
    MIN_STRENGTHS,
    CurveFit,
    limits_text,
    peak_place,
    peak_text,
)
from proxylab.pages.overoptimisation.rows import method_label
from proxylab.pages.pooling import seeds_in_words
from proxylab.tables import DASH, number, show_table, with_interval

PEAKS = {"peak": "peak, √KL", "gain": "gold there", "end": "gold at end", "stop": "at √KL"}
PARAMETERS = {"alpha": "α", "beta": "β", "r2": "R²", "other": "R² of the other form"}
NO_PEAK = dict.fromkeys(("peak", "gain"), DASH)
NOT_FITTED = dict.fromkeys(PARAMETERS, DASH)


def fit_table(
    rows: pd.DataFrame,
    endings: pd.DataFrame,
    fits: Mapping[tuple[str, str, str], CurveFit],
    *,
    what: str,
    name: Callable[[str, str], str],
    label: str,
    caption: str,
) -> Markdown:
    """Peak and end of every curve in `endings`, then its parameters in a folded note.

    Arguments: `rows` of `gains` for the seeds; `name` makes a curve's proxy and bias into the text
    of the column headed `what`; the label of the second table ends in -parameters.
    """
    ends = endings[endings["what"] == END].to_dict("records")
    names = [name(end["proxy"], end["bias"]) for end in ends]
    # A proxy's methods together, in the order in which proxies first come.
    order = sorted(range(len(ends)), key=lambda i: names.index(names[i]))
    curves = [{what: names[i], "method": method_label(ends[i]["method"])} for i in order]
    ends = [ends[i] for i in order]
    own = [fits.get((end["method"], end["proxy"], end["bias"])) for end in ends]
    seeds = seeds_in_words(rows)
    peaks = show_table(
        pd.DataFrame([c | _peak(f) | _end(e) for c, f, e in zip(curves, own, ends, strict=True)]),
        label=label,
        names=PEAKS,
        text=(what, "method"),
        caption=f"{caption} {seeds}. Limits of the peak's place and of gold at the end: seeds and "
        "prompts redrawn; of the fitted gold at the peak: Student's t over the seeds' own fits. ∞: "
        "among the redrawn fits are some that go on rising. A peak beyond what was measured is an "
        "extrapolation, one before its first point a guess. A dash: no peak (its gold: none "
        f"inside), or fewer than {MIN_STRENGTHS} strengths to fit.",
    )
    parameters = show_table(
        pd.DataFrame([c | _parameters(f) for c, f in zip(curves, own, strict=True)]),
        label=f"{label}-parameters",
        names=PARAMETERS,
        text=(what, "method"),
        caption=f"Parameters of @eq-over-forms and how well either form fits. {seeds}. Limits: "
        "Student's t over the seeds' own fits; with one seed, its prompts redrawn.",
    )
    note = '::: {.callout-note collapse="true"}\n## Parameters of the fits\n\n'
    return Markdown(f"{peaks.data}\n{note}{parameters.data}\n:::\n")


def _peak(fit: CurveFit | None) -> dict[str, str]:
    if fit is None:
        return NO_PEAK
    place = "" if fit.found.fit.no_peak else f" {peak_place(fit)}"
    inside = fit.found.fit.is_peak_inside
    return {
        "peak": _with_word(peak_text(fit), place),
        "gain": limits_text(fit.gain) if inside else DASH,
    }


def _end(end: dict) -> dict[str, str]:
    gold = with_interval(end["value"], end["low"], end["high"])
    return {"end": _with_word(gold, ""), "stop": number(end["stop"])}


def _parameters(fit: CurveFit | None) -> dict[str, str]:
    if fit is None:
        return NOT_FITTED
    return {
        "alpha": limits_text(fit.alpha),
        "beta": limits_text(fit.beta),
        "r2": number(fit.found.fit.r_squared),
        "other": number(fit.r_squared_other),
    }


def _with_word(text: str, word: str) -> str:
    """'1.25 [1.20, 1.30]' on two lines, with a word after the estimate."""
    estimate, *limits = text.split(" [")
    return f"{estimate}{word}" + "".join(f"<br>[{part}" for part in limits)
